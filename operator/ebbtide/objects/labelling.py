"""Attribution labels on objects of others: missing ones are added, nothing is overwritten, no template is touched."""

from collections.abc import Iterable, Mapping
from typing import Any

from ebbtide.api.labels import label_value
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.document import Document
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.patches import Step
from ebbtide.objects.patching import Patching
from ebbtide.objects.pointer import merge_patch
from ebbtide.objects.resources import PERSISTENT_VOLUME_CLAIMS, PODS, Resource


def missing_labels(document: Mapping[str, Any], wanted: Mapping[str, str]) -> Step:
    """Those of `wanted` (label key to full value) that the object has not.

    A value that is no label in full is kept in an annotation of the same key.
    """
    meta = document["metadata"]
    if meta.get("deletionTimestamp"):
        return Step(message="is being deleted")
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    missing = {key: value for key, value in wanted.items() if value and key not in labels}
    if not missing:
        return Step(message="bears its labels already")
    changes: list[tuple[str, object]] = [("/metadata/resourceVersion", meta["resourceVersion"])]
    for key, value in missing.items():
        changes.append((_at("labels", key), label_value(value)))
        if label_value(value) != value and key not in annotations:
            changes.append((_at("annotations", key), value))
    return Step(merge_patch(changes))


class PodLabels:
    """Labels pods, and before each the volumes that it uses: a labelled pod tells that its volumes are done."""

    def __init__(self, client: ApiServer, patching: Patching) -> None:
        self._client, self._patching = client, patching

    async def label(self, namespace: str, names: Iterable[str], wanted: Mapping[str, str]) -> bool:
        """Whether any lacked one. What is gone meanwhile is left out. ApiError, NotLeaderError."""
        written = False
        for name in names:
            pod = await self._found(PODS, namespace, name)
            if pod is None or not missing_labels(pod, wanted).patch:
                continue
            for claim in claims(pod):
                await self._complete(PERSISTENT_VOLUME_CLAIMS, namespace, claim, wanted)
            await self._complete(PODS, namespace, name, wanted)
            written = True
        return written

    async def _complete(self, resource: Resource, namespace: str, name: str, wanted: Mapping[str, str]) -> None:
        document = await self._found(resource, namespace, name)
        step = missing_labels(document, wanted) if document is not None else Step()
        if document is not None and step.patch:
            await self._patching.move(resource, document, step)

    async def _found(self, resource: Resource, namespace: str, name: str) -> Document | None:
        try:
            return await self._client.get(resource, namespace, name)
        except ApiError as error:
            if error.not_found:
                return None
            raise


def claims(pod: Document) -> list[str]:
    """Names of the PersistentVolumeClaims that a pod uses; those of ephemeral volumes are named after it."""
    volumes = pod.get("spec", {}).get("volumes") or ()
    named = [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]
    return [*named, *(f"{pod['metadata']['name']}-{volume['name']}" for volume in volumes if "ephemeral" in volume)]


def _at(place: str, key: str) -> str:
    return f"/metadata/{place}/{key.replace('/', '~1')}"
