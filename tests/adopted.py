"""Vocabulary of tests about work of others: a Deployment and a Job that somebody else created."""

from typing import Any

from ebbtide.api.cluster_cost_policy import ClusterCostPolicySpec
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import (
    Checkpoint,
    Instant,
    KindClass,
    Restore,
    RestoreField,
    StatusObject,
    Target,
    Workload,
    WorkloadKey,
)
from tests.builders import DAY, HOUR, NOW, SHORT_IDLE, accepted, job, workload

TOLD = StatusObject("AdoptedWorkload", "deployment-web", "uid-told")
DEVICES_ONLY = {**SHORT_IDLE, "serving": "DevicesOnly"}
"""An idle section that lets the devices of servers decide."""


def deployment(replicas: int = 1, name: str = "web", **changes: Any) -> Target:
    """A Deployment as the carrier of a lever."""
    return job(
        name,
        **{
            "api_version": "apps/v1",
            "kind": "Deployment",
            "uid": f"uid-deployment-{name}",
            "suspended": replicas == 0,
            "active": replicas,
            "ready": replicas,
            **changes,
        },
    )


def stored(was: int = 4, *, name: str = "web", at: Instant = NOW - HOUR, by: str = "Policy") -> Restore:
    """What a paused Deployment says about itself."""
    field = RestoreField("/spec/replicas", was=was, was_present=True, set=0)
    return Restore("Deployment", name, at, by, "CostPolicy/batch", "GPUIdle", (field,))


def paused_deployment(was: int = 4, name: str = "web", **told: Any) -> Target:
    """A Deployment that Ebbtide scaled to zero."""
    return deployment(0, name, restore=stored(was, name=name, **told))


def web(target: Target | None = None, **changes: Any) -> Workload:
    """A Deployment with two GPUs a pod, whose AdoptedWorkload exists."""
    carrier = target or deployment()
    known: dict[str, Any] = {
        "key": WorkloadKey("vision", "Deployment", carrier.name),
        "uid": carrier.uid,
        "kind_class": KindClass.Serving,
        "checkpoint": Checkpoint("Stateless"),
        "target": carrier,
        "status_object": TOLD,
        "spec_hash": "5ca1ab1e",
    }
    return workload(carrier.name, **{**known, **changes})


def foreign_job(target: Target | None = None, **changes: Any) -> Workload:
    """A Job with checkpoints that somebody created, whose AdoptedWorkload exists."""
    carrier = target or job("train")
    known: dict[str, Any] = {
        "key": WorkloadKey("vision", "Job", carrier.name),
        "uid": carrier.uid,
        "target": carrier,
        "status_object": StatusObject("AdoptedWorkload", f"job-{carrier.name}", "uid-told"),
        "spec_hash": "5ca1ab1e",
    }
    return workload(carrier.name, **{**known, **changes})


def cluster_policy(name: str = "fleet", *, idle: Any = SHORT_IDLE, **changes: Any) -> Policy:
    """An enforcing ClusterCostPolicy for everything; manifest fields in `spec`."""
    spec: dict[str, Any] = {"mode": "Enforce", "selector": {}, **changes.pop("spec", {})}
    if idle is not None:
        spec["idle"] = dict(idle)
    known: dict[str, Any] = {
        "kind": "ClusterCostPolicy",
        "namespace": "",
        "name": name,
        "uid": f"uid-policy-{name}",
        "created_at": NOW - DAY,
        "generation": 1,
        "spec": ClusterCostPolicySpec.model_validate(spec),
        "conditions": (accepted(),),
    }
    return Policy(**{**known, **changes})
