"""Work that runs through Kueue: the Workload that Kueue made for it carries its lever."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from ebbtide.core.reason import Reason
from ebbtide.core.workload import KindClass, Target, Workload
from ebbtide.objects.document import Json
from ebbtide.objects.resources import Resource
from ebbtide.objects.store import Store
from ebbtide.objects.views_foreign import hash_of
from ebbtide.objects.views_meta import Condition, ObjectMeta, find
from ebbtide.objects.views_restore import carried_restore


class _Spec(msgspec.Struct, rename="camel", gc=False):
    active: bool | None = None
    queue_name: str = ""
    pod_sets: msgspec.Raw = msgspec.Raw(b"[]")


class _Status(msgspec.Struct, gc=False):
    conditions: list[Condition] | None = None


class _Workload(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: _Spec
    status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Workload)


@dataclass(frozen=True, slots=True)
class Entry:
    """One Workload of Kueue's, as the carrier of a lever."""

    lever: Target
    owner_uid: str
    """UID of the job that it was made for."""
    queue: str
    """Name of its LocalQueue."""
    admitted: bool
    spec_hash: str
    """Of the pods as their owner wrote them: Kueue writes selectors and tolerations into the job itself."""


def entry_decoder(served: Resource) -> Callable[[Json], tuple[str, Entry]]:
    """The view of Kueue's Workloads, in the version in which they are served."""

    def decode(raw: Json) -> tuple[str, Entry]:
        seen = _DECODER.decode(raw)
        owner, conditions = seen.metadata.controller, seen.status.conditions if seen.status else None
        admitted = find(conditions, "Admitted")
        return seen.metadata.uid, Entry(
            lever=_lever(served, seen, is_over=_is_true(find(conditions, "Finished"))),
            owner_uid=sys.intern(owner.uid) if owner else "",
            queue=sys.intern(seen.spec.queue_name),
            admitted=_is_true(admitted),
            spec_hash=hash_of({"podSets": msgspec.json.decode(seen.spec.pod_sets)}),
        )

    return decode


def _is_true(condition: Condition | None) -> bool:
    return condition is not None and condition.status == "True"


def _lever(served: Resource, seen: _Workload, *, is_over: bool) -> Target:
    meta = seen.metadata
    stored = carried_restore(meta, served.kind)
    return Target(
        api_version=served.api_version,
        kind=served.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=sys.intern(meta.uid),
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=seen.spec.active is False,
        restore=stored.restore,
        restore_unreadable=stored.unreadable,
        active=0,
        ready=0,
        succeeded=0,
        failed=0,
        finished=Reason.JobCompleted if is_over else None,
        finished_at=None,
        restore_misplaced=stored.misplaced,
    )


class QueueStore(Store[Entry]):
    """Kueue's Workloads by UID and by the job that each was made for."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on_change = on_change
        self._by_owner: dict[str, dict[str, Entry]] = {}

    def of(self, owner_uid: str) -> Entry | None:
        """The Workload of a job; the newest of those that have not finished, where slices replace each other."""
        found = self._by_owner.get(owner_uid)
        if not found:
            return None
        return max(found.values(), key=lambda it: (it.lever.finished is None, it.lever.created_at))

    def replace(self, items: dict[str, Entry], unseen_since: float | None) -> None:
        """Everything there is."""
        super().replace(items, unseen_since)
        by_owner: dict[str, dict[str, Entry]] = {}
        for uid, item in items.items():
            by_owner.setdefault(item.owner_uid, {})[uid] = item
        self._by_owner = by_owner

    def put(self, uid: str, item: Entry) -> None:
        """Created or changed."""
        before = self.get(uid)
        super().put(uid, item)
        self._by_owner.setdefault(item.owner_uid, {})[uid] = item
        if before is None or before.lever.suspended != item.lever.suspended or before.admitted != item.admitted:
            self._on_change()

    def remove(self, uid: str, last: Entry | None) -> None:
        """Deleted."""
        gone = self.get(uid) or last
        super().remove(uid, last)
        if gone is not None:
            self._by_owner.get(gone.owner_uid, {}).pop(uid, None)


def queued(workload: Workload, entry: Entry) -> Workload:
    """The workload with the lever that Kueue leaves to others. What its pods do, its own object still tells.

    A server is stopped by its number of replicas under Kueue too: its pods are queued one by one.
    """
    own = workload.target
    if own is None or workload.kind_class is KindClass.Serving:
        return workload
    lever = replace(
        entry.lever,
        active=own.active,
        ready=own.ready,
        succeeded=own.succeeded,
        failed=own.failed,
        finished=own.finished,
        finished_at=own.finished_at,
        wanted=own.wanted,
    )
    if lever.restore is None and own.restore is not None:
        return workload  # paused by its own lever before it was queued: that is put back first
    return replace(
        workload,
        target=lever,
        itself=own,
        queue=entry.queue or workload.queue,
        admitted=entry.admitted,
        spec_hash=workload.spec_hash and entry.spec_hash,
    )
