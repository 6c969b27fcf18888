"""Jobs: JSON to `Target`, and their store with the index by name."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from ebbtide.api.labels import GROUP, HOLD, RESTORE
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, KindClass, Target, Workload
from ebbtide.objects.document import Json
from ebbtide.objects.resources import JOBS, TRAINING_JOBS
from ebbtide.objects.store import Store
from ebbtide.objects.views_foreign import Shape, Template, asked_by, foreign, is_news, spec_hash
from ebbtide.objects.views_meta import Condition, ObjectMeta, find, instant
from ebbtide.objects.views_restore import found_restore

RETRIES_USED_UP: Final = ("BackoffLimitExceeded", "MaxFailedIndexesExceeded", "FailedIndexes")


@dataclass(frozen=True, slots=True)
class OwnedJob:
    """A Job as the carrier of a lever, and who controls it."""

    target: Target
    controller_uid: str
    controller_kind: str
    foreign: Workload | None = None
    """The workload that it is, where it is not of a kind of ours."""


class _Spec(msgspec.Struct, gc=False):
    suspend: bool | None = None
    parallelism: int | None = None
    completions: int | None = None
    template: Template | None = None


class _Suspension(msgspec.Struct, gc=False):
    suspend: bool | None = None
    parallelism: int | None = None
    completions: int | None = None


class _Status(msgspec.Struct, rename="camel", gc=False):
    active: int | None = None
    ready: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    conditions: list[Condition] | None = None
    completion_time: str | None = None


class _Job(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: msgspec.Raw
    status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Job)
_SPEC: Final = msgspec.json.Decoder(_Spec)
_SUSPENSION: Final = msgspec.json.Decoder(_Suspension)


def decode_job(raw: Json) -> tuple[str, OwnedJob]:
    """One Job."""
    seen = _DECODER.decode(raw)
    meta, controller = seen.metadata, seen.metadata.controller
    ours = controller is not None and controller.api_version.startswith(f"{GROUP}/")
    spec = None if ours else _SPEC.decode(seen.spec)
    target = _target(meta, _SUSPENSION.decode(seen.spec) if spec is None else spec, seen.status or _Status())
    return meta.uid, OwnedJob(
        target,
        controller.uid if controller else "",
        controller.kind if controller else "",
        None if spec is None else foreign(meta, target, _shape(spec, seen.spec)),
    )


def _shape(spec: _Spec, raw: msgspec.Raw) -> Shape:
    """Parallelism 0 is a stop of the user's own; the gang is as large as the pods that may run at once."""
    parallel = 1 if spec.parallelism is None else spec.parallelism
    workers = parallel if spec.completions is None else min(parallel, spec.completions)
    template = spec.template or Template()
    wants, grace = asked_by([(workers, template)]), template.stop_grace_seconds()
    return Shape(KindClass.RunToCompletion, workers, wants, spec_hash(raw, "suspend"), stop_grace_seconds=grace)


def _target(meta: ObjectMeta, spec: _Spec | _Suspension, status: _Status) -> Target:
    stored, words = found_restore(meta, JOBS.kind), meta.annotations or {}
    finished, finished_at = _finished(status)
    return Target(
        api_version=JOBS.api_version,
        kind=JOBS.kind,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        uid=sys.intern(meta.uid),
        resource_version=meta.resource_version,
        created_at=meta.created_at,
        suspended=bool(spec.suspend),
        restore=stored.restore,
        restore_unreadable=stored.unreadable,
        active=status.active or 0,
        ready=status.ready or 0,
        succeeded=status.succeeded or 0,
        failed=status.failed or 0,
        finished=finished,
        finished_at=finished_at,
        restore_misplaced=stored.misplaced,
        wanted=_wanted(spec, status),
        held=bool(spec.suspend) and RESTORE not in words and words.get(HOLD) == "true",
    )


def _wanted(spec: _Spec | _Suspension, status: _Status) -> int:
    """Pods that should exist; of a work queue (no completions) only until one of them has found it empty."""
    parallel, succeeded = 1 if spec.parallelism is None else spec.parallelism, status.succeeded or 0
    if spec.suspend or (spec.completions is None and succeeded):
        return 0
    return parallel if spec.completions is None else max(0, min(parallel, spec.completions - succeeded))


def _finished(status: _Status) -> tuple[Reason | None, Instant | None]:
    complete, failed = find(status.conditions, "Complete"), find(status.conditions, "Failed")
    if complete and complete.status == "True":
        return Reason.JobCompleted, instant(status.completion_time or complete.last_transition_time)
    if failed and failed.status == "True":
        reason = Reason.RetriesExhausted if failed.reason in RETRIES_USED_UP else Reason.JobFailed
        return reason, instant(failed.last_transition_time)
    return None, None


class JobStore(Store[OwnedJob]):
    """Jobs by UID and by name; tells when people want something else of one that may be a workload of its own."""

    def __init__(self, on_wish: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on_wish = on_wish
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
        before = self.get(uid)
        super().put(uid, item)
        self._by_name[item.target.namespace, item.target.name] = item
        if is_news(before.foreign if before else None, item.foreign):
            self._on_wish()

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
