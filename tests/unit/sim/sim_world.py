"""Scenarios in a few words: builders of manifests, and a run of them on the operator's own engine."""

import json
from typing import Any

import structlog

from ebbtide.sim.result import Result, WorkloadCost, rounded, shown
from ebbtide.simulation import simulate

START = "2026-03-02T08:00:00Z"
PRICE = "55.04"
"""Of a node with eight GPUs: 6.88 a GPU-hour."""

IDLE = {"afterSeconds": 3600, "warnSeconds": 600, "graceSeconds": 300, "action": "Pause"}


def quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def node(name: str = "n1", gpus: int = 8, **more: Any) -> dict[str, Any]:
    labels = {"node.kubernetes.io/instance-type": "p5.48xlarge"} | more.pop("labels", {})
    has = {"nvidia.com/gpu": str(gpus), "cpu": "96", "memory": "1900Gi", "pods": "110"}
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    return document | {"status": {"allocatable": has}} | more


def catalog(*rows: dict[str, Any], mode: str = "GPUOnly", currency: str = "USD") -> dict[str, Any]:
    spec = {"currency": currency, "nodeSplit": {"mode": mode}, "nodes": list(rows) or [row()]}
    return ours("PriceCatalog", {"name": "main"}, spec)


def row(id_: str = "p5", price: str = PRICE, **more: Any) -> dict[str, Any]:
    match = {"instanceType": "p5.48xlarge"} | more.pop("match", {})
    return {"id": id_, "match": match, "nodeHourly": price, "effectiveFrom": "2026-01-01T00:00:00Z"} | more


def policy(mode: str = "Enforce", **sections: Any) -> dict[str, Any]:
    spec = {"mode": mode, "selector": {}, "idle": IDLE} | sections
    return ours("CostPolicy", {"name": "p", "namespace": "ml"}, spec)


def training_job(name: str = "t", gpus: int = 1, **spec: Any) -> dict[str, Any]:
    said = {
        "checkpoint": {"mode": "Periodic", "intervalSeconds": 600},
        "template": template(gpus, **spec.pop("pod", {})),
    }
    meta = {"name": name, "namespace": "ml"} | spec.pop("metadata", {})
    return ours("TrainingJob", meta, said | spec)


def template(gpus: int = 1, **pod: Any) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": gpus} if gpus else {"cpu": "1"}
    return {"spec": {"containers": [{"name": "c", "image": "x", "resources": {"limits": limits}}], **pod}}


def job(name: str = "j", gpus: int = 1, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ml"} | more.pop("metadata", {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"template": template(gpus, restartPolicy="Never", **more.pop("pod", {})), **more},
    }


def deployment(name: str = "d", replicas: int = 1, gpus: int = 1, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ml"} | more.pop("metadata", {})
    labels = {"app": name}
    made = template(gpus, **more.pop("pod", {})) | {"metadata": {"labels": labels}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": made}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec | more}


def ours(kind: str, meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "ebbtide.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def ref(name: str = "t", kind: str = "TrainingJob", namespace: str = "ml") -> dict[str, str]:
    return {"kind": kind, "namespace": namespace, "name": name}


def busy(name: str = "t", values: str = "80", kind: str = "TrainingJob", **more: Any) -> dict[str, Any]:
    return {"workload": ref(name, kind), "gpuPercent": values} | more


def scenario(*objects: dict[str, Any], seconds: int = 3600, **spec: Any) -> dict[str, Any]:
    """Ticks and scrapes every minute unless told otherwise."""
    said = {"start": START, "durationSeconds": seconds, "tickSeconds": 60, "scrapeIntervalSeconds": 60}
    whole = said | {"objects": list(objects)} | spec
    return {
        "apiVersion": "sim.ebbtide.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": {"name": "test"},
        "spec": whole,
    }


def play(*objects: dict[str, Any], seconds: int = 3600, **spec: Any) -> Result:
    """Run it. Raises Refusal for bad input."""
    return play_raw(scenario(*objects, seconds=seconds, **spec))


def play_raw(raw: dict[str, Any]) -> Result:
    return play_text(json.dumps(raw))


def play_text(text: str) -> Result:
    quiet()
    return simulate("test.yaml", text)


def hold(result: Result) -> None:
    """All expectations hold; else the assertion shows what was found."""
    failed = [f"{dict(it.expectation)}: found {it.found}" for it in result.findings if not it.passed]
    assert not failed, "\n".join(failed)
    assert result.findings


def acts(result: Result, *names: str) -> list[tuple[int, str, str, str]]:
    """(second, action, workload, reason) of what succeeded; `names`: only these actions."""
    return [
        (it.at, it.action, it.workload.name, it.reason)
        for it in result.actions
        if not it.failed and (not names or it.action in names)
    ]


def money(result: Result, name: str = "t") -> dict[str, str | None]:
    """Printed amounts of one workload."""
    found = next(it for it in result.costs.workloads if it.workload.name == name)
    return {key: _shown(found, key) for key in ("cost", "list_cost", "saved", "gpu_hours")}


def _shown(cost: WorkloadCost, key: str) -> str | None:
    amount = getattr(cost, key)
    return None if amount is None else shown(rounded(amount))


def lane(result: Result, name: str = "t") -> list[tuple[int, int, str]]:
    """(start, end, state) of one lane, equal neighbours joined."""
    spans: list[tuple[int, int, str]] = []
    for it in next(one for one in result.lanes if one.workload.name == name).spans:
        if spans and spans[-1][2] == it.state:
            spans[-1] = (spans[-1][0], it.end, spans[-1][2])
        else:
            spans.append((it.start, it.end, str(it.state)))
    return spans
