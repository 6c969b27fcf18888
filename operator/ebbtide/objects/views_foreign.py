"""Workloads that somebody else created: what all their kinds have in common, from JSON to `Workload`."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.core.original import remembered
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, Intent, KindClass, Memory, Target, Workload, WorkloadKey
from ebbtide.objects.levers.kinds import kind_of
from ebbtide.objects.quantity import Asked, Container, asked
from ebbtide.objects.store import Store
from ebbtide.objects.training_job import QUEUE_LABEL
from ebbtide.objects.views_adopted import Record
from ebbtide.objects.views_intent import intent
from ebbtide.objects.views_meta import ObjectMeta, Owner, frozen, time_in, written_attribution
from ebbtide.objects.views_restore import may_carry
from ebbtide.objects.views_words import words

_HASH_LENGTH: Final = 8
KNATIVE: Final = "serving.knative.dev/"
SERVED_LABEL: Final = "serving.kserve.io/inferenceservice"
DEFAULT_GRACE_SECONDS: Final = 30
"""terminationGracePeriodSeconds of a pod that says nothing (Kubernetes)."""
_NOTHING: Final = Asked(0, "", 0.0, 0)
_NO_INTENT: Final = Intent()


class _Volume(msgspec.Struct, rename="camel", gc=False):
    empty_dir: dict[str, Any] | None = None


class _PodSpec(msgspec.Struct, rename="camel", gc=False):
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    volumes: list[_Volume] | None = None
    termination_grace_period_seconds: int | None = None
    resource_claims: list[Any] | None = None


class Template(msgspec.Struct, gc=False):
    """The part of a pod template that is looked at."""

    spec: _PodSpec | None = None

    def wants(self) -> Asked:
        """What one pod asks for."""
        if self.spec is None:
            return _NOTHING
        return asked(self.spec.containers or (), self.spec.init_containers or (), self.spec.resource_claims)

    def stop_grace_seconds(self) -> int:
        """From SIGTERM to the end of a pod."""
        said = self.spec.termination_grace_period_seconds if self.spec else None
        return DEFAULT_GRACE_SECONDS if said is None else said

    def has_empty_dir(self) -> bool:
        """Some volume is lost with the pod."""
        return any(volume.empty_dir is not None for volume in (self.spec and self.spec.volumes) or ())


def asked_by(groups: Iterable[tuple[int, Template]]) -> Asked:
    """What all pods of a gang ask for. What is scaled to zero still is work that needs accelerators."""
    wanted = [(count, template.wants()) for count, template in groups]
    whole = _summed(wanted)
    return whole if whole.accelerators else _summed([(1, wants) for _, wants in wanted])


def _summed(wanted: Sequence[tuple[int, Asked]]) -> Asked:
    if len(wanted) == 1 and wanted[0][0] == 1:
        return wanted[0][1]
    largest = max(wanted, key=lambda it: it[0] * it[1].accelerators, default=(0, _NOTHING))[1]
    return Asked(
        sum(count * wants.accelerators for count, wants in wanted),
        largest.accelerator_resource or next(filter(None, (wants.accelerator_resource for _, wants in wanted)), ""),
        sum(count * wants.cpu for count, wants in wanted),
        sum(count * wants.memory_bytes for count, wants in wanted),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """What the kind says of one of its objects."""

    kind_class: KindClass
    workers: int
    asked: Asked
    """What the whole gang asks for."""
    spec_hash: str
    stop_grace_seconds: int | None = None
    """From SIGTERM to the end of a pod, the least of all; None: its pods are not known."""
    scratch: bool = False
    """A pause loses what nobody expects to lose: the content of an emptyDir, what somebody works on in memory."""
    unsupported: str = ""
    """Why this very object cannot be paused."""
    unsupported_reason: Reason = Reason.UnsupportedKind
    scales: WorkloadKey | None = None
    """What it scales."""


def foreign(meta: ObjectMeta, target: Target, shape: Shape, kind: str = "") -> Workload:
    """The workload that the target is. Its AdoptedWorkload is joined later: see `told`. `kind`: as policies name it."""
    wants, said = shape.asked, words(meta, shape.kind_class)
    controller = _foreign_controller(meta)
    wish = intent(meta, suspend=False, policy_ref="")
    return Workload(
        key=WorkloadKey(target.namespace, kind or target.kind, target.name),
        uid=target.uid,
        generation=0,
        resource_version=target.resource_version,
        created_at=target.created_at,
        kind_class=shape.kind_class,
        labels=frozen(meta.labels),
        workers=shape.workers,
        accelerators=wants.accelerators,
        accelerator_resource=sys.intern(wants.accelerator_resource),
        checkpoint=said.checkpoint,
        intent=replace(wish, invalid=(*wish.invalid, *said.invalid)) if said.invalid else wish,
        target=target,
        foreign_target=False,
        memory=_NO_MEMORY,
        attribution=written_attribution(meta),
        deadline=said.deadline,
        expected_seconds=said.expected_seconds,
        queue=(meta.labels or {}).get(QUEUE_LABEL, ""),
        deleting=meta.deletion_timestamp is not None,
        unsupported=_unsupported(controller) or shape.unsupported,
        unsupported_reason=shape.unsupported_reason,
        controller_uid=sys.intern(controller.uid) if controller else "",
        controller_kind=_known_kind(controller) if controller else "",
        served=_served(meta, controller),
        scales=shape.scales,
        scratch=shape.scratch and not said.checkpoint_said,
        checkpointed_at=time_in(meta.annotations, keys.CHECKPOINTED_AT)[0],
        active_at=said.active_at,
        request_series=said.request_series,
        spec_hash=shape.spec_hash,
        stop_grace_seconds=shape.stop_grace_seconds,
    )


_NO_MEMORY: Final = Memory()


def told(seed: Workload, record: Record, now: Instant) -> Workload:
    """The workload with what its AdoptedWorkload remembers."""
    target = remembered(seed.target, record.memory, now) if seed.target else None
    return replace(
        seed,
        status_object=record.status_object,
        generation=record.generation,
        memory=record.memory,
        target=target,
    )


def spec_hash(spec: msgspec.Raw, lever: str) -> str:
    """Eight hex digits of a spec without the field that pauses: equal means that nobody changed what it is."""
    fields: dict[str, Any] = msgspec.json.decode(spec, type=dict[str, Any])
    fields.pop(lever, None)
    return hash_of(fields)


def hash_of(fields: Mapping[str, Any]) -> str:
    """Eight hex digits of a spec."""
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()[:_HASH_LENGTH]


def is_candidate(seed: Workload) -> bool:
    """Worth a look whatever policies say: it holds accelerators, or bears a word of a human or something of ours."""
    target = seed.target
    marked = target is not None and (
        target.restore is not None or target.held or bool(target.restore_unreadable or target.restore_misplaced)
    )
    return seed.accelerated or marked or seed.intent != _NO_INTENT


def is_news(before: Workload | None, now: Workload | None) -> bool:
    """People want something else of it than before: a tick is due soon."""
    return now is not None and is_candidate(now) and (before is None or _wish(before) != _wish(now))


def _wish(seed: Workload) -> tuple[object, ...]:
    stopped = seed.target is not None and seed.target.suspended
    due = seed.deadline, seed.expected_seconds
    return seed.intent, seed.labels, seed.checkpoint, due, seed.spec_hash, stopped, seed.deleting


def _foreign_controller(meta: ObjectMeta) -> Owner | None:
    """Who controls it, and is no kind of ours nor a CronJob."""
    owner = meta.controller
    return None if owner is None or may_carry(owner) else owner


def _unsupported(owner: Owner | None) -> str:
    if owner is None:
        return ""
    why = "which is not there" if _known_kind(owner) else "which Ebbtide does not know how to pause"
    return f"controlled by {owner.kind} {owner.name}, {why}: reported only"


def _served(meta: ObjectMeta, controller: Owner | None) -> str:
    """Knative copies the labels of a Revision to its Deployment, and KServe puts this one on all that it has made."""
    if controller is None or controller.kind != "Revision" or not controller.api_version.startswith(KNATIVE):
        return ""
    return (meta.labels or {}).get(SERVED_LABEL, "")


def _known_kind(owner: Owner) -> str:
    found = kind_of(owner.api_version, owner.kind)
    return found.name if found is not None else ""


class SeedStore(Store[Workload]):
    """Objects of one kind; tells when people want something else of one that may be a workload."""

    def __init__(self, on_wish: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on_wish = on_wish

    def put(self, uid: str, item: Workload) -> None:
        """Created or changed."""
        before = self.get(uid)
        super().put(uid, item)
        if is_news(before, item):
            self._on_wish()
