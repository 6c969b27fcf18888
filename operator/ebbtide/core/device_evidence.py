"""What one device showed under one pod, with the sums that let a fleet be judged in a few comparisons per device."""

from math import inf

from ebbtide.core.energy import Meter, Reading
from ebbtide.core.idle_watts import idle_watts
from ebbtide.core.series import NEVER
from ebbtide.core.signal import (
    ACTIVITY,
    ENERGY,
    HIGHEST,
    POWER,
    SLOT,
    TENSOR,
    UTILISATION,
    Pace,
    Signal,
    Thresholds,
    thresholds,
)
from ebbtide.core.traces import FIRST, VALUE, Traces
from ebbtide.core.workload import Instant


class DeviceEvidence(Traces):
    """One device under one pod.

    The attributes from `mask` on are sums over the signals, kept while folding so that a fleet can be judged with a
    few comparisons per device. Each equals what the traces say; NEVER stands for "not seen".
    """

    __slots__ = (
        "bad",
        "bad_at",
        "clean_since",
        "hole_end",
        "hot_at",
        "id",
        "idle_watts",
        "last_busy_at",
        "mask",
        "meter",
        "mig",
        "model",
        "namespace",
        "newest",
        "peers",
        "pod",
        "thresholds",
        "worked_at",
    )

    def __init__(self, namespace: str, pod: str, device: str, model: str, pace: Pace) -> None:
        super().__init__(pace)
        self.id = device
        self.namespace = namespace
        self.pod = pod
        self.model = model
        self.idle_watts = idle_watts(model)
        self.mig = "/" in device
        self.meter: Meter | None = None
        self.bad: dict[Signal, Instant] | None = None
        """Time of the newest value that cannot be true, by signal."""
        self.peers: list[DeviceEvidence] | None = None
        """Everything held for this device id where more than one pod was seen on it, itself included."""
        self.thresholds = thresholds(5, 2)
        self.mask = 0
        """Activity signals ever seen valid: bit 0 utilisation, 1 engine, 2 tensor, 3 DRAM."""
        self.newest: Instant = NEVER
        """Newest valid activity sample."""
        self.clean_since: Instant = NEVER
        """No activity signal misses a sample since then."""
        self.hole_end: Instant = NEVER
        """End of the newest hole above three intervals of any activity signal; a signal's first sample ends one."""
        self.last_busy_at: Instant = NEVER
        """Newest activity sample above `thresholds`."""
        self.worked_at: Instant = NEVER
        """Newest tensor or DRAM sample above `thresholds`: proof that a busy device does not just spin."""
        self.bad_at: Instant = NEVER
        """Newest untrue activity value."""
        self.hot_at: Instant = NEVER
        """Newest power sample above the ceiling of `idle_watts`."""

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
                self.hot_at = max(self.hot_at, at)
        elif slot == ENERGY:
            self._read_meter(last, previous, at, value)

    def bind(self, limits: Thresholds) -> None:
        """Keep `last_busy_at` and `worked_at` for these thresholds from now on."""
        self.thresholds = limits
        ratios = [self.last_above(signal, limits.ratio) for signal in ACTIVITY[1:]]
        self.last_busy_at = max(self.last_above(Signal.Utilisation, limits.percent), *ratios)
        self.worked_at = max(ratios[1:])

    def bad_at_of(self, signal: Signal) -> Instant:
        """Time of the newest untrue value."""
        return NEVER if self.bad is None else self.bad.get(signal, NEVER)

    def heard_at(self) -> Instant:
        """Newest activity sample, true or not."""
        return max(self.newest, self.bad_at)

    def readings(self, start: Instant) -> list[Reading]:
        """Readings of the energy counter from `start` on that were kept, the newest last."""
        if self.meter is None:
            return []
        return self.meter.since(start, Reading(self.head[ENERGY], self.head[ENERGY + VALUE]))

    def newest_of_all(self) -> Instant:
        """Newest valid sample of any signal, or newest untrue activity value."""
        return max(*self.head[:VALUE], self.bad_at)

    def forget(self, before: Instant) -> None:
        """Drop what no window that starts at `before` or later needs."""
        super().forget(before)
        if self.meter is not None:
            self.meter.forget(before)

    def _spoil(self, signal: Signal, slot: int, at: Instant) -> None:
        if self.bad is None:
            self.bad = {}
        self.bad[signal] = max(at, self.bad.get(signal, NEVER))
        if slot < POWER:
            self.bad_at = max(at, self.bad_at)

    def _note(self, slot: int, at: Instant, value: float) -> None:
        """Sums that a sample of an activity signal can only raise."""
        if at > self.newest:  # noqa: PLR1730  max() costs three times as much, 200,000 times a tick
            self.newest = at
        if value > (self.thresholds.ratio if slot else self.thresholds.percent):
            self.last_busy_at = max(self.last_busy_at, at)
            if slot >= TENSOR:
                self.worked_at = max(self.worked_at, at)

    def _resume(self, slot: int, last: Instant, at: Instant) -> None:
        """A newer sample after a gap."""
        self._append_gap(slot, last, at)
        if slot < POWER:
            self.mask |= 1 << slot
            self.clean_since = max(self.clean_since, at)
            if at - last > self.pace.hole:
                self.hole_end = max(self.hole_end, at)

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
            self.hot_at = max(self.hot_at, at)
        if at == newest_at:
            head[slot + VALUE] = max(value, newest)
        if slot == ENERGY and self.meter is not None:
            newer = Reading(newest_at, newest)
            self.meter.add_late(newer, Reading(at, value), self._gaps_of(slot), filled=filled)

    def _sum_up(self) -> None:
        """`clean_since` and `hole_end` anew."""
        self.clean_since = self.hole_end = NEVER
        for slot, signal in enumerate(ACTIVITY):
            if self.mask >> slot & 1:
                gaps = self._gaps_of(slot)
                self.clean_since = max(self.clean_since, gaps[-1] if gaps else self.head[slot + FIRST])
                self.hole_end = max(self.hole_end, self.hole_end_of(signal, NEVER))

    def _read_meter(self, last: Instant, previous: float, at: Instant, value: float) -> None:
        """A newer reading. The energy of a MIG instance is the whole board's: never too much for one instance."""
        if self.meter is None:
            self.meter = Meter(inf if self.mig else self.idle_watts.ceiling, Reading(at, value))
        else:
            self.meter.add(Reading(last, previous), Reading(at, value), gap=at - last > self.pace.gap)
