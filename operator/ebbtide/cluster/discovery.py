"""Which further kinds of workload the API server serves, and in which version."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.levers.kinds import LOOKED_FOR
from ebbtide.objects.resources import Resource


class Client(Protocol):
    """The part of the client that is needed; commands must not load the whole of it before they know what is asked."""

    async def get_path(self, path: str) -> dict[str, Any]:
        """A document that is not an object."""


BUILT_IN: Final = frozenset({"apps", "batch"})
"""Groups that every API server of a supported release serves: nothing is asked about them."""


async def served_kinds(client: Client, before: Mapping[str, Resource]) -> dict[str, Resource]:
    """Kinds by the name that policies give them, each as it is served. One small request where none is installed.

    What an API server that is half there does not tell stays as it was `before`. ApiError where it does not answer.
    """
    groups = (await client.get_path("/apis")).get("groups", ())
    versions = {group["name"]: {one["version"] for one in group["versions"]} for group in groups}
    asked: dict[str, frozenset[str] | None] = {}
    found: dict[str, Resource] = {}
    for kind in LOOKED_FOR:
        seen = await _served(client, kind, versions.get(kind.resource.group, set()), asked, before.get(kind.name))
        if seen is not None:
            found[kind.name] = seen
    return found


async def served(client: Client, kind: Kind) -> Resource | None:
    """One kind as it is served; None: it is not. ApiError where the API server does not answer."""
    for version in kind.versions:
        resource = kind.resource.served_as(f"{kind.resource.group}/{version}")
        plurals = await _plurals(client, resource.api_version)
        if plurals is not None and resource.plural in plurals:
            return resource
    return None


async def _served(
    client: Client,
    kind: Kind,
    versions: set[str],
    asked: dict[str, frozenset[str] | None],
    before: Resource | None,
) -> Resource | None:
    """The best version that has it; `before` where that cannot be told."""
    if kind.resource.group in BUILT_IN:
        return kind.resource
    for version in kind.versions:
        if version not in versions:
            continue
        resource = kind.resource.served_as(f"{kind.resource.group}/{version}")
        if resource.api_version not in asked:
            asked[resource.api_version] = await _plurals(client, resource.api_version)
        plurals = asked[resource.api_version]
        if plurals is None:
            return before
        if resource.plural in plurals:
            return resource
    return None


async def _plurals(client: Client, api_version: str) -> frozenset[str] | None:
    """Names of the resources of a group and version; None where the API server cannot tell now."""
    try:
        answer = await client.get_path(f"/apis/{api_version}")
    except ApiError as error:
        return frozenset() if error.not_found else None
    return frozenset(one["name"] for one in answer.get("resources", ()))
