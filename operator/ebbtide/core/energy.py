"""A few readings of an energy counter that answer for a window: mean power over a hole or the span, standing still.

Kept ("points") are the first reading of every ten minutes and both readings around every gap. Which these are depends
on the set of readings alone; twelve points for two hours stand for 240 readings. One value per instant is assumed.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from ebbtide.core.series import NEVER, Gaps
from ebbtide.core.workload import Instant

BIN_SECONDS = 600


class Reading(NamedTuple):
    """One reading of the counter, in millijoules."""

    at: Instant
    millijoules: float


Points: TypeAlias = "array[float]"
"""Flat pairs (time, millijoules), times ascending; the newest reading is in it only if it is a point."""


class Meter(NamedTuple):
    """The energy counter of one device."""

    points: Points
    differs: Instant
    """Newest reading that is not the newest value: the counter stands still since the one after it."""
    odd_from: Instant
    """Start of the newest stretch between points with a mean above the ceiling, or without any rise."""

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


def is_point(last: Instant, at: Instant, *, gap: bool) -> bool:
    """Whether a newer reading is one: it follows a gap, or is the first of its ten minutes."""
    return gap or last // BIN_SECONDS != at // BIN_SECONDS


def extend(points: Points, last: Reading, new: Reading, *, gap: bool) -> None:
    """Add a newer reading that is a point; before it the one at the other side of the gap."""
    if gap and points[-2] != last.at:
        points.extend(last)
    points.extend(new)


def takes_late(points: Points, late: Reading) -> bool:
    """It is the first of its ten minutes, or higher than the point at its time. Repeated readings are neither."""
    bin_, first = late.at // BIN_SECONDS, None
    for place in range(len(points) - 2, -1, -2):
        at = points[place]
        if at // BIN_SECONDS < bin_:
            break
        if at // BIN_SECONDS == bin_:
            first = at
            if at == late.at and late.millijoules > points[place + 1]:
                return True
    return first is None or late.at < first


def rebuilt(points: Points, late: Reading, gaps: Gaps) -> Points:
    """The points after a reading that is not newer than the newest; `gaps` already know it."""
    readings = dict(zip(points[::2], points[1::2], strict=True))
    readings[late.at] = max(late.millijoules, readings.get(late.at, 0.0))
    edges, kept, bin_before = set(gaps), array("d"), None
    for at in sorted(readings):
        if at // BIN_SECONDS != bin_before or at in edges:
            kept.extend((at, readings[at]))
        bin_before = at // BIN_SECONDS
    return kept


def remaining(points: Points, before: Instant) -> Points:
    """Without the ten minutes that end before; the newest point stays."""
    drop = 0
    while drop + 2 < len(points) and points[drop] // BIN_SECONDS < before // BIN_SECONDS:
        drop += 2
    return points[drop:]


def newest_odd(points: Points, begin: int, ceiling: float) -> Instant:
    """Start of the newest odd stretch whose first point has at least this index. `ceiling` in watts."""
    for place in range(len(points) - 4, begin - 1, -2):
        mean = watts(Reading(*points[place : place + 2]), Reading(*points[place + 2 : place + 4]))
        if mean is not None and (mean > ceiling or mean == 0):
            return points[place]
    return NEVER


def watts(earlier: Reading, later: Reading) -> float | None:
    """Mean power between two readings; None over a reset of the counter."""
    joules, seconds = (later.millijoules - earlier.millijoules) / 1000, later.at - earlier.at
    return joules / seconds if joules >= 0 and seconds > 0 else None


def power_over(readings: Sequence[Reading], holes: Sequence[tuple[Instant, Instant]]) -> tuple[float, float] | None:
    """(highest mean power over a hole, mean power of the rest) in watts; None where they cannot be compared.

    Readings and holes ascend. A hole reaches from the last reading before it to the first after it.
    """
    times = [reading.at for reading in readings]
    over, joules, seconds = NEVER, 0.0, 0.0
    for before, after in holes:
        left, right = bisect_right(times, before) - 1, bisect_left(times, after)
        mean = watts(readings[left], readings[right]) if left >= 0 and right < len(times) else None
        if mean is not None and mean > over:
            over = mean
    for earlier, later in pairwise(readings):
        mean = watts(earlier, later)
        if mean is not None and not _touches(earlier.at, later.at, holes):
            joules, seconds = joules + (later.millijoules - earlier.millijoules) / 1000, seconds + later.at - earlier.at
    return (over, joules / seconds) if over > NEVER and seconds > 0 else None


def _touches(begin: Instant, end: Instant, holes: Sequence[tuple[Instant, Instant]]) -> bool:
    return any(begin < after and before < end for before, after in holes)
