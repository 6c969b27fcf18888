"""What becomes due in the simulated cluster by itself."""

import heapq
from enum import IntEnum
from itertools import count
from typing import TypeAlias

from ebbtide.sim.crew import Crew
from ebbtide.sim.sim_pod import SimPod


class Due(IntEnum):
    """What becomes due, in the order of one instant."""

    End = 0
    """A pod ends."""
    Finish = 1
    """The work of a crew is done."""
    Run = 2
    """A pod is Ready."""


Entry: TypeAlias = tuple[int, int, int, SimPod | Crew]
"""Second, sort, number, and what is due."""


class Agenda:
    """In the order of seconds; in one second in that of `Due`, and then as it was noted."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._numbers = count()

    @property
    def next_due(self) -> int | None:
        """The second of the first entry."""
        return self._entries[0][0] if self._entries else None

    def add(self, second: int, sort: Due, what: SimPod | Crew) -> None:
        """Nothing that is noted is taken back: whoever acts on it looks whether it still stands."""
        heapq.heappush(self._entries, (second, sort, next(self._numbers), what))

    def take(self, now: int, last: Due) -> Entry | None:
        """The first entry, if it is due by now and no later sort than `last`."""
        entries = self._entries
        if entries and entries[0][0] <= now and entries[0][1] <= last:
            return heapq.heappop(entries)
        return None
