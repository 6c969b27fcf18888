"""API objects as the operator leaves them."""

import copy
from typing import Any

Object = dict[str, Any]

POLICY: Object = {
    "apiVersion": "ebbtide.dev/v1alpha1",
    "kind": "CostPolicy",
    "metadata": {"name": "batch", "namespace": "vision"},
    "spec": {
        "mode": "Enforce",
        "selector": {},
        "idle": {
            "afterSeconds": 3600, "warnSeconds": 600, "graceSeconds": 900, "neverUsedAfterSeconds": 7200,
            "memoryHeldAfterSeconds": 0, "busyAbovePercent": 5, "busyAboveEnginePercent": 2, "action": "Pause",
            "withoutCheckpoint": "Notify", "resumeAfterSeconds": 0,
        },
    },
}  # fmt: skip


def training_job(name: str, namespace: str = "vision", spec: Object | None = None, **status: Any) -> Object:
    """A TrainingJob; `status` as given, or none at all."""
    return {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-11-22T09:03:42Z"},
        "spec": {"workers": 4, "checkpoint": {"mode": "Periodic", "intervalSeconds": 900}, **(spec or {})},
        **({"status": copy.deepcopy(status)} if status else {}),
    }


def condition(kind: str, status: str, reason: str, message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def device(number: int, **numbers: Any) -> Object:
    found = {"lastBusyTime": "2026-11-22T13:13:30Z", "peakPercent": 0, "coveragePercent": 100, "memoryPercent": 61}
    identity = {"id": f"GPU-1b2c3d4e-0000-4a5b-8c6d-00000000000{number}", "pod": f"resnet-{number}-x7k2p"}
    return {**identity, **found, "powerWatts": 71, **numbers}


IDLE = training_job(
    "resnet",
    policy={"kind": "CostPolicy", "name": "batch"},
    verdict={
        "value": "Idle", "reason": "GPUIdle", "since": "2026-11-22T14:03:30Z", "asOf": "2026-11-22T14:03:30Z",
        "message": "no device of 2 was busy for 50 min; idle since 13:13:30Z", "spanSeconds": 3000,
        "coveragePercent": 100, "peakPercent": 3, "busyAbovePercent": 5, "busyAboveEnginePercent": 2,
        "everySeconds": 30, "idleSince": "2026-11-22T13:13:30.000Z",
        "families": ["utilisation", "power"], "devices": [device(0), device(1, peakPercent=3, lastBusyTime=None)],
    },
    checks=[
        {"name": "finished", "result": "Pass", "reason": "", "message": "The work has not finished yet."},
        {"name": "human_stop", "result": "Pass", "reason": "", "message": "No human asked it to stop."},
        {"name": "verdict", "result": "Pass", "reason": "GPUIdle", "message": "no device of 2 was busy for 50 min"},
        {"name": "countdown", "result": "Stop", "reason": "GPUIdle", "message": "warned 14:03:30Z, 600 s to go"},
        {"name": "mode", "result": "Skip", "reason": "", "message": ""},
    ],
    idle={"since": "2026-11-22T13:13:30.000Z", "warnedAt": "2026-11-22T14:03:30.120Z",
          "eligibleAfter": "2026-11-22T14:13:30.120Z"},
    gpus=8, capacityClass="OnDemand",
    cost={"currency": "USD", "hourly": "55.04", "total": "-", "saved": "-", "asOf": "2026-11-22T14:03:30Z"},
    conditions=[
        condition("Succeeded", "Unknown", "GPUIdle", "no device of 2 was busy for 50 min; it will be paused"),
        condition("Paused", "False", "Running"), condition("Priced", "True", "AllPriced"),
    ],
)  # fmt: skip

_BERT_PAUSED = "paused since 2026-11-21T23:10:00Z: `kubectl ebbtide resume trainingjob/bert -n vision` starts it again"
PAUSED = training_job(
    "bert",
    policy={"kind": "CostPolicy", "name": "batch"},
    verdict={"value": "NotApplicable", "reason": "NoAccelerator", "since": "2026-11-21T23:10:00Z",
             "asOf": "2026-11-22T13:50:00Z", "message": "no pod holds an accelerator", "spanSeconds": 4500,
             "coveragePercent": 0, "everySeconds": 30, "families": [], "devices": []},
    checks=[
        {"name": "finished", "result": "Pass", "reason": "", "message": "The work has not finished yet."},
        {"name": "human_run", "result": "Pass", "reason": "", "message": "No human asked it to run."},
        {"name": "policy_stays", "result": "Pass", "reason": "",
         "message": "What a policy paused is still governed by an enforcing policy."},
        {"name": "not_paused", "result": "Stop", "reason": "GPUIdle", "message": _BERT_PAUSED},
    ],
    pause={
        "since": "2026-11-21T23:10:00.000Z", "reason": "GPUIdle", "by": "Policy", "countToday": 1, "reverts": 0,
        "recent": ["2026-11-21T23:10:00.000Z"], "startupSeconds": 60, "cost": {"hourly": "13.76", "currency": "USD"},
        "message": "2 devices idle since 22:10:00Z; it costs 13.76 USD an hour",
        "evidence": {
            "value": "Idle", "reason": "GPUIdle", "since": "2026-11-21T23:00:00Z", "asOf": "2026-11-21T23:10:00Z",
            "message": "2 devices idle since 22:10:00Z: peak 1 % (busy above 5 %, engine 2 %), coverage 98 % of 1 h, "
                       "utilisation and power agree",
            "spanSeconds": 3600, "coveragePercent": 98, "peakPercent": 1, "busyAbovePercent": 5,
            "busyAboveEnginePercent": 2, "everySeconds": 30, "idleSince": "2026-11-21T22:10:00.000Z",
            "families": ["utilisation", "power"],
            "devices": [
                device(4, pod="bert-0-4kz9w", lastBusyTime="2026-11-21T22:08:30Z", coveragePercent=98),
                device(5, pod="bert-1-m2q8d", lastBusyTime="2026-11-21T22:10:00Z", peakPercent=1),
            ],
        },
    },
    gpus=0, capacityClass="Spot",
    cost={"hourly": "0.00", "total": "-", "saved": "-", "asOf": "2026-11-22T13:50:00Z"},
    conditions=[
        condition("Succeeded", "Unknown", "GPUIdle", _BERT_PAUSED),
        condition("Paused", "True", "GPUIdle", "2 devices idle since 22:10:00Z; it costs 13.76 USD an hour"),
    ],
)  # fmt: skip

UNPRICED = training_job(
    "a-training-job-with-a-name-of-fifty-two-characters-x",
    namespace="speech-recognition-research",
    verdict={"value": "Unknown", "reason": "InsufficientCoverage", "since": "2026-11-22T13:00:00Z",
             "asOf": "2026-11-22T14:00:00Z", "message": "12 % of the samples are missing"},
    gpus=2, capacityClass="Unknown", cost={"hourly": "-", "total": "-", "saved": "-"},
    conditions=[
        condition("Succeeded", "Unknown", "InsufficientCoverage", "12 % of the samples are missing"),
        condition("Paused", "False", "Running"),
        condition("Priced", "False", "NodeUnpriced", "gpu-7 has no price"),
    ],
)  # fmt: skip

DONE = training_job(
    "done",
    verdict={"value": "NotApplicable", "reason": "JobCompleted", "asOf": "2026-11-20T08:00:00Z"},
    gpus=0, capacityClass="OnDemand", cost={"currency": "USD", "hourly": "0.00", "total": "-", "saved": "-"},
    conditions=[condition("Succeeded", "True", "JobCompleted", "finished: 4 succeeded, 0 failed")],
)  # fmt: skip

NEW = training_job("brand-new")


def annotated(job: Object, **annotations: str) -> Object:
    """A copy with annotations of ours: `override="Running"`."""
    found = copy.deepcopy(job)
    keys = {f"ebbtide.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    found["metadata"]["annotations"] = keys
    return found


def adopted_object(kind: str, name: str, **more: Any) -> Object:
    """A Job or Deployment of a user; `spec` and `status` as given, the rest is metadata."""
    spec, status = more.pop("spec", {}), more.pop("status", {})
    created = "2026-11-22T09:03:42Z"
    metadata = {"name": name, "namespace": "vision", "uid": f"uid-{name}", "creationTimestamp": created, **more}
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def adopted_workload(kind: str, name: str, *, uid: str = "", paused: bool = False, **status: Any) -> Object:
    """What the operator tells of such an object."""
    version = "batch/v1" if kind == "Job" else "apps/v1"
    target = {"apiVersion": version, "kind": kind, "name": name, "uid": uid or f"uid-{name}"}
    conditions = [
        condition("Succeeded", "Unknown", "GPUIdle", "no device of 1 was busy for 50 min"),
        condition("Paused", "True" if paused else "False", "GPUIdle" if paused else "Running"),
    ]
    found = {"gpus": 0 if paused else 4, "capacityClass": "OnDemand", "conditions": conditions, **status}
    return {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "AdoptedWorkload",
        "metadata": {"name": f"{kind.lower()}-{name}", "namespace": "vision"},
        "spec": {"targetRef": target},
        "status": copy.deepcopy(found),
    }
