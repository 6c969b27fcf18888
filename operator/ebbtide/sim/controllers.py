"""What the controllers of Job, Deployment and StatefulSet write: pods, replica sets and status."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ebbtide.objects.document import Document
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.crew import Crew
from ebbtide.sim.identity import Identity
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.sim_pod import LIVE, Stage, fresh_document, reference


def pod_document(crew: Crew, ordinal: int, owner: Document | None) -> dict[str, Any]:
    """A pod before it is stored: `<workload>-<ordinal>`, after the n-th restart `<workload>-<ordinal>-<n>`."""
    restarts = crew.starts.get(ordinal, 0)
    if crew.listed:
        return _listed(crew.listed[ordinal], restarts)
    suffix = f"-{restarts}" if restarts else ""
    identity = Identity("", "Pod", crew.carrier.namespace, f"{crew.carrier.name}-{ordinal}{suffix}")
    meta = dict(crew.template.get("metadata") or {})
    if crew.carrier.kind == "Job":
        index = {"batch.kubernetes.io/job-completion-index": str(ordinal)}
        meta["labels"] = {**(meta.get("labels") or {}), "batch.kubernetes.io/job-name": crew.carrier.name}
        meta["annotations"] = {**(meta.get("annotations") or {}), **index}
    return fresh_document(identity, owner, meta, crew.template["spec"])


def _listed(manifest: Mapping[str, Any], restarts: int) -> dict[str, Any]:
    """As the file has it; what comes back is another object of the same name."""
    meta = {key: it for key, it in manifest["metadata"].items() if not restarts or key != "uid"}
    status = {key: it for key, it in (manifest.get("status") or {}).items() if key not in {"phase", "startTime"}}
    return {**manifest, "metadata": meta, "status": status}


def pod_owner(store: ObjectStore, crew: Crew) -> Document | None:
    """Whom new pods belong to: the object itself, or for a Deployment the ReplicaSet of its template."""
    carrier = store.get(crew.carrier)
    if carrier is None or crew.carrier.kind != "Deployment":
        return carrier
    text = json.dumps(crew.orders.template, sort_keys=True, default=str)
    name = f"{crew.carrier.name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    identity = Identity("apps", "ReplicaSet", crew.carrier.namespace, name)
    there = store.get(identity)
    if there is not None:
        return there
    metadata = {"name": name, "namespace": identity.namespace, "ownerReferences": [reference(carrier)]}
    spec = {"replicas": crew.orders.live, "template": crew.orders.template}
    return store.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})


def carrier_status(carrier: Document, crew: Crew, clock: SimulatedClock) -> dict[str, Any]:
    """The object with the status that its controller would write."""
    before = carrier.get("status") or {}
    status = _job(before, crew, clock) if crew.carrier.kind == "Job" else _replicas(before, carrier, crew)
    return {**carrier, "status": status}


def _job(before: Mapping[str, Any], crew: Crew, clock: SimulatedClock) -> dict[str, Any]:
    pods = crew.everyone
    active = [pod for pod in pods if pod.stage in LIVE]
    status = {
        **before,
        "active": len(active),
        "ready": sum(pod.stage is Stage.Running for pod in active),
        "terminating": len(pods) - len(active),
        "succeeded": len(crew.finished),
        "failed": before.get("failed", 0),
        "conditions": _job_conditions(before, crew, clock),
    }
    if crew.orders.stopped:
        status.pop("startTime", None)
    elif active:
        status.setdefault("startTime", clock.stamp(clock.second))
    if crew.orders.over and crew.finished:
        status.setdefault("completionTime", clock.stamp(clock.second))
    return status


def _job_conditions(before: Mapping[str, Any], crew: Crew, clock: SimulatedClock) -> list[dict[str, Any]]:
    conditions = {one["type"]: one for one in before.get("conditions") or ()}
    suspended = "True" if crew.orders.stopped else "False"
    now = clock.stamp(clock.second)
    if conditions.get("Suspended", {}).get("status", "False") != suspended:
        conditions["Suspended"] = {"type": "Suspended", "status": suspended, "lastTransitionTime": now}
    if crew.orders.over and crew.finished and "Complete" not in conditions:
        conditions["Complete"] = {"type": "Complete", "status": "True", "lastTransitionTime": now}
    return list(conditions.values())


def _replicas(before: Mapping[str, Any], carrier: Document, crew: Crew) -> dict[str, Any]:
    there = [pod for pod in crew.pods.values() if pod.stage in LIVE]
    ready = sum(pod.stage is Stage.Running for pod in there)
    counts = {"replicas": len(there), "updatedReplicas": len(there), "readyReplicas": ready, "availableReplicas": ready}
    return {**before, "observedGeneration": carrier["metadata"]["generation"], **counts}
