"""An API server in memory that takes merge patches; every refusal can be ordered."""

import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbtide.cluster.client import Page
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource
from tests.merge_patch import merged

Object = dict[str, Any]


@dataclass
class MemoryApi:
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    """(kind, namespace, name) to object."""
    page_size: int = 2
    refusals: list[Callable[[str, str, str], ApiError | None]] = field(default_factory=list)
    """Asked with (verb, plural, name) before each request."""
    patches: list[tuple[str, str, Any]] = field(default_factory=list)
    """(kind/name, manager, body) of each accepted patch, in order."""
    created: list[Object] = field(default_factory=list)
    lists: int = 0
    before_patch: Callable[["MemoryApi", str], None] = lambda *_: None
    """Called with the name right before a patch is applied: somebody else who is quicker."""

    def put(self, *objects: Object) -> "MemoryApi":
        for one in objects:
            stored = copy.deepcopy(one)
            meta = stored["metadata"]
            meta.setdefault("uid", f"uid-{stored['kind']}-{meta['name']}")
            meta["resourceVersion"] = "1"
            self.objects[stored["kind"], meta.get("namespace", ""), meta["name"]] = stored
        return self

    def touch(self, kind: str, namespace: str, name: str) -> None:
        """A write by somebody else."""
        meta = self.objects[kind, namespace, name]["metadata"]
        meta["resourceVersion"] = str(int(meta["resourceVersion"]) + 1)

    def forbid(self, verb: str, plural: str, name: str = "") -> None:
        def refuse(asked: str, where: str, what: str) -> ApiError | None:
            hit = (asked, where) == (verb, plural) and name in ("", what)
            return ApiError(403, "Forbidden", f"{plural} is forbidden: cannot {verb}") if hit else None

        self.refusals.append(refuse)

    async def list_pages(self, resource: Resource, *, namespace: str = "", **_: str) -> AsyncIterator[Page]:
        self.lists += 1
        self._ask("list", resource, "")
        found = [
            {key: value for key, value in one.items() if key not in {"kind", "apiVersion"}}  # as in a real list
            for (kind, where, _), one in sorted(self.objects.items())
            if kind == resource.kind and namespace in ("", where)
        ]
        for start in range(0, max(1, len(found)), self.page_size):
            yield Page(json.dumps({"items": found[start : start + self.page_size]}).encode(), "1")

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        self._ask("get", resource, name)
        return copy.deepcopy(self._stored(resource, namespace, name))

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, manager: str, **_: str
    ) -> Object:
        self._ask("patch", resource, name)
        self.before_patch(self, name)
        stored = self._stored(resource, namespace, name)
        version = body.get("metadata", {}).get("resourceVersion")
        if version is not None and version != stored["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "the object has been modified")
        patched = merged(stored, copy.deepcopy(body))
        patched["metadata"]["resourceVersion"] = str(int(stored["metadata"]["resourceVersion"]) + 1)
        self.objects[resource.kind, namespace, name] = patched
        self.patches.append((f"{resource.kind}/{name}", manager, copy.deepcopy(dict(body))))
        return copy.deepcopy(patched)

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str, **_: Any
    ) -> Object:
        self._ask("create", resource, body["metadata"]["name"])
        self.created.append(dict(body))
        return dict(body)

    def _ask(self, verb: str, resource: Resource, name: str) -> None:
        for refusal in self.refusals:
            if (error := refusal(verb, resource.plural, name)) is not None:
                raise error

    def _stored(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.objects.get((resource.kind, namespace, name))
        if found is None:
            raise ApiError(404, "NotFound", f'{resource.plural} "{name}" not found')
        return found
