"""Every label mode and rename of dcgm-exporter through one real Prometheus that scrapes all of them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.label_modes.cases import CASES, NAMESPACE, Case, Engine, Scrape
from e2e.plane.ports import HOST
from e2e.scraped_pages import INTERVAL, WallClock, scraped
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Attribution, Breaker, Pod, WorkloadKey
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings

pytestmark = pytest.mark.plane

ENOUGH_SECONDS = 7.0
"""An exporter must have had four intervals to map a pod before its absence is a problem."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped every case for some seconds, each under the label `case`."""
    with scraped(tmp_path_factory.mktemp("labels"), lambda page: Scrape(page).text, _jobs) as url:
        time.sleep(ENOUGH_SECONDS)
        yield url


def _jobs(port: int) -> list[dict[str, Any]]:
    return [_job(case, number, scrape, port) for case in CASES for number, scrape in enumerate(case.scrapes)]


def _job(case: Case, number: int, scrape: Scrape, port: int) -> dict[str, Any]:
    labels = {**scrape.target, "case": case.name, "job": scrape.job, "instance": scrape.instance}
    return {
        "job_name": f"{case.name}-{number}",
        "metrics_path": f"/{scrape.page}",
        "honor_labels": scrape.honor_labels,
        "static_configs": [{"targets": [f"{HOST}:{port}"], "labels": labels}],
    }


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
    assert book.shares.keys() == case.shares
    assert bool(metrics.tally.scraped_twice) == case.twice
