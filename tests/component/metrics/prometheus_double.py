"""A Prometheus of a few lines: an HTTP server whose answers a test decides, and scraped samples it can answer from."""

import gzip
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.vendors import NVIDIA

UTIL, ENGINE = NVIDIA.presence
SOURCES = {str(source.signal): source for group in NVIDIA.groups for source in group}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]

    @property
    def query(self) -> str:
        return self.form.get("query", "")


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_seconds: float = 0.0
    """Pause after each byte."""
    silent: bool = False
    """Nothing is sent before `speak`."""
    cut: bool = False
    """Close the connection in the middle of the body."""


def ok(data: object, **more: object) -> Reply:
    return Reply(json.dumps({"status": "success", "data": data, **more}).encode())


def matrix(rows: Iterable[tuple[dict[str, str], list[tuple[float, str]]]], **more: object) -> Reply:
    return ok({"resultType": "matrix", "result": [{"metric": m, "values": v} for m, v in rows]}, **more)


def error(status: int, kind: str, text: str) -> Reply:
    return Reply(json.dumps({"status": "error", "errorType": kind, "error": text}).encode(), status)


class PrometheusDouble:
    """Answers with `reply`, which a test may exchange at any time; remembers what it was asked."""

    def __init__(self, reply: Callable[[Request], Reply]) -> None:
        self.reply = reply
        self.requests: list[Request] = []
        self.answered = 0
        """Answers that went out whole."""
        self._speaks = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def queries(self) -> list[Request]:
        return [request for request in self.requests if request.path == "/api/v1/query_range"]

    def speak(self) -> None:
        """The silent ones answer, and nobody is silent from now on."""
        self._speaks.set()

    def hold(self, reply: Reply) -> None:
        """Until it may go out."""
        if reply.silent:
            self._speaks.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.speak()
        self._server.shutdown()
        self._server.server_close()

    def _handler(double) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                fields = parse_qs(parts.query) | parse_qs(body)
                form = {key: values[-1] for key, values in fields.items()}
                request = Request(self.command, parts.path, form, dict(self.headers.items()))
                double.requests.append(request)
                self.answer(double.reply(request))

            do_GET = do_POST = handle_one  # noqa: N815

            def answer(self, reply: Reply) -> None:
                double.hold(reply)
                body = reply.body if reply.drip_seconds else gzip.compress(reply.body, 1)
                self.send_response(reply.status)
                if not reply.drip_seconds:
                    self.send_header("Content-Encoding", "gzip")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if reply.cut:
                    self.wfile.write(body[: len(body) // 2])
                    self.close_connection = True
                    return
                self.send_body(body, reply.drip_seconds)

            def send_body(self, body: bytes, drip: float) -> None:
                try:
                    for at in range(0, len(body), 1 if drip else max(1, len(body))):
                        self.wfile.write(body[at : at + (1 if drip else len(body))])
                        self.wfile.flush()
                        time.sleep(drip)
                    double.answered += 1
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@dataclass
class Scraped:
    """Samples as if scraped: (metric, labels, time, value). Answers the queries that ebbtide.metrics.queries writes."""

    samples: list[tuple[str, dict[str, str], float, float]] = field(default_factory=list)
    scrape_interval: str = "30s"

    def add(self, labels: dict[str, str], at: float, **signals: float) -> None:
        """One scrape of one device; signals by their name, such as Engine=0.5. MemoryPercent is held of 100 MiB."""
        for name, value in signals.items():
            source = SOURCES[name]
            if source.rest:
                self.samples.append((source.rest[0], labels, at, 100 - value))
            self.samples.append((source.metrics[0], labels, at, value))

    def __call__(self, request: Request) -> Reply:
        if request.path == "/api/v1/label/job/values":
            return ok(["dcgm"])
        if request.path == "/api/v1/targets":
            target = {"labels": {"job": "dcgm"}, "scrapeInterval": self.scrape_interval, "scrapeUrl": "http://node-1"}
            return ok({"activeTargets": [target]})
        return matrix(self._rows(request))

    def _rows(self, request: Request) -> list[tuple[dict[str, str], list[tuple[float, str]]]]:
        start, end, step = (float(request.form[key]) for key in ("start", "end", "step"))
        steps = [start + index * step for index in range(round((end - start) / step) + 1)]
        rows: dict[str, tuple[dict[str, str], list[tuple[float, str]]]] = {}
        for at in steps:
            for labels, value in self._at(request.query, at, step):
                key = json.dumps(labels, sort_keys=True)
                rows.setdefault(key, (labels, []))[1].append((at, repr(value)))
        return list(rows.values())

    def _at(self, query: str, at: float, step: float) -> list[tuple[dict[str, str], float]]:
        if "timestamp(" in query:
            asked = tuple(name for name in (UTIL, ENGINE) if name in query)
            return self._grouped(query, asked, at, step, lambda found: max(when for when, _ in found))
        rows = []
        if "container_" in query:
            return rows  # of cAdvisor: no kubelet is scraped here
        for part in query.split("label_replace(")[1:]:
            name = re.search(rf'"{SIGNAL_LABEL}", "(\w+)"', part)[1]
            for labels, value in self._grouped(part, SOURCES[name].metrics, at, step, _vetted):
                rows.append(({**labels, SIGNAL_LABEL: name}, value))
        return rows

    def _grouped(
        self, text: str, metrics: tuple[str, ...], at: float, step: float, judge: Callable[..., float]
    ) -> list[tuple[dict[str, str], float]]:
        keys = re.search(r"max by \(([^)]*)\)", text)[1].split(", ")
        undivided = 'GPU_I_ID=""' in text
        groups: dict[str, tuple[dict[str, str], list[tuple[float, float]]]] = {}
        for metric, labels, when, value in self.samples:
            if metric in metrics and at - step < when <= at and not (undivided and labels.get("GPU_I_ID")):
                kept = {key: labels[key] for key in keys if labels.get(key)}
                groups.setdefault(json.dumps(kept, sort_keys=True), (kept, []))[1].append((when, value))
        return [(kept, judge(found)) for kept, found in groups.values()]


def _vetted(found: list[tuple[float, float]]) -> float:
    values = [value for _, value in found]
    return math.nan if any(math.isnan(value) or value < 0 for value in values) else max(values)
