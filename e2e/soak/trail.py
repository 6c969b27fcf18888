"""Which pause was half done when a process was killed: read from what each of the processes left behind."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trail:
    """The writes of one pause, by the number of the process that sent each; None: nobody did."""

    patched: int
    """The Job's PATCH: the first write."""
    told: int | None = None
    """The status."""
    said: int | None = None
    """The Event: the last write; the next process to act sends it where the one that paused was killed before."""

    def is_open_after(self, process: int) -> bool:
        """Was the pause begun and not finished when that process ended?"""
        if process < self.patched or (self.said is not None and self.said <= process):
            return False
        if self.told is None or process < self.told:
            return True
        return self.told == self.patched == process


def process_of(at: float, starts: Sequence[float]) -> int:
    """Number of the process that ran then, from 0; `starts` are the instants at which they were started, ascending."""
    return bisect_right(starts, at) - 1
