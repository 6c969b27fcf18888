"""From a TrainingJob to its Job and Service: exactly what the contract says under "The Job". Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ebbtide.api import labels as keys
from ebbtide.api.parsing import Invalid, parse
from ebbtide.api.training_job import CheckpointMode, RestartScope, TrainingJob
from ebbtide.core.workload import Restore, RestoreField
from ebbtide.objects import restore
from ebbtide.objects.levers.patches import Note
from ebbtide.objects.levers.suspend import SUSPEND
from ebbtide.objects.resources import JOBS, SERVICES, TRAINING_JOBS

MASTER_ADDRESS: Final = "EBBTIDE_MASTER_ADDR"
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL: Final = "kueue.x-k8s.io/priority-class"
GRACE_MARGIN_SECONDS: Final = 30
"""OnSignal: what the container runtime and the last write to storage may take beyond the checkpoint itself."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What a TrainingJob owns, ready to be sent.

    ttlSecondsAfterFinished is not passed on: a Job that removed itself would be taken for one that was never created.
    Removing both together is the operator's to do.
    """

    job: dict[str, Any]
    service: dict[str, Any] | None


def owned(document: Mapping[str, Any], attribution: Mapping[str, str], held: Note | None) -> Owned | Invalid:
    """Job and Service of a TrainingJob as stored.

    `attribution`: label key to full value, from all sources. `held`: the Job is created suspended, and says so in its
    restore from the first moment, so that a start is a restore.
    """
    parsed = parse(TrainingJob, {**document, "status": {}})
    if isinstance(parsed, Invalid):
        return parsed
    marks = _Marks(parsed.metadata.name, {**attribution, **parsed.spec.attribution.by_label()})
    return Owned(_job(document, parsed, marks, held), _service(document, marks) if parsed.spec.workers > 1 else None)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Labels of everything that is created, and the annotations that hold what a label could not."""

    name: str
    attribution: Mapping[str, str]

    @property
    def labels(self) -> dict[str, str]:
        written = {key: keys.label_value(value) for key, value in self.attribution.items() if value}
        return {**written, keys.WORKLOAD: keys.workload_label(TRAINING_JOBS.kind, self.name)}

    @property
    def annotations(self) -> dict[str, str]:
        return {key: value for key, value in self.attribution.items() if value and keys.label_value(value) != value}

    def metadata(self, document: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
        meta = document["metadata"]
        annotations = {"annotations": self.annotations} if self.annotations else {}
        return {
            "name": self.name,
            "namespace": meta["namespace"],
            "labels": {**self.labels, **labels},
            **annotations,
            "ownerReferences": [_owner(meta)],
        }


def _owner(meta: Mapping[str, Any]) -> dict[str, Any]:
    """BlockOwnerDeletion needs update on the finalizers subresource where the API server checks it."""
    identity = {"apiVersion": TRAINING_JOBS.api_version, "kind": TRAINING_JOBS.kind}
    return {**identity, "name": meta["name"], "uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def _job(document: Mapping[str, Any], parsed: TrainingJob, marks: _Marks, held: Note | None) -> dict[str, Any]:
    spec = parsed.spec
    queue = {}
    if spec.queue:
        priority = {PRIORITY_LABEL: spec.queue.priority_class_name} if spec.queue.priority_class_name else {}
        queue = {QUEUE_LABEL: spec.queue.name, **priority}
    metadata = marks.metadata(document, queue)
    if held is not None:
        note = {keys.RESTORE: restore.write(_held_original(parsed.metadata.name, held))}
        metadata["annotations"] = {**metadata.get("annotations", {}), **note}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": metadata,
        "spec": {
            **({} if spec.queue else {"suspend": held is not None}),
            **_shape(parsed),
            **_retries(parsed),
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": _template(parsed, marks),
        },
    }


def _held_original(name: str, held: Note) -> Restore:
    field = RestoreField(SUSPEND, was=False, was_present=True, set=True)
    return Restore(JOBS.kind, name, held.at, held.by, held.policy, held.reason, (field,))


def _shape(parsed: TrainingJob) -> dict[str, Any]:
    workers = parsed.spec.workers
    indexed = {"completionMode": "Indexed"} if workers > 1 else {}
    return {**indexed, "completions": workers, "parallelism": workers}


def _retries(parsed: TrainingJob) -> dict[str, Any]:
    """Pod: each worker has its own attempts. A Job with one worker has no index to count by."""
    spec = parsed.spec
    if spec.restart_scope is RestartScope.Pod and spec.workers > 1:
        return {"backoffLimitPerIndex": spec.retries}
    return {"backoffLimit": spec.retries}


def _template(parsed: TrainingJob, marks: _Marks) -> dict[str, Any]:
    template = parsed.spec.template
    meta = template.get("metadata") or {}
    annotations = {**(meta.get("annotations") or {}), **marks.annotations}
    return {
        **template,
        "metadata": {
            **meta,
            "labels": {**(meta.get("labels") or {}), **marks.labels},
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": _pod(parsed, template["spec"], marks.name),
    }


def _pod(parsed: TrainingJob, pod: Mapping[str, Any], name: str) -> dict[str, Any]:
    built = dict(pod)
    checkpoint = parsed.spec.checkpoint
    if checkpoint.mode is CheckpointMode.OnSignal and checkpoint.grace_seconds is not None:
        wanted = checkpoint.grace_seconds + GRACE_MARGIN_SECONDS
        given = built.get("terminationGracePeriodSeconds")
        built["terminationGracePeriodSeconds"] = max(wanted, given) if isinstance(given, int) else wanted
    if parsed.spec.workers > 1:
        built["subdomain"] = name
        address = {"name": MASTER_ADDRESS, "value": f"{name}-0.{name}"}
        built["containers"] = [_with_environment(one, address) for one in pod["containers"]]
    return built


def _with_environment(container: Mapping[str, Any], variable: Mapping[str, str]) -> dict[str, Any]:
    """Unless the user has set it."""
    given = container.get("env") or []
    if any(isinstance(one, Mapping) and one.get("name") == variable["name"] for one in given):
        return dict(container)
    return {**container, "env": [dict(variable), *given]}  # first, so that other variables can refer to it


def _service(document: Mapping[str, Any], marks: _Marks) -> dict[str, Any]:
    """Headless; names resolve before pods are Ready, because the workers meet before they are."""
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": marks.metadata(document, {}),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": marks.name},
        },
    }
