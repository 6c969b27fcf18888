"""Requests that wake what is paused: asked for only while somebody sleeps, and told from resets, gaps and old news."""

from dataclasses import replace

import pytest

from ebbtide.core.series_name import parse_series
from ebbtide.core.workload import Instant, KindClass, Target, Workload
from ebbtide.samples.sign_questions import Named, wants_of
from tests.builders import MINUTE, job, paused_job, policy, state, workload
from tests.unit.samples.test_samples_signs import T0, Reading, quiet_policy

ALLOWED = {"gateway_requests_total": "namespace", "gateway_queue": "namespace"}
COUNTER = parse_series('gateway_requests_total{model="chat"}')
GAUGE = parse_series("gateway_queue")
LABELS = {"namespace": "vision", "model": "chat", "instance": "a"}
PAUSED = paused_job(at=T0)


def chat(target: Target = PAUSED, series=COUNTER, name: str = "chat", **changes: object) -> Workload:
    return workload(name, kind_class=KindClass.Serving, request_series=series, target=target, **changes)


def read(it: Workload) -> Reading:
    return Reading(state(it, policies=[quiet_policy()]), ALLOWED)


def calls(reading: Reading, it: Workload) -> dict[Instant, float]:
    """Those newer than its pause: with the first sample there is, every series begins."""
    assert it.target is not None
    since = it.target.restore.at if it.target.restore is not None else T0
    return {at: value for at, value in reading.reader.book.calls.get(it.key, {}).items() if at > since}


def test_more_is_asked_only_while_somebody_sleeps() -> None:
    runs, sleeps = chat(job(), name="a"), chat(name="b")
    elsewhere = chat(name="c", namespace="else")
    policies = [policy()]
    assert wants_of(state(runs, policies=policies), ALLOWED).calls == ()
    wants = wants_of(state(runs, sleeps, policies=policies), ALLOWED)
    assert wants.asleep == {sleeps.key: T0}
    assert wants.calls == (Named("gateway_requests_total", ("model",), "namespace", ("vision",), calls=True),)
    both = wants_of(state(runs, sleeps, elsewhere, policies=policies), ALLOWED)
    assert [it.namespaces for it in both.calls] == [("else", "vision")]
    of_gauge = wants_of(state(chat(series=GAUGE), policies=policies), ALLOWED)
    assert (of_gauge.calls, len(of_gauge.asleep)) == ((), 1), "its value is read anyway"
    assert wants_of(state(sleeps, policies=policies), {}).asleep == {}, "a series that nobody allowed"


def test_one_who_names_no_series_costs_nothing() -> None:
    seen = state(workload(target=PAUSED), policies=[quiet_policy()])
    reading = Reading(seen, ALLOWED)
    reading.tick(60)
    assert reading.reader.queries_last_tick == 0


def test_a_counter_that_rises_calls_by_how_far_it_rose() -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[7.0] * 24, 9.0, 9.0, 9.0, first=T0 - 10 * MINUTE)
    reading.scrape(COUNTER.metric, {**LABELS, "instance": "b"}, *[3.0] * 24, 4.0, 4.0, 4.0, first=T0 - 10 * MINUTE)
    for _ in range(6):
        reading.tick(30)
        assert reading.reader.queries_last_tick <= 1
    assert calls(reading, it) == {T0 + 120: 3.0}


def test_a_gauge_calls_by_its_value() -> None:
    it = chat(series=GAUGE)
    reading = read(it)
    reading.scrape(GAUGE.metric, {"namespace": "vision"}, *[0.0] * 22, 2.0, 5.0, 0.0, 0.0)
    reading.tick(180)
    assert calls(reading, it) == {T0 + 60: 2.0, T0 + 120: 5.0}


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([40.0] * 24 + [0.0] * 4, {}),
        ([40.0] * 24 + [2.0] * 4, {T0 + 120: 2.0}),
        ([40.0] * 24 + [0.0, 0.0, 1.0, 1.0], {T0 + 180: 1.0}),
        ([40.0] * 20 + [float("nan")] * 4 + [40.0] * 4, {}),
    ],
    ids=["a reset is no request", "one that counts again is", "and one a while after it", "no number is no request"],
)
def test_a_counter_that_is_reset(values: list[float], want: dict[Instant, float]) -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *values)
    reading.tick(240)
    assert calls(reading, it) == want


def test_a_series_that_was_away_and_comes_back_the_same_calls_nobody() -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[40.0] * 22)
    reading.scrape(COUNTER.metric, LABELS, *[40.0] * 4, first=T0 + 40 * MINUTE)
    for _ in range(45):
        reading.tick(60)
    assert calls(reading, it) == {}


def test_one_that_counted_while_it_was_away_calls_when_it_is_seen() -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[40.0] * 22)
    reading.scrape(COUNTER.metric, LABELS, *[41.0] * 4, first=T0 + 40.5 * MINUTE)
    for _ in range(45):
        reading.tick(60)
    assert calls(reading, it) == {T0 + 41 * MINUTE: 1.0}


def test_a_series_that_begins_calls_as_counters_begin_with_the_first_request() -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[40.0] * 22)
    reading.scrape(COUNTER.metric, {**LABELS, "instance": "b"}, 1.0, 1.0, 1.0, first=T0 + 90)
    reading.tick(60)
    reading.tick(120)
    assert calls(reading, it) == {T0 + 120: 1.0}


def test_what_came_while_the_operator_was_away_is_read_when_it_is_back() -> None:
    it = chat(paused_job(at=T0 - 60 * MINUTE))
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[7.0] * 80, *[8.0] * 60, first=T0 - 70 * MINUTE)
    reading.tick(60)
    assert calls(reading, it) == {T0 - 30 * MINUTE: 1.0}


def test_a_pause_that_a_watch_tells_late_of_misses_no_request() -> None:
    runs, sleeps = chat(job()), chat()
    reading = read(runs)
    reading.scrape(COUNTER.metric, LABELS, *[7.0] * 22, *[8.0] * 40)
    for _ in range(6):
        reading.tick(60)
    assert calls(reading, runs) == {}
    reading.state = replace(reading.state, workloads=(sleeps,))
    reading.tick(60)
    assert calls(reading, sleeps) == {T0 + 60: 1.0}


def test_who_runs_again_is_not_kept() -> None:
    it = chat()
    reading = read(it)
    reading.scrape(COUNTER.metric, LABELS, *[7.0] * 22, *[8.0] * 40)
    reading.tick(120)
    assert calls(reading, it)
    reading.state = replace(reading.state, workloads=(chat(job()),))
    reading.tick(60)
    assert reading.reader.book.calls == {}


def test_a_pause_reads_no_history_anew() -> None:
    """Named series that change are read from the beginning; who falls asleep changes none of them."""
    reading = read(chat(job()))
    reading.scrape(COUNTER.metric, LABELS, *[7.0] * 80)
    reading.tick(60)
    reading.state = replace(reading.state, workloads=(chat(paused_job(at=reading.now)),))
    reading.tick(60)
    assert len(reading.source.request_grids[-1]) <= 3
