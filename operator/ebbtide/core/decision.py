"""What a tick decides: a verdict for every workload, actions for some, and the chain of checks behind both."""

from dataclasses import dataclass, field

from msgspec import Struct

from ebbtide.core.action import Action
from ebbtide.core.facts import Memo
from ebbtide.core.judgement import Judgement
from ebbtide.core.reason import Reason
from ebbtide.core.ruled import Ruled
from ebbtide.core.workload import Attribution, HourlyCost, Instant, WorkloadKey


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
    ruled: Ruled
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
    memo: Memo | None = field(default=None, repr=False, compare=False)
    """What the next plan may take over."""
