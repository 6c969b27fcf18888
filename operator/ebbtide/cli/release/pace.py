"""How fast work is started again: a scheduler, a registry and a queue of machines stand behind every start."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

PER_MINUTE: Final = 20
GROUP: Final = 20
"""So many are started side by side, then there is a break."""
MINUTE: Final = 60.0
AT_ONCE: Final = 8
"""Requests on the way at the same time."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Groups of twenty, `group_seconds` apart."""

    group_seconds: float = MINUTE * GROUP / PER_MINUTE

    @classmethod
    def within(cls, count: int, seconds: float) -> "Pace":
        """Twenty a minute, or faster where `count` would take longer than `seconds`."""
        breaks = math.ceil(count / GROUP) - 1
        usual = cls()
        return cls(min(usual.group_seconds, seconds / breaks)) if breaks > 0 else usual

    def seconds(self, count: int) -> float:
        """How long `count` starts take, apart from the requests themselves."""
        return max(0, math.ceil(count / GROUP) - 1) * self.group_seconds

    @property
    def per_minute(self) -> int:
        """Starts a minute."""
        return round(GROUP * MINUTE / self.group_seconds) if self.group_seconds else 0


async def paced(
    items: Sequence[Item],
    work: Callable[[Item], Awaitable[Result]],
    pace: Pace,
    sleep: Sleep = asyncio.sleep,
) -> list[Result]:
    """`work` on every item in order, group by group; results in the same order."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> Result:
        async with turn:
            return await work(item)

    results: list[Result] = []
    loop = asyncio.get_running_loop()
    for start in range(0, len(items), GROUP):
        began = loop.time()
        results += await asyncio.gather(*(one(item) for item in items[start : start + GROUP]))
        if start + GROUP < len(items):
            await sleep(max(0.0, pace.group_seconds - (loop.time() - began)))
    return results
