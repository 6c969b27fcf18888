"""Signs of life beside the devices: CPU, network, requests, and what a notebook server tells. Mutable, as the evidence.

They only ever keep work alive: a sign that is there counts as active, one that was there and ended is doubt. What was
never measured says nothing, and `explain` says that it was not.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from ebbtide.core import series
from ebbtide.core.series import NEVER, Gaps, Stairs
from ebbtide.core.workload import Instant, Pod, WorkloadKey

LATEST: Final = 4
"""Steps that the newest sign may be old: signs are read a step at a time, and shown a scrape later."""
HELD: Final = 2
"""Steps for which the newest sign of work holds: until the next is read."""
LONGEST_HOLE: Final = 5
"""Steps that may lie between two signs of CPU or network: cAdvisor is scraped at its own pace."""


class Line:
    """The samples of one sign: gaps and suffix maxima, as for a signal of a device."""

    __slots__ = ("first", "gaps", "last", "stairs", "value")

    def __init__(self) -> None:
        self.first: Instant = NEVER
        self.last: Instant = NEVER
        self.value = 0.0
        """Of the newest sample."""
        self.gaps: Gaps = ()
        self.stairs: Stairs = array("d")

    def take(self, at: Instant, value: float, step: float) -> None:
        """One sample; samples more than one and a half steps apart have missing ones between them."""
        gap = 1.5 * step
        if self.last == NEVER:
            self.first = self.last = at
            self.value = value
        elif at > self.last:
            if at - self.last > gap:
                self.gaps = (*self.gaps, self.last, at)
            kept = series.climbed(self.stairs, 0, len(self.stairs), value)
            if kept < len(self.stairs):
                del self.stairs[kept:]
            if value < self.value:
                self.stairs.extend((self.last, self.value))
            self.last, self.value = at, value
        else:
            self._take_late(at, value, gap)

    def last_above(self, limit: float) -> Instant:
        """Time of the newest sample strictly above the limit; NEVER if none."""
        return self.last if self.value > limit else series.last_above(self.stairs, limit)

    def holds_above(self, limit: float, now: Instant, step: float) -> Instant:
        """As `last_above`; where the newest sample is above, work is taken to go on until the next is due."""
        if self.last != NEVER and self.value > limit:
            return min(now, self.last + HELD * step)
        return series.last_above(self.stairs, limit)

    def peak(self, start: Instant) -> float | None:
        """Highest value newer than `start`; None without a sample there."""
        if self.last <= start:
            return None
        found = series.peak_after(self.stairs, start)
        return self.value if found is None else found

    def absence(self, start: Instant, now: Instant, step: float) -> tuple[float, float]:
        """(missing seconds, longest hole in seconds) inside (start, now]."""
        return series.absence(self.first, self.last, self.gaps, start, now, step)

    def hole_after(self, start: Instant) -> float:
        """Longest hole in seconds between two samples that ends after `start`."""
        pairs = zip(self.gaps[::2], self.gaps[1::2], strict=True)
        return max((after - before for before, after in pairs if after > start), default=0.0)

    def forget(self, before: Instant) -> None:
        """Drop what no window that starts at `before` or later needs."""
        pairs = range(0, len(self.gaps), 2)
        self.gaps = tuple(it for at in pairs if self.gaps[at + 1] > before for it in self.gaps[at : at + 2])
        self.stairs = series.thinned(self.stairs, before, 1)

    def _take_late(self, at: Instant, value: float, gap: float) -> None:
        self.gaps = series.with_sample(self.gaps, self.first, at, gap)
        self.first = min(self.first, at)
        if at < self.last:
            if value > self.value:
                series.insert(self.stairs, at, value)
        elif value > self.value:
            self.value = value
            del self.stairs[series.climbed(self.stairs, 0, len(self.stairs), value) :]


class Spell(NamedTuple):
    """One stretch of samples of a pod."""

    pod: str
    first: Instant
    last: Instant
    hole: tuple[Instant, Instant] | None
    """The newest pair of samples more than LONGEST_HOLE steps apart."""


class Use(Line):
    """The use of a gang: the samples of its busiest pod, and by pod how far it was measured.

    Else a pod that is not measured any more would hide behind the others.
    """

    __slots__ = ("holes", "pods")

    def __init__(self) -> None:
        super().__init__()
        self.pods: dict[str, Instant] = {}
        """Newest sample."""
        self.holes: dict[str, tuple[Instant, Instant]] = {}
        """The newest hole of those that had one."""

    def measured(self, spell: Spell, step: float) -> None:
        """More of one pod."""
        before = self.pods.get(spell.pod)
        if before is not None and spell.first - before > LONGEST_HOLE * step:
            self.holes[spell.pod] = before, spell.first
        if spell.hole is not None:
            self.holes[spell.pod] = spell.hole
        if before is None or spell.last > before:
            self.pods[spell.pod] = spell.last

    def keep(self, before: Instant, names: Collection[str]) -> None:
        """As `forget`; pods that are there stay known to have been measured, however long ago."""
        self.forget(before)
        self.holes = {pod: hole for pod, hole in self.holes.items() if hole[1] > before}
        if any(at < before for at in self.pods.values()):
            self.pods = {pod: at for pod, at in self.pods.items() if at >= before or pod in names}


@dataclass(slots=True)
class Reading:
    """Which stretch of time was read of one sign."""

    begin: Instant
    end: Instant


@dataclass(slots=True)
class Signs:
    """All signs of a fleet. A reading of None: nobody asks for that sign."""

    step: float = 60.0
    """Seconds from one sign to the next."""
    cpu: dict[WorkloadKey, Use] = field(default_factory=dict)
    """Percent of its request that the busiest pod of a workload uses."""
    cpu_read: Reading | None = None
    network: dict[WorkloadKey, Use] = field(default_factory=dict)
    """Megabytes a second that the busiest pod of a workload receives and sends."""
    network_read: Reading | None = None
    of_pods: dict[tuple[str, str], Line] = field(default_factory=dict)
    """By (namespace, pod): requests that an inference engine of a known kind shows, above 0 where there are any."""
    of_workloads: dict[WorkloadKey, Line] = field(default_factory=dict)
    """The same from the series that a workload names itself."""
    told: dict[tuple[str, str], Instant] = field(default_factory=dict)
    """By (namespace, pod): newest activity of people and kernels that a notebook server tells."""
    requests_read: Reading | None = None
    calls: dict[WorkloadKey, dict[Instant, float]] = field(default_factory=dict)
    """Of work that is paused for idleness and names a series: by the end of a step the requests that it showed in it,
    of a counter how far it rose, of others the greatest value. Steps without a request are not there."""
    problems: dict[WorkloadKey, str] = field(default_factory=dict)
    """Why the series that a workload names are not asked for."""

    def forget(self, before: Instant, pods: Mapping[WorkloadKey, Sequence[Pod]] = MappingProxyType({})) -> None:
        """Drop what has ended before, and what no window that starts then needs; of `pods` that they were measured."""
        _forget_use(self.cpu, before, pods)
        _forget_use(self.network, before, pods)
        _forget(self.of_pods, before)
        _forget(self.of_workloads, before)
        self.told = {pod: at for pod, at in self.told.items() if at >= before}
        self.calls = {key: {at: it for at, it in calls.items() if at >= before} for key, calls in self.calls.items()}


K = TypeVar("K")


def _forget_use(lines: dict[WorkloadKey, Use], before: Instant, pods: Mapping[WorkloadKey, Sequence[Pod]]) -> None:
    for key, line in list(lines.items()):
        there = pods.get(key, ())
        if line.last < before and not there:
            del lines[key]
        else:
            line.keep(before, {pod.name for pod in there})


def _forget(lines: dict[K, Line], before: Instant) -> None:
    for name, line in list(lines.items()):
        if line.last < before:
            del lines[name]
        else:
            line.forget(before)
