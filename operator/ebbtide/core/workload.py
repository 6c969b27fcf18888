"""The facts about work and machines that decisions are made from. Plain frozen values: no I/O, no clock."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from ebbtide.core.memory import Accrued, Attempts, Memory, PauseRecord, StoredCondition
from ebbtide.core.reason import Reason
from ebbtide.core.target import Restore, RestoreField, Target
from ebbtide.core.timestamps import Instant

__all__ = [
    "BESIDE",
    "CLAIMS",
    "OWN_WORKLOADS",
    "QUEUE_KIND",
    "Accrued",
    "Attempts",
    "Attribution",
    "Breaker",
    "Checkpoint",
    "HourlyCost",
    "Instant",
    "Intent",
    "KindClass",
    "Memory",
    "Namespace",
    "Node",
    "PauseRecord",
    "Pod",
    "Restore",
    "RestoreField",
    "SeriesName",
    "StatusObject",
    "StoredCondition",
    "Target",
    "Workload",
    "WorkloadKey",
]

OWN_WORKLOADS: Final = frozenset({"TrainingJob", "InferenceServer"})
"""Kinds of work that are ours: they carry their own status."""
CLAIMS: Final = "spec.resourceClaims"
"""In the place of an accelerator resource, or after one and BESIDE: devices are claimed, whatever they are."""
BESIDE: Final = "+"
QUEUE_KIND: Final = "KueueWorkload"
"""No kind of work: what carries the lever of work that runs through Kueue."""


class KindClass(StrEnum):
    """What sections of a policy reach a kind (design: "What a section reaches")."""

    RunToCompletion = "RunToCompletion"
    Serving = "Serving"
    Neither = "Neither"


@dataclass(frozen=True, slots=True, order=True)
class WorkloadKey:
    """Identity of a workload for people: it outlives the object's UID."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class SeriesName:
    """Series that a user names: a metric, and labels that must be equal."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who pays: the six keys of the contract; an empty string is "not given"."""

    team: str = ""
    project: str = ""
    model: str = ""
    model_version: str = ""
    cost_center: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, kept with everything that the ledger will need: identity, owner, bind and end time, attribution."""

    uid: str
    namespace: str
    name: str
    owner_uid: str
    """UID of the controller owner, empty for a bare pod."""
    node: str
    """Empty while not bound."""
    phase: str
    created_at: Instant
    bound_at: Instant | None
    ready_since: Instant | None
    """Start of the present Ready state, or of the container at work where that began later; None while not Ready."""
    ended_at: Instant | None
    deleting: bool
    accelerators: int
    """Devices requested by all containers; 0 for a pod without accelerator. What it claims through DRA is not in it."""
    accelerator_resource: str
    """Extended resource name, such as nvidia.com/gpu; CLAIMS where it claims devices, alone or BESIDE it; or empty."""
    cpu: float
    """Cores requested by all containers, for the CPU part of the price."""
    memory_bytes: int
    """Memory requested by all containers, for the memory part of the price."""
    failing: Reason | None
    """CrashLooping or ImagePullFailing of a main container."""
    unschedulable: bool
    checkpointed_at: Instant | None
    attribution: Attribution
    owner_kind: str = ""
    """Kind of its controller as policies name it, or ReplicaSet; empty: bare, or of a controller that nobody knows."""
    alone: "Workload | None" = None
    """The workload that it is itself, where it holds accelerators and is bare or of an unknown controller."""
    host_network: bool = False
    """It has the network of its node: what its series count is the traffic of all that runs there."""

    @property
    def claims(self) -> bool:
        """It claims devices through DRA."""
        return self.accelerator_resource.endswith(CLAIMS)


@dataclass(frozen=True, slots=True)
class Node:
    """One machine as prices and placement see it. CPU in cores, memory in bytes."""

    name: str
    labels: tuple[tuple[str, str], ...]
    """Only labels that prices, placement or capacity classes can match, sorted."""
    accelerators: int
    cpu: float
    memory_bytes: int
    shares_devices: bool = False
    """It offers each device to several pods: time-slicing or MPS, by its labels."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The human's word, read from annotations and spec.suspend. Times are None when not given."""

    suspend: bool = False
    """spec.suspend of our own kinds; a user's own suspended Job is read from Target instead."""
    override: str = ""
    """Paused, Running or empty."""
    override_until: Instant | None = None
    keep_until: Instant | None = None
    keep_malformed: bool = False
    never_pause: bool = False
    policy_name: str = ""
    """From policyRef or the annotation ebbtide.dev/policy, as Kind/name; empty: selectors decide."""
    invalid: tuple[str, ...] = ()
    """One sentence per annotation that could not be read."""
    beside: tuple[str, Instant | None] | None = None
    """(override, until) of a second object: beside that of a ScaledObject, that of what it scales."""

    @property
    def overrides(self) -> tuple[tuple[str, Instant | None], ...]:
        """(Paused or Running, until) of every object that bears one: none, one or two."""
        if not self.override:
            return ()
        own = (self.override, self.override_until)
        return (own,) if self.beside is None else (own, self.beside)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How work survives a stop. mode: None, Periodic, OnSignal or Stateless."""

    mode: str = "None"
    interval_seconds: int = 0
    grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class StatusObject:
    """The object of ours that carries a workload's status: the TrainingJob itself, or an AdoptedWorkload."""

    kind: str
    name: str
    uid: str
    version: str = ""
    """resourceVersion as it was seen; empty: not known."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One piece of work with its lever, the human's word and what its status remembers.

    An adopted one (Job, Deployment) is the object that carries the lever: `uid` is `target.uid`, and its memory comes
    from the AdoptedWorkload of that UID.
    """

    key: WorkloadKey
    uid: str
    generation: int
    resource_version: str
    created_at: Instant
    kind_class: KindClass
    labels: tuple[tuple[str, str], ...]
    workers: int
    accelerators: int
    """Devices the whole gang requests."""
    accelerator_resource: str
    """As of a pod, that with most devices; CLAIMS where its pods do no more than claim them."""
    checkpoint: Checkpoint
    intent: Intent
    target: Target | None
    foreign_target: bool
    """An object of the target's name exists and is not ours: NameConflict."""
    memory: Memory
    attribution: Attribution = Attribution()
    deadline: Instant | None = None
    expected_seconds: int | None = None
    """How long the work takes, as people say."""
    queue: str = ""
    invalid: tuple[str, str] | None = None
    """(field path, what is wrong) of a stored object that cannot be read: Accepted=False, UnknownValue."""
    deleting: bool = False
    status_object: StatusObject | None = None
    """None: its AdoptedWorkload is not created yet."""
    unsupported: str = ""
    """Why Ebbtide only reports it: "controlled by Rollout x, ..."; empty when it can be paused."""
    unsupported_reason: Reason = Reason.UnsupportedKind
    """UnsupportedKind, or PermissionDenied where the kind that could be paused may not be read."""
    controller_uid: str = ""
    """UID of the controller, where that is neither of a kind of ours nor a CronJob."""
    controller_kind: str = ""
    """Kind of that controller as policies name it; empty where it is of none of the supported kinds."""
    served: str = ""
    """Of what a Knative Revision controls: the InferenceService for which KServe had the Revision made."""
    scales: WorkloadKey | None = None
    """A ScaledObject: what it scales, and so stands for."""
    scaled: Target | None = None
    """That object, where it is there: people may speak on it as well."""
    itself: Target | None = None
    """Its own object, where another one carries the lever: Kueue's Workload is the target then."""
    admitted: bool = False
    """Kueue has admitted it. Without a Workload of Kueue's nobody knows."""
    part_of: str = ""
    """Kind/name of the workload that it belongs to and that is told of instead; empty: it is one itself."""
    scratch: bool = False
    """A pause loses what nobody expects to lose: the content of an emptyDir, what somebody works on in memory."""
    checkpointed_at: Instant | None = None
    """The annotation ebbtide.dev/checkpointed-at of the workload itself."""
    active_at: Instant | None = None
    """Newest activity of people or kernels that the object tells itself: a Notebook's annotation."""
    request_series: SeriesName | None = None
    """The annotation ebbtide.dev/request-series: what shows that it serves."""
    spec_hash: str = ""
    """Adopted workloads: their spec without the lever, hashed; empty for our own kinds, which have a generation."""
    stop_grace_seconds: int | None = None
    """Adopted workloads: what a pod gets from SIGTERM to its end; None: of ours, which is given what it needs."""
    pause_during: tuple[str, str] | None = None
    """(kind, name) of the object during whose run it is paused."""
    during: str = ""
    """The sentence that says that this object lives; empty: it does not."""
    during_unusable: str = ""
    """Why `pause_during` cannot be followed; empty where it can, or is not given."""
    starts_singly: bool = False
    """A TrainingJob of several workers that names neither a queue nor a gang scheduler."""

    @property
    def accelerated(self) -> bool:
        """It holds accelerators when it runs, or claims devices, which are taken for some."""
        return self.accelerators > 0 or self.accelerator_resource.endswith(CLAIMS)

    @property
    def in_hands_of_queue(self) -> bool:
        """Kueue starts and stops it. A server is stopped by its number of replicas there too."""
        return bool(self.queue) and self.kind_class is not KindClass.Serving

    @property
    def adopted(self) -> bool:
        """Somebody else created it: it is not of a kind of ours."""
        return self.key.kind not in OWN_WORKLOADS


@dataclass(frozen=True, slots=True)
class Namespace:
    """What a namespace says about the work in it."""

    name: str
    protected: bool = False
    never_pause: bool = False
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Breaker:
    """Annotations of the leader Lease: open until, and when a human last reset it."""

    open_until: Instant | None = None
    reset_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class HourlyCost:
    """Price of one hour of a workload; amount None: some node under it is unpriced."""

    currency: str
    amount: Decimal | None
    unpriced_nodes: tuple[str, ...] = field(default=())
    overlap: bool = False
    """Two equally specific rows in force match one of these nodes: CatalogOverlap."""
    without_effect: tuple[tuple[str, str], ...] = ()
    """Of these nodes those that a row matches that prices them in a way without effect yet, each with that row."""
