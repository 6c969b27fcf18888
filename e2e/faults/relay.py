"""A small HTTP server in a thread of its own, and the way from there to the server behind it."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Self, TypeAlias

import aiohttp
from aiohttp import web
from yarl import URL

from e2e.plane.errors import PlaneError
from e2e.plane.lifetime import Lifetime
from e2e.plane.ports import HOST, free_ports

Handle: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_START_SECONDS: Final = 10.0
_CLOSING_SECONDS: Final = 0.1
"""Connections that were torn down close their sockets in the loop's next turns."""
_ANEW: Final = frozenset(
    # What belongs to one connection and not to the message that goes over it (RFC 9110, 7.6.1).
    {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "host"}
    # Bodies are changed and cut on the way, so nothing is compressed.
    | {"content-length", "accept-encoding"}
)


class Relay(Lifetime):
    """Hands each request to `handle`; use it in a `with`. `tls` and `upstream_tls` None: plain HTTP on that side."""

    def __init__(
        self,
        handle: Handle,
        upstream: str,
        *,
        tls: ssl.SSLContext | None = None,
        upstream_tls: ssl.SSLContext | None = None,
    ) -> None:
        (self.port,) = free_ports(1)
        self.url = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self._handle, self._upstream = handle, upstream
        self._tls, self._upstream_tls = tls, upstream_tls
        self._ready, self._failure = threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name=f"relay {self.port}", daemon=True)
        self._session: aiohttp.ClientSession | None = None
        self._stop: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> Self:
        """Returns when it listens. Raises PlaneError when it cannot."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._failure:
            raise PlaneError(f"the proxy on port {self.port} does not listen: {self._failure or 'no reason given'}")
        return self

    def stop(self) -> None:
        """Ends every connection and the thread; safe to call twice."""
        if self.loop is not None and self._stop is not None and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def pass_on(self, request: web.BaseRequest, body: bytes) -> "aiohttp.client._RequestContextManager":
        """The same request to the server behind, to be used in an `async with`."""
        if self._session is None or self._session.closed:
            raise aiohttp.ClientConnectionError("the proxy is being stopped")
        headers = [(key, value) for key, value in request.headers.items() if key.lower() not in _ANEW]
        address = URL(self._upstream + request.raw_path, encoded=True)
        return self._session.request(request.method, address, headers=headers, data=body or None, allow_redirects=False)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = str(error)
            self._ready.set()

    async def _serve(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connector = aiohttp.TCPConnector(limit=0, ssl=self._upstream_tls or True)
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(), skip_auto_headers=("Accept-Encoding", "User-Agent")
        ) as self._session:
            server = web.Server(self._handle, access_log=None)
            runner = web.ServerRunner(server, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, HOST, self.port, ssl_context=self._tls).start()
            self._ready.set()
            await self._stop.wait()
            await _end(server, runner)
        await asyncio.sleep(_CLOSING_SECONDS)


async def _end(server: web.Server, runner: web.ServerRunner) -> None:
    """Open watches and answers that are late on purpose would keep a shutdown in good order waiting."""
    for connection in server.connections:
        if connection.transport is not None:
            connection.transport.abort()
    await runner.cleanup()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def cut(request: web.BaseRequest) -> web.Response:
    """Tear the connection down; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def answer(upstream: aiohttp.ClientResponse, body: bytes) -> web.Response:
    """The same answer with this body."""
    return web.Response(status=upstream.status, headers=_headers(upstream), body=body)


async def stream(upstream: aiohttp.ClientResponse, request: web.BaseRequest) -> web.StreamResponse:
    """The beginning of the same answer; its body is to be written piece by piece."""
    response = web.StreamResponse(status=upstream.status, headers=_headers(upstream))
    response.enable_chunked_encoding()
    await response.prepare(request)
    return response


async def truncated(upstream: aiohttp.ClientResponse, request: web.BaseRequest, body: bytes) -> web.Response:
    """Half of an answer that announced the whole."""
    response = web.StreamResponse(status=upstream.status, headers=_headers(upstream))
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    return cut(request)


def _headers(upstream: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(key, value) for key, value in upstream.headers.items() if key.lower() not in _ANEW]
