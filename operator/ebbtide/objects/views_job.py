"""Jobs: JSON to `Target`, and their store with the index by name."""

import sys
from dataclasses import dataclass
from typing import Final

import msgspec

from ebbtide.api.labels import GROUP, RESTORE
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, Restore, Target
from ebbtide.objects import restore
from ebbtide.objects.document import Json
from ebbtide.objects.resources import JOBS, TRAINING_JOBS
from ebbtide.objects.store import Store
from ebbtide.objects.views_meta import Condition, ObjectMeta, find, instant

RETRIES_USED_UP: Final = ("BackoffLimitExceeded", "MaxFailedIndexesExceeded", "FailedIndexes")


@dataclass(frozen=True, slots=True)
class OwnedJob:
    """A Job as the carrier of a lever, and who controls it."""

    target: Target
    controller_uid: str
    controller_kind: str


class _Spec(msgspec.Struct, gc=False):
    suspend: bool | None = None


class _Status(msgspec.Struct, rename="camel", gc=False):
    active: int | None = None
    ready: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    conditions: list[Condition] | None = None
    completion_time: str | None = None


class _Job(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: _Spec
    status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Job)


def decode_job(raw: Json) -> tuple[str, OwnedJob]:
    """One Job."""
    seen = _DECODER.decode(raw)
    meta, status, controller = seen.metadata, seen.status or _Status(), seen.metadata.controller
    stored, unreadable = _restore(meta)
    finished, finished_at = _finished(status)
    target = Target(
        api_version=JOBS.api_version,
        kind=JOBS.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=sys.intern(meta.uid),
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=bool(seen.spec.suspend),
        restore=stored,
        restore_unreadable=unreadable,
        active=status.active or 0,
        ready=status.ready or 0,
        succeeded=status.succeeded or 0,
        failed=status.failed or 0,
        finished=finished,
        finished_at=finished_at,
    )
    return meta.uid, OwnedJob(target, controller.uid if controller else "", controller.kind if controller else "")


def _restore(meta: ObjectMeta) -> tuple[Restore | None, str]:
    """Controllers copy annotations to what they own: on such a copy a restore means nothing."""
    stored, owner = restore.read(meta.annotations, JOBS.kind, meta.name), meta.controller
    if stored and owner and not owner.api_version.startswith(f"{GROUP}/"):
        return None, f"{RESTORE} stands on a Job that {owner.kind} controls"
    return (None, stored.message) if isinstance(stored, restore.Unusable) else (stored, "")


def _finished(status: _Status) -> tuple[Reason | None, Instant | None]:
    complete, failed = find(status.conditions, "Complete"), find(status.conditions, "Failed")
    if complete and complete.status == "True":
        return Reason.JobCompleted, instant(status.completion_time or complete.last_transition_time)
    if failed and failed.status == "True":
        reason = Reason.RetriesExhausted if failed.reason in RETRIES_USED_UP else Reason.JobFailed
        return reason, instant(failed.last_transition_time)
    return None, None


class JobStore(Store[OwnedJob]):
    """Jobs by UID and by name."""

    def __init__(self) -> None:
        super().__init__()
        self._by_name: dict[tuple[str, str], OwnedJob] = {}

    def named(self, namespace: str, name: str) -> OwnedJob | None:
        """The Job of that name."""
        return self._by_name.get((namespace, name))

    def replace(self, items: dict[str, OwnedJob], unseen_since: Instant | None) -> None:
        """Everything there is."""
        super().replace(items, unseen_since)
        self._by_name = {(job.target.namespace, job.target.name): job for job in items.values()}

    def put(self, uid: str, item: OwnedJob) -> None:
        """Created or changed."""
        super().put(uid, item)
        self._by_name[item.target.namespace, item.target.name] = item

    def remove(self, uid: str, last: OwnedJob | None) -> None:
        """Deleted; the name may already belong to a successor."""
        gone = self.get(uid) or last
        super().remove(uid, last)
        if gone is None:
            return
        name = (gone.target.namespace, gone.target.name)
        if (now := self._by_name.get(name)) is not None and now.target.uid == uid:
            del self._by_name[name]


def is_predecessors(job: OwnedJob) -> bool:
    """The Job of a TrainingJob; asked where it is not ours, so of a deleted one of the same name."""
    return job.controller_kind == TRAINING_JOBS.kind
