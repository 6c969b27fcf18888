"""Many writes at once, but not all."""

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import islice
from typing import Final, TypeVar

CONCURRENT_WRITES: Final = 16
"""Writes in flight at once; the executor's rate limit decides how many a second."""
T = TypeVar("T")


async def in_turns(work: Iterable[Awaitable[T]]) -> list[T]:
    """Await all, at most CONCURRENT_WRITES at once. Each is made only when its turn comes; order is not kept."""
    waiting, results = iter(work), []

    async def take_turns(job: Awaitable[T] | None) -> None:
        while job is not None:
            results.append(await job)
            await asyncio.sleep(0)  # a status that needs no write took a millisecond and gave nobody else a turn
            job = next(waiting, None)

    await asyncio.gather(*(take_turns(job) for job in list(islice(waiting, CONCURRENT_WRITES))))
    return results
