"""In front of the API server: TLS of the plane's own authority, tokens passed through, faults by verb and object."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import aiohttp
from aiohttp import web

from e2e.faults.call import Call, call_of
from e2e.faults.fault import Answer, Changed, Cut, Expired, Fault, Late, Struck, Truncated
from e2e.faults.relay import Relay, answer, cut, stream, truncated
from e2e.plane import Plane
from e2e.plane.kubeconfig import Access, read_kubeconfig, write_kubeconfig
from e2e.plane.lifetime import Lifetime

_STALL_SECONDS: Final = 0.05
"""How often a stalled watch looks whether it may go on."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came. `at`: seconds since the epoch; `fault` None: it was passed on as it is."""

    at: float
    call: Call
    fault: Fault | None


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    """One that is open."""

    call: Call
    request: web.BaseRequest
    response: web.StreamResponse


class ApiProxy(Lifetime):
    """Use it in a `with`. The first fault that hits a request wins; with none it is passed on."""

    def __init__(self, plane: Plane) -> None:
        layout = plane.layout
        pair = layout.authority.server().write(layout.pki, "proxy")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*pair)
        upstream_tls = ssl.create_default_context(cafile=str(layout.ca_file))
        self._plane = plane
        self._relay = Relay(self._handle, layout.api_url, tls=tls, upstream_tls=upstream_tls)
        self._faults: tuple[Fault, ...] = ()
        self._watches: list[_Watch] = []
        self.seen: list[Seen] = []
        """Every request so far, in the order in which they came."""

    def start(self) -> Self:
        self._relay.start()
        return self

    def stop(self) -> None:
        self._relay.stop()

    def kubeconfig(self, namespace: str, account: str) -> Path:
        """A kubeconfig with a ServiceAccount's token that leads through here."""
        direct = read_kubeconfig(self._plane.service_account_kubeconfig(namespace, account))
        access = Access(self._relay.url, direct.authority, token=direct.token)
        return write_kubeconfig(self._plane.workdir / "kubeconfigs" / "proxied.yaml", access, namespace)

    # -- faults -------------------------------------------------------------------------------------------------

    def fail(self, *faults: Fault) -> None:
        """These faults from now on, and none of before."""
        self._faults = faults

    def heal(self) -> None:
        """No fault any more."""
        self._faults = ()

    @contextmanager
    def failing(self, *faults: Fault) -> Iterator[None]:
        """These faults for a while."""
        self.fail(*faults)
        try:
            yield
        finally:
            self.heal()

    def cut_watches(self, *resources: str) -> int:
        """Tear down the open watches of these resources (all without), in the middle of a line; gives how many."""
        if self._relay.loop is None:
            return 0
        return asyncio.run_coroutine_threadsafe(self._cut_watches(resources), self._relay.loop).result(10)

    def requests(self, since: float, **fields: str) -> list[Seen]:
        """What came from that time on, with these fields of the call."""
        found = (one for one in tuple(self.seen) if one.at >= since)
        return [one for one in found if all(getattr(one.call, key) == value for key, value in fields.items())]

    async def _cut_watches(self, resources: tuple[str, ...]) -> int:
        hit = [watch for watch in self._watches if not resources or watch.call.resource in resources]
        for watch in hit:
            with suppress(ConnectionError):  # the operator may have closed it in this very moment
                await watch.response.write(b'{"type":"MODIFIED","object":{"kind":"')
            cut(watch.request)
        return len(hit)

    # -- requests -----------------------------------------------------------------------------------------------

    def _fault(self, call: Call, body: bytes = b"") -> Fault | None:
        return next((fault for fault in self._faults if fault.hits(call, body)), None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = call_of(request.method, request.path, request.query)
        at, body = time.time(), await request.read()
        fault = self._fault(call, body)
        self.seen.append(Seen(at, call, fault))
        match fault.effect if fault else None:
            case Answer() as said:
                return _said(said)
            case Expired() if call.verb == "watch":
                return web.Response(body=_EXPIRED, content_type="application/json")
            case Cut(after=False):
                return cut(request)
            case Struck(strike, after=False):
                strike()
                return cut(request)
            case Late(seconds) if call.verb != "watch":
                await asyncio.sleep(seconds)
        try:
            async with self._relay.pass_on(request, body) as upstream:
                return await self._answer(request, call, fault, upstream)
        except aiohttp.ClientError:
            return cut(request)

    async def _answer(
        self, request: web.BaseRequest, call: Call, fault: Fault | None, upstream: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        if call.verb == "watch" and upstream.ok:
            return await self._watch(request, call, upstream)
        body = await upstream.read()
        match fault.effect if fault else None:
            case Cut(after=True):
                return cut(request)
            case Struck(strike, after=True):
                strike()
                return cut(request)
            case Truncated():
                return await truncated(upstream, request, body)
            case Changed(change):
                return answer(upstream, json.dumps(change(json.loads(body))).encode())
        return answer(upstream, body)

    async def _watch(
        self, request: web.BaseRequest, call: Call, upstream: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = await stream(upstream, request)
        watch = _Watch(call, request, response)
        self._watches.append(watch)
        try:
            async for chunk in upstream.content.iter_any():
                await self._stall(call)
                await response.write(chunk)
        except ConnectionError:
            return cut(request)
        finally:
            self._watches.remove(watch)
        return response

    async def _stall(self, call: Call) -> None:
        while (fault := self._fault(call)) and isinstance(fault.effect, Late):  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(_STALL_SECONDS)


def _said(said: Answer) -> web.Response:
    headers = {"Retry-After": str(said.retry_after)} if said.retry_after else {}
    return web.json_response(said.document(), status=said.status, headers=headers)


_EXPIRED: Final = json.dumps({"type": "ERROR", "object": Answer(410, "Expired").document()}).encode() + b"\n"
