"""Objects of any kind in `levers`: JSON to `Workload`, as their `Kind` describes them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ebbtide.core.workload import Restore, Target, Workload, WorkloadKey
from ebbtide.objects.document import Json
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, part
from ebbtide.objects.levers.kinds import BY_OBJECT
from ebbtide.objects.levers.lever import is_stopped
from ebbtide.objects.levers.suspend import REPLICAS
from ebbtide.objects.pointer import without
from ebbtide.objects.resources import Resource
from ebbtide.objects.views_foreign import Shape, Template, asked_by, foreign, hash_of
from ebbtide.objects.views_meta import ObjectMeta, instant
from ebbtide.objects.views_restore import found_restore


class _Object(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: Any = None
    status: Any = None


_DECODER: Final = msgspec.json.Decoder(_Object)


def decoder(kind: Kind, served: Resource) -> Callable[[Json], tuple[str, Workload]]:
    """The view of one kind, in the version in which it is served."""

    def decode(raw: Json) -> tuple[str, Workload]:
        seen = _DECODER.decode(raw)
        return seen.metadata.uid, _workload(kind, served, seen)

    return decode


def _workload(kind: Kind, served: Resource, seen: _Object) -> Workload:
    whole: Mapping[str, Any] = {"spec": seen.spec, "status": seen.status}
    meta, spec = seen.metadata, part(whole, "spec")
    target = _target(kind, served, meta, spec, part(whole, "status"))
    groups = kind.pods(_as_it_runs(spec, target.restore))
    return foreign(meta, target, _shape(kind, spec, groups, target), kind.name)


def _target(kind: Kind, served: Resource, meta: ObjectMeta, spec: Part, status: Part) -> Target:
    stored, end = found_restore(meta, served.kind), kind.ended(status)
    document = {"metadata": {"annotations": meta.annotations or {}}, "spec": spec}
    return Target(
        api_version=served.api_version,
        kind=served.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=sys.intern(meta.uid),
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=is_stopped(document, kind),
        restore=stored.restore,
        restore_unreadable=stored.unreadable,
        active=kind.active(status),
        ready=kind.ready(status),
        succeeded=0,
        failed=0,
        finished=end.reason if end else None,
        finished_at=(instant(end.at) or meta.created_at) if end else None,
        restore_misplaced=stored.misplaced,
    )


def _as_it_runs(spec: Part, stored: Restore | None) -> Part:
    """While Ebbtide holds it at zero it has the replicas that are stored."""
    was = next((one.was for one in stored.fields if one.path == REPLICAS), None) if stored else None
    return {**spec, "replicas": was} if was and spec.get("replicas") == 0 else spec


def _shape(kind: Kind, spec: Part, groups: Sequence[PodGroup], target: Target) -> Shape:
    templates = [(group.count, msgspec.convert(group.template, Template)) for group in groups]
    why = kind.unsupported or ("" if target.suspended else kind.refuses(spec))
    return Shape(
        kind_class=kind.kind_class,
        workers=sum(group.count for group in groups),
        asked=asked_by(templates),
        spec_hash=hash_of(without(spec, [path.removeprefix("/spec") for path in kind.stopped])),
        stop_grace_seconds=min((it.stop_grace_seconds() for _, it in templates), default=None),
        scratch=kind.interactive or (kind.loses_scratch and any(it.has_empty_dir() for _, it in templates)),
        unsupported=f"{why}: reported only" if why else "",
        scales=_scaled(kind, spec, target.namespace),
    )


def _scaled(kind: Kind, spec: Part, namespace: str) -> WorkloadKey | None:
    if kind.scales is None:
        return None
    group, of_kind, name = kind.scales(spec)
    found = BY_OBJECT.get((group, of_kind))
    return WorkloadKey(namespace, found.name, name) if found is not None and name else None
