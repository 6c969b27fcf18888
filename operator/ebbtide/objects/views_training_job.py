"""TrainingJobs: JSON to `Workload`. Templates are not kept; of them only the devices are counted."""

import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.api.parsing import Invalid, parse
from ebbtide.api.training_job import TrainingJob, TrainingJobSpec
from ebbtide.core.workload import Attribution, Checkpoint, KindClass, StatusObject, Workload, WorkloadKey
from ebbtide.objects.document import Json
from ebbtide.objects.quantity import Asked, Container, asked
from ebbtide.objects.views_intent import intent
from ebbtide.objects.views_meta import ObjectMeta, frozen, shared_attribution, time_in
from ebbtide.objects.views_status import memory

KIND: Final = sys.intern("TrainingJob")
_DEFAULT_SCHEDULER: Final = "default-scheduler"
_GROUPED: Final = ("schedulingGroup", "workloadRef")
"""Fields of a pod's spec by which Kubernetes' own scheduler places a group as a whole (1.36, 1.35)."""
_NOTHING: Final = Asked(0, "", 0.0, 0)


class _Stored(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None


_DECODER: Final = msgspec.json.Decoder(_Stored)


def decode_training_job(raw: Json) -> tuple[str, Workload]:
    """One TrainingJob without its Job: `target` is joined when the stores are observed."""
    seen = _DECODER.decode(raw)
    meta, stored = seen.metadata, seen.spec or {}
    document = {"metadata": {"name": meta.name}, "spec": stored, "status": {}}
    parsed = parse(TrainingJob, document)
    spec = None if isinstance(parsed, Invalid) else parsed.spec
    wants = _gang(spec)
    return meta.uid, Workload(
        key=WorkloadKey(sys.intern(meta.namespace), KIND, meta.name),
        uid=meta.uid,
        generation=meta.generation,
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        kind_class=KindClass.RunToCompletion,
        labels=frozen(meta.labels),
        workers=spec.workers if spec else 1,
        accelerators=wants.accelerators * (spec.workers if spec else 1),
        accelerator_resource=sys.intern(wants.accelerator_resource),
        checkpoint=_checkpoint(spec),
        intent=intent(meta, suspend=stored.get("suspend") is True, policy_ref=_policy_ref(spec)),
        target=None,
        foreign_target=False,
        memory=memory(seen.status or {}),
        attribution=_attribution(spec, meta),
        deadline=spec.deadline.timestamp() if spec and spec.deadline else None,
        expected_seconds=spec.expected_seconds if spec else None,
        pause_during=_pause_during(spec),
        queue=spec.queue.name if spec and spec.queue else "",
        starts_singly=spec is not None and _starts_singly(spec),
        invalid=(parsed.path, parsed.message) if isinstance(parsed, Invalid) else None,
        deleting=meta.deletion_timestamp is not None,
        status_object=StatusObject(KIND, meta.name, meta.uid, meta.resource_version),
        checkpointed_at=time_in(meta.annotations, keys.CHECKPOINTED_AT)[0],
    )


def _gang(spec: TrainingJobSpec | None) -> Asked:
    """What one worker asks for. A template that no pod could have asks for nothing; the API server will refuse it."""
    if spec is None:
        return _NOTHING
    pod = spec.template["spec"]
    try:
        main = msgspec.convert(pod.get("containers") or [], list[Container])
        init = msgspec.convert(pod.get("initContainers") or [], list[Container])
        return asked(main, init, pod.get("resourceClaims"))
    except (msgspec.ValidationError, ValueError):
        return _NOTHING


def _starts_singly(spec: TrainingJobSpec) -> bool:
    """Whether no one starts its pods together. A scheduler that is named was chosen: what it does is not known here."""
    if spec.workers == 1 or spec.queue is not None:
        return False
    pod = spec.template["spec"]
    chosen = pod.get("schedulerName") not in (None, "", _DEFAULT_SCHEDULER)  # anything may stand there
    return not chosen and not any(pod.get(field) for field in _GROUPED)


def _checkpoint(spec: TrainingJobSpec | None) -> Checkpoint:
    if spec is None:
        return Checkpoint()
    said = spec.checkpoint
    return Checkpoint(sys.intern(str(said.mode)), said.interval_seconds or 0, said.grace_seconds or 0)


def _pause_during(spec: TrainingJobSpec | None) -> tuple[str, str] | None:
    said = spec.pause_during if spec else None
    return None if said is None else (sys.intern(str(said.kind)), said.name)


def _policy_ref(spec: TrainingJobSpec | None) -> str:
    return f"{spec.policy_ref.kind}/{spec.policy_ref.name}" if spec and spec.policy_ref else ""


def _attribution(spec: TrainingJobSpec | None, meta: ObjectMeta) -> Attribution:
    """spec.attribution, else the object's own label. What a policy adds is not known here."""
    said: Mapping[str, str] = spec.attribution.by_label() if spec else {}
    labels = meta.labels or {}
    return shared_attribution(*(said.get(key) or labels.get(key, "") for key in keys.ATTRIBUTION.values()))
