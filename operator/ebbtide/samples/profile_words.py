"""What a profile may say in YAML, field by field; what it means is a Profile."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

from pydantic import Field, PlainValidator, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ebbtide.api.fields import problem
from ebbtide.api.model import ApiModel
from ebbtide.core.signal import Signal
from ebbtide.samples.profile import INSTANCE_MARK, PART_MARK, Measure, PodLabels, Profile, Reading, Scope
from ebbtide.samples.settings import LabelMode


class Unit(StrEnum):
    """What the exporter's numbers are."""

    Percent = "Percent"
    Ratio = "Ratio"
    Watts = "Watts"
    Milliwatts = "Milliwatts"
    Joules = "Joules"
    Millijoules = "Millijoules"
    Microjoules = "Microjoules"
    SecondsSince = "SecondsSince"
    """Seconds since work was begun last."""
    Count = "Count"
    """A counter of pieces of work."""


_RATIO: Final = {Unit.Ratio: 1.0, Unit.Percent: 0.01}
_FACTORS: Final[Mapping[Signal, Mapping[Unit, float]]] = {
    Signal.Utilisation: {Unit.Percent: 1.0, Unit.Ratio: 100.0},
    Signal.Engine: _RATIO,
    Signal.Tensor: _RATIO,
    Signal.Dram: _RATIO,
    Signal.Launches: {Unit.SecondsSince: 1.0, Unit.Count: 1.0},
    Signal.Power: {Unit.Watts: 1.0, Unit.Milliwatts: 0.001},
    Signal.Energy: {Unit.Millijoules: 1.0, Unit.Microjoules: 0.001, Unit.Joules: 1000.0},
    Signal.MemoryPercent: {Unit.Percent: 1.0, Unit.Ratio: 100.0},
}
"""From the units that a signal can be given in to its own."""
_READINGS: Final = {Unit.SecondsSince: Reading.Age, Unit.Count: Reading.Count}
_PRESENT: Final = (Signal.Utilisation, Signal.Engine, Signal.Tensor, Signal.Dram)
"""Signals whose samples say that a device was sampled, where a profile does not."""
_FORMS: Final = (
    PodLabels(LabelMode.Exported, "exported_namespace", "exported_pod"),
    # Only what the target says itself is pushed aside: some relabelings give it a pod, others a namespace alone.
    PodLabels(LabelMode.Exported, "namespace", "exported_pod"),
    PodLabels(LabelMode.Exported, "exported_namespace", "pod"),
    PodLabels(LabelMode.OldNamespace, "pod_namespace", "pod_name"),
    PodLabels(LabelMode.Plain, "namespace", "pod"),
)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")
_METRIC: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESOURCE: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]?[-A-Za-z0-9_.]*\*?")


def _text(pattern: re.Pattern[str], what: str) -> PlainValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > 253 or not pattern.fullmatch(value):
            raise problem(what)
        return value

    return PlainValidator(check)


Name: TypeAlias = Annotated[str, _text(_NAME, "write letters, digits and -, at most 32, such as MyNPU")]
Metric: TypeAlias = Annotated[str, _text(_METRIC, "write the name of a metric, such as npu_utilization")]
Label: TypeAlias = Annotated[str, _text(_LABEL, "write the name of a label, such as uuid")]
Resource: TypeAlias = Annotated[
    str, _text(_RESOURCE, "write an extended resource, such as example.com/npu, or its beginning and *")
]
Text: TypeAlias = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1024)]
Prefix: TypeAlias = Annotated[
    str, _text(re.compile(r"[A-Za-z_:]?[A-Za-z0-9_:]*"), 'write the beginning of metric names, such as amd_, or ""')
]
WattsAtRest: TypeAlias = Annotated[float, Field(gt=0, le=2000)]


class Words(ApiModel):
    """Part of a profile: what it does not know is a mistake, and told as one."""

    also: ClassVar[tuple[str, ...]] = ()
    """Fields that are taken out before it is read."""

    @model_validator(mode="before")
    @classmethod
    def _knows_all(cls, value: Any) -> Any:
        known = {field.alias or name for name, field in cls.model_fields.items()}
        if isinstance(value, dict) and (unknown := [key for key in value if key not in known]):
            raise rule(f"unknown field; known here: {', '.join(sorted((*known, *cls.also)))}", f".{unknown[0]}")
        return value


class LabelWords(Words):
    """Which labels say what."""

    device: tuple[Label, ...] = Field(min_length=1)
    within: tuple[Label, ...] = ()
    instance: Label | None = None
    undivided: dict[Label, tuple[Text, ...]] = Field(default_factory=dict, max_length=1)
    model: Label | None = None
    share: Label | None = None
    pod_uid: tuple[Label, ...] = ("exported_pod_uid", "pod_uid")
    target: tuple[Label, ...] = ("job", "instance")


class PodWords(Words):
    """One way to name pods."""

    mode: LabelMode
    namespace: Label
    pod: Label


class SignalWords(Words):
    """Where a signal comes from."""

    metrics: tuple[Metric, ...] = Field(min_length=1)
    unit: Unit | None = None
    scope: Scope = Scope.Device
    per_pod: bool = False
    vetted: bool = False
    beside: tuple[Metric, ...] = ()
    """The rest of a whole: memory that is free."""
    of: tuple[Metric, ...] = ()
    """The whole: all memory."""
    matchers: dict[Label, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.beside and self.of:
            raise rule("write beside (what is left) or of (the whole), not both")
        return self


class ProfileWords(Words):
    """One vendor's exporter."""

    also: ClassVar[tuple[str, ...]] = ("extends",)

    name: Name
    exporter: Text | None = None
    resources: tuple[Resource, ...] = Field(min_length=1)
    divided: tuple[Resource, ...] = ()
    matchers: dict[Label, Text] = Field(default_factory=dict)
    metric_prefixes: tuple[Prefix, ...] = Field(default=("",), min_length=1)
    labels: LabelWords
    pods: tuple[PodWords, ...] | None = Field(default=None, min_length=1)
    label_mode: LabelMode | None = None
    model: Text | None = None
    instance_utilisation: bool = False
    signals: dict[Signal, SignalWords] = Field(min_length=1)
    presence: tuple[Metric, ...] = ()
    idle_watts: dict[Text, WattsAtRest] = Field(default_factory=dict)
    remedy: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for signal, words in self.signals.items():
            _check_signal(signal, words)
        if not any(signal in self.signals for signal in _PRESENT):
            raise rule(f"one of {', '.join(_PRESENT)} is required: nothing else shows work", ".signals")
        if self.labels.undivided and not self.labels.instance:
            raise rule("needs labels.instance: without it no device is divided", ".labels.undivided")
        return self

    def profile(self) -> Profile:
        """What it means."""
        labels = self.labels
        return Profile(
            name=self.name,
            exporter=self.exporter or f"the exporter of {self.name}",
            resources=self.resources,
            divided=self.divided,
            matchers=tuple(self.matchers.items()),
            unit_labels=labels.device,
            within=labels.within,
            instance_label=labels.instance or "",
            undivided=next(iter(labels.undivided.items()), None),
            instance_mark=PART_MARK if self.instance_utilisation else INSTANCE_MARK,
            model_label=labels.model or "",
            model=self.model or "",
            share_label=labels.share or "",
            uid_labels=labels.pod_uid,
            pod_labels=_FORMS
            if self.pods is None
            else tuple(PodLabels(it.mode, it.namespace, it.pod) for it in self.pods),
            target_labels=labels.target,
            presence=self._prefixed(self.presence or self._present()),
            measures=tuple(self._measure(signal, self.signals[signal]) for signal in Signal if signal in self.signals),
            label_mode=self.label_mode,
            idle_watts=tuple(self.idle_watts.items()),
            remedy=self.remedy or f"have {self.exporter or 'the exporter'} label devices with their pods",
        )

    def _present(self) -> tuple[str, ...]:
        found = (self.signals[signal] for signal in _PRESENT if signal in self.signals)
        return tuple(name for words in found if words.scope is not Scope.Pod for name in words.metrics)

    def _measure(self, signal: Signal, words: SignalWords) -> Measure:
        unit = words.unit
        return Measure(
            signal=signal,
            metrics=self._prefixed(words.metrics),
            scope=words.scope,
            rest=self._prefixed(words.beside),
            whole=self._prefixed(words.of),
            per_pod=words.per_pod,
            vetted=words.vetted,
            factor=1.0 if unit is None else _FACTORS[signal][unit],
            reading=Reading.Value if unit is None else _READINGS.get(unit, Reading.Value),
            matchers=tuple(words.matchers.items()),
        )

    def _prefixed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{prefix}{name}" for name in names for prefix in self.metric_prefixes)


def _check_signal(signal: Signal, words: SignalWords) -> None:
    path, units = f".signals.{signal}", _FACTORS[signal]
    shared = bool(words.beside or words.of)
    if shared and signal is not Signal.MemoryPercent:
        raise rule("beside and of are for MemoryPercent", path)
    if shared and words.unit is not None:
        raise rule("with beside or of it is a percentage of equal units; leave unit out", f"{path}.unit")
    if not shared and words.unit not in units:
        said = "required, but not there" if words.unit is None else f"{words.unit} is not a unit of {signal}"
        also = ", or beside or of" if signal is Signal.MemoryPercent else ""
        raise rule(f"{said}; write {' or '.join(units)}{also}", f"{path}.unit")
    if words.scope is Scope.Pod and words.per_pod:
        raise rule("scope Pod names no device; leave perPod out", f"{path}.perPod")
    if words.vetted and (shared or words.unit in _READINGS):
        raise rule("is for samples that are taken as they are; leave it out", f"{path}.vetted")


def rule(message: str, path: str = "") -> PydanticCustomError:
    """A broken rule of a whole object; `path` is the field to look at, such as .unit."""
    context: dict[str, Any] = {"message": message, "path": path}
    return PydanticCustomError("rule", "{message}", context)
