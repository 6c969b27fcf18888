"""AdoptedWorkloads: what they remember of the object that they are about."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.core.workload import Instant, Memory, StatusObject
from ebbtide.objects.document import Json
from ebbtide.objects.resources import ADOPTED_WORKLOADS
from ebbtide.objects.store import Store
from ebbtide.objects.views_meta import ObjectMeta
from ebbtide.objects.views_status import memory


class _TargetRef(msgspec.Struct, rename="camel", gc=False):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Spec(msgspec.Struct, rename="camel", gc=False):
    target_ref: _TargetRef


class _Stored(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: _Spec
    status: dict[str, Any] | None = None


_DECODER: Final = msgspec.json.Decoder(_Stored)


@dataclass(frozen=True, slots=True)
class Record:
    """One AdoptedWorkload."""

    status_object: StatusObject
    generation: int
    target_uid: str
    """Empty where its name is not that of its target: somebody else wrote it, and it is not used."""
    memory: Memory


def decode_adopted(raw: Json) -> tuple[str, Record]:
    """One AdoptedWorkload."""
    seen = _DECODER.decode(raw)
    meta, ref = seen.metadata, seen.spec.target_ref
    ours = adopted_name(ref.api_version, ref.kind, ref.name) == meta.name and meta.deletion_timestamp is None
    return meta.uid, Record(
        status_object=StatusObject(ADOPTED_WORKLOADS.kind, meta.name, meta.uid, meta.resource_version),
        generation=meta.generation,
        target_uid=sys.intern(ref.uid) if ours else "",
        memory=memory(seen.status or {}),
    )


class AdoptedStore(Store[Record]):
    """AdoptedWorkloads by UID and by that of their target; tells when a new one can carry a status."""

    def __init__(self, on_new: Callable[[], None]) -> None:
        super().__init__()
        self._on_new = on_new
        self._by_target: dict[str, Record] = {}

    def about(self, target_uid: str) -> Record | None:
        """The AdoptedWorkload of that object."""
        return self._by_target.get(target_uid)

    def replace(self, items: dict[str, Record], unseen_since: Instant | None) -> None:
        """Everything there is."""
        super().replace(items, unseen_since)
        self._by_target = {record.target_uid: record for record in items.values() if record.target_uid}

    def put(self, uid: str, item: Record) -> None:
        """Created or changed."""
        is_new = self.get(uid) is None
        self._leave(uid)
        super().put(uid, item)
        if item.target_uid:
            self._by_target[item.target_uid] = item
        if is_new:
            self._on_new()

    def remove(self, uid: str, last: Record | None) -> None:
        """Deleted; its target may already have another."""
        self._leave(uid)
        super().remove(uid, last)

    def _leave(self, uid: str) -> None:
        before = self.get(uid)
        if before is not None and self._by_target.get(before.target_uid) is before:
            del self._by_target[before.target_uid]
