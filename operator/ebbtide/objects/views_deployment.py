"""Deployments: JSON to `Workload`, and which ReplicaSets are theirs."""

import sys
from collections.abc import Iterable
from typing import Final

import msgspec

from ebbtide.core.workload import Instant, KindClass, Target, Workload
from ebbtide.objects.document import Json
from ebbtide.objects.resources import DEPLOYMENTS
from ebbtide.objects.store import Store
from ebbtide.objects.views_foreign import Shape, Template, asked_by, foreign, spec_hash
from ebbtide.objects.views_meta import ObjectMeta
from ebbtide.objects.views_restore import found_restore


class _Spec(msgspec.Struct, gc=False):
    template: Template
    replicas: int | None = None


class _Status(msgspec.Struct, rename="camel", gc=False):
    replicas: int | None = None
    ready_replicas: int | None = None


class _Deployment(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: msgspec.Raw
    status: _Status | None = None


class _Meta(msgspec.Struct, gc=False):
    metadata: ObjectMeta


_DECODER: Final = msgspec.json.Decoder(_Deployment)
_SPEC: Final = msgspec.json.Decoder(_Spec)
_REPLICA_SET: Final = msgspec.json.Decoder(_Meta)


def decode_deployment(raw: Json) -> tuple[str, Workload]:
    """One Deployment. While Ebbtide holds it at zero it has the replicas that are stored."""
    seen = _DECODER.decode(raw)
    meta, spec, status = seen.metadata, _SPEC.decode(seen.spec), seen.status or _Status()
    replicas = 1 if spec.replicas is None else spec.replicas
    stored = found_restore(meta, DEPLOYMENTS.kind)
    target = Target(
        api_version=DEPLOYMENTS.api_version,
        kind=DEPLOYMENTS.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=sys.intern(meta.uid),
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=replicas == 0,
        restore=stored.restore,
        restore_unreadable=stored.unreadable,
        active=status.replicas or 0,
        ready=status.ready_replicas or 0,
        succeeded=0,
        failed=0,
        finished=None,
        finished_at=None,
        restore_misplaced=stored.misplaced,
        wanted=replicas,
    )
    workers = replicas or _stored_replicas(target)
    shape = Shape(
        KindClass.Serving,
        workers,
        asked_by([(workers, spec.template)]),
        spec_hash(seen.spec, "replicas"),
        stop_grace_seconds=spec.template.stop_grace_seconds(),
        scratch=spec.template.has_empty_dir(),
    )
    return meta.uid, foreign(meta, target, shape)


def _stored_replicas(target: Target) -> int:
    was = next((one.was for one in target.restore.fields), 0) if target.restore else 0
    return was if isinstance(was, int) else 0


def decode_replica_set(raw: Json) -> tuple[str, str]:
    """UID of a ReplicaSet and of the Deployment that controls it, empty where none does. Metadata is enough."""
    meta = _REPLICA_SET.decode(raw).metadata
    owner = meta.controller
    return meta.uid, sys.intern(owner.uid) if owner and owner.kind == DEPLOYMENTS.kind else ""


class ReplicaSetStore(Store[str]):
    """UIDs of ReplicaSets to those of their Deployments, and back."""

    def __init__(self) -> None:
        super().__init__()
        self._by_deployment: dict[str, tuple[str, ...]] = {}

    def of(self, deployment: str) -> tuple[str, ...]:
        """The ReplicaSets of a Deployment."""
        return self._by_deployment.get(deployment, ())

    def replace(self, items: dict[str, str], unseen_since: Instant | None) -> None:
        """Everything there is."""
        found: dict[str, list[str]] = {}
        for uid, deployment in items.items():
            found.setdefault(deployment, []).append(uid)
        found.pop("", None)
        super().replace(items, unseen_since)
        self._by_deployment = {deployment: tuple(uids) for deployment, uids in found.items()}

    def put(self, uid: str, item: str) -> None:
        """Created, adopted or released."""
        self._leave(uid)
        super().put(uid, item)
        if item:
            self._keep(item, (*self.of(item), uid))

    def remove(self, uid: str, last: str | None) -> None:
        """Deleted."""
        self._leave(uid)
        super().remove(uid, last)

    def _leave(self, uid: str) -> None:
        before = self.get(uid)
        if before:
            self._keep(before, (one for one in self.of(before) if one != uid))

    def _keep(self, deployment: str, uids: Iterable[str]) -> None:
        left = tuple(uids)
        if left:
            self._by_deployment[deployment] = left
        else:
            self._by_deployment.pop(deployment, None)
