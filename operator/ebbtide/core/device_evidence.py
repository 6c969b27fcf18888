"""What one device showed under one pod, with the sums that let a fleet be judged in a few comparisons per device."""

from array import array
from math import inf
from sys import intern

from ebbtide.core.energy import Meter, Reading, extend, is_point, newest_odd, rebuilt, remaining, takes_late
from ebbtide.core.idle_watts import IdleWatts, idle_watts
from ebbtide.core.series import NEVER
from ebbtide.core.signal import (
    ACTIVITY,
    DRAM,
    ENERGY,
    ENGINE,
    HIGHEST,
    LAUNCHES,
    POWER,
    SLOT,
    SLOTS,
    TENSOR,
    UTILISATION,
    Pace,
    Signal,
    Thresholds,
    thresholds,
)
from ebbtide.core.traces import BAD, CLEAN, DIFFERS, FIRST, HOLE, HOT, ODD, POINTS, VALUE, WORKED, Traces
from ebbtide.core.workload import Instant


class DeviceEvidence(Traces):
    """One device under one pod.

    From `mask` on there are sums over the signals, kept while folding so that a fleet can be judged with a few
    comparisons per device. Each equals what the traces say; NEVER stands for "not seen". Those that are not asked at
    every tick lie in `head`: a float by itself takes 32 bytes.
    """

    __slots__ = (
        "bad",
        "id",
        "idle_watts",
        "last_busy_at",
        "mask",
        "mig",
        "model",
        "namespace",
        "newest",
        "peers",
        "pod",
        "thresholds",
    )

    def __init__(  # noqa: PLR0917  who holds what, then how it is judged
        self, namespace: str, pod: str, device: str, model: str, pace: Pace, watts: IdleWatts | None = None
    ) -> None:
        """`watts`: what the board may draw at rest; left out: what the table of core.idle_watts says of its model."""
        super().__init__(pace)
        self.id = device
        self.namespace = namespace
        self.pod = pod
        self.model = intern(model)
        self.idle_watts = watts or idle_watts(model)
        self.mig = "/" in device
        self.bad: dict[Signal, Instant] | None = None
        """Time of the newest value that cannot be true, by signal."""
        self.peers: list[DeviceEvidence] | None = None
        """Everything held for this device id where more than one pod was seen on it, itself included."""
        self.thresholds = thresholds(5, 2)
        self.mask = 0
        """Activity signals ever seen valid: bit 0 utilisation, 1 engine, 2 tensor, 3 DRAM, 4 launches."""
        self.newest: Instant = NEVER
        """Newest valid activity sample."""
        self.last_busy_at: Instant = NEVER
        """Newest activity sample above `thresholds`."""

    @property
    def clean_since(self) -> Instant:
        """No activity signal misses a sample since then."""
        return self.head[CLEAN]

    @property
    def hole_end(self) -> Instant:
        """End of the newest hole above three intervals of any activity signal; a signal's first sample ends one."""
        return self.head[HOLE]

    @property
    def worked_at(self) -> Instant:
        """Newest tensor, DRAM or launches sample above `thresholds`: proof that a busy device does not just spin."""
        return self.head[WORKED]

    @property
    def bad_at(self) -> Instant:
        """Newest untrue activity value."""
        return self.head[BAD]

    @property
    def hot_at(self) -> Instant:
        """Newest power sample above the ceiling of `idle_watts`."""
        return self.head[HOT]

    def fold(self, signal: Signal, at: Instant, value: float) -> None:
        """Take one sample in; what cannot be true (NaN too) is remembered as bad and is no sample."""
        slot = SLOT[signal]
        if slot == UTILISATION and self.mig:
            return
        if not 0.0 <= value <= HIGHEST[slot]:
            self._spoil(signal, slot, at)
            return
        head = self.head
        last = head[slot]
        if at <= last:
            self._fold_late(slot, at, value)
            return
        previous = head[slot + VALUE]
        head[slot] = at
        head[slot + VALUE] = value
        if at - last > self.pace.gap:
            self._resume(slot, last, at)
        if slot < POWER:
            if value != previous:
                self._step(slot, last, previous, value)
            self._note(slot, at, value)
        elif slot == POWER:
            if value > self.idle_watts.ceiling:
                self._raise(HOT, at)
        elif slot == ENERGY:
            self._read_meter(last, previous, at, value)

    def again(self, at: Instant, millijoules: float) -> None:
        """Every signal of dcgm-exporter once more: the energy counter at this reading, the others as they were.

        The same as to fold each, in a third of the time, for who knows that all were true at the sample before, and
        that none is missing since.
        """
        self.fold(Signal.Energy, at, millijoules)
        head, limits = self.head, self.thresholds
        head[:LAUNCHES] = array("d", (at,)) * LAUNCHES
        head[POWER:SLOTS] = array("d", (at,)) * (SLOTS - POWER)
        self.newest = at
        works = head[VALUE + TENSOR] > limits.ratio or head[VALUE + DRAM] > limits.ratio
        if works or head[VALUE] > limits.percent or head[VALUE + ENGINE] > limits.ratio:
            self.last_busy_at = at
        if works:
            head[WORKED] = at
        if head[VALUE + POWER] > self.idle_watts.ceiling:
            head[HOT] = at

    def bind(self, limits: Thresholds) -> None:
        """Keep `last_busy_at` and `worked_at` for these thresholds from now on."""
        self.thresholds = limits
        ratios = [self.last_above(signal, limits.ratio) for signal in ACTIVITY[1:]]
        self.last_busy_at = max(self.last_above(Signal.Utilisation, limits.percent), *ratios)
        self.head[WORKED] = max(ratios[1:])

    def bad_at_of(self, signal: Signal) -> Instant:
        """Time of the newest untrue value."""
        return NEVER if self.bad is None else self.bad.get(signal, NEVER)

    def heard_at(self) -> Instant:
        """Newest activity sample, true or not."""
        return max(self.newest, self.bad_at)

    @property
    def meter(self) -> Meter | None:
        """The energy counter; None while it was never read."""
        points = self.section(POINTS)
        return Meter(points, self.head[DIFFERS], self.head[ODD]) if points else None

    def readings(self, start: Instant) -> list[Reading]:
        """Readings of the energy counter from `start` on that were kept, the newest last."""
        meter = self.meter
        return [] if meter is None else meter.since(start, Reading(self.head[ENERGY], self.head[ENERGY + VALUE]))

    def newest_of_all(self) -> Instant:
        """Newest valid sample of any signal, or newest untrue activity value."""
        return max(*self.head[:VALUE], self.head[BAD])

    def forget(self, before: Instant) -> None:
        """Drop what no window that starts at `before` or later needs."""
        self._put(POINTS, remaining(self.section(POINTS), before))
        super().forget(before)

    def _spoil(self, signal: Signal, slot: int, at: Instant) -> None:
        if self.bad is None:
            self.bad = {}
        self.bad[signal] = max(at, self.bad.get(signal, NEVER))
        if slot < POWER:
            self._raise(BAD, at)

    def _raise(self, place: int, at: Instant) -> None:
        """Set one of the sums in `head`, unless it is higher."""
        if at > self.head[place]:  # noqa: PLR1730  as in _note
            self.head[place] = at

    def _note(self, slot: int, at: Instant, value: float) -> None:
        """Sums that a sample of an activity signal can only raise."""
        if at > self.newest:  # noqa: PLR1730  max() costs three times as much, 200,000 times a tick
            self.newest = at
        if value > (self.thresholds.ratio if slot else self.thresholds.percent):
            self.last_busy_at = max(self.last_busy_at, at)
            if slot >= TENSOR:
                self._raise(WORKED, at)

    def _resume(self, slot: int, last: Instant, at: Instant) -> None:
        """A newer sample after a gap."""
        self._append_gap(slot, last, at)
        if slot < POWER:
            self.mask |= 1 << slot
            self._raise(CLEAN, at)
            if at - last > self.pace.hole:
                self._raise(HOLE, at)

    def _fold_late(self, slot: int, at: Instant, value: float) -> None:
        """A sample that is not newer than the newest: rare, so exactness comes before speed."""
        head = self.head
        newest_at, newest = head[slot], head[slot + VALUE]
        filled = at < newest_at and self._fill_gap(slot, at)
        if filled and slot < POWER:
            self._sum_up()
        if slot < POWER:
            if value > newest:
                self._step_late(slot, at, value)
            self._note(slot, at, value)
            return
        if slot == POWER and value > self.idle_watts.ceiling:
            self._raise(HOT, at)
        if at == newest_at:
            head[slot + VALUE] = max(value, newest)
        if slot == ENERGY:
            self._read_meter_late(Reading(newest_at, newest), Reading(at, value), filled=filled)

    def _sum_up(self) -> None:
        """`clean_since` and `hole_end` anew."""
        self.head[CLEAN] = self.head[HOLE] = NEVER
        for slot, signal in enumerate(ACTIVITY):
            if self.mask >> slot & 1:
                gaps = self.gaps_of(slot)
                self._raise(CLEAN, gaps[-1] if gaps else self.head[slot + FIRST])
                self._raise(HOLE, self.hole_end_of(signal, NEVER))

    @property
    def _ceiling(self) -> float:
        """Watts. The energy of a MIG instance is the whole board's: never too much for one instance."""
        return inf if self.mig else self.idle_watts.ceiling

    def _read_meter(self, last: Instant, previous: float, at: Instant, value: float) -> None:
        """A newer reading."""
        if last == NEVER:
            self._put(POINTS, array("d", (at, value)))
            return
        if value != previous:
            self.head[DIFFERS] = last
        gap = at - last > self.pace.gap
        if is_point(last, at, gap=gap):
            points = self.section(POINTS)
            known = len(points)
            extend(points, Reading(last, previous), Reading(at, value), gap=gap)
            self._put(POINTS, points)
            self._raise(ODD, newest_odd(points, known - 2, self._ceiling))

    def _read_meter_late(self, newest: Reading, late: Reading, *, filled: bool) -> None:
        """A reading that is not newer than the newest. `filled`: it changed the gaps."""
        if late.at < newest.at and late.millijoules != newest.millijoules:
            self._raise(DIFFERS, late.at)
        points = self.section(POINTS)
        if filled or takes_late(points, late):
            points = rebuilt(points, late, self.gaps_of(ENERGY))
            self._put(POINTS, points)
            self.head[ODD] = newest_odd(points, 0, self._ceiling)
