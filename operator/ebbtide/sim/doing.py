"""What a workload does at each scrape, told only when it changes."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from ebbtide.sim.crew import Top
from ebbtide.sim.scenario import ActivityClock
from ebbtide.sim.scenario_file import ActivityTrace
from ebbtide.sim.series_notation import Value


@dataclass(frozen=True, slots=True)
class Shown:
    """What a live pod's devices show; None: nothing of that sort. NaN is a value, and differs from every other."""

    percent: Value | None
    memory: Value | None


ZERO: Final = Shown(0.0, 0.0)
"""A device that nobody holds, or whose pod does not run yet."""


@dataclass(slots=True, eq=False)
class Doing:
    """One workload's activity. Scrapes are counted from 0."""

    top: Top
    trace: ActivityTrace
    shown: Shown = ZERO
    due: int | None = None
    """The scrape at which it shows something else, if nothing happens to its pods until then."""
    _ran: int = 0
    """Scrapes at which its gang ran, before `_since`."""
    _since: int | None = None
    """The scrape since which it has run at each; None: it does not run."""
    _turns: list[int] = field(default_factory=list)
    """Places whose values differ from those before."""

    def __post_init__(self) -> None:
        percent, memory = self.trace.gpu_percent or (), self.trace.memory_mib or ()
        self._turns = sorted({*_turns(percent), *_turns(memory)})

    def look(self, scrape: int) -> None:
        """What it shows at this scrape, and until when. To be asked when it is due, and when its pods changed."""
        runs = self.top.runs_now
        if self._since is not None:
            self._ran += scrape - self._since
        self._since = scrape if runs else None
        ticking = runs
        place = self._ran if runs else max(0, self._ran - 1)
        if self.trace.activity.clock is ActivityClock.Wall:
            place, ticking = scrape, True
        self.shown = self._at(place)
        turn = bisect_right(self._turns, place)
        self.due = scrape + self._turns[turn] - place if ticking and turn < len(self._turns) else None

    def _at(self, place: int) -> Shown:
        """The last value holds."""
        percent, memory = self.trace.gpu_percent, self.trace.memory_mib
        return Shown(
            percent[min(place, len(percent) - 1)] if percent else None,
            memory[min(place, len(memory) - 1)] if memory else 0.0,
        )


def _turns(values: Sequence[Value]) -> Iterator[int]:
    """Places whose value is another than the one before; of all values of a file, so without a call for each."""
    pairs = enumerate(pairwise(values), 1)
    return (place for place, (before, here) in pairs if before is not here and before != here)
