"""The gang under judgement, and what one pass over its devices adds up to."""
# ruff: noqa: PLR1730  the pass runs for every device of the fleet at every tick, and max() is a call

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import inf
from typing import TypeAlias

from msgspec import Struct, field

from ebbtide.core.auto_timeout import AutoTimeout
from ebbtide.core.evidence import NEVER, DeviceEvidence, EvidenceBook
from ebbtide.core.idle_rule import MEMORY_HELD_PERCENT, IdleRule
from ebbtide.core.lineup import Lineup
from ebbtide.core.signal import Signal
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.traces import HOLE, WORKED
from ebbtide.core.workload import Instant, Pod, WorkloadKey


class Gang(Struct, frozen=True, gc=False):
    """Everything a verdict over one workload looks at."""

    now: Instant
    lineup: Lineup
    """Pods of the workload that have not ended."""
    book: EvidenceBook
    rule: IdleRule
    metrics: MetricsHealth
    interval_seconds: float
    clock_floor: Instant | None = None
    """End of the last veto or override: the idle clock does not start before it."""
    key: WorkloadKey | None = None
    """By which signs beside the devices are known; None: they are not looked at."""
    active_at: Instant | None = None
    """Newest activity that the object tells itself, as a Notebook does."""
    sharing_nodes: AbstractSet[str] = frozenset()
    """Nodes that offer each device to several pods."""
    timeout: AutoTimeout | None = None
    """Where T is learnt."""


Held: TypeAlias = tuple[Pod, Instant, Sequence[DeviceEvidence]]
"""A pod, the instant from which it is judged (Ready, or the begin of the evidence if that is later), and its devices
heard of since Ready: samples before Ready do not exist for judging (P12). A plain tuple, because a named one costs
as much as judging the device."""


class Tally(Struct, gc=False):
    """Sums over a gang, mutable only while it is added up. Times are NEVER where nothing was seen."""

    gang: Gang
    after: float
    """T of the rule, in seconds."""
    span: float
    held: list[Held] = field(default_factory=list)
    """Pods that are Ready, out of grace and not failing: their devices are judged."""
    waiting: list[Pod] = field(default_factory=list)
    """Pods that are not Ready yet, or in grace."""
    failing: Sequence[Pod] = ()
    settled: bool = True
    """All pods are Ready."""
    known: bool = True
    """The evidence reaches back to every pod's Ready."""
    busy_now: bool = False
    """The newest sample of some judged device is busy."""
    busy_at: Instant = NEVER
    """Newest busy sample of a judged device since Ready."""
    worked_at: Instant = NEVER
    """Newest such sample of tensor or DRAM."""
    last_busy: Instant = NEVER
    """Newest busy sample of any device since Ready, those in grace included."""
    hole_end: Instant = NEVER
    """End of the last hole above three intervals of any device since Ready, the begin of the evidence included."""
    rested_at: Instant = NEVER
    """Latest of Ready + grace and the end of a veto or override."""
    beside_at: Instant = NEVER
    """Newest sign of work beside the devices."""
    newest: Instant = inf
    """Oldest of the devices' newest valid samples: NEVER where a device has none, inf without devices."""

    @property
    def edge(self) -> Instant:
        """Begin of the judged span, which is (edge, now]."""
        return self.gang.now - self.span

    @property
    def quiet_since(self) -> Instant:
        """What idleSince would be if no sample was ever busy."""
        return max(self.hole_end, self.rested_at)

    @property
    def idle_since(self) -> Instant | None:
        """Start of the idle clock; None while some pod is not Ready, and without pods."""
        clock = max(self.quiet_since, self.last_busy, self.beside_at)
        return clock if self.settled and (self.held or self.waiting) else None

    @property
    def newest_common(self) -> Instant | None:
        """Every device has a valid sample at least this new; None where one has none."""
        return self.newest if NEVER < self.newest < inf else None

    @property
    def used(self) -> bool:
        """Some sample since Ready was busy."""
        return self.last_busy > NEVER


def tally_of(gang: Gang) -> Tally:
    """Add up a gang. Binds the evidence to the rule's thresholds where it was bound to others."""
    lineup = gang.lineup
    settled = not (lineup.waiting or lineup.failing)
    tally = Tally(gang, 0.0, 0.0, waiting=list(lineup.waiting), failing=lineup.failing, settled=settled)
    _take_pods(tally)
    floor = NEVER if gang.clock_floor is None else gang.clock_floor
    tally.rested_at = max(tally.rested_at + gang.rule.grace_seconds, floor)
    memory_held = bool(gang.rule.memory_held_after_seconds) and _holds_memory(tally.held)
    learnt = None if gang.timeout is None else gang.timeout.after(tally.idle_since, gang.now)
    after = gang.rule.after(used=tally.used, known=tally.known, memory_held=memory_held, learnt=learnt)
    tally.after = float(after)
    tally.span = max(gang.rule.span(tally.after), gang.interval_seconds)
    return tally


def _take_pods(tally: Tally) -> None:  # noqa: C901, PLR0912  see below
    """Add up the devices of the pods that are Ready; `rested_at` becomes the newest Ready.

    One flat loop over local names: it runs for every device of the fleet at every tick, and calls would double it.
    """
    gang, lineup = tally.gang, tally.gang.lineup
    limits, grace, now = gang.rule.thresholds, gang.rule.grace_seconds, gang.now
    since, hole, half = gang.book.since, gang.book.pace.hole, gang.book.pace.interval / 2
    find, hold = gang.book.of_namespace(lineup.namespace).get, tally.held.append
    busy_at = worked_at = last_busy = hole_end = NEVER
    oldest, busy_now = inf, False
    for pod in lineup.running:
        start = ready = pod.ready_since or NEVER
        judged = now >= ready + grace
        if ready < since:
            # What the source has lost or never told is a hole that ends where it begins to tell: a warning from before
            # then is void, and the clock starts there.
            start, tally.known = since, False
            if since > hole_end:
                hole_end = since
        devices: Sequence[DeviceEvidence] = find(pod.name, ())
        for device in devices:
            newest, ended = device.newest, device.head[HOLE]
            if newest <= ready:
                oldest, devices = NEVER, heard(devices, ready)
                continue
            if newest < oldest:
                oldest = newest
            if device.thresholds is not limits:
                device.bind(limits)
            if ended > hole_end and ended - start > hole:
                hole_end = ended
            busy = device.last_busy_at
            if busy > ready:
                if busy > last_busy:
                    last_busy = busy
                if judged:
                    if busy > busy_at:
                        busy_at = busy
                    if not busy_now:
                        busy_now = busy > newest - half
                    worked = device.head[WORKED]
                    if worked > worked_at and worked > ready:
                        worked_at = worked
        if len(devices) < pod.accelerators:
            oldest = NEVER
        if judged:
            hold((pod, start, devices))
        else:
            tally.waiting.append(pod)
    tally.busy_at, tally.worked_at, tally.last_busy, tally.busy_now = busy_at, worked_at, last_busy, busy_now
    tally.hole_end, tally.rested_at, tally.newest = hole_end, lineup.last_ready, oldest


def heard(devices: Sequence[DeviceEvidence], ready: Instant) -> Sequence[DeviceEvidence]:
    """Devices of which this pod, not a predecessor of the same name, was heard, be it untrue values."""
    return [device for device in devices if device.heard_at() > ready]


def _holds_memory(held: list[Held]) -> bool:
    newest = ((start, device.last(Signal.MemoryPercent)) for _, start, devices in held for device in devices)
    return any(last is not None and last[0] > start and last[1] > MEMORY_HELD_PERCENT for start, last in newest)
