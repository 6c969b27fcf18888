"""What Ebbtide stopped or holds, as one object shows it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from ebbtide.api import labels as keys
from ebbtide.cli.environment import Object
from ebbtide.core.workload import Instant
from ebbtide.objects import restore
from ebbtide.objects.levers import patches
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.lever import Lever, is_stopped
from ebbtide.objects.pointer import look
from ebbtide.objects.resources import JOBS, Resource
from ebbtide.objects.restore import Unusable
from ebbtide.objects.training_job import QUEUE_LABEL
from ebbtide.objects.views_meta import Owner
from ebbtide.objects.views_restore import may_carry

SUSPENDED = "spec.suspend of {} is true, which is its owner's own switch"


class State(StrEnum):
    """How it stands; the words on the screen."""

    Paused = "Paused"
    """Stopped by our lever, for a policy or for a human."""
    Held = "Held"
    """Created suspended by the chart's admission policy and never started."""
    Stale = "Stale"
    """It runs, and still carries an original that no longer describes it."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """One object with what is known of why it does not run."""

    lever: Lever
    namespace: str
    name: str
    uid: str
    state: State
    by: str = ""
    """Policy, User or Budget, as its original says."""
    reason: str = ""
    since: Instant | None = None
    problem: str = ""
    """Why it cannot be released; empty where it can."""
    annotations: Mapping[str, str] | None = None
    controller_uid: str = ""
    owner: Object | None = None
    """The object of one of our kinds that controls it, or the job whose lever it carries, as far as it is known."""
    job: str = ""
    """Name of the Job whose lever it carries, which may be a TrainingJob's."""
    served: Resource | None = None
    """Where it was found, which may be in an older version; None: where its lever says."""

    @property
    def word(self) -> str:
        """KIND/NAME of the workload: of the owner where that is one of ours."""
        if self.owner is not None:
            return f"{self.owner['kind'].lower()}/{self.owner['metadata']['name']}"
        return f"{self.lever.resource.kind.lower()}/{self.name}"

    @property
    def resource(self) -> Resource:
        """Where it is read and written."""
        return self.served or self.lever.resource

    @property
    def place(self) -> str:
        """The workload with its namespace."""
        return f"{self.word} in {self.namespace}"

    @property
    def left(self) -> str:
        """Why it is not ours to start; empty where it is."""
        spec = (self.owner or {}).get("spec") or {}
        return SUSPENDED.format(self.word) if spec.get("suspend") is True else ""

    def owned_by(self, owner: Object | None) -> "Stopped":
        """The same, with its owner as it was read."""
        return replace(self, owner=owner)


def stopped(document: Mapping[str, Any], lever: Lever) -> Stopped | None:
    """None where Ebbtide has no hand in the object: it runs, has ended, or is stopped by somebody else."""
    meta = document["metadata"]
    if meta.get("deletionTimestamp") or lever.is_over(document):
        return None
    controller = _controller(meta)
    annotations = meta.get("annotations") or {}
    found = Stopped(
        lever, meta.get("namespace", ""), meta["name"], meta["uid"], State.Paused, annotations=annotations,
        controller_uid=controller.uid if controller and patches.is_ours(document) else "",
    )  # fmt: skip
    if controller and lever is KUEUE_WORKLOAD:
        found = _carrying(found, controller)
    stored = restore.read(annotations, lever.resource.kind, meta["name"])
    if stored is None:
        return _held(found, document)
    if controller and not may_carry(controller) and lever is not KUEUE_WORKLOAD:
        return None  # that controller copied the annotation to what it owns, where it means nothing
    if isinstance(stored, Unusable):
        return None if stored.misplaced else _unusable(found, stored, document)
    as_set = any(look(document, one.path) == one.set for one in stored.fields)
    state = State.Paused if as_set else State.Stale
    return replace(found, state=state, by=stored.by, reason=stored.reason, since=stored.at)


def is_marked(annotations: Mapping[str, str] | None) -> bool:
    """Whether an object is worth a closer look."""
    found = annotations or {}
    return keys.RESTORE in found or found.get(keys.HOLD) == "true"


def _held(found: Stopped, document: Mapping[str, Any]) -> Stopped | None:
    """Held before start: suspended at admission. Without that mark, whoever suspended it meant it."""
    queued = QUEUE_LABEL in (document["metadata"].get("labels") or {})  # Kueue starts it
    if queued or not patches.is_held(document) or found.lever.resource != JOBS or not is_stopped(document, found.lever):
        return None
    return replace(found, state=State.Held, reason="HoldNew")


def _unusable(found: Stopped, stored: Unusable, document: Mapping[str, Any]) -> Stopped | None:
    if not is_stopped(document, found.lever):
        return None
    return replace(found, problem=f"{stored.message}: its original must be put back by hand")


def _carrying(found: Stopped, job: Owner) -> Stopped:
    """Kueue's Workload is its job's."""
    is_job = job.kind == JOBS.kind and job.api_version == JOBS.api_version
    meta = {"name": job.name, "namespace": found.namespace, "uid": job.uid}
    known = {"apiVersion": job.api_version, "kind": job.kind, "metadata": meta}
    return replace(found, job=job.name if is_job else "", owner=known)


def _controller(meta: Mapping[str, Any]) -> Owner | None:
    owners = msgspec.convert(meta.get("ownerReferences") or [], list[Owner])
    return next((one for one in owners if one.controller), None)
