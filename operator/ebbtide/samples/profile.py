"""What a vendor's exporter calls things: metrics, units and labels as data. Each vendor is a file in `profiles/`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ebbtide.core.signal import Signal
from ebbtide.samples.settings import LabelMode

INSTANCE_MARK: Final = "/"
"""Between the board and the instance in the name of a divided device of which no utilisation is known (MIG);
core.evidence knows it too."""
PART_MARK: Final = "#"
"""The same where instances have a utilisation of their own: such a device is judged like a whole one."""
GROUPS: Final[tuple[tuple[Signal, ...], ...]] = (
    (Signal.Utilisation, Signal.MemoryPercent),
    (Signal.Engine, Signal.Launches, Signal.Tensor, Signal.Dram),
    (Signal.Power, Signal.Energy),
)
"""One request each, for all vendors together: with presence, and two for signs beside the devices, at most six."""
RECENT_INTERVALS: Final = 1.5
"""Work that was begun longer ago belongs to the sample before; half an interval of jitter is normal."""


class Scope(StrEnum):
    """What one series of a metric is about."""

    Device = "Device"
    """A device as pods hold it: a whole one or one instance of a divided one."""
    Undivided = "Undivided"
    """The same, but the metric says nothing about instances (GPU_UTIL under MIG is 0 or absent)."""
    Board = "Board"
    """The physical board, for all its instances together."""
    Pod = "Pod"
    """All devices of the pod that the series names: the series names no device."""


class Reading(StrEnum):
    """How samples become values of the signal."""

    Value = "Value"
    """The greatest of a step, times the factor."""
    Age = "Age"
    """Seconds since work was begun last: 1 where that is recent, else 0."""
    Count = "Count"
    """A counter of pieces of work: 1 where it has moved lately, else 0."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Where one signal comes from."""

    signal: Signal
    metrics: tuple[str, ...]
    """Names under which exporters give it; where several are there, the greatest counts."""
    scope: Scope = Scope.Device
    rest: tuple[str, ...] = ()
    """The signal is the percentage metric / (metric + rest)."""
    whole: tuple[str, ...] = ()
    """The signal is the percentage metric / whole."""
    per_pod: bool = False
    """Where pods share a device each may have a value of its own beside the device's; other metrics are copied."""
    vetted: bool = False
    """A step that holds any NaN, infinite or negative sample gives NaN even where other samples are good; otherwise
    the greatest wins, which hides NaN and negatives beside a good sample. Costs two more selections."""
    factor: float = 1.0
    """From the exporter's unit to that of the signal."""
    reading: Reading = Reading.Value
    matchers: tuple[tuple[str, str], ...] = ()
    """Labels of the series that count."""

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that it takes."""
        return (*self.metrics, *self.rest, *self.whole)

    def converter(self, interval: float) -> Callable[[float], float] | None:
        """From what a source answers to the signal's unit; None: it is that already. `interval`: seconds."""
        if self.reading is Reading.Age:
            limit = RECENT_INTERVALS * interval
            return lambda age: float(age <= limit) if age >= 0 else math.nan
        if self.reading is Reading.Count:
            return lambda moves: float(moves > 0) if moves >= 0 else math.nan
        factor = self.factor
        return None if factor == 1 else lambda value: value * factor


@dataclass(frozen=True, slots=True)
class PodLabels:
    """Two labels that name the holding pod, and the label mode that they are a form of."""

    mode: LabelMode
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One vendor's exporter."""

    name: str
    exporter: str
    """What people install."""
    resources: tuple[str, ...]
    """Extended resources that this exporter reports on; a name that ends with * stands for all that begin so."""
    divided: tuple[str, ...]
    """Those of them that are instances of a device: their series must name an instance."""
    matchers: tuple[tuple[str, str], ...]
    """Labels of all its series, where their names alone could be anybody's."""
    unit_labels: tuple[str, ...]
    """Names of the board's identity, first that is present."""
    within: tuple[str, ...]
    """Where that is told apart on one machine only: labels of the machine, first that is present."""
    instance_label: str
    """Empty: devices are never divided."""
    undivided: tuple[str, tuple[str, ...]] | None
    """A label, and its values where the device is whole, for exporters that number instances there too."""
    instance_mark: str
    model_label: str
    model: str
    """Of all devices, where series do not tell."""
    share_label: str
    """Borne only by series of one of several shares of a device; empty: no label tells it."""
    uid_labels: tuple[str, ...]
    """The pod's UID, first that is present."""
    pod_labels: tuple[PodLabels, ...]
    """In the order they are tried; plain labels last, because they may name the exporter itself."""
    target_labels: tuple[str, ...]
    """Of the scrape target: one device under several of these is scraped several times."""
    presence: tuple[str, ...]
    """Metrics whose timestamps say that a device was sampled."""
    measures: tuple[Measure, ...]
    """One for each signal at most."""
    label_mode: LabelMode | None
    """None: as the settings say."""
    idle_watts: tuple[tuple[str, float], ...]
    """Models and what their boards draw at rest at most, beside the table of core.idle_watts."""
    remedy: str
    """What to do where series name devices but no pods."""

    @property
    def groups(self) -> tuple[tuple[Measure, ...], ...]:
        """The measures by request."""
        by_signal = {measure.signal: measure for measure in self.measures}
        found = (tuple(by_signal[signal] for signal in group if signal in by_signal) for group in GROUPS)
        return tuple(group for group in found if group)

    def board(self, labels: Mapping[str, str]) -> str:
        """Identity of the physical board a series is about; empty: none."""
        unit = _first(labels, self.unit_labels)
        if not self.within or not unit:
            return unit
        machine = _first(labels, self.within)
        return f"{machine}:{unit}" if machine else ""

    def device(self, labels: Mapping[str, str]) -> str:
        """Name of the device as pods hold it: the board, or one instance of it."""
        instance, board = labels.get(self.instance_label), self.board(labels)
        if not instance:
            return board
        if self.undivided is not None and labels.get(self.undivided[0]) in self.undivided[1]:
            return board
        return f"{board}{self.instance_mark}{instance}"

    def uid(self, labels: Mapping[str, str]) -> str:
        """UID of the pod that a series names; empty: it does not say."""
        return _first(labels, self.uid_labels)

    def match(self, resource: str) -> int:
        """How well an accelerator resource is meant: the length of the name or beginning; 0: it is not."""
        return _match(self.resources, resource)

    def is_divided(self, resource: str) -> bool:
        """Pods that request this resource hold instances."""
        return bool(_match(self.divided, resource))

    @property
    def counts_launches_by_pod(self) -> bool:
        """Each sharer of a device is known by what it began itself."""
        launches = (it for it in self.measures if it.signal is Signal.Launches)
        return any(it.per_pod or it.scope is Scope.Pod for it in launches)

    @property
    def device_keys(self) -> tuple[str, ...]:
        """Labels that name a device."""
        marks = () if self.undivided is None else (self.undivided[0],)
        instance = (self.instance_label,) if self.instance_label else ()
        return (*self.unit_labels, *self.within, *instance, *marks)

    @property
    def presence_keys(self) -> tuple[str, ...]:
        """Labels of a row that says who held a device."""
        pods = (label for names in self.pod_labels for label in (names.namespace, names.pod))
        told = tuple(label for label in (self.model_label, self.share_label) if label)
        return tuple(dict.fromkeys((*self.device_keys, *told, *self.uid_labels, *pods, *self.target_labels)))

    def keys(self, measure: Measure, names: PodLabels) -> tuple[str, ...]:
        """Labels that say what one row of a measure is about, where pods are named by these."""
        pod = (names.namespace, names.pod)
        if measure.scope is Scope.Pod:
            return pod
        keys = (*self.unit_labels, *self.within) if measure.scope is Scope.Board else self.device_keys
        return (*keys, *pod) if measure.per_pod else keys

    def whole_only(self, measure: Measure) -> tuple[str, tuple[str, ...]] | None:
        """The label, and its values, of series that count where a measure says nothing about instances."""
        if measure.scope is not Scope.Undivided or not self.instance_label:
            return None
        return self.undivided or (self.instance_label, ("",))

    def names(self, mode: LabelMode) -> PodLabels:
        """The labels that name pods in this mode, in its usual form; the first form where it has none."""
        found = (labels for labels in self.pod_labels if labels.mode is mode)
        return next(found, self.pod_labels[0])


def owner_of(resource: str, profiles: tuple[Profile, ...]) -> int | None:
    """Which of these reports on a resource: the one that means it most exactly, the first of equals; None: none."""
    matches = [profile.match(resource) for profile in profiles]
    best = max(matches, default=0)
    return matches.index(best) if best else None


def _match(names: tuple[str, ...], resource: str) -> int:
    lengths = (
        len(name) if name == resource or (name.endswith("*") and resource.startswith(name[:-1])) else 0
        for name in names
    )
    return max(lengths, default=0)


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The first of these labels that is not empty."""
    for name in names:
        value = labels.get(name)
        if value:
            return value
    return ""
