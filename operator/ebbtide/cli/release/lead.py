"""The leader Lease in our hand: only the leader writes, so while we hold it no operator does."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.errors import ApiError
from ebbtide.objects.patching import MANAGER
from ebbtide.objects.resources import LEASES

PREFIX: Final = "ebbtide-release-"
"""Of those who hold the Lease only to release: nobody who writes pauses."""
SECONDS: Final = 900
"""So long nobody else leads after our last sign of life: helm has removed the operator by then, or has given up."""
RENEW_SECONDS: Final = 5.0
UNSAID_SECONDS: Final = 15
"""What an operator promises unless it was told otherwise."""
TRIES: Final = 20
"""The operator renews every few seconds, and each time our patch may come too late."""
_CONFLICT: Final = 409


class Lead:
    """Takes the Lease and keeps it. Use it as an async context; without `give_up` it stays ours afterwards."""

    def __init__(
        self,
        client: ApiServer,
        namespace: str,
        name: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._now, self._sleep = now, sleep
        self.identity = f"{PREFIX}{socket.gethostname()}-{os.getpid()}"

    async def take(self) -> float:
        """Hold the Lease. Seconds that were waited until the one who led before has surely noticed.

        ApiError where there is no Lease, or no right to it.
        """
        for attempt in range(TRIES):
            lease = await self._client.get(LEASES, self._namespace, self._name)
            try:
                await self._write(taken(lease, self.identity, self._now()))
            except ApiError as error:
                if error.status != _CONFLICT or attempt == TRIES - 1:
                    raise
                continue
            wait = may_lead_seconds(lease)
            await self._sleep(wait)
            return wait
        raise AssertionError("the last try returns or raises")

    async def keep(self) -> None:
        """Renew for ever; to be cancelled. A renewal that fails is tried again: the Lease lasts much longer."""
        while True:
            await self._sleep(RENEW_SECONDS)
            with suppress(ApiError):
                await self._write({"spec": {"renewTime": _micro(self._now())}})

    async def give_up(self) -> None:
        """Let an operator lead again at once."""
        with suppress(ApiError):
            await self._write({"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}})

    async def _write(self, body: Mapping[str, Any]) -> None:
        await self._client.merge_patch(LEASES, self._namespace, self._name, body, manager=MANAGER)


def taken(lease: Mapping[str, Any], identity: str, now: datetime) -> dict[str, Any]:
    """The patch by which the Lease changes hands. Pure; 409 where it changed since it was read."""
    transitions = (lease.get("spec") or {}).get("leaseTransitions") or 0
    return {
        "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": SECONDS,
            "acquireTime": _micro(now),
            "renewTime": _micro(now),
            "leaseTransitions": transitions + 1,
        },
    }


def may_lead_seconds(lease: Mapping[str, Any]) -> float:
    """How long the holder of before may take itself for the leader. Pure; clocks of two machines are not compared."""
    spec = lease.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    nobody = not holder or holder.startswith(PREFIX)
    return 0.0 if nobody else float(spec.get("leaseDurationSeconds") or UNSAID_SECONDS)


def _micro(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
