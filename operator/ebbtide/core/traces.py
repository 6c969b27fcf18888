"""What all signals of one device left behind, packed: newest samples, gaps and stairs. Mutable in place."""

from array import array
from collections.abc import Iterator
from math import inf

from ebbtide.core import series
from ebbtide.core.series import NEVER, Gaps, Stairs
from ebbtide.core.signal import ACTIVITY, POWER, SLOT, SLOTS, THRESHOLDS_PER_UNIT, Pace, Signal
from ebbtide.core.workload import Instant

VALUE, FIRST = SLOTS, 2 * SLOTS
"""Offsets in `head`: first the times of the newest samples by slot, then their values, then the oldest times."""


class Traces:
    """Answers about any window of any signal. One array for all signals: an object each would double the memory."""

    __slots__ = ("gaps", "head", "pace", "stairs")

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.head = array("d", [NEVER] * (3 * SLOTS))
        self.gaps: list[Gaps] | None = None
        """By slot; None while no signal has a gap."""
        self.stairs: list[Stairs | None] | None = None
        """By slot, activity signals only; None while every newest value is the highest."""

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
        if self.head[slot + VALUE] > limit:
            return self.head[slot]
        stairs = self._stairs_of(slot)
        return series.last_above(stairs, limit) if stairs else NEVER

    def peak(self, signal: Signal, start: Instant) -> float | None:
        """Highest value of an activity signal newer than `start`; None without a sample there."""
        slot = SLOT[signal]
        if self.head[slot] <= start:
            return None
        stairs = self._stairs_of(slot)
        found = series.peak_after(stairs, start) if stairs else None
        return self.head[slot + VALUE] if found is None else found

    def absence(self, signal: Signal, start: Instant, now: Instant) -> tuple[float, float]:
        """(missing seconds, longest hole) of a signal inside (start, now]."""
        slot, head = SLOT[signal], self.head
        return series.absence(head[slot + FIRST], head[slot], self._gaps_of(slot), start, now, self.pace.interval)

    def hole_end_of(self, signal: Signal, start: Instant) -> Instant:
        """End of the last hole above three intervals after `start`, which the first sample may end; NEVER if none."""
        slot = SLOT[signal]
        return series.hole_end(self.head[slot + FIRST], self._gaps_of(slot), start, self.pace.hole)

    def holes(self, signal: Signal, start: Instant, now: Instant) -> Iterator[tuple[Instant, Instant]]:
        """Gaps of a signal that lie wholly inside [start, now]."""
        gaps = self._gaps_of(SLOT[signal])
        for left in range(0, len(gaps), 2):
            if start <= gaps[left] and gaps[left + 1] <= now:
                yield gaps[left], gaps[left + 1]

    def forget(self, before: Instant) -> None:
        """Drop what no window that starts at `before` or later needs."""
        if self.gaps is not None:
            kept = [_recent(gaps, before, self.pace.hole) for gaps in self.gaps]
            self.gaps = kept if any(kept) else None
        if self.stairs is not None:
            scales = zip(self.stairs, THRESHOLDS_PER_UNIT, strict=True)
            thin = [series.thinned(stairs, before, scale) if stairs else None for stairs, scale in scales]
            self.stairs = thin if any(thin) else None

    def _append_gap(self, slot: int, last: Instant, at: Instant) -> None:
        """A newer sample after a gap; without a last one it is the first of its signal."""
        if last == NEVER:
            self.head[slot + FIRST] = at
        else:
            self._set_gaps(slot, (*self._gaps_of(slot), last, at))

    def _fill_gap(self, slot: int, at: Instant) -> bool:
        """A late sample; True if it changed first or gaps."""
        first, gaps = self.head[slot + FIRST], self._gaps_of(slot)
        changed = series.with_sample(gaps, first, at, self.pace.gap)
        if changed is gaps and at >= first:
            return False
        self.head[slot + FIRST] = min(at, first)
        if changed is not gaps:
            self._set_gaps(slot, changed)
        return True

    def _step(self, slot: int, last: Instant, previous: float, value: float) -> None:
        """A newer sample of an activity signal: the former newest becomes a stair, or is hidden with others."""
        if value < previous:
            self._stairs(slot).extend((last, previous))
        elif value > previous and self.stairs is not None:
            series.climb(self._stairs(slot), value)

    def _step_late(self, slot: int, at: Instant, value: float) -> None:
        """A sample of an activity signal that is not newer than the newest, but higher."""
        if at < self.head[slot]:
            series.insert(self._stairs(slot), at, value)
            return
        self.head[slot + VALUE] = value
        series.climb(self._stairs(slot), value)

    def _gaps_of(self, slot: int) -> Gaps:
        return () if self.gaps is None else self.gaps[slot]

    def _set_gaps(self, slot: int, gaps: Gaps) -> None:
        """Signals of one scrape share their gaps: one tuple for all that are equal."""
        if self.gaps is None:
            self.gaps = [()] * SLOTS
        self.gaps[slot] = next((known for known in self.gaps if known == gaps), gaps)

    def _stairs_of(self, slot: int) -> "Stairs | None":
        return self.stairs[slot] if self.stairs is not None and slot < POWER else None

    def _stairs(self, slot: int) -> Stairs:
        """The stairs of a signal, to change them."""
        if self.stairs is None:
            self.stairs = [None] * len(ACTIVITY)
        found = self.stairs[slot]
        if found is None:
            found = self.stairs[slot] = array("d")
        return found


def _recent(gaps: Gaps, before: Instant, hole: float) -> Gaps:
    """Gaps that end after `before`, and the newest older one that restarted the idle clock."""
    old = [left for left in range(0, len(gaps), 2) if gaps[left + 1] <= before]
    big = [left for left in old if gaps[left + 1] - gaps[left] > hole]
    kept = gaps[big[-1] : big[-1] + 2] if big else ()
    return (*kept, *gaps[2 * len(old) :])
