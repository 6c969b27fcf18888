"""What a scenario file says, field by field."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from ebbtide.api.fields import Count, Currency, Flag, Percent, PositiveSeconds, Seconds, Timestamp, problem
from ebbtide.sim.expectation import Expectation
from ebbtide.sim.simulated_metrics import Condition
from ebbtide.sim.words import Reference, SeriesText, Text, Words, needs_one, rule, said

API_VERSION = "sim.ebbtide.dev/v1alpha1"
KIND = "Scenario"
MOST_STEPS = 250_000
"""Ticks, and scrapes, of one run: 86 days of 30 s. More is a typing error, or belongs into several files."""


def _manifest(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise problem("write a manifest: a map with apiVersion, kind, metadata and spec")
    return value


Manifest: TypeAlias = Annotated[dict[str, Any], PlainValidator(_manifest)]


class ActivityClock(StrEnum):
    """What counts the values of an activity."""

    Running = "Running"
    """Scrapes at which the gang runs."""
    Wall = "Wall"
    """All scrapes from the start."""


class Billing(StrEnum):
    """When a node costs."""

    WhileExists = "WhileExists"
    WhileUsed = "WhileUsed"
    """From the first bind until the last pod leaves."""


class OperatorState(StrEnum):
    """What happens to the operator."""

    Restart = "Restart"
    Down = "Down"
    Up = "Up"


class ApiState(StrEnum):
    """How the API server answers the operator's writes."""

    Ok = "Ok"
    Conflict = "Conflict"
    """Refuses one."""
    Forbidden = "Forbidden"
    Unavailable = "Unavailable"


class SafetyWords(Words):
    """Chart values `safety`."""

    idle_pauses_per_hour: Count = 60
    paused_percent_per_hour: Percent = 10
    idle_share_jump_percent: Percent = 30


class AllowedWords(Words):
    """A metric that users may name: its name alone, or with the label that carries the namespace."""

    name: Text
    namespace_label: Text = "namespace"


def _allowed(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class MetricsWords(Words):
    """Chart values `metrics`."""

    allowed: tuple[Annotated[AllowedWords, BeforeValidator(_allowed)], ...] = ()
    """Series that users may declare."""
    profiles: tuple[Manifest, ...] = ()
    """Profiles of exporters beside those that come with the program, as in the chart's values."""


class EnforcementWords(Words):
    """Chart values `enforcement`."""

    enabled: Flag = True
    """Unlike the chart's: a scenario shows what would be done."""


class SettingsWords(Words):
    """Chart values that decisions depend on."""

    safety: SafetyWords = SafetyWords()
    metrics: MetricsWords = MetricsWords()
    enforcement: EnforcementWords = EnforcementWords()
    currency: Currency = "USD"
    cluster: Text = "demo"


class Activity(Words):
    """What the live pods of a workload do."""

    workload: Reference
    clock: ActivityClock = ActivityClock.Running
    gpu_percent: SeriesText | None = None
    memory_mib: Annotated[SeriesText | None, Field(alias="memoryMiB")] = None
    omit: tuple[Text, ...] = ()
    """Metrics that its devices do not emit."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.gpu_percent is None and self.memory_mib is None:
            raise rule("say what its pods do: gpuPercent, memoryMiB or both")
        return self


class SeriesWords(Words):
    """Exact samples, one for each scrape from the start on."""

    series: Text
    """NAME{label="…"}."""
    values: SeriesText


class Capacity(Words):
    """How many of some nodes exist, over time."""

    node_selector: dict[str, str] = Field(min_length=1)
    step_seconds: PositiveSeconds | None = None
    available: SeriesText | None = None
    available_file: Text | None = None
    notice_seconds: Seconds = 0
    billed: Billing = Billing.WhileExists

    @model_validator(mode="after")
    def _has_a_trace(self) -> Self:
        needs_one(self, "available", "available_file")
        if self.available is not None and self.step_seconds is None:
            raise rule("required with available", ".stepSeconds")
        return self


class ObjectName(Words):
    """An object to delete."""

    api_version: Text | None = None
    kind: Text
    namespace: Text | None = None
    name: Text


_WHAT = ("apply", "delete", "prometheus", "operator", "api")


class Event(Words):
    """Something that happens to the world at one second; exactly one thing each."""

    at: Seconds
    apply: Manifest | None = None
    delete: ObjectName | None = None
    prometheus: Condition | None = None
    operator: OperatorState | None = None
    api: ApiState | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        needs_one(self, *_WHAT)
        if all(getattr(self, name) is None for name in _WHAT):
            raise rule("says nothing; give it a value", f".{said(self, *_WHAT)[0]}")
        return self


class Spec(Words):
    """A whole situation."""

    start: Timestamp
    duration_seconds: PositiveSeconds
    tick_seconds: PositiveSeconds = 30
    scrape_interval_seconds: PositiveSeconds = 30
    settings: SettingsWords = SettingsWords()
    objects: tuple[Manifest, ...] = ()
    object_files: tuple[Text, ...] = ()
    activity: tuple[Activity, ...] = ()
    series: tuple[SeriesWords, ...] = ()
    series_files: tuple[Text, ...] = ()
    capacity: tuple[Capacity, ...] = ()
    startup_seconds: Seconds = 0
    termination_seconds: Seconds = 0
    events: tuple[Event, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, seconds in (("tick", self.tick_seconds), ("scrapeInterval", self.scrape_interval_seconds)):
            if self.duration_seconds > MOST_STEPS * seconds:
                longest = MOST_STEPS * seconds
                raise rule(f"at most {longest} with {name}Seconds: {seconds}; write less", ".durationSeconds")
        for place, event in enumerate(self.events):
            if event.at > self.duration_seconds:
                raise rule(f"is after the end ({self.duration_seconds})", f".events[{place}].at")
        for place, wanted in enumerate(self.expect):
            if getattr(wanted, "at", 0) > self.duration_seconds:
                raise rule(f"is after the end ({self.duration_seconds})", f".expect[{place}].at")
        return self


class Metadata(Words):
    """The scenario's name."""

    name: Text
    namespace: Text | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Scenario(Words):
    """One file."""

    api_version: Literal["sim.ebbtide.dev/v1alpha1"]
    kind: Literal["Scenario"]
    metadata: Metadata
    spec: Spec
