"""What a tick decides: a verdict for every workload, actions for some, and the chain of checks behind both."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ebbtide.api.vocabulary import CheckResult as Result
from ebbtide.api.vocabulary import Initiator as Actor
from ebbtide.api.vocabulary import VerdictValue as Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Attribution, HourlyCost, Instant, WorkloadKey

if TYPE_CHECKING:
    from ebbtide.core.facts import Memo
    from ebbtide.core.plan import Ruled

__all__ = [
    "Action",
    "Actor",
    "Check",
    "Decision",
    "DeviceFinding",
    "Failure",
    "FleetFinding",
    "Judgement",
    "Plan",
    "Result",
    "Verb",
    "Verdict",
]


class Verb(StrEnum):
    """What can be done to a workload."""

    Create = "Create"
    Hold = "Hold"
    Start = "Start"
    Warn = "Warn"
    Pause = "Pause"
    Resume = "Resume"
    Notify = "Notify"
    Forget = "Forget"
    """Remove a restore annotation that no longer describes the object (RestoreStale, a human moved the lever)."""
    Adopt = "Adopt"
    """Create the AdoptedWorkload that carries the status; never touches the user's object."""
    Discard = "Discard"
    """Delete the AdoptedWorkload of what is finished, or no policy selects any more."""
    Label = "Label"
    """Write the attribution labels that are missing on the user's object, and on its pods where the chart allows."""


HOUSEKEEPING: Final = frozenset({Verb.Adopt, Verb.Discard, Verb.Label})
"""Done besides what was decided about the work itself; their failure says nothing about the work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One link of the chain that `explain` shows: its name, how it ended, and the sentence with the numbers."""

    name: str
    result: Result
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class DeviceFinding:
    """One device in an explanation. Percentages 0-100; None: never measured."""

    id: str
    pod: str
    verdict: Verdict
    reason: Reason
    last_busy_at: Instant | None
    peak_percent: float | None
    coverage_percent: float
    memory_percent: float | None
    power_watts: float | None


class Judgement(Struct, frozen=True, gc=False):
    """Verdict over the gang with the numbers that explain it. Seconds and percent as named.

    A struct, as everything that a tick makes for each workload: a frozen dataclass of this size takes 2.3 µs to make,
    a struct 0.2, and the collector need not look at it.
    """

    verdict: Verdict
    reason: Reason
    message: str
    idle_since: Instant | None = None
    span_seconds: float = 0.0
    after_seconds: float = 0.0
    """T: the idle time that leads to a pause."""
    coverage_percent: float = 0.0
    peak_percent: float | None = None
    families: tuple[str, ...] = ()
    devices: tuple[DeviceFinding, ...] = ()
    newest_common_sample_at: Instant | None = None
    """Oldest, over the devices, of each device's newest valid sample."""
    remark: str = ""
    """What people should hear of although it changes no verdict: a reading that is stuck."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, complete enough for the executor to do it and for a person to understand it."""

    verb: Verb
    workload: WorkloadKey
    reason: Reason
    message: str
    by: Actor = Actor.Policy
    policy: str = ""
    """Kind/name of the governing policy; empty without one."""
    observed: bool = False
    """Planned only: Observe mode, or enforcement disabled."""
    suspended: bool = False
    """Create: the Job is created suspended."""
    pods: tuple[str, ...] = ()
    """Label: names of the pods that lack a label too."""
    request: str = ""
    """Label: what is written, as it is counted."""
    attempt: int = 0
    """Label: the how manieth time; what is new since the last one does not count."""


class Decision(Struct, frozen=True, gc=False):
    """Everything one tick says about one workload."""

    workload: WorkloadKey
    judgement: Judgement
    deciding: Reason
    """The one reason shown as STATE."""
    message: str
    actions: tuple[Action, ...]
    policy: str
    """Kind/name of the governing policy; empty without one."""
    mode: str
    """Enforce or Observe, after the chart's enforcement switch."""
    hourly: HourlyCost | None
    """None: no pod is bound."""
    capacity_class: str
    """Empty: no pod is bound."""
    gpus: int
    """Devices held now."""
    attribution: Attribution
    """Who pays, after what the policy adds."""
    warned_at: Instant | None
    """The warning still in force, before this tick's own Warn."""
    idle_since: Instant | None
    eligible_after: Instant | None
    override: tuple[Instant | None, str]
    """(until, request) for status.override."""
    refused: Reason | None
    """Why something that was due is not done."""
    ruled: "Ruled"
    """Situation and ruling, for the explanation."""


@dataclass(frozen=True, slots=True)
class FleetFinding:
    """What the tick says about the fleet: breaker and counts."""

    open_breaker_until: Instant | None = None
    """Set when this tick opens the breaker: to be written to the Lease."""
    breaker_open: bool = False
    message: str = ""
    idle_share: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A workload that could not be decided about because of a mistake of ours; nothing is done to it."""

    workload: WorkloadKey
    error: Exception


@dataclass(frozen=True, slots=True)
class Plan:
    """Result of core.plan.plan: one decision per workload, in key order."""

    now: Instant
    decisions: tuple[Decision, ...]
    fleet: FleetFinding = field(default_factory=FleetFinding)
    failures: tuple[Failure, ...] = ()
    memo: "Memo | None" = field(default=None, repr=False, compare=False)
    """What the next plan may take over."""
