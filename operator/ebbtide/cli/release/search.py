"""Finding what Ebbtide stopped: page by page over every kind with a lever, without the operator and its statuses."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import msgspec

from ebbtide.cli.environment import Object
from ebbtide.cli.release.stopped import Stopped, is_marked, stopped
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.resources import TRAINING_JOBS, Resource

TRIES: Final = 3
"""A list that takes longer than the API server remembers is begun again."""
_FORBIDDEN: Final = 403
_UNKNOWN: Final = "its TrainingJob may not be read, where its owner may have said spec.suspend: true"


class Page(Protocol):
    """One page of a list, as it came."""

    @property
    def body(self) -> bytes:
        """JSON of the list."""


class Pages(Protocol):
    """The part of the client that lists."""

    def list_pages(self, resource: Resource, *, namespace: str = "") -> AsyncGenerator[Page]:
        """All objects, page by page."""


class _Meta(msgspec.Struct):
    annotations: dict[str, str] | None = None
    uid: str = ""


class _Head(msgspec.Struct):
    metadata: _Meta


class _Items(msgspec.Struct):
    items: list[msgspec.Raw]


@dataclass(slots=True)
class Findings:
    """What was found, and where nobody could look."""

    items: list[Stopped] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """One sentence for each kind that could not be listed."""


async def search(client: Pages, levers: Iterable[Kind], namespace: str = "") -> Findings:
    """Everything that Ebbtide stopped or holds in a namespace, or in all. ApiError where the API server is gone."""
    findings = Findings()
    for lever in levers:
        for resource in (lever.resource.served_as(f"{lever.resource.group}/{it}") for it in lever.versions):
            try:
                findings.items += await _of_kind(client, lever, resource, namespace)
            except ApiError as error:
                if error.status == _FORBIDDEN:
                    findings.unseen.append(f"{lever.resource.full_name}: {error.message}")
                elif error.not_found:  # not in this version; a kind that is not installed has nothing paused
                    continue
                else:
                    raise
            break
    await _find_owners(client, findings, namespace)
    return findings


async def _of_kind(client: Pages, lever: Kind, resource: Resource, namespace: str) -> list[Stopped]:
    marked = [
        {"kind": resource.kind, **msgspec.json.decode(raw, type=dict[str, Any])}
        for raw in await _heads(client, resource, namespace)
    ]
    found = (stopped(document, lever) for document in marked)
    return [replace(one, served=resource) for one in found if one is not None]


async def _heads(client: Pages, resource: Resource, namespace: str) -> list[msgspec.Raw]:
    """The marked objects of one kind; of all others only the annotations are decoded."""
    for attempt in range(TRIES):
        try:
            return [
                raw.copy()  # else the whole page stays in memory with it
                async for page in client.list_pages(resource, namespace=namespace)
                for raw in msgspec.json.decode(page.body, type=_Items).items
                if is_marked(msgspec.json.decode(raw, type=_Head).metadata.annotations)
            ]
        except ApiError as error:
            if not error.gone or attempt == TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


async def _find_owners(client: Pages, findings: Findings, namespace: str) -> None:
    """Joins each Job with its TrainingJob: there stand its deadline and its owner's own switch."""
    wanted = {mark for one in findings.items for mark in _marks(one)}
    if not wanted:
        return
    try:
        owners = await _owners(client, wanted, namespace)
    except ApiError as error:
        if error.status == _FORBIDDEN:
            findings.unseen.append(f"{TRAINING_JOBS.full_name}: {error.message}")
            findings.items = [replace(one, problem=_UNKNOWN) if _marks(one) else one for one in findings.items]
        elif not error.not_found:
            raise
        return
    findings.items = [
        one.owned_by(next((owners[mark] for mark in _marks(one) if mark in owners), one.owner))
        for one in findings.items
    ]


def _marks(one: Stopped) -> tuple[str, ...]:
    """By what its TrainingJob is found: the UID of its controller, or the name of the Job whose lever it carries."""
    return tuple(filter(None, (one.controller_uid, f"{one.namespace}/{one.job}" if one.job else "")))


def _job_of(owner: Object) -> str:
    """Namespace and name of the Job that it told to be its own; empty: none yet."""
    name = (owner.get("status") or {}).get("jobName", "")
    return f"{owner['metadata'].get('namespace', '')}/{name}" if name else ""


async def _owners(client: Pages, wanted: set[str], namespace: str) -> Mapping[str, Object]:
    owners: dict[str, Object] = {}
    async for page in client.list_pages(TRAINING_JOBS, namespace=namespace):
        for raw in msgspec.json.decode(page.body, type=_Items).items:
            uid = msgspec.json.decode(raw, type=_Head).metadata.uid
            owner = {"kind": TRAINING_JOBS.kind, **msgspec.json.decode(raw, type=dict[str, Any])}
            owners.update((mark, owner) for mark in (uid, _job_of(owner)) if mark in wanted)
    return owners
