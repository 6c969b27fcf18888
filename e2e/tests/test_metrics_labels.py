"""Every label mode and rename of dcgm-exporter through one real Prometheus that scrapes all of them."""

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
from e2e.label_modes.cases import CASES, NAMESPACE, Case, Engine, Scrape
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard
from e2e.requirements_guard import require
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Attribution, Breaker, Instant, Pod, WorkloadKey
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings

pytestmark = pytest.mark.plane

INTERVAL = 1.0
ENOUGH_SECONDS = 7.0
"""An exporter must have had four intervals to map a pod before its absence is a problem."""


class Pages(BaseHTTPRequestHandler):
    """The exposition that the path names."""

    def do_GET(self) -> None:
        body = Scrape(self.path.strip("/")).text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped every case for some seconds, each under the label `case`."""
    folder = binaries_dir()
    if folder is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    server = ThreadingHTTPServer((HOST, 0), Pages)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    (port,), home, guard = free_ports(1), tmp_path_factory.mktemp("labels"), Guard()
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
    jobs = [_job(case, number, scrape, port) for case in CASES for number, scrape in enumerate(case.scrapes)]
    every = {"scrape_interval": f"{INTERVAL:g}s", "scrape_timeout": f"{INTERVAL:g}s"}
    return {"global": every, "scrape_configs": jobs}


def _job(case: Case, number: int, scrape: Scrape, port: int) -> dict[str, Any]:
    labels = {**scrape.target, "case": case.name, "job": scrape.job, "instance": scrape.instance}
    return {
        "job_name": f"{case.name}-{number}",
        "metrics_path": f"/{scrape.page}",
        "honor_labels": scrape.honor_labels,
        "static_configs": [{"targets": [f"{HOST}:{port}"], "labels": labels}],
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


def cluster(case: Case) -> ClusterState:
    pods = {WorkloadKey(NAMESPACE, "Job", name): (_pod(name, case.resource),) for name in case.pods}
    return ClusterState((), pods, {}, {}, (), (), Breaker())


def _pod(name: str, resource: str) -> Pod:
    return Pod(
        uid=f"uid-of-{name}", namespace=NAMESPACE, name=name, owner_uid="owner", node="gpu-node-1", phase="Running",
        created_at=0.0, bound_at=0.0, ready_since=1.0, ended_at=None, deleting=False, accelerators=1,
        accelerator_resource=resource, cpu=1.0, memory_bytes=1, failing=None, unschedulable=False,
        checkpointed_at=None, attribution=Attribution(),
    )  # fmt: skip


def engine(book: EvidenceBook, case: Case) -> Engine:
    """The highest engine activity of each pod's devices."""
    found: dict[str, dict[str, float]] = {}
    for name in case.pods:
        for device in book.devices(NAMESPACE, name):
            peak = device.peak(Signal.Engine, 0.0)
            assert peak is not None
            found.setdefault(name, {})[device.id] = peak
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_pods_are_found_or_refused(prometheus: str, case: Case) -> None:
    settings = MetricsSettings(
        url=prometheus,
        sample_interval_seconds=INTERVAL,
        look_back_seconds=30.0,
        match_labels=(("case", case.name),),
    )
    metrics = PrometheusMetrics(settings, WallClock())
    book, health = await metrics.observe(cluster(case))
    await metrics.close()
    assert health.up, health.message
    assert metrics.fleet_queries_last_tick <= 6
    assert health.label_mode == case.mode
    assert bool(health.attribution_problem) == bool(case.problem)
    for part in case.problem:
        assert part in health.attribution_problem
    assert engine(book, case) == case.engine
    assert bool(metrics.tally.scraped_twice) == case.twice
