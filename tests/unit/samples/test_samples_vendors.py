"""The pages of each vendor through the reader, without a Prometheus; e2e/tests/test_vendors.py scrapes them."""

from collections.abc import Iterable

import pytest

from e2e.vendors.cases import CASES, MIXED, PROFILES, SPAN_INTERVALS, Case, cluster, verdict
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.signal import Signal
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.samples.profile import owner_of
from ebbtide.samples.settings import ReadingSettings
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import SimulatedMetrics
from tests.unit.samples.samples_world import Hands, exposed

INTERVAL = 30.0
SCRAPES = SPAN_INTERVALS + 4


def scrape(store: SeriesStore, cases: Iterable[Case], at: float) -> None:
    for case in cases:
        page = exposed(case.text(at), case.job, case.instance, case.target, honor=case.honor_labels)
        for name, labels, value in page:
            store.track(name, labels).append(at, value)


async def read(state: ClusterState, cases: Iterable[Case], scrapes: int = SCRAPES):
    clock, store = Hands(), SeriesStore()
    metrics = SimulatedMetrics(store, ReadingSettings(), clock, profiles=PROFILES)
    found: tuple[EvidenceBook, MetricsHealth] | None = None
    for _ in range(scrapes):
        clock.at += INTERVAL
        scrape(store, cases, clock.at)
        found = await metrics.observe(state)
    assert found is not None
    return *found, metrics


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_each_page_leads_to_its_verdict(case: Case) -> None:
    book, health, metrics = await read(case.state, (case,))
    assert health.up
    found = verdict(case, book, health, INTERVAL)
    assert found[:2] == (case.verdict, case.reason), found
    assert case.told in found[2]
    assert metrics.tally.queries_total <= 6 * SCRAPES


def test_every_vendor_has_a_page_that_names_no_pods() -> None:
    """Their verdicts are those of the cases: AttributionBroken, of a vendor of one's own too."""
    nameless = {owner_of(case.resource, PROFILES) for case in CASES if case.page.endswith("_unlabelled")}
    assert nameless == set(range(len(PROFILES)))
    assert {case.reason for case in CASES if case.page.endswith("_unlabelled")} == {"AttributionBroken"}


async def test_a_mixed_fleet_is_read_in_four_queries() -> None:
    book, health, metrics = await read(cluster(MIXED), MIXED)
    assert metrics.tally.queries_total == 4 * SCRAPES
    for case in MIXED:
        found = verdict(case, book, health, INTERVAL)
        assert found[:2] == (case.verdict, case.reason), (case.name, found)


async def test_one_vendors_broken_labels_are_not_anothers() -> None:
    by_name = {case.name: case for case in CASES}
    both = (by_name["nvidia-idle"], by_name["neuron-unknown"])
    book, health, _ = await read(cluster(both), both)
    assert (health.attribution_problem, set(health.distrusted)) == ("", {"aws.amazon.com/neuron"})
    assert "NVIDIA Exported" in health.label_mode
    for case in both:
        assert verdict(case, book, health, INTERVAL)[:2] == (case.verdict, case.reason)


@pytest.mark.parametrize(
    ("name", "resources"),
    [("hami-idle", {"nvidia.com/gpumem"}), ("neuron-idle", {"aws.amazon.com/neuron"}), ("nvidia-idle", set())],
)
async def test_whose_launches_are_counted_by_pod_is_known_by_resource(name: str, resources: set[str]) -> None:
    case = next(one for one in CASES if one.name == name)
    _, health, _ = await read(case.state, (case,))
    assert health.own_launches == resources


async def test_who_requests_nothing_costs_nothing() -> None:
    by_name = {case.name: case for case in CASES}
    alone = (by_name["gaudi-idle"],)
    _, health, metrics = await read(cluster(alone), (*alone, by_name["nvidia-idle"], by_name["amd-idle"]))
    assert set(metrics.tally.query_seconds) == {"presence", "Utilisation+MemoryPercent", "Power"}
    assert health.label_mode == "OldNamespace"
    assert metrics.tally.series_last_tick == 4 * SCRAPES


async def test_a_vendor_that_was_not_asked_for_while_its_pods_were_there_is_read_back() -> None:
    """As where the pods of the cluster were not heard of for a while."""
    by_name = {case.name: case for case in CASES}
    nvidia, amd = by_name["nvidia-idle"], by_name["amd-active"]
    clock, store = Hands(), SeriesStore()
    metrics = SimulatedMetrics(store, ReadingSettings(), clock, profiles=PROFILES)
    for tick in range(10):
        clock.at += INTERVAL
        scrape(store, (nvidia, amd), clock.at)
        book, _ = await metrics.observe(cluster((nvidia, amd) if tick == 9 else (nvidia,)))
    (device,) = book.devices("ml", "amd-active")
    assert clock.at - device.first_at(Signal.Utilisation) == 9 * INTERVAL
