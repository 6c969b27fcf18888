"""Leadership by one Lease: tries to hold it, says whether it is held, lets go of it. The rules are core.election's.

Every write is a merge patch with `metadata.resourceVersion`: of two that claim the place one gets a 409, and what else
lies on the Lease, such as the breaker's annotations, is never touched.
"""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import structlog

from ebbtide.cluster.fence import Fence
from ebbtide.core.election import JITTER, Election, Record, Terms
from ebbtide.objects.api_server import ApiServer
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import LEASES

log = structlog.get_logger(__name__)
MANAGER: Final = "ebbtide-leader"
RELEASED_SECONDS: Final = 1
"""What a released Lease promises: next to nothing; the field must be positive."""
_CONFLICT: Final = 409


def new_identity() -> str:
    """Unique for each process, and tells the pod."""
    return f"{socket.gethostname()}_{uuid4()}"


def since_boot() -> float:
    """Seconds of a clock that nobody sets; where there is such a one it goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LeaseLeadership:
    """Implements ports.Leadership. `run` never fails, and ends after `resign`."""

    def __init__(
        self,
        client: ApiServer,
        *,
        namespace: str,
        name: str,
        identity: str,
        terms: Terms | None = None,
        clock: Callable[[], float] = since_boot,
        wall: Callable[[], float] = time.time,
        on_gain: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` judges; `wall` is only written for people to read. `on_gain`: this replica leads from now on."""
        self.fence = Fence(client, self.write_seconds)
        """The API server for whoever writes under this leadership."""
        self._client, self._lease = client, (namespace, name)
        self._clock, self._wall, self._on_gain = clock, wall, on_gain
        self._election = Election(identity, terms or Terms())
        self._version = ""
        """Of the Lease as `_election` knows it; empty: it must be read before it is written."""
        self._resigned = False
        self._led = False
        self._problem = ""
        self._woken = asyncio.Event()

    def may_write(self) -> bool:
        """True while this replica leads: its last good renewal was sent less than the renew deadline ago."""
        return not self._resigned and self._election.leads(self._clock())

    def write_seconds(self) -> float:
        """How long a write sent now may take, see Election."""
        return self._election.write_seconds(self._clock())

    def resign(self) -> None:
        """Write nothing from now on, and let go of the Lease as soon as that is safe."""
        self._resigned = True
        self._woken.set()

    def lease_changed(self) -> None:
        """Somebody saw the Lease change: those who wait look at once, and so know better when it will be free."""
        if self._election.sent_at is None:
            self._woken.set()

    async def run(self) -> None:
        """Take the place when it is free, and renew; after `resign` let go of it once no write is in flight."""
        while not self._resigned:
            self._woken.clear()
            await self.step()
            await self._pause()
        await self.fence.drained()
        await self.release()

    async def step(self) -> None:
        """One look, and one write where there is something to write. What goes wrong is told once."""
        problem = ""
        try:
            async with asyncio.timeout(self._election.terms.renew_seconds / 2):
                await self._attempts(self._claim)
        except ApiError as error:
            problem = self._failed(error)
        except TimeoutError:
            problem = "the API server does not answer in time"
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the Lease, this goes on trying
            problem = repr(error)
        self._tell(problem)

    async def release(self) -> None:
        """Let go, so that another replica acts at once. Only when no write is in flight and none will be sent."""
        with contextlib.suppress(ApiError, TimeoutError):  # then it runs out
            async with asyncio.timeout(self._election.terms.renew_seconds / 2):
                await self._attempts(self._let_go)

    # -- one try ------------------------------------------------------------------------------------------------

    async def _attempts(self, write: Callable[[], Awaitable[None]]) -> None:
        """A conflict means that somebody else wrote on the Lease, perhaps a mere annotation: once more at once."""
        try:
            await self._look()
            await write()
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            await self._look()
            await write()

    async def _look(self) -> None:
        """Read the Lease, unless what is known of it is what our own renewal left."""
        if self._version and self._election.sent_at is not None:
            return
        document = await self._client.get(LEASES, *self._lease)
        self._election = self._election.saw(_record(document), self._clock())
        self._version = document["metadata"]["resourceVersion"]

    async def _claim(self) -> None:
        sent_at = self._clock()
        if not self._election.may_claim(sent_at):
            return
        document = await self._write(self._claimed())
        self._election = self._election.renewed(_record(document), sent_at)
        self._version = document["metadata"]["resourceVersion"]

    async def _let_go(self) -> None:
        record = self._election.record
        if record is not None and record.holder == self._election.identity:
            await self._write(
                {"holderIdentity": "", "leaseDurationSeconds": RELEASED_SECONDS, "renewTime": self._now()}
            )

    async def _write(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Whatever becomes of it, an answer that does not come back leaves a Lease that must be read again."""
        version, self._version = self._version, ""
        body = {"metadata": {"resourceVersion": version}, "spec": spec}
        return await self._client.merge_patch(LEASES, *self._lease, body, manager=MANAGER)

    def _claimed(self) -> dict[str, Any]:
        election, now = self._election, self._now()
        stays = election.record is not None and election.record.holder == election.identity
        return {
            "holderIdentity": election.identity,
            "leaseDurationSeconds": election.terms.lease_seconds,
            "leaseTransitions": election.transitions,
            "renewTime": now,
            **({} if stays else {"acquireTime": now}),
        }

    def _now(self) -> str:
        """A MicroTime."""
        moment = datetime.fromtimestamp(self._wall(), UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    # -- between tries ------------------------------------------------------------------------------------------

    async def _pause(self) -> None:
        """Until the next try: a holder's is due regularly, the others' when the place may be free at the latest."""
        seconds = self._election.terms.retry_seconds
        if self._election.sent_at is None:
            seconds *= 1 + JITTER * random.random()  # noqa: S311 - spreads load
            left = self._election.free_at - self._clock()
            seconds = min(seconds, left) if left > 0 else seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def _failed(self, error: ApiError) -> str:
        """The sentence. Without a Lease nobody leads, its last holder included."""
        if not error.not_found:
            return error.message
        self._election = self._election.lost()
        return "it does not exist; `helm upgrade` of the chart brings it back"

    def _tell(self, problem: str) -> None:
        leads = self.may_write()
        if leads and not self._led:
            log.info("leads", identity=self._election.identity, transitions=self._election.transitions)
            self._on_gain()
        elif self._led and not leads:
            holder = self._election.record.holder if self._election.record else ""
            log.warning("leads no more; nothing is written", identity=self._election.identity, holder=holder)
        if problem and problem != self._problem:
            log.warning("the Lease cannot be held", lease="/".join(self._lease), why=problem)
        self._led, self._problem = leads, problem


def _record(document: Mapping[str, Any]) -> Record:
    spec = document.get("spec") or {}
    return Record(
        uid=document["metadata"]["uid"],
        holder=spec.get("holderIdentity") or "",
        transitions=spec.get("leaseTransitions") or 0,
        lease_seconds=spec.get("leaseDurationSeconds") or 0,
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
    )
