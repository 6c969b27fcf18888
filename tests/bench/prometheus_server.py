"""A small Prometheus for the scale bench: answers the fleet queries for every device, made on the fly.

`python -m tests.bench.prometheus_server PORT FLEET-JSON`. It does not parse PromQL: it looks which metrics a query is
about and answers as Prometheus would, gzip included. `GET /counters` gives what was asked so far.
"""

import asyncio
import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.bench.fleet import PATTERNS, Fleet

_PART = re.compile(r'"ebbtide_signal", "(\w+)"')
_METRIC = re.compile(r"DCGM_FI_\w+")
MODEL = "NVIDIA H100 80GB HBM3"
_EXPORTER = '"job":"dcgm","instance":"10.12.34.56:9400","namespace":"gpu-operator","pod":"nvidia-dcgm-exporter-x7k2p"'


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one range query, and the interval at which devices are sampled."""

    start: float
    end: float
    step: float
    interval: float
    since: float

    def samples(self, pattern: int) -> Iterator[tuple[float, int, float]]:
        """Step, number and time of the sample in (step - width, step], where there is one."""
        offset = pattern * self.interval / PATTERNS
        count = round((self.end - self.start) / self.step) + 1
        for index in range(count):
            at = self.start + index * self.step
            number = int((at - offset) // self.interval)
            sampled = number * self.interval + offset
            if sampled > at - self.step and sampled > self.since:
                yield at, number, sampled


def value(metric: str, pattern: int, number: int, steps: Steps) -> str:
    """What a device of that pattern shows at its sample of that number."""
    busy = 0 if pattern % 2 == 0 else 20 + (number * 7919 + pattern * 104729) % 75
    match metric:
        case "DCGM_FI_DEV_GPU_UTIL":
            return str(busy)
        case "DCGM_FI_PROF_GR_ENGINE_ACTIVE":
            return f"{busy / 100:.6f}"
        case "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE" | "DCGM_FI_PROF_DRAM_ACTIVE":
            return f"{busy / 200:.6f}"
        case "DCGM_FI_DEV_POWER_USAGE":
            return f"{70 + 6.3 * busy + number % 3 / 10:.3f}"
        case "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION":
            return str(round((number * steps.interval - steps.since) * (400_000 if busy else 70_000)))
        case "DCGM_FI_DEV_FB_USED":
            return "62.500"
    raise ValueError(f"nothing is known of {metric}")


class PrometheusServer:
    """The query API, and what was asked of it."""

    def __init__(self, fleet: Fleet, interval: float) -> None:
        self._fleet, self._interval = fleet, interval
        self.queries: list[str] = []
        self._patterns = [fleet.pattern(pod) for pod in range(fleet.pods)]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24)
        app.add_routes(
            [
                web.get("/counters", self.counters),
                web.post("/api/v1/query_range", self.query_range),
                web.post("/api/v1/query", self.query),
                web.get("/api/v1/targets", self.targets),
                web.get("/api/v1/label/job/values", self.jobs),
            ]
        )
        return app

    async def counters(self, _: web.Request) -> web.Response:
        """`begun`: for each tick how many queries came before it; a tick begins with the presence query."""
        return web.json_response({"begun": [place for place, text in enumerate(self.queries) if "timestamp(" in text]})

    async def targets(self, _: web.Request) -> web.Response:
        one = {"labels": {"job": "dcgm"}, "scrapeInterval": f"{self._interval:g}s", "scrapeUrl": "http://exporter:9400"}
        return web.json_response({"status": "success", "data": {"activeTargets": [one]}})

    async def jobs(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": ["dcgm"]})

    async def query(self, _: web.Request) -> web.Response:
        self.queries.append("instant")
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}})

    async def query_range(self, request: web.Request) -> web.Response:
        form = await request.post()
        text = str(form["query"])
        self.queries.append(text)
        start, end, step = (float(str(form[name])) for name in ("start", "end", "step"))
        steps = Steps(start, end, step, self._interval, self._fleet.since)
        # In a thread, as the real one works beside its listener.
        body = await asyncio.to_thread(self._answer, text, steps, "gzip" in request.headers.get("Accept-Encoding", ""))
        headers = {"Content-Type": "application/json"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    def _answer(self, text: str, steps: Steps, zipped: bool) -> bytes:
        rows = self._presence(steps) if "timestamp(" in text else self._values(text, steps)
        body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(rows)}]}}}}'.encode()
        return gzip.compress(body, 1) if zipped else body

    def _presence(self, steps: Steps) -> Iterator[str]:
        values = [
            "[" + ",".join(f'[{at:.3f},"{when:.3f}"]' for at, _, when in steps.samples(pattern)) + "]"
            for pattern in range(PATTERNS)
        ]
        fleet, exporter = self._fleet, _EXPORTER
        for pod, pattern in enumerate(self._patterns):
            if values[pattern] != "[]":
                yield (
                    f'{{"metric":{{"UUID":"{fleet.device_uuid(pod)}","modelName":"{MODEL}",{exporter},'
                    f'"exported_namespace":"{fleet.namespace(pod // fleet.workers)}",'
                    f'"exported_pod":"{fleet.pod_name(pod)}"}},"values":{values[pattern]}}}'
                )

    def _values(self, text: str, steps: Steps) -> Iterator[str]:
        if "container_" in text:
            return  # of cAdvisor: no kubelet is scraped here
        for part in text.split("label_replace(")[1:]:
            found, metric = _PART.search(part), _METRIC.search(part)
            if found is None or metric is None:
                raise ValueError(f"nothing is known of {part}")
            yield from self._signal(metric[0], found[1], steps, per_pod="exported_pod" in part)

    def _signal(self, metric: str, signal: str, steps: Steps, *, per_pod: bool) -> Iterator[str]:
        values = [
            "["
            + ",".join(
                f'[{at:.3f},"{value(metric, pattern, number, steps)}"]' for at, number, _ in steps.samples(pattern)
            )
            + "]"
            for pattern in range(PATTERNS)
        ]
        fleet = self._fleet
        for pod, pattern in enumerate(self._patterns):
            if values[pattern] == "[]":
                continue
            names = (
                f'"exported_namespace":"{fleet.namespace(pod // fleet.workers)}",'
                f'"exported_pod":"{fleet.pod_name(pod)}",'
                if per_pod
                else ""
            )
            yield (
                f'{{"metric":{{"UUID":"{fleet.device_uuid(pod)}",{names}"ebbtide_signal":"{signal}"}},'
                f'"values":{values[pattern]}}}'
            )


async def _serve(port: int, options: dict[str, Any]) -> None:
    server = PrometheusServer(Fleet(**options["fleet"]), options["interval"])
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), json.loads(sys.argv[2])))
