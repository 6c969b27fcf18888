"""The HTTP side: `/metrics` for Prometheus, `/control` for tests, `/healthz` for whoever waits."""

import asyncio
import dataclasses
import time

from aiohttp import web
from pydantic import ValidationError

from e2e.exporter.activity import ActivityError
from e2e.exporter.cluster import Reader
from e2e.exporter.devices import Fleet
from e2e.exporter.exposition import render
from e2e.exporter.faults import Change, Faults

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ExporterServer:
    """Serves one fleet. `ready` is set once the cluster was read for the first time."""

    def __init__(self, fleet: Fleet, read: Reader) -> None:
        self.fleet = fleet
        self.faults = Faults()
        self.ready = False
        self._read = read
        self._frozen: str | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self.metrics),
                web.get("/healthz", self.healthz),
                web.get("/control", self.show),
                web.post("/control", self.change),
                web.delete("/control", self.reset),
            ]
        )
        return app

    def activity_of(self, pod: str) -> str | None:
        """The activity text that a fault gives the pod at present."""
        return self.faults.activity_of(pod)

    def text(self) -> str:
        """The exposition as it is now, faults included."""
        if self.faults.freeze and self._frozen is not None:
            return self._frozen
        rows = [self.faults.spoil(key, row) for key, row in self.fleet.rows(time.time())]
        self._frozen = render(rows)
        return self._frozen

    async def metrics(self, _request: web.Request) -> web.Response:
        await asyncio.sleep(self.faults.delay_seconds)
        if self.faults.status is not None:
            return web.Response(status=self.faults.status, text="fault injected\n")
        return web.Response(body=self.text().encode(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(status=200 if self.ready else 503, text="ok\n" if self.ready else "not ready\n")

    async def show(self, _request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self.faults))

    async def change(self, request: web.Request) -> web.Response:
        try:
            change = Change.model_validate_json(await request.read())
            for text in (change.activity or {}).values():
                self._read(text, 0.0)
        except (ValidationError, ActivityError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self.faults = self.faults.changed(change)
        return await self.show(request)

    async def reset(self, request: web.Request) -> web.Response:
        self.faults = Faults()
        return await self.show(request)
