"""Workloads that somebody else created: what all their kinds have in common, from JSON to `Workload`."""

import hashlib
import sys
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.core.original import remembered
from ebbtide.core.workload import Instant, Intent, KindClass, Memory, Target, Workload, WorkloadKey
from ebbtide.objects.quantity import Asked, Container, asked
from ebbtide.objects.training_job import QUEUE_LABEL
from ebbtide.objects.views_adopted import Record
from ebbtide.objects.views_intent import intent
from ebbtide.objects.views_meta import ObjectMeta, frozen, time_in, written_attribution
from ebbtide.objects.views_restore import may_carry
from ebbtide.objects.views_words import words

_HASH_LENGTH: Final = 8
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


class Template(msgspec.Struct, gc=False):
    """The part of a pod template that is looked at."""

    spec: _PodSpec | None = None

    def wants(self) -> Asked:
        """What one pod asks for."""
        return asked(self.spec.containers or (), self.spec.init_containers or ()) if self.spec else _NOTHING

    def stop_grace_seconds(self) -> int:
        """From SIGTERM to the end of a pod."""
        said = self.spec.termination_grace_period_seconds if self.spec else None
        return DEFAULT_GRACE_SECONDS if said is None else said

    def has_empty_dir(self) -> bool:
        """Some volume is lost with the pod."""
        return any(volume.empty_dir is not None for volume in (self.spec and self.spec.volumes) or ())


@dataclass(frozen=True, slots=True)
class Shape:
    """What the kind says of one of its objects."""

    kind_class: KindClass
    workers: int
    template: Template
    spec_hash: str
    loses_scratch: bool = False
    """Pods of this kind come back without the content of their emptyDir, and nobody expects it."""


def foreign(meta: ObjectMeta, target: Target, shape: Shape) -> Workload:
    """The workload that the target is. Its AdoptedWorkload is joined later: see `told`."""
    wants, said = shape.template.wants(), words(meta, shape.kind_class)
    wish = intent(meta, suspend=False, policy_ref="")
    return Workload(
        key=WorkloadKey(target.namespace, target.kind, target.name),
        uid=target.uid,
        generation=0,
        resource_version=target.resource_version,
        created_at=target.created_at,
        kind_class=shape.kind_class,
        labels=frozen(meta.labels),
        workers=shape.workers,
        # What is scaled to zero still is work that needs accelerators.
        accelerators=wants.accelerators * max(1, shape.workers),
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
        unsupported=_unsupported(meta),
        scratch=shape.loses_scratch and not said.checkpoint_said and shape.template.has_empty_dir(),
        checkpointed_at=time_in(meta.annotations, keys.CHECKPOINTED_AT)[0],
        spec_hash=shape.spec_hash,
        stop_grace_seconds=shape.template.stop_grace_seconds(),
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
    return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()[:_HASH_LENGTH]


def is_candidate(seed: Workload) -> bool:
    """Worth a look whatever policies say: it holds accelerators, or bears a word of a human or something of ours."""
    target = seed.target
    marked = target is not None and (
        target.restore is not None or target.held or bool(target.restore_unreadable or target.restore_misplaced)
    )
    return seed.accelerators > 0 or marked or seed.intent != _NO_INTENT


def is_news(before: Workload | None, now: Workload | None) -> bool:
    """People want something else of it than before: a tick is due soon."""
    return now is not None and is_candidate(now) and (before is None or _wish(before) != _wish(now))


def _wish(seed: Workload) -> tuple[object, ...]:
    stopped = seed.target is not None and seed.target.suspended
    due = seed.deadline, seed.expected_seconds
    return seed.intent, seed.labels, seed.checkpoint, due, seed.spec_hash, stopped, seed.deleting


def _unsupported(meta: ObjectMeta) -> str:
    owner = meta.controller
    if owner is None or may_carry(owner):
        return ""
    return f"controlled by {owner.kind} {owner.name}, which Ebbtide does not know how to pause: reported only"
