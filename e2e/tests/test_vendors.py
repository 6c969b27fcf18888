"""The exporters of all vendors through one real Prometheus that scrapes their pages: Active, Idle and Unknown."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import yaml

from e2e.binaries.cache import binaries_dir
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard
from e2e.requirements_guard import require
from e2e.vendors.cases import CASES, MIXED, PROFILES, SPAN_INTERVALS, Case, cluster, text, verdict
from ebbtide.core.workload import Instant
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings

pytestmark = pytest.mark.plane

INTERVAL = 1.0
ENOUGH_SECONDS = SPAN_INTERVALS * INTERVAL + 6


class Pages(BaseHTTPRequestHandler):
    """The exposition that the path names, its counters as of now."""

    def do_GET(self) -> None:
        body = text(self.path.strip("/"), time.time()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped every case for long enough, each under the label `case`."""
    folder = binaries_dir()
    if folder is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    server = ThreadingHTTPServer((HOST, 0), Pages)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    (port,), home, guard = free_ports(1), tmp_path_factory.mktemp("vendors"), Guard()
    component = Component("prometheus", _argv(folder / "prometheus", home, port), home / "prometheus.log", guard)
    (home / "prometheus.yml").write_text(yaml.safe_dump(_configuration(server.server_address[1])), encoding="utf-8")
    component.start()
    component.wait_ready(lambda: _answers(f"http://{HOST}:{port}/-/ready"))
    time.sleep(ENOUGH_SECONDS)
    yield f"http://{HOST}:{port}"
    component.stop()
    guard.close()
    server.shutdown()
    server.server_close()


def _argv(program: Path, home: Path, port: int) -> list[str]:
    paths = [f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'data'}"]
    return [str(program), *paths, f"--web.listen-address={HOST}:{port}", "--scrape.discovery-reload-interval=1s"]


def _configuration(port: int) -> dict[str, Any]:
    every = {"scrape_interval": f"{INTERVAL:g}s", "scrape_timeout": f"{INTERVAL:g}s"}
    return {"global": every, "scrape_configs": [_job(case, port) for case in CASES]}


def _job(case: Case, port: int) -> dict[str, Any]:
    own = {"case": case.name, "job": case.job, "instance": case.instance, "mixed": str(case in MIXED)}
    return {
        "job_name": case.name,
        "metrics_path": f"/{case.page}",
        "honor_labels": case.honor_labels,
        "static_configs": [{"targets": [f"{HOST}:{port}"], "labels": {**case.target, **own}}],
    }


def _answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=1).ok
        except requests.RequestException:
            return False


class WallClock:
    def now(self) -> Instant:
        return time.time()

    async def sleep_until(self, instant: Instant) -> None:
        raise NotImplementedError


def metrics_at(url: str, **match: str) -> PrometheusMetrics:
    settings = MetricsSettings(
        url=url, sample_interval_seconds=INTERVAL, look_back_seconds=40.0, match_labels=tuple(match.items())
    )
    return PrometheusMetrics(settings, WallClock(), PROFILES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_page_leads_to_its_verdict(prometheus: str, case: Case) -> None:
    metrics = metrics_at(prometheus, case=case.name)
    book, health = await metrics.observe(case.state)
    await metrics.close()
    assert health.up, health.message
    found = verdict(case, book, health, INTERVAL)
    assert found[:2] == (case.verdict, case.reason), found
    assert case.told in found[2]
    assert metrics.fleet_queries_last_tick <= 6


async def test_a_mixed_fleet_is_read_in_six_queries(prometheus: str) -> None:
    metrics = metrics_at(prometheus, mixed="True")
    book, health = await metrics.observe(cluster(MIXED))
    await metrics.close()
    assert health.up, health.message
    assert metrics.fleet_queries_last_tick == 6
    for case in MIXED:
        found = verdict(case, book, health, INTERVAL)
        assert found[:2] == (case.verdict, case.reason), (case.name, found)
