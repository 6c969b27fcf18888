"""The API server for the one writer: no write outlives the leadership under which it was sent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource
from ebbtide.objects.writing import NotLeaderError

T = TypeVar("T")


class Fence:
    """Implements ApiServer. A write still unanswered when another replica could begin to act is given up.

    Its connection is closed. What became of it nobody here knows; the next tick sees it, and `resourceVersion` keeps it
    from undoing what was written since.
    """

    def __init__(self, client: ApiServer, write_seconds: Callable[[], float]) -> None:
        """`write_seconds` is asked before each write: how long it may take; 0: it is not sent, NotLeaderError."""
        self._client, self._write_seconds = client, write_seconds
        self._in_flight = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def drained(self) -> None:
        """Return when no write is in flight; that takes as long as the longest of them may."""
        await self._empty.wait()

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object; not bounded here."""
        return await self._client.get(resource, namespace, name)

    async def create(self, *where: Any, **how: Any) -> dict[str, Any]:
        """As ApiServer.create."""
        return await self._bounded(lambda: self._client.create(*where, **how))

    async def apply(self, *where: Any, **how: Any) -> dict[str, Any]:
        """As ApiServer.apply."""
        return await self._bounded(lambda: self._client.apply(*where, **how))

    async def merge_patch(self, *where: Any, **how: Any) -> dict[str, Any]:
        """As ApiServer.merge_patch."""
        return await self._bounded(lambda: self._client.merge_patch(*where, **how))

    async def delete(self, *where: Any, **how: Any) -> None:
        """As ApiServer.delete."""
        await self._bounded(lambda: self._client.delete(*where, **how))

    async def _bounded(self, write: Callable[[], Awaitable[T]]) -> T:
        seconds = self._write_seconds()
        if seconds <= 0:
            raise NotLeaderError
        self._count(1)
        try:
            async with asyncio.timeout(seconds):
                return await write()
        except TimeoutError as error:
            text = f"no answer within {seconds:.1f} s, after which another replica may lead; the next tick looks again"
            raise ApiError(0, "LeadershipEnds", text) from error
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._in_flight += change
        self._empty.set() if self._in_flight == 0 else self._empty.clear()
