"""The outside world as the engine sees it. Adapters implement these; only main.py knows which."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ebbtide.core.action import Action
from ebbtide.core.decision import Decision, Plan
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.notice import Notice
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant, WorkloadKey


class OutcomeKind(StrEnum):
    """How an attempt to write ended; the label `result` of ebbtide_actions_total."""

    Done = "Done"
    Unchanged = "Unchanged"
    Observed = "Observed"
    Conflict = "Conflict"
    NameConflict = "NameConflict"
    Denied = "Denied"
    Rejected = "Rejected"
    NotLeader = "NotLeader"
    RateLimited = "RateLimited"
    Failed = "Failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one write. message is a sentence for people when it did not work."""

    kind: OutcomeKind
    message: str = ""
    version: str = ""
    """Of the object as the write left it, where that is of use."""
    at: Instant | None = None
    """When the object itself says that it was done; None: it does not say."""


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A whole desired status of one of our objects, applied by server-side apply on the status subresource."""

    kind: str
    namespace: str
    """Empty for cluster-scoped kinds."""
    name: str
    uid: str
    status: dict[str, object]


@dataclass(frozen=True, slots=True)
class EventNote:
    """A Kubernetes Event to publish after the API accepted what it tells."""

    workload: WorkloadKey
    uid: str
    type: str
    """Normal or Warning."""
    reason: str
    action: str
    message: str
    identity: str = ""
    """What of this object it tells: two that say the same of it become one. Empty: each is its own."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick did, for logs and metrics."""

    plan: Plan
    outcomes: Sequence[tuple[Action, Outcome]]
    status_writes: int
    seconds: float
    decide_seconds: float
    metrics: MetricsHealth


class Clock(Protocol):
    """Time, passed in everywhere."""

    def now(self) -> Instant:
        """The present instant, UTC."""


class Cluster(Protocol):
    """The API server: warm stores in, writes out through one executor."""

    async def observe(self) -> ClusterState:
        """The stores now; never asks the API server."""

    async def execute(self, decision: Decision, action: Action) -> Outcome:
        """Do one action. Errors are outcomes, never exceptions."""

    async def write_status(self, write: StatusWrite) -> Outcome:
        """Apply one status; the caller has checked that it is worth a write."""

    async def write_breaker(self, open_until: Instant) -> Outcome:
        """Put the breaker's end on the leader Lease."""

    async def publish(self, note: EventNote) -> Outcome:
        """Publish an Event; repeats within two minutes are dropped."""


class Metrics(Protocol):
    """The metrics source: folds new samples into evidence."""

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Read what is new since the last call, fold it, and say how far the source can be trusted."""


class Telemetry(Protocol):
    """Where the operator tells about itself."""

    def tick(self, report: TickReport) -> None:
        """Record one finished tick."""


class Notifier(Protocol):
    """Tells people beyond the cluster."""

    @property
    def receivers(self) -> frozenset[str]:
        """The names that a policy may use."""

    def notify(self, notice: Notice) -> None:
        """Take one notice to deliver. Never blocks and never raises; what is lost is counted."""


class Leadership(Protocol):
    """Asked before each write."""

    def may_write(self) -> bool:
        """True while this process is the one that acts."""
