"""Vocabulary of tests about decisions: every builder gives something ordinary, and the test says what is special."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ebbtide.api.cost_policy import CostPolicySpec
from ebbtide.api.price_catalog import PriceCatalogSpec
from ebbtide.core.decision import Decision, Plan
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.plan import plan
from ebbtide.core.settings import Safety, Settings
from ebbtide.core.snapshot import Catalog, ClusterState, MetricsHealth, Policy, Snapshot
from ebbtide.core.workload import (
    Attribution,
    Breaker,
    Checkpoint,
    Instant,
    Intent,
    KindClass,
    Memory,
    Namespace,
    Node,
    PauseRecord,
    Pod,
    Restore,
    RestoreField,
    StatusObject,
    StoredCondition,
    Target,
    Workload,
    WorkloadKey,
)

NOW: Instant = 1_795_000_200.0
"""A full five minutes, so that samples fall on it."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
INTERVAL = 30.0
H100 = "NVIDIA H100 80GB HBM3"
IDLE_WATTS, BUSY_WATTS = 70.0, 500.0
SHORT_IDLE: Mapping[str, Any] = {
    "afterSeconds": 1200,
    "warnSeconds": 300,
    "graceSeconds": 60,
    "neverUsedAfterSeconds": 1800,
}
"""Idle after 20 minutes, warned five minutes before; never used: after 30."""


def pod(name: str = "resnet-0", *, ready_at: Instant | None = NOW - 3 * HOUR, **changes: Any) -> Pod:
    """A running pod with two GPUs on node n1."""
    known: dict[str, Any] = {
        "uid": f"uid-{name}",
        "namespace": "vision",
        "name": name,
        "owner_uid": "uid-job",
        "node": "n1",
        "phase": "Running",
        "created_at": (ready_at or NOW) - MINUTE,
        "bound_at": (ready_at or NOW) - MINUTE,
        "ready_since": ready_at,
        "ended_at": None,
        "deleting": False,
        "accelerators": 2,
        "accelerator_resource": "nvidia.com/gpu",
        "cpu": 8.0,
        "memory_bytes": 64 << 30,
        "failing": None,
        "unschedulable": False,
        "checkpointed_at": None,
        "attribution": Attribution(),
    }
    return Pod(**{**known, **changes})


def node(name: str = "n1", *, accelerators: int = 8, **labels: str) -> Node:
    """A machine with eight GPUs; labels as keyword arguments of `node_labels` values."""
    shown = {"node.kubernetes.io/instance-type": "p5.48xlarge", "topology.kubernetes.io/region": "us-east-1"}
    merged = {**shown, **{key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}}
    return Node(name, tuple(sorted(merged.items())), accelerators, 192.0, 2048 << 30)


def restore(*, reason: str = "GPUIdle", by: str = "Policy", at: Instant = NOW - HOUR, name: str = "resnet") -> Restore:
    """What a paused Job says about itself."""
    field = RestoreField("/spec/suspend", was=False, was_present=True, set=True)
    return Restore("Job", name, at, by, "CostPolicy/batch", reason, (field,))


def job(name: str = "resnet", **changes: Any) -> Target:
    """The running Job of a TrainingJob."""
    known: dict[str, Any] = {
        "api_version": "batch/v1",
        "kind": "Job",
        "namespace": "vision",
        "name": name,
        "uid": f"uid-job-{name}",
        "resource_version": "10",
        "created_at": NOW - 4 * HOUR,
        "suspended": False,
        "restore": None,
        "restore_unreadable": "",
        "active": 1,
        "ready": 1,
        "succeeded": 0,
        "failed": 0,
        "finished": None,
        "finished_at": None,
    }
    return Target(**{**known, **changes})


def paused_job(name: str = "resnet", **told: Any) -> Target:
    """A Job that Ebbtide suspended."""
    return job(name, suspended=True, restore=restore(name=name, **told), active=0, ready=0)


def workload(name: str = "resnet", **changes: Any) -> Workload:
    """A TrainingJob with checkpoints, two GPUs and a running Job."""
    namespace = changes.pop("namespace", "vision")
    known: dict[str, Any] = {
        "key": WorkloadKey(namespace, "TrainingJob", name),
        "uid": f"uid-{name}",
        "generation": 1,
        "resource_version": "5",
        "created_at": NOW - 4 * HOUR,
        "kind_class": KindClass.RunToCompletion,
        "labels": (("tier", "batch"),),
        "workers": 1,
        "accelerators": 2,
        "accelerator_resource": "nvidia.com/gpu",
        "checkpoint": Checkpoint("Periodic", 900),
        "intent": Intent(),
        "target": job(name),
        "foreign_target": False,
        "memory": Memory(),
        "status_object": StatusObject("TrainingJob", name, f"uid-{name}"),
    }
    return Workload(**{**known, **changes})


def pause_record(**changes: Any) -> PauseRecord:
    """An idle pause that began an hour ago and lasts."""
    return replace(PauseRecord(NOW - HOUR, "GPUIdle", "Policy"), **changes)


def accepted(generation: int = 1, reason: str = "Accepted", status: str = "True", message: str = "") -> StoredCondition:
    """The stored condition Accepted."""
    return StoredCondition("Accepted", status, reason, NOW - HOUR, generation, message)


def policy(name: str = "batch", *, idle: Mapping[str, Any] | None = SHORT_IDLE, **changes: Any) -> Policy:
    """An enforcing CostPolicy for tier batch; manifest fields as keywords in `spec`, the rest are its own."""
    spec = {"mode": "Enforce", "selector": {"matchLabels": {"tier": "batch"}}, **changes.pop("spec", {})}
    if idle is not None:
        spec["idle"] = dict(idle)
    known: dict[str, Any] = {
        "kind": "CostPolicy",
        "namespace": "vision",
        "name": name,
        "uid": f"uid-policy-{name}",
        "created_at": NOW - DAY,
        "generation": 1,
        "spec": CostPolicySpec.model_validate(spec),
        "conditions": (accepted(),),
    }
    return Policy(**{**known, **changes})


def unreadable_policy(name: str = "batch", **changes: Any) -> Policy:
    """A stored policy that this version cannot read."""
    return replace(policy(name, **changes), spec=None, problem="spec.mode: 'Later' is not known")


def catalog(*rows: Mapping[str, Any], name: str = "main", **spec: Any) -> Catalog:
    """A PriceCatalog in USD with these node rows."""
    full = [{"id": f"row-{at}", "effectiveFrom": "2026-01-01T00:00:00Z", **row} for at, row in enumerate(rows)]
    parsed = PriceCatalogSpec.model_validate({"currency": "USD", "nodes": full, **spec})
    return Catalog(name, f"uid-catalog-{name}", 1, parsed)


def healthy(**changes: Any) -> MetricsHealth:
    """A metrics source that answers for the last day."""
    return MetricsHealth(**{"up": True, "reaches_back_to": NOW - DAY, "label_mode": "exported", **changes})


def settings(**changes: Any) -> Settings:
    """Enforcement on, fleet limits off unless the test is about them."""
    return Settings(**{"enforcement": True, "safety": Safety(0, 0, 0), **changes})


def evidence(since: Instant = NOW - DAY) -> EvidenceBook:
    """An empty book."""
    return EvidenceBook(INTERVAL, since)


def sample(book: EvidenceBook, holder: Pod, at: Instant, *, busy: bool) -> None:
    """One scrape of every device of a pod."""
    for number in range(holder.accelerators):
        readings = (
            (Signal.Utilisation, 90.0 if busy else 0.0),
            (Signal.Engine, 0.8 if busy else 0.0),
            (Signal.Power, BUSY_WATTS if busy else IDLE_WATTS),
        )
        for signal, value in readings:
            book.fold(holder.namespace, holder.name, f"GPU-{holder.name}-{number}", H100, signal, at, value)


def watched(
    book: EvidenceBook,
    holder: Pod,
    *,
    idle_for: float,
    used: bool = True,
    now: Instant = NOW,
    history: float = 3 * HOUR,
) -> EvidenceBook:
    """Samples up to `now`: busy until `idle_for` seconds ago (never, with used=False), quiet since."""
    start = max(now - history, holder.ready_since or now)
    at = start - start % INTERVAL + INTERVAL
    while at <= now:
        sample(book, holder, at, busy=used and at <= now - idle_for)
        at += INTERVAL
    return book


def state(
    *workloads: Workload,
    pods: Mapping[WorkloadKey, Sequence[Pod]] | None = None,
    policies: Iterable[Policy] | None = None,
    **changes: Any,
) -> ClusterState:
    """The cluster: one running pod per running workload, the policy `batch` and node n1 unless told otherwise."""
    known: dict[str, Any] = {
        "workloads": workloads,
        "pods": {it.key: running_pods(it) for it in workloads} if pods is None else pods,
        "nodes": {"n1": node()},
        "namespaces": {"vision": Namespace("vision")},
        "policies": [policy()] if policies is None else list(policies),
        "catalogs": [],
        "breaker": Breaker(),
    }
    return ClusterState(**{**known, **changes})


def running_pods(it: Workload) -> tuple[Pod, ...]:
    """The pod of a workload whose Job runs."""
    if it.target is None or it.target.suspended or it.target.finished is not None:
        return ()
    return (pod(f"{it.key.name}-0", namespace=it.key.namespace, accelerators=it.accelerators),)


def snapshot(
    cluster: ClusterState,
    book: EvidenceBook | None = None,
    *,
    metrics: MetricsHealth | None = None,
    now: Instant = NOW,
    options: Settings | None = None,
    shares: Sequence[tuple[Instant, float]] = (),
) -> Snapshot:
    """What one tick looks at."""
    return Snapshot(
        now, options or settings(), cluster, book or evidence(), metrics if metrics is not None else healthy(), shares
    )


def decide(
    it: Workload,
    *,
    idle_for: float | None = None,
    used: bool = True,
    policies: Iterable[Policy] | None = None,
    now: Instant = NOW,
    metrics: MetricsHealth | None = None,
    options: Settings | None = None,
    **cluster: Any,
) -> Decision:
    """The decision about one workload; `idle_for` None: its devices are busy."""
    seen = state(it, policies=policies, **cluster)
    book = evidence()
    for holder in seen.pods.get(it.key, ()):
        watched(book, holder, idle_for=0 if idle_for is None else idle_for, used=used, now=now)
    return plan(snapshot(seen, book, metrics=metrics, now=now, options=options)).decisions[0]


def verbs(decision: Decision) -> list[str]:
    """What is to be done."""
    return [str(action.verb) for action in decision.actions]


def decisions_by_name(planned: Plan) -> dict[str, Decision]:
    """Decisions by the workload's name."""
    return {decision.workload.name: decision for decision in planned.decisions}
