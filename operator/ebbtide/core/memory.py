"""What the status of a workload remembers from one tick to the next."""

from dataclasses import dataclass
from decimal import Decimal

from ebbtide.core.timestamps import Instant


@dataclass(frozen=True, slots=True)
class StoredCondition:
    """One condition as it stands on the API server."""

    type: str
    status: str
    reason: str
    since: Instant
    observed_generation: int
    message: str = ""
    """Kept only for Accepted: a refusal is told again without asking again."""


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """status.pause: the present or the last pause. ended_at None: still paused."""

    since: Instant
    reason: str
    by: str
    count_today: int = 1
    reverts: int = 0
    ended_at: Instant | None = None
    message: str = ""
    """The sentence with the numbers that led to it."""
    evidence: str = ""
    """status.verdict as it was at the pause, in JSON: the proof outlives the pods it was measured on."""
    version: str = ""
    """resourceVersion of the object with the lever as our last move left it; empty: not known."""
    original: str = ""
    """Adopted workloads: the fields of the restore annotation, in JSON; `kubectl rollout undo` can take that away."""
    recent: tuple[Instant, ...] = ()
    """Starts of the idle pauses of the 24 hours before it began, oldest first, itself included."""
    startup_seconds: float = 0.0
    """What its pods had taken from creation to Ready; the pods are gone."""
    hourly: Decimal | None = None
    """Price of one hour of what it gave back; None: not known, or a human's pause before anything ran."""
    currency: str = ""
    """ISO 4217; of `hourly`."""


@dataclass(frozen=True, slots=True)
class Accrued:
    """Times that have added up, in seconds. Kept for work with a deadline."""

    as_of: Instant
    """Counted up to then."""
    active: float = 0.0
    """Running and not idle."""
    lost: float = 0.0
    """Of that, what stops have lost."""
    paused: float = 0.0
    held: float = 0.0
    """Paused before the first start."""

    @property
    def done(self) -> float:
        """Work that is done and was not lost."""
        return self.active - self.lost


@dataclass(frozen=True, slots=True)
class Attempts:
    """status.attempts: what was done last to the lever, and how often in a row; see core.attempts."""

    request: str
    """What was done and on whose word, such as Pause/Paused."""
    count: int
    since: Instant
    """When the first of them was done."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What status remembers between ticks; losing it costs a new warning, nothing else."""

    start_time: Instant | None = None
    idle_since: Instant | None = None
    warned_at: Instant | None = None
    warned_without: str = ""
    """Why that warning announced no pause; empty: it named the time of one."""
    pause: PauseRecord | None = None
    attempts: Attempts | None = None
    labelling: Attempts | None = None
    """How often attribution labels were written that somebody took off, and when last; see core.labelling."""
    override_until: Instant | None = None
    """End of the last veto or override in force; in the past: the idle clock starts there."""
    override_request: str = ""
    """The annotation value that override_until answers, so that a new request is told from an old one."""
    would_be: tuple[str, str, Instant] | None = None
    """(action, reason, since) of Observe mode."""
    conditions: tuple[StoredCondition, ...] = ()
    capacity_class: str = ""
    verdict: tuple[str, Instant] | None = None
    """(value, since) of the last written verdict."""
    verdict_as_of: Instant | None = None
    """When the numbers in status were last written."""
    fingerprint: str = ""
    """core.status.fingerprint of the stored status: equal means nothing worth a write."""
    spec_hash: str = ""
    """Adopted workloads: Workload.spec_hash when status was written."""
    accrued: Accrued | None = None
    last_checkpoint_at: Instant | None = None

    def condition(self, kind: str) -> StoredCondition | None:
        """The stored condition of that type."""
        return next((it for it in self.conditions if it.type == kind), None)
