"""In front of Prometheus: faults by the text of the query, every good answer a real one."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from e2e.faults.fault import Answer, Changed, Cut, Document, Effect, Late, Truncated
from e2e.faults.relay import Relay, answer, cut, truncated
from e2e.plane.lifetime import Lifetime
from e2e.plane.prometheus import Prometheus


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What happens to the queries that contain `text`; the empty text is in all of them."""

    effect: Effect
    text: str = ""


class PrometheusProxy(Lifetime):
    """Use it in a `with`. `fail` with one effect for all queries, or for those that contain a text."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._relay = Relay(self._handle, prometheus.url)
        self._spoilt: Spoilt | None = None
        self.spoilt_answers = 0
        """Queries that did not get what Prometheus would have said."""

    @property
    def url(self) -> str:
        return self._relay.url

    def start(self) -> Self:
        self._relay.start()
        return self

    def stop(self) -> None:
        self._relay.stop()

    def fail(self, effect: Effect, text: str = "") -> None:
        """This from now on."""
        self.spoilt_answers = 0
        self._spoilt = Spoilt(effect, text)

    def heal(self) -> None:
        """No fault any more."""
        self._spoilt = None

    @contextmanager
    def failing(self, effect: Effect, text: str = "") -> Iterator[None]:
        """This for a while."""
        self.fail(effect, text)
        try:
            yield
        finally:
            self.heal()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        (asked,) = parse_qs(body.decode()).get("query", [""])
        spoilt = self._spoilt
        effect = spoilt.effect if spoilt and asked and spoilt.text in asked else None
        self.spoilt_answers += effect is not None
        match effect:
            case Answer(status):
                document = {"status": "error", "errorType": "internal", "error": "a fault test refuses"}
                return web.json_response(document, status=status)
            case Cut(after=False):
                return cut(request)
            case Late(seconds):
                await asyncio.sleep(seconds)
        try:
            async with self._relay.pass_on(request, body) as upstream:
                return await _spoil(request, upstream, effect)
        except aiohttp.ClientError:
            return cut(request)


async def _spoil(
    request: web.BaseRequest, upstream: aiohttp.ClientResponse, effect: Effect | None
) -> web.StreamResponse:
    body = await upstream.read()
    match effect:
        case Cut(after=True):
            return cut(request)
        case Truncated():
            return await truncated(upstream, request, body)
        case Changed(change):
            return answer(upstream, json.dumps(change(json.loads(body))).encode())
    return answer(upstream, body)


def empty(document: Document) -> Document:
    """A good answer without any series, as from a store that lost them."""
    return {**document, "data": {**document["data"], "result": []}}


def warned(document: Document) -> Document:
    """Whole, but said to be partial, as Thanos does when a store behind it is away."""
    return {**document, "warnings": ["a fault test says: store 2 of 3 is not reachable"]}
