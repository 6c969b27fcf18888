"""A pod of the simulated world, and the document that the operator sees of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ebbtide.objects.document import Document
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.identity import Identity
from ebbtide.sim.machine import Machine
from ebbtide.sim.pod_spec import Needs

if TYPE_CHECKING:
    from ebbtide.sim.crew import Crew


class Stage(StrEnum):
    """Where a pod stands in its life."""

    Pending = "Pending"
    Starting = "Starting"
    Running = "Running"
    Stopping = "Stopping"
    """SIGTERM was sent; it holds its devices until it ends."""
    Succeeded = "Succeeded"
    Gone = "Gone"


HOLDING = frozenset({Stage.Starting, Stage.Running, Stage.Stopping})
PLACED = frozenset({Stage.Starting, Stage.Running})
LIVE = frozenset({Stage.Pending, Stage.Starting, Stage.Running})
"""Not told to stop."""


@dataclass(slots=True, eq=False)
class SimPod:
    """Mutable. Seconds from the start."""

    identity: Identity
    crew: "Crew"
    ordinal: int
    needs: Needs
    created_at: int
    fresh: dict[str, Any]
    """Its document before it is stored."""
    stage: Stage = Stage.Pending
    machine: Machine | None = None
    devices: tuple[int, ...] = ()
    bound_at: int = 0
    running_at: int | None = None
    stopping_at: int = 0
    ended_at: int = 0
    unschedulable: bool = False

    @property
    def node(self) -> str:
        """Name of its node; empty while Pending."""
        return self.machine.name if self.machine else ""


def fresh_document(
    identity: Identity, owner: Document | None, meta: Mapping[str, Any], spec: Mapping[str, Any]
) -> dict[str, Any]:
    """A pod as its controller creates it; `meta` and `spec` are those of the template."""
    owners = {"ownerReferences": [reference(owner)]} if owner else {}
    labels = {key: meta[key] for key in ("labels", "annotations") if meta.get(key)}
    metadata = {"name": identity.name, "namespace": identity.namespace, **labels, **owners}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(spec), "status": {"phase": "Pending"}}


def reference(owner: Document) -> dict[str, Any]:
    """The owner reference of what a controller creates."""
    meta = owner["metadata"]
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**named, "controller": True, "blockOwnerDeletion": True}


def with_stage(document: Mapping[str, Any], pod: SimPod, clock: SimulatedClock) -> dict[str, Any]:
    """The document as it shows where the pod stands; what others wrote into its status stays."""
    status = dict(document.get("status") or {})
    ours = _conditions(pod, clock)
    types = {one["type"] for one in ours}
    status["conditions"] = [*ours, *(one for one in _others(status) if one.get("type") not in types)]
    status["phase"] = _PHASES.get(pod.stage, "Running") if pod.running_at is not None else "Pending"
    spec, metadata = document.get("spec") or {}, document["metadata"]
    if pod.machine is not None and spec.get("nodeName") != pod.node:
        spec = {**spec, "nodeName": pod.node}
    if pod.running_at is not None:
        status["startTime"] = clock.stamp(pod.bound_at)
    if pod.stage is Stage.Stopping:
        grace = pod.needs.grace_seconds
        leaving = clock.stamp(pod.stopping_at + grace)
        metadata = {**metadata, "deletionTimestamp": leaving, "deletionGracePeriodSeconds": grace}
    return {**document, "metadata": metadata, "spec": spec, "status": status}


_PHASES = {Stage.Succeeded: "Succeeded"}


def _others(status: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    conditions = status.get("conditions")
    return [one for one in conditions if isinstance(one, Mapping)] if isinstance(conditions, list) else ()


def _conditions(pod: SimPod, clock: SimulatedClock) -> list[dict[str, str]]:
    if pod.machine is None:
        if not pod.unschedulable:
            return []
        since = clock.stamp(pod.created_at)
        return [_condition("PodScheduled", "False", since, "Unschedulable")]
    scheduled = _condition("PodScheduled", "True", clock.stamp(pod.bound_at))
    if pod.stage is Stage.Succeeded:
        return [scheduled, _condition("Ready", "False", clock.stamp(pod.ended_at), "PodCompleted")]
    if pod.running_at is None:
        return [scheduled, _condition("Ready", "False", clock.stamp(pod.bound_at), "ContainersNotReady")]
    return [scheduled, _condition("Ready", "True", clock.stamp(pod.running_at))]


def _condition(kind: str, status: str, since: str, reason: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": since, **({"reason": reason} if reason else {})}
