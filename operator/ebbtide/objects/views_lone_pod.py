"""Pods that no workload has: each is one itself, which is reported and never paused."""

import sys

from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, Pod, Target, Workload
from ebbtide.objects.levers.pod import POD
from ebbtide.objects.quantity import Asked
from ebbtide.objects.views_foreign import Shape, foreign
from ebbtide.objects.views_meta import ObjectMeta

_ENDS = {"Succeeded": Reason.JobCompleted, "Failed": Reason.JobFailed}


def alone(meta: ObjectMeta, wants: Asked, phase: str, ended_at: Instant | None) -> Workload:
    """A pod as it was read."""
    shape = Shape(POD.kind_class, 1, wants, "", unsupported=f"{POD.unsupported}: reported only")
    return foreign(meta, _target(meta, _ENDS.get(phase), ended_at), shape)


def of_unread(pod: Pod, why: str) -> Workload:
    """A pod whose owner is of a kind that may not be read. Its labels were not kept, for it was to be part of that."""
    meta = ObjectMeta(pod.uid, pod.name, pod.namespace)
    wants = Asked(pod.accelerators, pod.accelerator_resource, pod.cpu, pod.memory_bytes)
    said = f"a {pod.owner_kind} controls it: {why}; reported only"
    shape = Shape(POD.kind_class, 1, wants, "", unsupported=said, unsupported_reason=Reason.PermissionDenied)
    return foreign(meta, _target(meta, None, None), shape)


def _target(meta: ObjectMeta, finished: Reason | None, finished_at: Instant | None) -> Target:
    return Target(
        api_version=POD.resource.api_version,
        kind=POD.resource.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=False,
        restore=None,
        restore_unreadable="",
        active=0,
        ready=0,
        succeeded=0,
        failed=0,
        finished=finished,
        finished_at=finished_at,
    )
