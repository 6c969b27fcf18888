"""CostPolicy: what may be done to the workloads it selects. A section that is absent is off."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ebbtide.api.attribution import AttributionKey, AttributionLabels, AttributionValues
from ebbtide.api.conditions import Conditions
from ebbtide.api.fields import SET, Count, Identifier, Percent, Seconds, Timestamp, at_most
from ebbtide.api.idle_section import IdleSection
from ebbtide.api.model import ApiModel, Rule
from ebbtide.api.off_peak_section import OffPeakSection
from ebbtide.api.resource import ACCEPTED, AGE, Column, Definition, Resource
from ebbtide.api.selector import LabelSelector
from ebbtide.api.vocabulary import Permission, PlacementClass, WorkloadKind


class PolicyMode(StrEnum):
    """Whether the policy acts."""

    Observe = "Observe"
    Enforce = "Enforce"


class Include(StrEnum):
    """Which of the selected workloads count."""

    Accelerated = "Accelerated"
    AllWorkloads = "AllWorkloads"


class SpotUse(StrEnum):
    """Whether spot capacity is used."""

    Never = "Never"
    Prefer = "Prefer"
    Only = "Only"


class OnRisk(StrEnum):
    """The answer to a deadline at risk."""

    Notify = "Notify"
    BreakWindow = "BreakWindow"


class RightSizingMode(StrEnum):
    """What is done with requests that are too large."""

    Disabled = "Disabled"
    Recommend = "Recommend"
    AtResume = "AtResume"


class AttributionWrite(StrEnum):
    """Where attribution labels are written on existing workloads."""

    NONE = "None"
    Objects = "Objects"
    ObjectsAndPods = "ObjectsAndPods"


class NotifyEvent(StrEnum):
    """What can be notified."""

    Warn = "Warn"
    Pause = "Pause"
    Resume = "Resume"
    DeadlineAtRisk = "DeadlineAtRisk"
    BudgetExceeded = "BudgetExceeded"
    Conflict = "Conflict"


class SpotSection(ApiModel):
    """Use of spot capacity, for interruptible work."""

    use: SpotUse = SpotUse.Never
    """Never, Prefer (fall back to on-demand) or Only (never fall back)."""
    attempt_seconds: Seconds = 300
    """Pods Pending on spot this long: spot is not available. The next try comes after 10, 20, 40 … 120 minutes."""
    wait_before_fallback_seconds: Seconds = 900
    """Without a deadline: wait this long before on-demand is used. With one, its slack decides."""
    persistence_seconds: Seconds = 1200
    """Spot must have been there this long before running work leaves on-demand for it."""


class PlacementSection(ApiModel):
    """The capacity classes that may be used."""

    order: Annotated[tuple[PlacementClass, ...], at_most(4, at_least=1), SET]
    """The allowed classes in order of preference; a class that is not named is never used."""


class DeadlineSection(ApiModel):
    """How deadlines are kept."""

    on_risk: OnRisk = OnRisk.Notify
    """Notify, or BreakWindow: run outside the windows when the deadline would be missed; it has no effect yet."""
    margin_percent: Percent = 10
    """Reserve on top of the expected time."""
    changeover_seconds: Seconds = 600
    """Time that a restart costs; what its pods took to be Ready the last time counts instead where that was longer."""


class RightSizingSection(ApiModel):
    """What is done with requests that are too large."""

    mode: RightSizingMode
    """Disabled, Recommend (say it), or AtResume (change it at a resume, where the workload allows it)."""


class AttributionSection(ApiModel):
    """Who pays for the selected workloads, where they do not say so themselves."""

    required: Annotated[tuple[AttributionKey, ...], at_most(6), SET] = Field(default_factory=tuple)
    """Keys that every workload needs; only counted in the metric ebbtide_attribution_missing."""
    labels_from: AttributionLabels = Field(default_factory=AttributionLabels)
    """Existing labels to take values from: of the object, else of its namespace."""
    defaults: AttributionValues = Field(default_factory=AttributionValues)
    """Values for keys that nothing else gives."""
    write: AttributionWrite = AttributionWrite.Objects
    """None, Objects (metadata of the workload object) or ObjectsAndPods (its pods and PVCs too, where the chart value
    attribution.writePods allows it)."""


class LimitsSection(ApiModel):
    """Limits of idle pauses. They may only tighten those of the fleet; 0: no such limit from this policy."""

    pauses_per_hour: Count = 20
    """Pauses of this policy's workloads in any hour."""
    paused_percent_per_hour: Percent = 10
    """Share of their accelerators that may be paused in any hour."""
    pauses_per_workload_per_day: Count = 4
    """Pauses of one workload in any 24 hours."""
    minimum_run_seconds: Seconds = 1800
    """A workload that resumed runs at least this long before the next pause."""


class OverridesSection(ApiModel):
    """What people may ask for with annotations."""

    never_pause: Permission = Permission.Allowed
    """Whether the annotation ebbtide.dev/never-pause is respected."""
    max_keep_seconds: Seconds = 604800
    """ebbtide.dev/keep-until counts at most this far ahead; 0: no limit."""


class NotifySection(ApiModel):
    """Who is told."""

    receiver: Identifier
    """Name of a receiver in the operator's configuration."""
    events: Annotated[tuple[NotifyEvent, ...], at_most(6), SET] = Field(default_factory=tuple)
    """What is told; absent or empty: everything. BudgetExceeded never comes yet."""


def _spot_is_allowed(spec: "CostPolicySpec") -> bool:
    only_spot = spec.spot is not None and spec.spot.use is SpotUse.Only
    return not only_spot or spec.placement is None or PlacementClass.Spot in spec.placement.order


class CostPolicySpec(ApiModel):
    """Which workloads, and what may be done to them."""

    rules: ClassVar = (
        Rule(
            "!has(self.spot) || !has(self.spot.use) || self.spot.use != 'Only' || !has(self.placement) || "
            "'Spot' in self.placement.order",
            "spot.use Only can never run while placement.order leaves Spot out: add Spot to the order, or choose Never",
            ".spot.use",
            _spot_is_allowed,
        ),
    )

    mode: PolicyMode = PolicyMode.Observe
    """Observe: plan and report only. Enforce: act, where the installation allows it."""
    selector: LabelSelector
    """Labels of the workload object itself; {} selects all of the namespace."""
    kinds: Annotated[tuple[WorkloadKind, ...], at_most(32, at_least=1), SET] | None = None
    """Kinds of workload; absent: every supported kind. InferenceServer: none exists yet."""
    include: Include = Include.Accelerated
    """Accelerated: only workloads that request an accelerator. AllWorkloads: all of them."""
    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    """Of several policies that select a workload the one with the higher priority governs."""
    idle: IdleSection | None = None
    """Idle workloads: warn, then pause. Absent: off."""
    off_peak: OffPeakSection | None = None
    """Windows in which work runs. Accepted; no effect yet."""
    spot: SpotSection | None = None
    """Use of spot capacity. Accepted; no effect yet."""
    placement: PlacementSection | None = None
    """The capacity classes that may be used. Accepted; no effect yet."""
    deadline: DeadlineSection | None = None
    """How deadlines are kept. Absent: they are honoured with the defaults."""
    right_sizing: RightSizingSection | None = None
    """Requests that are too large. Accepted; no effect yet."""
    attribution: AttributionSection | None = None
    """Who pays. Absent: only what workloads say themselves."""
    limits: LimitsSection | None = None
    """Limits of idle pauses. Absent: only those of the fleet."""
    overrides: OverridesSection | None = None
    """What people may ask for with annotations. Absent: everything, without limit."""
    notify: NotifySection | None = None
    """Who is told. Absent: nobody beyond events and conditions."""


class CostPolicyStatus(ApiModel):
    """What the policy reaches."""

    selected: Count | None = None
    """Workloads it governs."""
    idle: Count | None = None
    """Of these, idle."""
    paused: Count | None = None
    """Of these, paused."""
    next_edge: Timestamp | None = None
    """When the next window opens or closes. Never set yet."""
    conditions: Conditions = Field(default_factory=tuple)
    """Accepted: whether the policy is used, and if not, why."""


class CostPolicy(Resource):
    """Says what may be done to the workloads of its namespace that it selects.

    Pause what is idle, keep deadlines, tell people. Exactly one policy governs a workload.
    """

    definition: ClassVar = Definition(
        kind="CostPolicy",
        plural="costpolicies",
        singular="costpolicy",
        short_name="costpol",
        scope="Namespaced",
        columns=(
            Column("MODE", ".spec.mode", description="Observe or Enforce."),
            Column("SELECTED", ".status.selected", "integer", "Workloads it governs."),
            Column("IDLE", ".status.idle", "integer", "Of these, idle."),
            Column("PAUSED", ".status.paused", "integer", "Of these, paused."),
            ACCEPTED,
            AGE,
        ),
    )

    spec: CostPolicySpec
    """Which workloads, and what may be done to them."""
    status: CostPolicyStatus = Field(default_factory=CostPolicyStatus)
    """What the policy reaches. Written by the operator only."""
