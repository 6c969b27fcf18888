"""The API server as the one writer sees it: a real one, or the one of a simulation."""

from collections.abc import Mapping
from typing import Any, Protocol

from ebbtide.objects.resources import Resource


class ApiServer(Protocol):
    """Single objects in and out; every refusal is an ApiError."""

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object."""

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str, strict: bool = False
    ) -> dict[str, Any]:
        """A new object. `strict`: unknown fields are an error instead of being dropped."""

    async def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = True,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Server-side apply; `body` needs apiVersion and kind."""

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        subresource: str = "",
    ) -> dict[str, Any]:
        """JSON merge patch (RFC 7386): null removes."""

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete in the background; with `uid` only that very object."""
