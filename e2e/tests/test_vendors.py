"""The exporters of all vendors through one real Prometheus that scrapes their pages: Active, Idle and Unknown."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.plane.ports import HOST
from e2e.scraped_pages import INTERVAL, WallClock, scraped
from e2e.vendors.cases import CASES, MIXED, PROFILES, SPAN_INTERVALS, Case, cluster, text, verdict
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings

pytestmark = pytest.mark.plane

ENOUGH_SECONDS = SPAN_INTERVALS * INTERVAL + 6


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped every case for long enough, each under the label `case`."""
    home = tmp_path_factory.mktemp("vendors")
    with scraped(home, lambda page: text(page, time.time()), lambda port: [_job(it, port) for it in CASES]) as url:
        time.sleep(ENOUGH_SECONDS)
        yield url


def _job(case: Case, port: int) -> dict[str, Any]:
    own = {"case": case.name, "job": case.job, "instance": case.instance, "mixed": str(case in MIXED)}
    return {
        "job_name": case.name,
        "metrics_path": f"/{case.page}",
        "honor_labels": case.honor_labels,
        "static_configs": [{"targets": [f"{HOST}:{port}"], "labels": {**case.target, **own}}],
    }


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


async def test_a_mixed_fleet_is_read_in_four_queries(prometheus: str) -> None:
    metrics = metrics_at(prometheus, mixed="True")
    book, health = await metrics.observe(cluster(MIXED))
    await metrics.close()
    assert health.up, health.message
    assert metrics.fleet_queries_last_tick == 4
    for case in MIXED:
        found = verdict(case, book, health, INTERVAL)
        assert found[:2] == (case.verdict, case.reason), (case.name, found)
