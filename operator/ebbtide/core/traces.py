"""What all signals of one device left behind, packed into two arrays: an object each would double the memory.

Mutable in place. `head` has a fixed length: newest samples, oldest times, where the sections of `tail` end, and sums.
`tail` holds what varies: the stairs of each activity signal, then the points of the energy counter. It is made anew
where it changes: an array that grows or shrinks in place keeps room at its end, 8 MiB of a large fleet.
"""

from array import array
from math import inf

from ebbtide.core import series
from ebbtide.core.series import NEVER, Gaps, Stairs
from ebbtide.core.signal import ACTIVITY, SLOT, SLOTS, THRESHOLDS_PER_UNIT, Pace, Signal
from ebbtide.core.workload import Instant

VALUE, FIRST, ENDS = SLOTS, 2 * SLOTS, 3 * SLOTS
"""Offsets in `head`: first the times of the newest samples by slot, then their values, the oldest times, the ends."""
POINTS = len(ACTIVITY)
"""The section of `tail` after those of the activity signals."""
SUMS = ENDS + POINTS + 1
CLEAN, HOLE, WORKED, BAD, HOT, DIFFERS, ODD = range(SUMS, SUMS + 7)
"""Places in `head` of what DeviceEvidence and its Meter add up; the names are theirs."""
_BLANK = array("d", [NEVER] * ENDS + [0.0] * (SUMS - ENDS) + [NEVER] * 7)


class Traces:
    """Answers about any window of any signal."""

    __slots__ = ("gaps", "head", "pace", "tail")

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.head = _BLANK[:]
        self.tail = array("d")
        self.gaps: list[Gaps] | None = None
        """By slot; None while no signal has a gap."""

    def last(self, signal: Signal) -> tuple[Instant, float] | None:
        """Newest valid sample as (time, value)."""
        slot = SLOT[signal]
        at = self.head[slot]
        return None if at == NEVER else (at, self.head[slot + VALUE])

    def last_at(self, signal: Signal) -> Instant:
        """Time of the newest valid sample; NEVER without one."""
        return self.head[SLOT[signal]]

    def first_at(self, signal: Signal) -> Instant:
        """Time of the oldest valid sample; inf without one."""
        slot = SLOT[signal]
        return inf if self.head[slot] == NEVER else self.head[slot + FIRST]

    def last_above(self, signal: Signal, limit: float) -> Instant:
        """Time of the newest sample of an activity signal strictly above the limit; NEVER if none."""
        slot = SLOT[signal]
        return self.head[slot] if self.head[slot + VALUE] > limit else series.last_above(self.section(slot), limit)

    def peak(self, signal: Signal, start: Instant) -> float | None:
        """Highest value of an activity signal newer than `start`; None without a sample there."""
        slot = SLOT[signal]
        if self.head[slot] <= start:
            return None
        found = series.peak_after(self.section(slot), start)
        return self.head[slot + VALUE] if found is None else found

    def absence(self, signal: Signal, start: Instant, now: Instant) -> tuple[float, float]:
        """(missing seconds, longest hole) of a signal inside (start, now]."""
        slot, head = SLOT[signal], self.head
        return series.absence(head[slot + FIRST], head[slot], self.gaps_of(slot), start, now, self.pace.interval)

    def hole_end_of(self, signal: Signal, start: Instant) -> Instant:
        """End of the last hole above three intervals after `start`, which the first sample may end; NEVER if none."""
        slot = SLOT[signal]
        return series.hole_end(self.head[slot + FIRST], self.gaps_of(slot), start, self.pace.hole)

    def gaps_of(self, slot: int) -> Gaps:
        """The gaps of one signal; equal ones of several signals are one object."""
        return () if self.gaps is None else self.gaps[slot]

    def section(self, section: int) -> Stairs:
        """A copy of one section of `tail`."""
        begin, end = self._bounds(section)
        return self.tail[begin:end]

    def forget(self, before: Instant) -> None:
        """Drop what no window that starts at `before` or later needs."""
        if self.gaps is not None:
            kept = [_recent(gaps, before, self.pace.hole) for gaps in self.gaps]
            self.gaps = kept if any(kept) else None
        for slot, scale in enumerate(THRESHOLDS_PER_UNIT):
            stairs = self.section(slot)
            if stairs:
                self._put(slot, series.thinned(stairs, before, scale))

    def _append_gap(self, slot: int, last: Instant, at: Instant) -> None:
        """A newer sample after a gap; without a last one it is the first of its signal."""
        if last == NEVER:
            self.head[slot + FIRST] = at
        else:
            self._set_gaps(slot, (*self.gaps_of(slot), last, at))

    def _fill_gap(self, slot: int, at: Instant) -> bool:
        """A late sample; True if it changed first or gaps."""
        first, gaps = self.head[slot + FIRST], self.gaps_of(slot)
        changed = series.with_sample(gaps, first, at, self.pace.gap)
        if changed is gaps and at >= first:
            return False
        self.head[slot + FIRST] = min(at, first)
        if changed is not gaps:
            self._set_gaps(slot, changed)
        return True

    def _step(self, slot: int, last: Instant, previous: float, value: float) -> None:
        """A newer sample of an activity signal: the former newest becomes a stair, or is hidden with others."""
        begin, end = self._bounds(slot)
        if value < previous:
            self.tail = self.tail[:end] + array("d", (last, previous)) + self.tail[end:]
            self._shift(slot, 2)
        elif end > begin:
            kept = series.climbed(self.tail, begin, end, value)
            if kept < end:
                self.tail = self.tail[:kept] + self.tail[end:]
                self._shift(slot, kept - end)

    def _step_late(self, slot: int, at: Instant, value: float) -> None:
        """A sample of an activity signal that is not newer than the newest, but higher."""
        stairs = self.section(slot)
        if at < self.head[slot]:
            series.insert(stairs, at, value)
        else:
            self.head[slot + VALUE] = value
            del stairs[series.climbed(stairs, 0, len(stairs), value) :]
        self._put(slot, stairs)

    def _put(self, section: int, content: Stairs) -> None:
        """Replace one section of `tail`."""
        begin, end = self._bounds(section)
        self.tail = self.tail[:begin] + content + self.tail[end:]
        self._shift(section, len(content) - (end - begin))

    def _bounds(self, section: int) -> tuple[int, int]:
        head = self.head
        return int(head[ENDS + section - 1]) if section else 0, int(head[ENDS + section])

    def _shift(self, section: int, by: int) -> None:
        """A section grew by so many numbers: it and those after it end later."""
        if by:
            for place in range(ENDS + section, SUMS):
                self.head[place] += by

    def _set_gaps(self, slot: int, gaps: Gaps) -> None:
        """Signals of one scrape share their gaps: one tuple for all that are equal."""
        if self.gaps is None:
            self.gaps = [()] * SLOTS
        self.gaps[slot] = next((known for known in self.gaps if known == gaps), gaps)


def _recent(gaps: Gaps, before: Instant, hole: float) -> Gaps:
    """Gaps that end after `before`, and the newest older one that restarted the idle clock."""
    old = [left for left in range(0, len(gaps), 2) if gaps[left + 1] <= before]
    big = [left for left in old if gaps[left + 1] - gaps[left] > hole]
    kept = gaps[big[-1] : big[-1] + 2] if big else ()
    return (*kept, *gaps[2 * len(old) :])
