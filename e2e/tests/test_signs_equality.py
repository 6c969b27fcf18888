"""Signs beside the devices: a real Prometheus understands the questions, and the simulator answers the same."""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from e2e.tests.remote_write import STALE, Sample, write
from e2e.tests.test_metrics_equality import SCRAPES, START, Written, both, prometheus
from ebbtide.core.series_name import parse_series
from ebbtide.core.signs import Line, Signs
from ebbtide.core.workload import KindClass
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.client import PrometheusClient
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.metrics.signs import PrometheusSigns
from ebbtide.samples.answer import Answer
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.sign_questions import (
    ACTIVITY,
    COUNTER,
    CPU,
    CPU_METRIC,
    GAUGE,
    NETWORK,
    NETWORK_METRICS,
    Named,
)
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Grid
from ebbtide.sim.simulated_metrics import SimulatedMetrics
from ebbtide.sim.stored_signs import StoredSigns
from tests.builders import job, paused_job, state, workload

pytestmark = pytest.mark.plane
__all__ = ["prometheus"]

STEP = 60.0
GATEWAY = Named("gateway_requests_total", ("model",), "destination_namespace", ("ml", "a.b"))
DEPTH = Named("queue_depth", (), "namespace", ("ml",))
CALLS = replace(GATEWAY, calls=True)
Rows = dict[frozenset[tuple[str, str]], list[tuple[int, float]]]


def counter(dice: random.Random, step: float) -> list[tuple[float, float]]:
    """A counter scraped about every 30 s; it rises now and then, is reset once, and misses some scrapes."""
    value, samples = float(dice.randrange(50)), []
    for number in range(SCRAPES):
        value = 0.0 if number == SCRAPES // 2 else value + step * dice.choice([0, 0, 1, 3])
        if dice.random() > 0.1:
            samples.append((START + 30.0 * number + dice.choice([0.0, 0.25]), value))
    return samples


def gauge(dice: random.Random) -> list[tuple[float, float]]:
    return [(START + 30.0 * number, dice.choice([0.0, 0.0, 2.0, math.nan])) for number in range(SCRAPES)]


def pod(name: str, **more: str) -> dict[str, str]:
    return {"namespace": "ml", "pod": name, **more}


INTERFACES = [
    pod("t-0", interface="eth0"),
    pod("t-0", interface="eth0", id="/another"),
    pod("t-0", interface="net1", container="POD"),
    pod("t-0", interface="lo"),
    pod("u-0", interface="eth0", job="kubelet"),
    pod("u-0", interface="eth0", job="cadvisor"),
    {"namespace": "elsewhere", "pod": "t-0", "interface": "eth0"},
]


def written(dice: random.Random) -> Written:
    cpu = [
        pod("t-0", container="c"),
        pod("t-0", container="sidecar"),
        pod("t-0", container="POD"),
        pod("t-0"),
        pod("u-0", container="c", job="kubelet"),
        pod("u-0", container="c", job="cadvisor"),
        {"namespace": "elsewhere", "pod": "t-0", "container": "c"},
    ]
    found: Written = [(CPU_METRIC, labels, counter(dice, 7.25)) for labels in cpu]
    found += [(metric, labels, counter(dice, 7_654_321.0)) for metric in NETWORK_METRICS for labels in INTERFACES]
    found.append((NETWORK_METRICS[0], pod("v-0", interface="eth0"), counter(dice, 7_654_321.0)))
    for name in ("chat-0", "chat-1"):
        found += [
            ("vllm:num_requests_running", pod(name), gauge(dice)),
            ("vllm:num_requests_waiting", pod(name), gauge(dice)),
            ("vllm:request_success_total", pod(name, finished_reason="stop"), counter(dice, 1)),
            ("vllm:request_success_total", pod(name, finished_reason="length"), counter(dice, 1)),
        ]
    ended = gauge(dice)[:20]
    found += [
        ("sglang:num_running_reqs", pod("ended"), [*ended, (ended[-1][0] + 30, STALE)]),
        ("nv_inference_request_success", pod("triton-0", model="m"), counter(dice, 1)),
        ("jupyter_server_last_activity_timestamp_seconds", pod("nb-0"), counter(dice, 60)),
    ]
    for space in ("ml", "a.b", "axb"):
        labels = {"destination_namespace": space, "model": "chat"}
        late = counter(dice, 1)[SCRAPES // 3 :]
        found += [
            (GATEWAY.metric, labels, counter(dice, 1)),
            (GATEWAY.metric, {**labels, "instance": "b"}, counter(dice, 1)),
            (GATEWAY.metric, {**labels, "instance": "late"}, late),
        ]
    found.append(("up", {}, [(START + 30.0 * number - 600, 1.0) for number in range(SCRAPES + 20)]))
    return [*found, (DEPTH.metric, {"namespace": "ml"}, gauge(dice))]


def rows(answer: Answer) -> Rows:
    return {
        frozenset((name, value) for name, value in row.metric.items() if name != "ebbtide_part"): list(row.values)
        for row in answer.series()
    }


def by_mark(answer: Answer) -> dict[tuple[frozenset[tuple[str, str]], int], list[float]]:
    """Parts of one mark are not told apart: all values of a step, without those that are no number."""
    found: dict[tuple[frozenset[tuple[str, str]], int], list[float]] = {}
    for row in answer.series():
        labels = frozenset((name, value) for name, value in row.metric.items() if name != "ebbtide_part")
        for number, value in row.values:
            if not math.isnan(value):
                found.setdefault((labels, number), []).append(value)
    return {key: sorted(values) for key, values in found.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_samples_give_the_same_signs(prometheus: str, seed: int) -> None:  # the fixture
    dice, run = random.Random(seed), f"signs-{seed}"
    store = both(prometheus, written(dice), run)
    client = PrometheusClient(prometheus)
    real = PrometheusSigns(client, (("run", run), ("job", "dcgm-exporter")))
    simulated = StoredSigns(store)
    first = START // STEP * STEP - 2 * STEP
    grid = Grid(first, first + STEP * (30 * SCRAPES // STEP + 4), STEP)
    for spaces in ((), ("ml",)):
        wanted, found = rows(real.use((CPU, NETWORK), spaces, grid)), rows(simulated.use((CPU, NETWORK), spaces, grid))
        assert found.keys() == wanted.keys()
        assert len(wanted) == (5 if spaces else 7), "v-0 has no CPU series, and only receives"
        for labels, values in wanted.items():
            assert [number for number, _ in found[labels]] == [number for number, _ in values]
            assert [value for _, value in found[labels]] == pytest.approx([value for _, value in values], rel=1e-9)
    named = (GATEWAY, DEPTH, CALLS)
    asked, answered = by_mark(real.requests(named, grid)), by_mark(simulated.requests(named, grid))
    assert answered == asked
    marks = {dict(labels)[SIGNAL_LABEL] for labels, _ in asked}
    assert marks == {GAUGE, COUNTER, ACTIVITY, GATEWAY.mark, DEPTH.mark, CALLS.mark}
    assert {dict(labels).get("destination_namespace", "ml") for labels, _ in asked} == {"ml", "a.b"}
    client.close()


@dataclass
class Hands:
    """A clock that only the test moves."""

    at: float = START

    def now(self) -> float:
        return self.at


def plain(lines: Mapping[Any, Line]) -> dict[object, tuple[object, ...]]:
    return {key: (line.last, line.value, line.gaps, tuple(line.stairs)) for key, line in lines.items()}


def shown(signs: Signs | None) -> dict[str, object]:
    """Everything that was read, as plain values."""
    assert signs is not None
    told: dict[str, object] = {
        "cpu": plain(signs.cpu),
        "network": plain(signs.network),
        "pods": plain(signs.of_pods),
        "workloads": plain(signs.of_workloads),
    }
    told["calls"] = signs.calls
    told |= {"cpu read": signs.cpu_read, "network read": signs.network_read, "requests read": signs.requests_read}
    return {**told, "told": signs.told}


async def test_the_operator_reads_the_same_signs_from_both(prometheus: str) -> None:  # the fixture
    dice, run, clock = random.Random(5), "operator", Hands()
    store = both(prometheus, written(dice), run)
    allowed = ((GATEWAY.metric, GATEWAY.namespace_label), (DEPTH.metric, DEPTH.namespace_label))
    settings = MetricsSettings(url=prometheus, match_labels=(("run", run),), allowed=allowed)
    real = PrometheusMetrics(settings, clock)
    simulated = SimulatedMetrics(store, ReadingSettings(), clock, allowed=dict(allowed))
    series = parse_series('gateway_requests_total{model="chat"}')
    names = {"t": None, "u": None, "v": None, "chat": None, "named": series, "asleep": series}
    them = [
        workload(name, namespace="ml", kind_class=KindClass.Serving, request_series=series, target=target)
        for name, series in names.items()
        for target in (paused_job(name, at=START) if name == "asleep" else job(name),)
    ]
    seen = state(*them)
    while clock.at < START + 30 * SCRAPES:
        clock.at += dice.choice([30.0, 31.7, 60.0])
        (book, _), (other, _) = await real.observe(seen), await simulated.observe(seen)
        assert shown(book.signs) == shown(other.signs)
        assert real.sign_queries_last_tick <= 2
    signs = book.signs
    assert signs is not None
    assert {key.name for key in signs.cpu} == {"t", "u"}
    assert {key.name for key in signs.network} == {"t", "u", "v"}
    assert {pod for _, pod in signs.of_pods} >= {"chat-0", "chat-1", "triton-0"}
    assert {key.name for key in signs.of_workloads} == {"named", "asleep"}
    assert [key.name for key in signs.calls] == ["asleep"]
    assert list(signs.told) == [("ml", "nb-0")]
    await real.close()


def test_every_change_of_a_counter_is_seen_in_some_step(prometheus: str) -> None:  # the fixture
    dice, run = random.Random(7), "changes"
    samples = counter(dice, 1)
    both(prometheus, [("tgi_request_success", pod("tgi-0"), samples)], run)
    client = PrometheusClient(prometheus)
    first = START // STEP * STEP - STEP
    grid = Grid(first, first + STEP * (30 * SCRAPES // STEP + 3), STEP)
    answer = PrometheusSigns(client, (("run", run),)).requests((), grid)
    (row,) = [it for it in answer.series() if it.metric[SIGNAL_LABEL] == COUNTER]
    shown = {grid.start + number * STEP for number, value in row.values if value > 0}
    for (before, one), (after, other) in pairwise(samples):
        if one != other and after - before <= STEP:
            assert any(after <= at < after + STEP for at in shown), after
    client.close()


def test_what_comes_back_after_an_outage_of_the_whole_source_is_no_request(prometheus: str) -> None:  # the fixture
    """Two hours without a sample, of anything or of one gateway: what it was before is not known after one.

    After an outage of everything (`late`) the first targets are scraped a step before the gateway.
    """
    back = START + 7200
    old, new = {"destination_namespace": "ml", "model": "chat", "instance": "a"}, {"instance": "b"}
    steady = [30.0 * number for number in range(250)]

    def series(
        run: str, name: str, times: Iterable[float], value: float, **labels: str
    ) -> tuple[dict[str, str], list[Sample]]:
        return {"__name__": name, "run": run, **labels}, [(at, value) for at in times]

    first, second = [START + at for at in steady[:10]], [back + at for at in steady[:20]]
    write(prometheus, [series(run, GATEWAY.metric, first, 40.0, **old) for run in ("all", "one", "late")])
    write(prometheus, [series("all", "up", first, 1.0), series("one", "up", [START + at for at in steady], 1.0)])
    write(prometheus, [series(run, GATEWAY.metric, second, 40.0, **old) for run in ("all", "one")])
    write(prometheus, [series("all", GATEWAY.metric, second[14:], 3.0, **old | new), series("all", "up", second, 1.0)])
    write(prometheus, [series("late", "up", second, 1.0), series("late", GATEWAY.metric, second[3:], 40.0, **old)])
    client = PrometheusClient(prometheus)
    grid = Grid(back // STEP * STEP - 2 * STEP, back // STEP * STEP + 10 * STEP, STEP)

    def calls(run: str) -> list[float]:
        answer = PrometheusSigns(client, (("run", run),)).requests((CALLS,), grid)
        return [value for row in answer.series() for _, value in row.values]

    assert calls("all") == [3.0], "the one that begins when all are back, and nothing that is back"
    assert calls("one") == [40.0], "rather awake than deaf"
    assert calls("late") == []
    client.close()
