"""Everything one tick may look at, frozen at one instant."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from ebbtide.api.cost_policy import CostPolicySpec
from ebbtide.api.price_catalog import PriceCatalogSpec
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Settings
from ebbtide.core.workload import Breaker, Instant, Namespace, Node, Pod, StoredCondition, Workload, WorkloadKey


@dataclass(frozen=True, slots=True)
class Policy:
    """A CostPolicy or ClusterCostPolicy as stored; spec None: it cannot be read, `problem` says why."""

    kind: str
    namespace: str
    """Empty for a ClusterCostPolicy."""
    name: str
    uid: str
    created_at: Instant
    generation: int
    spec: CostPolicySpec | None
    """Of a ClusterCostPolicy a ClusterCostPolicySpec."""
    problem: str = ""
    problem_reason: Reason = Reason.UnknownValue
    """UnknownValue or InvalidTimeZone; without a problem it says nothing."""
    conditions: tuple[StoredCondition, ...] = ()
    status_fingerprint: str = ""

    @property
    def reference(self) -> str:
        """Kind/name, as restore annotations and status name it."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """A PriceCatalog as stored; spec None: it cannot be read, `problem` says why."""

    name: str
    uid: str
    generation: int
    spec: PriceCatalogSpec | None
    problem: str = ""
    conditions: tuple[StoredCondition, ...] = ()
    status_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Distrust:
    """Series of one vendor's devices cannot be attributed to pods."""

    label_mode: str
    """Empty: labels are understood in no way (LabelModeUnknown)."""
    problem: str


@dataclass(frozen=True, slots=True)
class MetricsHealth:
    """State of the metrics source. up False: down, timed out, or warned of partial data; `message` says which."""

    up: bool
    message: str = ""
    reaches_back_to: Instant | None = None
    """The source answers for everything after this instant; None: nothing yet."""
    label_mode: str = ""
    attribution_problem: str = ""
    """Why series cannot be attributed to pods (LabelModeUnknown, AttributionBroken); empty when trusted."""
    distrusted: Mapping[str, Distrust] = field(default_factory=dict)
    """The same for the pods of some vendors only, by the accelerator resource that they request."""
    own_launches: AbstractSet[str] = frozenset()
    """Accelerator resources of pods whose launches are counted pod by pod, so that sharers of a device differ."""
    as_of: Instant | None = None
    interval_problem: str = ""
    """The scrape targets' interval does not fit metrics.sampleIntervalSeconds."""
    empty: bool = False
    """It answered without a single series of a device, although pods hold some."""
    catching_up: bool = False
    """Not up only because history is still being read, slice by slice, and so far without a problem."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The stores of the cluster adapter at one instant."""

    workloads: Sequence[Workload]
    pods: Mapping[WorkloadKey, Sequence[Pod]]
    """Pods by the workload at the top of their owner chain, ended pods included while they exist."""
    nodes: Mapping[str, Node]
    namespaces: Mapping[str, Namespace]
    policies: Sequence[Policy]
    catalogs: Sequence[Catalog]
    breaker: Breaker
    unfresh: str = ""
    """Which store is unsynced or too old to act on; empty when all are fresh."""
    unfresh_kinds: Mapping[str, str] = field(default_factory=dict)
    """Kinds of workload whose own store is too old to act on, by name: why. The others are served all the same."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Input of core.plan.plan."""

    now: Instant
    settings: Settings
    cluster: ClusterState
    evidence: EvidenceBook
    metrics: MetricsHealth
    idle_share_before: Sequence[tuple[Instant, float]] = field(default=())
    """Idle share of the fleet at earlier ticks, oldest first, for the breaker's jump rule; memory only."""
