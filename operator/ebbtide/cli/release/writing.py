"""One object released: the same patches as the operator's, and the word that keeps it from stopping the work again."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ebbtide.api import labels as keys
from ebbtide.cli.environment import Object
from ebbtide.cli.release.stopped import State, Stopped, stopped
from ebbtide.core.intent import RUNNING, RUNNING_SECONDS
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, WorkloadKey
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.errors import ApiError
from ebbtide.objects.events import event
from ebbtide.objects.levers import patches
from ebbtide.objects.levers.kinds import kind_of
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.lever import Lever
from ebbtide.objects.levers.patches import Step
from ebbtide.objects.patching import MANAGER, Patching
from ebbtide.objects.resources import BY_KIND, EVENTS, Resource
from ebbtide.objects.views_meta import rfc3339
from ebbtide.objects.writing import CrashPoint, Gate, TokenBucket
from ebbtide.ports import EventNote

PERSON: Final = "kubectl-ebbtide"
"""Field manager of what people say with commands."""
TRIES: Final = 6
"""Of a write that somebody else's write came before."""
RETRY_SECONDS: Final = 0.1
RATE: Final = 50
"""Most patches of objects a second, whatever the pace."""
_CONFLICT: Final = 409
_FORBIDDEN: Final = 403
_GONE: Final = "is gone"
_STARTED: Final = "was started meanwhile"


class Ending(StrEnum):
    """How it ended for one object; the words of -o json."""

    Released = "Released"
    Left = "Left"
    """Its owner's own switch stops it."""
    Failed = "Failed"
    """It stays paused."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one object."""

    item: Stopped
    ending: Ending
    message: str = ""


class Releaser:
    """Releases one object after the other, with the rights of whoever runs it."""

    def __init__(self, client: ApiServer, clock: Callable[[], Instant]) -> None:
        self._client, self._clock = client, clock
        self._patching = Patching(client, Gate(_Ours(), TokenBucket(RATE, RATE), CrashPoint()))

    def _word(self) -> dict[str, str]:
        """What keeps an operator from stopping it again: a human wants it to run."""
        return {keys.OVERRIDE: RUNNING, keys.OVERRIDE_UNTIL: rfc3339(self._clock() + RUNNING_SECONDS)}

    async def release(self, item: Stopped) -> Result:
        """Never raises an ApiError: a refusal is a result."""
        if item.left:
            return Result(item, Ending.Left, item.left)
        if item.problem:
            return Result(item, Ending.Failed, item.problem)
        try:
            warning = await self._tell_owner(item)
            message = await self._move(item)
        except _RefusedError as error:
            return Result(item, Ending.Failed, str(error))
        except ApiError as error:
            return Result(item, Ending.Failed, error.message)
        await self._publish(item)
        return Result(item, Ending.Released, "; ".join(filter(None, (message, warning))))

    async def _tell_owner(self, item: Stopped) -> str:
        """Before the lever moves: an operator that sees it moved finds the word and lets it be."""
        if item.owner is None or item.state is State.Stale:
            return ""
        meta, resource = item.owner["metadata"], _resource(item.owner)
        if resource is None:
            return ""
        body = {"metadata": {"annotations": self._word()}}
        try:
            await self._client.merge_patch(resource, meta["namespace"], meta["name"], body, manager=PERSON)
        except ApiError as error:
            if error.not_found:
                return ""
            if error.status != _FORBIDDEN:
                raise
            return f"where the operator still runs, it may stop it again, for {keys.OVERRIDE} may not be written"
        return ""

    async def _move(self, item: Stopped) -> str:
        """The patch, computed anew where somebody else was quicker. What there is to say about it."""
        resource = item.resource
        for attempt in range(TRIES):
            try:
                document = await self._client.get(resource, item.namespace, item.name)
                if document["metadata"]["uid"] != item.uid:
                    return _GONE
                step = release_step(document, item.lever, self._word())
                if step.refused:
                    raise _RefusedError(step.message)
                if step.patch:
                    await self._patching.move(resource, document, step)
            except ApiError as error:
                if error.not_found:
                    return _GONE
                if error.status != _CONFLICT or attempt == TRIES - 1:
                    raise
                await asyncio.sleep(RETRY_SECONDS * attempt)
            else:
                return step.message
        raise AssertionError("the last try returns or raises")

    async def _publish(self, item: Stopped) -> None:
        """Tell those who look at the work. Without the right to it, the work runs all the same."""
        owner = item.owner
        kind = owner["kind"] if owner is not None else item.lever.resource.kind
        uid, name = (
            (owner["metadata"]["uid"], owner["metadata"]["name"]) if owner is not None else (item.uid, item.name)
        )
        note = EventNote(
            WorkloadKey(item.namespace, kind, name), uid, "Normal", Reason.Released, "Resume",
            f"`ebbtide release` let it run; no policy stops it before {self._word()[keys.OVERRIDE_UNTIL]}",
        )  # fmt: skip
        body = event(note, self._clock(), socket.gethostname())
        try:
            await self._client.create(EVENTS, body["metadata"]["namespace"], body, manager=MANAGER)
        except ApiError:
            return


def _resource(owner: Object) -> Resource | None:
    """Where an owner is: one of our kinds, or a job in whatever version its Workload of Kueue's names."""
    known = kind_of(owner.get("apiVersion", ""), owner["kind"])
    return BY_KIND.get(owner["kind"]) if known is None else known.resource.served_as(owner["apiVersion"])


class _Ours:
    """Implements ports.Leadership: a human commands, and nobody else decides."""

    def may_write(self) -> bool:
        """True."""
        return True


class _RefusedError(Exception):
    """The object must not be touched."""


def release_step(document: Mapping[str, Any], lever: Lever, word: Mapping[str, str]) -> Step:
    """The operator's own patch, and with it the human's word. Pure. No patch: nothing is to be done any more."""
    found = stopped(document, lever)
    if found is None:
        return Step(message=_STARTED)
    if found.state is State.Stale:
        return patches.forget(document)
    step = patches.start(document, lever, without_original=found.state is State.Held)
    if not step.patch or step.refused:
        return step
    told_elsewhere = patches.is_ours(document) or lever is KUEUE_WORKLOAD
    said: Mapping[str, object] = {} if told_elsewhere else word
    return Step(_with_annotations(step.patch, said), step.message)


def _with_annotations(patch: Mapping[str, Any], annotations: Mapping[str, object]) -> dict[str, Any]:
    metadata = patch["metadata"]
    return {**patch, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}}
