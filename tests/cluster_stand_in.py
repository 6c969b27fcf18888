"""A stand-in for the API server, for faults that a real one does not show on demand.

It knows lists in pages, watches and canned answers, and nothing else: no validation, no admission, no ownership.
What an API server accepts is tested on a real one in e2e/tests/test_cluster_adapter.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from ebbtide.cluster.client import Client, connect

Object = dict[str, Any]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: Any


@dataclass
class StandIn:
    objects: dict[str, Object] = field(default_factory=dict)
    """By UID; what a list returns, in this order."""
    version: int = 100
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[Callable[[Asked], bool], int, Any]] = field(default_factory=list)
    """Canned answers, each used once, looked at before anything else."""
    streams: list[asyncio.Queue[Any]] = field(default_factory=list)

    def answer(self, status: int, body: Any, *, when: Callable[[Asked], bool] = lambda _: True) -> None:
        self.answers.append((when, status, body))

    def refuse(self, status: int, reason: str, message: str, *, when: Callable[[Asked], bool] = lambda _: True) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "code": status, "reason": reason, "message": message}
        self.answer(status, body, when=when)

    def count(self, method: str, *, watch: bool = False) -> int:
        return sum(one.method == method and ("watch" in one.query) == watch for one in self.asked)

    def emit(self, kind: str, item: Any) -> None:
        """An event to every open watch."""
        for stream in self.streams:
            stream.put_nowait(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def emit_raw(self, data: bytes) -> None:
        for stream in self.streams:
            stream.put_nowait(data)

    def bookmark(self, version: str) -> None:
        self.emit("BOOKMARK", {"metadata": {"resourceVersion": version}})

    def end_watches(self) -> None:
        """In good order, as after timeoutSeconds."""
        for stream in self.streams:
            stream.put_nowait(None)

    def cut_watches(self) -> None:
        """As when a connection breaks in the middle of a chunk."""
        for stream in self.streams:
            stream.put_nowait(ConnectionResetError)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            {key.lower(): value for key, value in request.headers.items()},
            body,
        )
        self.asked.append(asked)
        for canned in self.answers:
            if canned[0](asked):
                self.answers.remove(canned)
                return web.json_response(canned[2], status=canned[1])
        if "watch" in request.query:
            return await self._watch(request)
        return self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        start, limit = int(request.query.get("continue", "0")), int(request.query.get("limit", "500"))
        items = list(self.objects.values())[start : start + limit]
        meta = {"resourceVersion": str(self.version)}
        if start + limit < len(self.objects):
            meta["continue"] = str(start + limit)
        return web.json_response({"kind": "List", "metadata": meta, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        stream: asyncio.Queue[Any] = asyncio.Queue()
        self.streams.append(stream)
        end = asyncio.get_running_loop().call_later(int(request.query["timeoutSeconds"]), stream.put_nowait, None)
        try:
            while (data := await stream.get()) is not None:
                if data is ConnectionResetError:
                    assert request.transport is not None
                    request.transport.abort()
                    break
                await answer.write(data)
        finally:
            end.cancel()
            self.streams.remove(stream)
        return answer


@asynccontextmanager
async def running(stand_in: StandIn, folder: Path, token: str = "secret") -> AsyncIterator[Client]:
    """A client of ours, talking to the stand-in with a token from a file."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", stand_in.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    (folder / "token").write_text(token)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(kubeconfig_for(f"http://127.0.0.1:{port}"))
    client = await connect(kubeconfig=str(kubeconfig))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def kubeconfig_for(server: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": {"tokenFile": "token"}}],
        }
    )


async def eventually(holds: Callable[[], object], what: str, seconds: float = 5.0) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < end, f"never happened: {what}"
        await asyncio.sleep(0.005)


def thing(name: str, uid: str = "", **more: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}", "resourceVersion": "1"}, **more}
