"""Keeps the process small: how glibc's allocator and Python's collector treat a fleet that stays, and answers that go.

Without this a process with 50,000 devices keeps some 100 MiB that it has freed: each thread has an arena of its own,
and after the first freed answer of 15 MiB glibc serves such blocks from the heap, where they leave holes.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1
"""Numbers of mallopt's parameters in glibc's malloc.h."""
BLOCK_BYTES = 256 * 1024
"""Blocks above this are mapped by themselves and go back to the system when freed."""
COLLECT_AFTER = 50_000
"""New objects before the young generation is looked at: a plan makes tens of thousands that all die with the next."""
SETTLE_SECONDS = 600.0
"""How often what has survived is taken out of the collector's sight. Looking through the half million objects of a
large fleet stops every thread for 100 to 300 ms, and they are freed by their reference counts anyway."""


def set_up() -> None:
    """Once, before threads start. Where there is no glibc nothing happens."""
    gc.set_threshold(COLLECT_AFTER, 20, 100)
    libc = _libc()
    if libc is not None:
        for parameter, value in ((ARENA_MAX, 1), (MMAP_THRESHOLD, BLOCK_BYTES), (TRIM_THRESHOLD, BLOCK_BYTES)):
            libc.mallopt(parameter, value)


async def keep_settled(filled: Callable[[], bool]) -> None:
    """Freeze what is there once the stores are filled, give freed memory back, and again now and then."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS if filled() else 1.0)
        if filled():
            gc.freeze()
            libc = _libc()
            if libc is not None:
                await asyncio.to_thread(libc.malloc_trim, 0)


def _libc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") else None
