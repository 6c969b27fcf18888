"""What a series of samples leaves behind: its gaps and its suffix maxima. Pure functions over flat sequences.

Both are functions of the *set* of samples, so the order, batching and repetition of samples cannot matter:

- a gap is a pair of consecutive samples further apart than a limit; a sample inside a gap splits it, a sample in
  covered time changes nothing, so neither a double scrape nor a split series can raise the coverage;
- a sample is a suffix maximum ("stair") if no later sample has its value or a higher one; stairs answer "when was the
  value last above x" for every x, and "what was the peak after t" for every t, exactly.
"""

from array import array
from math import inf
from typing import TypeAlias

from ebbtide.core.workload import Instant

NEVER: Instant = -inf
"""Before every sample."""

Gaps: TypeAlias = tuple[float, ...]
"""Flat pairs, ascending: last sample before the gap, first sample after it."""

Stairs: TypeAlias = "array[float]"
"""Flat pairs (time, value): times ascend, values strictly descend. The newest sample itself is not in it."""


def with_sample(gaps: Gaps, first: Instant, at: Instant, limit: float) -> Gaps:
    """The gaps after one more sample that is not newer than the newest; the same object if nothing changes."""
    if at < first:
        return (at, first, *gaps) if first - at > limit else gaps
    for left in range(0, len(gaps), 2):
        before, after = gaps[left], gaps[left + 1]
        if before < at < after:
            head = (before, at) if at - before > limit else ()
            tail = (at, after) if after - at > limit else ()
            return (*gaps[:left], *head, *tail, *gaps[left + 2 :])
    return gaps


def absence(  # noqa: PLR0917  the first three are one series, the next two one window
    first: Instant, last: Instant, gaps: Gaps, start: Instant, now: Instant, interval: float
) -> tuple[float, float]:
    """(missing seconds, longest hole in seconds) inside (start, now].

    A hole of up to 1.5 intervals is jitter and misses nothing; a longer one misses its length less one interval,
    because each sample stands for the interval that it ends. Time before the first and after the last sample is hole.
    """
    if last <= start:
        return now - start, now - start
    edges = (NEVER, first, *gaps, last, inf)
    missing = longest = 0.0
    for left in range(0, len(edges), 2):
        length = min(edges[left + 1], now) - max(edges[left], start)
        if length > 1.5 * interval:
            missing += length - interval
            longest = max(longest, length)
    return missing, longest


def hole_end(first: Instant, gaps: Gaps, start: Instant, limit: float) -> Instant:
    """End of the last hole after `start` longer than `limit`; the time from `start` to the first sample counts."""
    for right in range(len(gaps) - 1, 0, -2):
        if gaps[right] - max(gaps[right - 1], start) > limit:
            return gaps[right]
    return first if first - start > limit else NEVER


def climbed(stairs: Stairs, begin: int, end: int, value: float) -> int:
    """Where the stairs in [begin, end) end when a newer sample of this value hides the low ones."""
    while end > begin and stairs[end - 1] <= value:
        end -= 2
    return end


def insert(stairs: Stairs, at: Instant, value: float) -> None:
    """Add a sample older than the newest one and higher than it."""
    place = 0
    while place < len(stairs) and stairs[place] < at:
        place += 2
    if place < len(stairs) and stairs[place + 1] >= value:
        return
    end = place + 2 if place < len(stairs) and stairs[place] == at else place
    while place and stairs[place - 1] <= value:
        place -= 2
    stairs[place:end] = array("d", (at, value))


def last_above(stairs: Stairs, limit: float) -> Instant:
    """Time of the newest stair above the limit."""
    for place in range(len(stairs) - 2, -1, -2):
        if stairs[place + 1] > limit:
            return stairs[place]
    return NEVER


def peak_after(stairs: Stairs, start: Instant) -> float | None:
    """Highest stair newer than `start`."""
    for place in range(0, len(stairs), 2):
        if stairs[place] > start:
            return stairs[place + 1]
    return None


def thinned(stairs: Stairs, before: Instant, scale: int) -> Stairs:
    """Of the stairs older than `before` only the newest of each level, so that their number is bounded.

    Levels are the thresholds 0, 1/scale, 2/scale …: when one of them was last exceeded stays exact.
    """
    kept = array("d")
    for place in range(0, len(stairs), 2):
        at, value = stairs[place], stairs[place + 1]
        following = stairs[place + 3] if place + 3 < len(stairs) else NEVER
        if at >= before or _level(value, scale) != _level(following, scale):
            kept.extend((at, value))
    return kept


def _level(value: float, scale: int) -> int:
    """The smallest k with value <= k / scale, by the same comparison that a threshold makes; -1 for no value."""
    if value < 0:
        return -1
    level = int(value * scale)
    while value > level / scale:
        level += 1
    while level and value <= (level - 1) / scale:
        level -= 1
    return level
