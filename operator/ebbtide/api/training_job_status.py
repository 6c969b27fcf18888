"""Status of a workload: what was seen, what was done, why, and what it costs. Only the operator writes it."""

from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from ebbtide.api.conditions import Conditions
from ebbtide.api.fields import (
    ATOMIC,
    Count,
    Currency,
    Message,
    Percent,
    Seconds,
    ShownAmount,
    Timestamp,
    at_most,
    map_by,
)
from ebbtide.api.model import ApiModel
from ebbtide.api.vocabulary import ActionName, CapacityClass, CheckResult, Initiator, PolicyKind, VerdictValue

ReasonText: TypeAlias = Annotated[str, StringConstraints(max_length=64)]
"""One word of the list of reasons; newer versions may know more of them, so no enum."""
NameText: TypeAlias = Annotated[str, StringConstraints(max_length=253)]


class GoverningPolicy(ApiModel):
    """The policy that governs."""

    kind: PolicyKind
    """CostPolicy or ClusterCostPolicy."""
    name: NameText
    """Its name."""


class IdleStatus(ApiModel):
    """Where the idle clock stands."""

    since: Timestamp | None = None
    """Idle since then."""
    warned_at: Timestamp | None = None
    """When the warning was given that is still in force."""
    without_pause: ReasonText | None = None
    """Why that warning announced no pause; before any pause another warning names its time. Absent: it did."""
    eligible_after: Timestamp | None = None
    """Not paused for idleness before this time."""


class PauseCost(ApiModel):
    """What it gave back, at the prices of the time; absent where it had no price."""

    hourly: ShownAmount
    """One hour of it."""
    currency: Currency
    """ISO 4217."""


class PauseStatus(ApiModel):
    """The present or the last pause."""

    since: Timestamp
    """Paused since then."""
    end_time: Timestamp | None = None
    """When it ended; absent: still paused."""
    reason: ReasonText
    """Why, for example GPUIdle or OutsideWindow."""
    by: Initiator
    """Policy, User or Budget."""
    count_today: Count = 1
    """Idle pauses in the 24 hours before it began, itself included."""
    recent: Annotated[tuple[Timestamp, ...], at_most(64), ATOMIC] = Field(default_factory=tuple)
    """When each of these began, oldest first."""
    startup_seconds: Seconds | None = None
    """What its pods had taken from creation to Ready; a start after the pause may take as long."""
    reverts: Count = 0
    """How often within 24 hours a human undid it."""
    resource_version: NameText | None = None
    """Version of the object with the lever as it was stopped or started; an older view of it tells of neither."""
    message: Message | None = None
    """The sentence with the numbers that led to it."""
    evidence: "VerdictStatus | None" = None
    """The verdict that led to it, with its devices: the proof outlives the pods."""
    cost: PauseCost | None = None
    """What an hour of the devices, CPU and memory costs that it gave back."""
    original: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """What the pause changed, in JSON, in case the annotation that says so is lost (`kubectl rollout undo`)."""


class OverrideStatus(ApiModel):
    """A human's word that is in force, or was last."""

    until: Timestamp | None = None
    """It ends then; afterwards the policy applies and the idle clock starts there. Absent: until taken back."""
    request: NameText | None = None
    """The annotation value that it answers, so that a new request is told from an old one."""


class AttemptsStatus(ApiModel):
    """What was done last to the lever, and how often in a row: after three times within a day somebody else has it."""

    request: NameText
    """What was done, and on whose word: Pause/Paused, Start/Running."""
    count: Count = 1
    """How often in a row."""
    since: Timestamp
    """The first time."""


class LabellingStatus(ApiModel):
    """Attribution labels that were written: three times where somebody takes them off, then not for a day."""

    request: NameText
    """Which labels, by name."""
    count: Count = 1
    """How often; pods that are new do not count."""
    since: Timestamp
    """The last time."""


class LatchStatus(ApiModel):
    """Held on a capacity class to make the deadline."""

    since: Timestamp
    """Since then."""
    capacity_class: CapacityClass
    """The class it is held on."""


class WouldBe(ApiModel):
    """Observe mode: what would have been done."""

    action: ActionName
    """The action, for example Pause."""
    reason: ReasonText
    """Why."""
    since: Timestamp
    """Since when."""
    without_pause: ReasonText | None = None
    """Why the planned warning announces no pause; absent: it does."""


class Accrued(ApiModel):
    """Times that have added up since the work was first seen with a deadline."""

    active_seconds: Seconds = 0
    """Running and not idle."""
    lost_seconds: Seconds = 0
    """Of that, what stops have lost: it is done again."""
    paused_seconds: Seconds = 0
    """Paused after a start."""
    held_seconds: Seconds = 0
    """Held before the first start."""
    durable_seconds: Seconds = 0
    """Work that a checkpoint keeps."""
    as_of: Timestamp | None = None
    """Counted up to then."""


class PlanStatus(ApiModel):
    """What comes next."""

    action: ActionName
    """The next action."""
    reason: ReasonText
    """Why."""
    next_start: Timestamp | None = None
    """When it is to start or resume."""
    expected_finish: Timestamp | None = None
    """When it should be finished."""
    expected_cost: ShownAmount | None = None
    """What the rest should cost."""


class CostStatus(ApiModel):
    """What it costs; "-" where a price is missing."""

    currency: Currency | None = None
    """ISO 4217."""
    hourly: ShownAmount | None = None
    """One hour as it stands now."""
    total: ShownAmount | None = None
    """So far. Nobody counts it yet: "-"."""
    saved: ShownAmount | None = None
    """Saved so far against running as before; may be negative. Nobody counts it yet: "-"."""
    as_of: Timestamp | None = None
    """Counted up to then."""


class DeviceStatus(ApiModel):
    """What one accelerator showed in the judged span."""

    id: NameText
    """UUID, with the MIG instance where there is one."""
    pod: NameText | None = None
    """The pod that holds it."""
    last_busy_time: Timestamp | None = None
    """Last busy sample; absent: none since Ready."""
    peak_percent: Percent | None = None
    """Highest utilisation in the span."""
    coverage_percent: Percent | None = None
    """Share of the expected samples that were seen."""
    memory_percent: Percent | None = None
    """Device memory held."""
    power_watts: Count | None = None
    """Last power draw."""


class VerdictStatus(ApiModel):
    """What the devices of all pods together show, and the numbers behind it."""

    value: VerdictValue
    """Active, Idle, NeverUsed, Stalled, Starting, Failing, Unknown or NotApplicable."""
    reason: ReasonText
    """Why, as one word."""
    message: Message = ""
    """Why, as a sentence."""
    since: Timestamp | None = None
    """The verdict stands since then."""
    as_of: Timestamp | None = None
    """When these numbers were taken."""
    span_seconds: Seconds | None = None
    """Length of the judged look-back."""
    coverage_percent: Percent | None = None
    """Share of the expected samples that were seen, of the worst device."""
    busy_above_percent: Percent | None = None
    """The threshold: busy where a utilisation signal was above this."""
    busy_above_engine_percent: Percent | None = None
    """The same for engine, tensor and memory ratios; 2 means 0.02."""
    every_seconds: Seconds | None = None
    """Judged again this many seconds after every judgement."""
    peak_percent: Percent | None = None
    """Highest utilisation of any device in the span."""
    idle_since: Timestamp | None = None
    """No device was busy after this time."""
    families: Annotated[tuple[NameText, ...], at_most(16), ATOMIC] = Field(default_factory=tuple)
    """Families of signals that were seen, for example utilisation and power."""
    devices: Annotated[tuple[DeviceStatus, ...], at_most(64), ATOMIC] = Field(default_factory=tuple)
    """The devices; of more than 64 those that decide."""


class CheckStatus(ApiModel):
    """One link of the chain that `kubectl ebbtide explain` shows."""

    name: NameText
    """The check."""
    result: CheckResult
    """Pass, Stop (this check decided) or Skip."""
    reason: ReasonText = ""
    """Why, as one word."""
    message: Message = ""
    """Why, as a sentence with the numbers."""


class WorkloadStatus(ApiModel):
    """What Ebbtide sees and does."""

    policy: GoverningPolicy | None = None
    """The policy that governs; absent: none."""
    start_time: Timestamp | None = None
    """First Ready; absent: never started."""
    verdict: VerdictStatus | None = None
    """What the devices show."""
    checks: Annotated[tuple[CheckStatus, ...], at_most(64), map_by("name")] = Field(default_factory=tuple)
    """The chain of checks behind the last decision, in order."""
    idle: IdleStatus | None = None
    """Where the idle clock stands; absent: not idle."""
    pause: PauseStatus | None = None
    """The present or the last pause."""
    attempts: AttemptsStatus | None = None
    """What was done last to the lever, and how often in a row, or the start that is about to be made."""
    labelling: LabellingStatus | None = None
    """Attribution labels on an adopted workload, and how often they had to be written."""
    override: OverrideStatus | None = None
    """A human's word that is in force, or was last."""
    latch: LatchStatus | None = None
    """Held on a capacity class to make the deadline. Never set yet."""
    would_be: WouldBe | None = None
    """Observe mode: what would have been done."""
    gpus: Count | None = None
    """Accelerators held now."""
    capacity_class: CapacityClass | None = None
    """OnPrem, Reserved, OnDemand, Spot or Unknown; the last one used while paused."""
    last_checkpoint_time: Timestamp | None = None
    """Progress up to here is durable."""
    accrued: Accrued | None = None
    """Times that have added up."""
    plan: PlanStatus | None = None
    """What comes next. Never set yet."""
    cost: CostStatus | None = None
    """What it costs."""
    conditions: Conditions = Field(default_factory=tuple)
    """Accepted, Succeeded, Running, Idle, Paused, WithinBudget, Priced, DeadlineAtRisk."""


class TrainingJobStatus(WorkloadStatus):
    """What Ebbtide sees and does."""

    job_name: NameText | None = None
    """The Job that runs the work."""
