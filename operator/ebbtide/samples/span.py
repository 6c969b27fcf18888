"""Which stretch of time the next queries read: a grid of steps, and how far reading has come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import MetricsError

_LEAST_PROGRESS = 4
"""Steps that a slice advances at least, even where a fleet is larger than the point limit thinks of."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps start, start + step … end; step t stands for the samples in (t - step, t].

    Whole multiples of the step, so that the same sample falls into the same step in every tick.
    """

    start: Instant
    end: Instant
    step: float

    def __len__(self) -> int:
        return round((self.end - self.start) / self.step) + 1

    def numbers(self, values: Sequence[tuple[float, float]]) -> list[tuple[int, float]]:
        """The values (ascending) by the numbers of their steps. Raises MetricsError if a step was not asked for."""
        start, step = self.start, self.step
        numbered = [(round((at - start) / step), value) for at, value in values]
        if numbered and not 0 <= numbered[0][0] <= numbered[-1][0] < len(self):
            raise MetricsError(f"The metrics source answered for {values[0][0]:.3f}, which was not asked for.")
        return numbered

    @property
    def after(self) -> Instant:
        """Samples after this instant are read."""
        return self.start - self.step


class Frontier:
    """How far the source has been read without a gap.

    Reading goes forward only: one slice a tick after a start or an outage, until now is reached.
    """

    def __init__(self, step: float, overlap: float) -> None:
        self._step = step
        self._step_ms = round(step * 1000)
        self._overlap = overlap
        self._settled_to: Instant | None = None
        self.look_back = 0.0

    def reach_for(self, look_back: float) -> bool:
        """Asks for history of this length; True when that is longer than before, and reading begins anew."""
        if look_back <= self.look_back:
            return False
        self.look_back = look_back
        self._settled_to = None
        return True

    @property
    def settled_to(self) -> Instant | None:
        """Up to where reading is complete for good; None: it begins anew."""
        return self._settled_to

    def restart(self) -> None:
        """Reading begins anew."""
        self._settled_to = None

    def next_grid(self, now: Instant, most_steps: int) -> Grid:
        """The steps to read now: what is new and what may not have been complete, but nothing before the look-back."""
        newest = self._floor(now)
        oldest = self._floor(now - self.look_back)
        after = oldest if self._settled_to is None else max(oldest, self._settled_to)
        start = min(after + self._step, newest)
        overlapping = math.ceil(self._overlap / self._step)
        last = start + (max(most_steps, overlapping + _LEAST_PROGRESS) - 1) * self._step
        return Grid(round(start, 3), round(min(newest, last), 3), self._step)

    def settled(self, grid: Grid, now: Instant) -> Instant:
        """Up to where this grid is complete for good: scrapes that began later may still have been under way."""
        return min(grid.end, round(self._floor(now) - self._overlap, 3))

    def done(self, grid: Grid, now: Instant) -> None:
        """The grid has been read completely."""
        self._settled_to = self.settled(grid, now)

    def caught_up(self, grid: Grid, now: Instant) -> bool:
        """The grid ends at the present: nothing is left to read but what comes."""
        return grid.end >= self._floor(now)

    def _floor(self, at: Instant) -> Instant:
        return int(at * 1000) // self._step_ms * self._step_ms / 1000
