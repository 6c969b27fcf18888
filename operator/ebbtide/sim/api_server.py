"""An API server in memory: the `objects.api_server.ApiServer` that the simulated operator writes to."""

from collections.abc import Mapping
from typing import Any, Final

from ebbtide.objects.document import Document
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import EVENTS, Resource
from ebbtide.sim.feed import kind_of
from ebbtide.sim.identity import Identity
from ebbtide.sim.json_merge import merged, without
from ebbtide.sim.manifest import problem_of
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.scenario import ApiState

_SYSTEM: Final = ("uid", "resourceVersion", "generation", "creationTimestamp")


class SimulatedApiServer:
    """A store as the operator reaches it: with the refusals of a real API server, and those that an event asks for."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._applied: dict[tuple[Identity, str, str], Mapping[str, Any]] = {}
        self.state = ApiState.Ok
        """Conflict: the next write is refused, and then it is Ok again."""
        self.events: list[Document] = []
        """Kubernetes Events, as they were published."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        if self.state is ApiState.Unavailable:
            raise _unavailable()
        return dict(self._found(_identity(resource, namespace, name)))

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: Mapping[str, Any],
        *,
        manager: str,  # noqa: ARG002 - of the protocol; who owns which field is not simulated
        strict: bool = False,  # noqa: ARG002 - as above; unknown fields of our kinds are looked at when files are read
    ) -> dict[str, Any]:
        """A new object; 409 AlreadyExists where there is one of that name."""
        self._admit(resource)
        if resource == EVENTS:
            self.events.append(body)
            return dict(body)
        identity = _identity(resource, namespace, body["metadata"]["name"])
        if self._store.get(identity) is not None:
            raise ApiError(409, "AlreadyExists", f'{resource.full_name} "{identity.name}" already exists')
        if problem := problem_of(body):
            raise _invalid(identity, problem)
        return dict(self._store.create(body))

    async def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = True,  # noqa: ARG002 - as above
        subresource: str = "",
    ) -> dict[str, Any]:
        """Server-side apply: what this manager applied before and says no more is removed. Lists are replaced whole."""
        self._admit(resource)
        identity = _identity(resource, namespace, name)
        before = self._store.get(identity)
        said = {subresource: body[subresource]} if subresource else body
        if before is None:
            if subresource:
                raise _not_found(identity)
            return dict(self._store.create(body))
        _same_version(identity, before, body)
        known = self._applied.get((identity, manager, subresource), {})
        after = merged(without(before, known, said), {key: it for key, it in said.items() if key != "metadata"})
        after["metadata"] = _metadata(before, {} if subresource else said)
        self._applied[identity, manager, subresource] = said
        return dict(self._store.replace(before, after))

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,  # noqa: ARG002 - as above
        subresource: str = "",
    ) -> dict[str, Any]:
        """JSON merge patch; with metadata.resourceVersion only on that very version."""
        self._admit(resource)
        identity = _identity(resource, namespace, name)
        before = self._found(identity)
        _same_version(identity, before, body)
        said = {key: it for key, it in body.items() if key == subresource or (not subresource and key != "status")}
        after = merged(before, said)
        after["metadata"] = _metadata(before, said)
        if problem := problem_of(after):
            raise _invalid(identity, problem)
        return dict(self._store.replace(before, after))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete, and all that it owns."""
        self._admit(resource)
        identity = _identity(resource, namespace, name)
        there = self._found(identity)
        if uid and there["metadata"]["uid"] != uid:
            raise ApiError(409, "Conflict", f'the UID in the precondition ({uid}) does not match the one of "{name}"')
        delete_with_owned(self._store, identity)

    def _found(self, identity: Identity) -> Document:
        found = self._store.get(identity)
        if found is None:
            raise _not_found(identity)
        return found

    def _admit(self, resource: Resource) -> None:
        """The refusals that an event asked for; every write passes here."""
        match self.state:
            case ApiState.Conflict:
                self.state = ApiState.Ok
                message = "the object has been modified; please apply your changes to the latest version and try again"
                raise ApiError(409, "Conflict", f"{resource.full_name}: {message}")
            case ApiState.Forbidden:
                raise ApiError(403, "Forbidden", f"{resource.full_name} is forbidden: the scenario says so")
            case ApiState.Unavailable:
                raise _unavailable()


def delete_with_owned(store: ObjectStore, identity: Identity) -> None:
    """Background deletion: what has no other owner goes too, but pods: they end in their own time."""
    waiting = [identity]
    while waiting:
        gone = store.remove(waiting.pop(0))
        if gone is None:
            continue
        for owned in store.owned_by(gone["metadata"]["uid"]):
            document = store.get(owned)
            owners = document["metadata"].get("ownerReferences") or () if document else ()
            if owned.kind != "Pod" and all(store.by_uid(owner["uid"]) is None for owner in owners):
                waiting.append(owned)


def _identity(resource: Resource, namespace: str, name: str) -> Identity:
    group, kind = kind_of(resource)
    return Identity(group, kind, namespace if resource.namespaced else "", name)


def _metadata(before: Document, said: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata after a write: what the API server keeps for itself stays as it was."""
    wanted = {key: it for key, it in said.get("metadata", {}).items() if key not in _SYSTEM}
    return merged(before["metadata"], wanted)


def _same_version(identity: Identity, before: Document, body: Mapping[str, Any]) -> None:
    wanted = body.get("metadata", {}).get("resourceVersion", "")
    if wanted and wanted != before["metadata"]["resourceVersion"]:
        raise ApiError(409, "Conflict", f"{identity} has been modified since version {wanted}")


def _invalid(identity: Identity, problem: tuple[str, str]) -> ApiError:
    return ApiError(422, "Invalid", f"{identity} is invalid: {': '.join(part for part in problem if part)}")


def _not_found(identity: Identity) -> ApiError:
    return ApiError(404, "NotFound", f"{identity} not found")


def _unavailable() -> ApiError:
    return ApiError(503, "ServiceUnavailable", "the API server is unavailable: the scenario says so")
