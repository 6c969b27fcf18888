"""Merge patches of single objects, and giving up what they make us own."""

import asyncio
import logging
from typing import Final

from ebbtide.api import labels as keys
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.document import Document
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers import patches
from ebbtide.objects.levers.patches import Step
from ebbtide.objects.resources import Resource
from ebbtide.objects.writing import Gate, NotLeaderError

MANAGER: Final = "ebbtide"
"""Field manager of our own objects, and of levers while we hold them."""
_CONFLICT: Final = 409
_GIVE_UP_ATTEMPTS: Final = 5
_GIVE_UP_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class Patching:
    """Sends steps, each through the gate."""

    def __init__(self, client: ApiServer, gate: Gate) -> None:
        self._client, self._gate = client, gate

    async def move(self, resource: Resource, document: Document, step: Step) -> str:
        """Send the patch, and own nothing of the object afterwards unless we hold it. ApiError, NotLeaderError.

        Answers with the version that the patch left.
        """
        moved = await self._patch(resource, document, step)
        await self._give_up_fields(resource, moved)
        return str(moved["metadata"].get("resourceVersion", ""))

    async def _patch(self, resource: Resource, document: Document, step: Step) -> Document:
        meta = document["metadata"]
        return await self._gate.send(
            lambda: self._client.merge_patch(
                resource, meta.get("namespace", ""), meta["name"], step.patch, manager=MANAGER
            )
        )

    async def _give_up_fields(self, resource: Resource, document: Document) -> None:
        """Once nothing is stored on an object of a user, own nothing of it: else their next apply is a conflict.

        The object's own controller writes its status at just that moment, so this is tried a few times. What it misses
        all the same, the next resume of that object gives up; the start itself is done either way.
        """
        meta = document["metadata"]
        try:
            for attempt in range(_GIVE_UP_ATTEMPTS):
                step = _without_our_fields(document)
                if not step.patch or await self._was_patched(resource, document, step):
                    return
                await asyncio.sleep(_GIVE_UP_SECONDS * attempt)
                document = await self._client.get(resource, meta.get("namespace", ""), meta["name"])
        except (ApiError, NotLeaderError) as error:
            _log.warning("%s %s: fields stay owned by %s: %s", resource.kind, meta["name"], MANAGER, error)

    async def _was_patched(self, resource: Resource, document: Document, step: Step) -> bool:
        try:
            await self._patch(resource, document, step)
        except ApiError as error:
            if error.status == _CONFLICT:
                return False
            raise
        return True


def _without_our_fields(document: Document) -> Step:
    annotations = document["metadata"].get("annotations") or {}
    if patches.is_ours(document) or keys.RESTORE in annotations:
        return Step(message="is ours while it is held")
    return patches.without_our_fields(document, MANAGER)
