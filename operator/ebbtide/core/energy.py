"""A few readings of an energy counter that answer for a window: mean power over a hole or the span, standing still.

Kept ("points") are the first reading of every ten minutes and both readings around every gap. Which these are depends
on the set of readings alone; twelve points for two hours stand for 240 readings. One value per instant is assumed.
"""

from array import array
from typing import NamedTuple

from ebbtide.core.series import NEVER, Gaps
from ebbtide.core.workload import Instant

BIN_SECONDS = 600


class Reading(NamedTuple):
    """One reading of the counter, in millijoules."""

    at: Instant
    millijoules: float


class Meter:
    """The energy counter of one device. Mutable in place. `ceiling`: the power in watts above which it is not idle."""

    __slots__ = ("ceiling", "differs", "odd_from", "points")

    def __init__(self, ceiling: float, first: Reading) -> None:
        self.ceiling = ceiling
        self.points = array("d", first)
        """Flat pairs (time, millijoules), times ascending; the newest reading is in it only if it is a point."""
        self.differs: Instant = NEVER
        """Newest reading that is not the newest value: the counter stands still since the one after it."""
        self.odd_from: Instant = NEVER
        """Start of the newest stretch between points with a mean above the ceiling, or without any rise."""

    def add(self, last: Reading, new: Reading, *, gap: bool) -> None:
        """Take in a newer reading."""
        if new.millijoules != last.millijoules:
            self.differs = last.at
        if not gap and last.at // BIN_SECONDS == new.at // BIN_SECONDS:
            return
        known = len(self.points)
        if gap and self.points[-2] != last.at:
            self.points.extend(last)
        self.points.extend(new)
        self.odd_from = max(self.odd_from, self._newest_odd(known - 2))

    def add_late(self, newest: Reading, late: Reading, gaps: Gaps, *, filled: bool) -> None:
        """Take in a reading that is not newer than the newest; `gaps` already know it, `filled`: it changed them."""
        if late.at < newest.at and late.millijoules != newest.millijoules:
            self.differs = max(self.differs, late.at)
        if filled or self._leads(late):
            self._rebuild(late, gaps)

    def _leads(self, late: Reading) -> bool:
        """It is the first of its ten minutes, or higher than the point at its time. Repeated readings are neither."""
        bin_, first = late.at // BIN_SECONDS, None
        for place in range(len(self.points) - 2, -1, -2):
            at = self.points[place]
            if at // BIN_SECONDS < bin_:
                break
            if at // BIN_SECONDS == bin_:
                first = at
                if at == late.at and late.millijoules > self.points[place + 1]:
                    return True
        return first is None or late.at < first

    def _rebuild(self, late: Reading, gaps: Gaps) -> None:
        readings = dict(zip(self.points[::2], self.points[1::2], strict=True))
        readings[late.at] = max(late.millijoules, readings.get(late.at, 0.0))
        edges, kept, bin_before = set(gaps), array("d"), None
        for at in sorted(readings):
            if at // BIN_SECONDS != bin_before or at in edges:
                kept.extend((at, readings[at]))
            bin_before = at // BIN_SECONDS
        self.points = kept
        self.odd_from = self._newest_odd(0)

    def points_since(self, start: Instant) -> list[Reading]:
        """Points from `start` on."""
        pairs = range(0, len(self.points), 2)
        return [Reading(self.points[place], self.points[place + 1]) for place in pairs if self.points[place] >= start]

    def since(self, start: Instant, newest: Reading) -> list[Reading]:
        """Points from `start` on, and the newest reading."""
        found = self.points_since(start)
        if newest.at >= start and (not found or found[-1].at != newest.at):
            found.append(newest)
        return found

    def forget(self, before: Instant) -> None:
        """Drop the ten minutes that end before; the newest point stays."""
        drop = 0
        while drop + 2 < len(self.points) and self.points[drop] // BIN_SECONDS < before // BIN_SECONDS:
            drop += 2
        del self.points[:drop]

    def _newest_odd(self, begin: int) -> Instant:
        """Start of the newest odd stretch whose first point has at least this index."""
        points = self.points
        for place in range(len(points) - 4, begin - 1, -2):
            mean = watts(Reading(*points[place : place + 2]), Reading(*points[place + 2 : place + 4]))
            if mean is not None and (mean > self.ceiling or mean == 0):
                return points[place]
        return NEVER


def watts(earlier: Reading, later: Reading) -> float | None:
    """Mean power between two readings; None over a reset of the counter."""
    joules, seconds = (later.millijoules - earlier.millijoules) / 1000, later.at - earlier.at
    return joules / seconds if joules >= 0 and seconds > 0 else None
