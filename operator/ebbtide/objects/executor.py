"""The only writer. One action in, one outcome out; errors are outcomes and never exceptions."""

import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.api.parsing import Invalid
from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.adoption import attribution_labels
from ebbtide.core.intent import Wish, word
from ebbtide.core.workload import Instant, Target, Workload
from ebbtide.objects import outcomes
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.document import Document
from ebbtide.objects.errors import ApiError
from ebbtide.objects.events import Repeats, event
from ebbtide.objects.inventory import wish
from ebbtide.objects.labelling import PodLabels, missing_labels
from ebbtide.objects.levers import patches
from ebbtide.objects.levers.kinds import lever_of
from ebbtide.objects.levers.lever import Lever
from ebbtide.objects.levers.patches import Note, Step
from ebbtide.objects.patching import MANAGER, Patching
from ebbtide.objects.register import Register
from ebbtide.objects.resources import BY_KIND, EVENTS, JOBS, LEASES, SERVICES, TRAINING_JOBS, Resource
from ebbtide.objects.training_job import owned
from ebbtide.objects.views_meta import rfc3339
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.objects.writing import CrashPoint, Gate, NotLeaderError, TokenBucket
from ebbtide.ports import EventNote, Leadership, Outcome, OutcomeKind, StatusWrite

STATUS_MANAGER: Final = "ebbtide-status"

_log = logging.getLogger(__name__)


class Executor:
    """Writes what was decided, while this process leads, at a bounded rate, and only where something changes."""

    def __init__(
        self,
        client: ApiServer,
        leadership: Leadership,
        *,
        lease_namespace: str,
        lease_name: str,
        clock: Callable[[], Instant] = time.time,
        writes_per_second: float = 20.0,
        burst: int = 30,
        crash: CrashPoint | None = None,
        instance: str = "",
    ) -> None:
        """`crash` is for tests; without it EBBTIDE_CRASH_AT is read. `instance` names this replica in Events."""
        self._client, self._clock = client, clock
        self._lease = (lease_namespace, lease_name)
        self._instance = instance or socket.gethostname()
        self._repeats = Repeats(clock)
        self._gate = gate = Gate(
            leadership, TokenBucket(writes_per_second, burst), crash or CrashPoint.from_environment()
        )

        self._register, self._patching = Register(client, gate), Patching(client, gate)
        self._pod_labels = PodLabels(client, self._patching)

    @property
    def writes(self) -> int:
        """Requests that change something, sent since the start."""
        return self._gate.sent

    async def execute(self, action: Action, workload: Workload) -> Outcome:
        """Do one action to a workload as the decision saw it."""
        if action.observed:
            return outcomes.OBSERVED
        return await self._guarded(lambda: self._do(action, workload))

    async def write_status(self, write: StatusWrite, version: str = "") -> Outcome:
        """The whole status by server-side apply. It goes by name: the API server ignores a UID here (seen on 1.36).

        `version`: the object as the decision saw it. With any other the API server answers 409, an apply included: what
        another replica has told since is not undone.
        """
        resource = BY_KIND[write.kind]
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": write.name} | ({"resourceVersion": version} if version else {}),
            "status": write.status,
        }

        async def send() -> Outcome:
            told = await self._gate.send(
                lambda: self._client.apply(
                    resource, write.namespace, write.name, body, manager=STATUS_MANAGER, subresource="status"
                )
            )
            return Outcome(OutcomeKind.Done, version=told.get("metadata", {}).get("resourceVersion", ""))

        return await self._guarded(send)

    async def write_breaker(self, open_until: Instant) -> Outcome:
        """The breaker's end, on the leader Lease."""
        namespace, name = self._lease
        body = {"metadata": {"annotations": {keys.BREAKER_UNTIL: rfc3339(open_until)}}}

        async def send() -> Outcome:
            await self._gate.send(lambda: self._client.merge_patch(LEASES, namespace, name, body, manager=MANAGER))
            return outcomes.DONE

        return await self._guarded(send)

    async def publish(self, note: EventNote) -> Outcome:
        """An Event; what was said within two minutes, or by whoever did it, is not said again."""
        if self._repeats.is_repeat(note):
            return outcomes.unchanged("said within the last two minutes")

        async def send() -> Outcome:
            body = event(note, self._clock(), self._instance)
            try:
                await self._gate.send(
                    lambda: self._client.create(EVENTS, body["metadata"]["namespace"], body, manager=MANAGER)
                )
            except ApiError as error:
                if not (note.identity and error.already_exists):
                    raise
                return outcomes.unchanged("who did it has said so")
            self._repeats.remember(note)
            return outcomes.DONE

        return await self._guarded(send)

    # -- verbs --------------------------------------------------------------------------------------------------

    async def _do(self, action: Action, workload: Workload) -> Outcome:
        """Warn and Notify write nothing here: status and Events carry them. Leadership is asked all the same."""
        self._gate.ask()
        match action.verb:
            case Verb.Warn | Verb.Notify:
                return outcomes.DONE
            case Verb.Create:
                return await self._create(action, workload)
            case Verb.Pause | Verb.Hold:
                return await self._stop(action, workload)
            case Verb.Resume | Verb.Start:
                return await self._begin(action, workload)
            case Verb.Forget:
                return await self._forget(workload)
            case Verb.Adopt | Verb.Discard | Verb.Label:
                return await self._keep_house(action, workload)

    def _note(self, action: Action) -> Note:
        return Note(self._clock(), str(action.by), action.policy, str(action.reason))

    async def _stop(self, action: Action, workload: Workload) -> Outcome:
        if changed := await self._asked_again(workload):
            return outcomes.conflict(changed)
        note = self._note(action)
        return await self._move(workload, lambda document, lever: patches.stop(document, lever, note))

    async def _begin(self, action: Action, workload: Workload) -> Outcome:
        """What nobody asks for at this moment starts nothing that its user has stopped meanwhile.

        The end of a user's own pause is such a start: it may have been prolonged, and a mute watch did not tell.
        """
        asked = word(workload.intent, workload.memory, self._clock()).wish is Wish.Run
        if action.by is not Actor.User or not asked:
            now = await self._wanted(workload)
            if now is not None and word(now.intent, now.memory, self._clock()).wish is Wish.Stop:
                return outcomes.conflict(f"{workload.key}: its owner stopped it since this was decided")
            if changed := await self._changed_itself(workload):
                return outcomes.conflict(changed)
        return await self._move(workload, lambda document, lever: _start(action, workload, document, lever))

    async def _asked_again(self, workload: Workload) -> str:
        """Why a stop is decided again: what its user wants has changed, and a watch that is mute did not tell."""
        now = await self._wanted(workload)
        if now is not None and (now.uid != workload.uid or wish(now) != wish(workload)):
            return f"{workload.key}: its owner changed it since this was decided"
        return await self._changed_itself(workload)

    async def _wanted(self, workload: Workload) -> Workload | None:
        """What its user wants by the API server's word; None where the user's own object is not one of ours.

        There `_move` looks at it.
        """
        key = workload.key
        if key.kind != TRAINING_JOBS.kind:
            return None
        document = await self._client.get(TRAINING_JOBS, key.namespace, key.name)
        return decode_training_job(msgspec.json.encode(document))[1]

    async def _changed_itself(self, workload: Workload) -> str:
        """Why the user's own object is not what the decision saw, where another one bears its lever.

        Kueue's Workload does, and KEDA's ScaledObject. The human's word stands on it, and a watch that is mute does not
        tell. Of a TrainingJob it does not stand on its Job, which changes with every pod that Kueue lets start: that is
        no reason to decide again.
        """
        own = (workload.itself or workload.scaled) if workload.adopted else None
        lever = lever_of(own) if own is not None else None
        if own is None or lever is None:
            return ""
        resource = lever.resource.served_as(own.api_version)
        return _changed(await self._client.get(resource, own.namespace, own.name), own)

    async def _forget(self, workload: Workload) -> Outcome:
        """Where its owner has taken the annotation away already, the API server has said now that it is so."""
        outcome = await self._move(workload, lambda document, _: patches.forget(document))
        return replace(outcome, kind=OutcomeKind.Done) if outcome.kind is OutcomeKind.Unchanged else outcome

    async def _move(self, workload: Workload, step: Callable[[Document, Lever], Step]) -> Outcome:
        """Read the target, make sure that it is what the decision saw, send one patch."""
        target = workload.target
        if target is None:
            return outcomes.conflict(f"{workload.key} has no {JOBS.kind} yet")
        lever = lever_of(target)
        if lever is None:
            return outcomes.rejected(f"{target.kind} {target.name} has no lever that Ebbtide knows")
        resource = lever.resource.served_as(target.api_version)
        document = await self._client.get(resource, target.namespace, target.name)
        if changed := _changed(document, target):
            return outcomes.conflict(changed)
        planned = step(document, lever)
        if not planned.patch:
            return (outcomes.rejected if planned.refused else outcomes.unchanged)(planned.message)
        version = await self._patching.move(resource, document, planned)
        return Outcome(OutcomeKind.Done, planned.message, version, planned.at)

    async def _keep_house(self, action: Action, workload: Workload) -> Outcome:
        if action.verb is Verb.Label:
            return await self._label(action, workload)
        is_new = action.verb is Verb.Adopt
        return await (self._register.adopt(workload) if is_new else self._register.discard(workload))

    async def _label(self, action: Action, workload: Workload) -> Outcome:
        labels = attribution_labels(workload.attribution)
        own = replace(workload, target=workload.itself or workload.target)
        outcome = await self._move(own, lambda document, _: missing_labels(document, labels))
        if not action.pods or outcome.kind not in {OutcomeKind.Done, OutcomeKind.Unchanged}:
            return outcome
        written = await self._pod_labels.label(workload.key.namespace, action.pods, labels)
        return outcomes.DONE if written else outcome

    async def _create(self, action: Action, workload: Workload) -> Outcome:
        key = workload.key
        document = await self._client.get(TRAINING_JOBS, key.namespace, key.name)
        if document["metadata"]["uid"] != workload.uid or document["metadata"].get("deletionTimestamp"):
            return outcomes.conflict(f"{key} was deleted since it was seen")
        if document["metadata"].get("generation", 0) != workload.generation:
            return outcomes.conflict(f"{key}: its spec changed since it was seen")
        held = self._note(action) if action.suspended else None
        wanted = owned({"kind": TRAINING_JOBS.kind, **document}, attribution_labels(workload.attribution), held)
        if isinstance(wanted, Invalid):
            return outcomes.rejected(str(wanted))
        if wanted.service is not None:
            # First, because a Job that exists is not created again, and its pods need the Service's name.
            before = await self._create_owned(SERVICES, wanted.service)
            if before.kind not in {OutcomeKind.Done, OutcomeKind.Unchanged}:
                return before
        return await self._create_owned(JOBS, wanted.job)

    async def _create_owned(self, resource: Resource, body: dict[str, Any]) -> Outcome:
        """POST, so that a stranger's object of that name is never taken over."""
        meta = body["metadata"]
        try:
            await self._gate.send(
                lambda: self._client.create(resource, meta["namespace"], body, manager=MANAGER, strict=True)
            )
        except ApiError as error:
            if not error.already_exists:
                raise
            return await self._whose(resource, meta)
        return outcomes.DONE

    async def _whose(self, resource: Resource, meta: Mapping[str, Any]) -> Outcome:
        there = await self._client.get(resource, meta["namespace"], meta["name"])
        mine = meta["ownerReferences"][0]["uid"]
        if any(one["uid"] == mine for one in there["metadata"].get("ownerReferences") or ()):
            return outcomes.unchanged(f"{resource.kind} {meta['name']} exists already")
        if _leaves_soon(there, meta["ownerReferences"][0]["kind"]):
            return outcomes.conflict(f"{resource.kind} {meta['name']} of a predecessor is still being deleted")
        text = f"a {resource.kind} named {meta['name']} exists and is not ours; delete or rename it"
        return Outcome(OutcomeKind.NameConflict, text)

    async def _guarded(self, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
        try:
            return await attempt()
        except NotLeaderError:
            return outcomes.NOT_LEADER
        except ApiError as error:
            return outcomes.outcome_of(error)
        except Exception as error:  # noqa: BLE001 - the engine goes on with the next action, whatever happens here
            _log.exception("a write failed unexpectedly")
            return Outcome(OutcomeKind.Failed, repr(error))


def _start(action: Action, workload: Workload, document: Document, lever: Lever) -> Step:
    """Without a stored original only what is ours or was held starts, or what a human asks for by name."""
    anyway = patches.is_ours(document) or patches.is_held(document) or action.by is Actor.User
    remembered = workload.target.restore if workload.target and workload.adopted else None
    return patches.start(document, lever, without_original=anyway, remembered=remembered)


def _changed(document: Document, target: Target) -> str:
    """Why this is not the object that was decided about; empty when it is."""
    meta = document["metadata"]
    if meta["uid"] != target.uid:
        return f"{target.kind} {target.name} was replaced since it was seen"
    if meta["resourceVersion"] != target.resource_version:
        return f"{target.kind} {target.name} changed since it was seen"
    return ""


def _leaves_soon(document: Document, owner_kind: str) -> bool:
    """Being deleted, or left by a deleted object of our kind and waiting for garbage collection."""
    meta = document["metadata"]
    owned_before = any(one.get("kind") == owner_kind for one in meta.get("ownerReferences") or ())
    return owned_before or "deletionTimestamp" in meta
