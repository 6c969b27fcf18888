"""The replay's arithmetic, against brute force over a small generated trace; no recorded data needed."""

import random

import pytest

from tests.bench import idle_auto, idle_rules
from tests.bench.idle_rules import Outcome
from tests.bench.idle_trace import BUSY_ABOVE, STEP, WRONG_SECONDS, Trace

RESTART = 300


def generated(seed: int = 7, pods: int = 6, steps: int = 400) -> Trace:
    """Bursts and silences of many lengths, some samples missing."""
    chance = random.Random(seed)
    duty: dict[str, dict[int, float]] = {}
    for number in range(pods):
        values: list[float] = []
        while len(values) < steps:
            values += [chance.choice([6.0, 40.0])] * chance.randint(1, 4)
            values += [chance.choice([0.0, 0.0, 4.0])] * chance.choice([1, 2, 3, 5, 8, 20, 60, 90])
        duty[f"p{number}"] = {
            place * STEP: value for place, value in enumerate(values[:steps]) if chance.random() > 0.005
        }
    return Trace(duty)


def brute(trace: Trace, after: int, restart: int) -> tuple[float, int, int]:
    """(saved, pauses, wrong) of one timeout, second by second of its definition: no runs, only samples."""
    saved, pauses, wrong = 0.0, 0, 0
    for samples in trace.duty.values():
        for start in samples:
            if samples[start] > BUSY_ABOVE or samples.get(start - STEP, BUSY_ABOVE + 1) <= BUSY_ABOVE:
                continue
            end = start
            while samples.get(end, BUSY_ABOVE + 1) <= BUSY_ABOVE:
                end += STEP
            if end - start > after:
                at = start + after
                saved += end - start - after - restart
                pauses += 1
                wrong += any(at < when <= at + WRONG_SECONDS and value > BUSY_ABOVE for when, value in samples.items())
    return saved, pauses, wrong


@pytest.mark.parametrize("after", [0, 1, STEP, 600, 1800, 3600])
def test_a_fixed_timeout_saves_what_counting_samples_gives(after: int):
    trace = generated()
    found = Outcome.of(trace, idle_rules.fixed(trace, after), RESTART)
    assert (found.saved, found.pauses, found.wrong) == brute(trace, after, RESTART)


def test_hindsight_is_the_best_of_all_timeouts_and_each_pods_own_is_better_still():
    trace = generated()
    _, single = idle_rules.best_single(trace, RESTART)
    assert single.saved == max(brute(trace, after, RESTART)[0] for after in range(0, 120 * STEP, STEP))
    each = sum(
        max(0.0, *(brute(trace.part([pod]), after, RESTART)[0] for after in range(0, 120 * STEP, STEP)))
        for pod in trace.duty
    )
    assert idle_rules.best_each(trace, RESTART).saved == each >= single.saved
    assert idle_rules.oracle(trace, RESTART) >= each


def test_a_rule_of_zero_pauses_runs_of_zeros_alone():
    duty = {place * STEP: 0.0 for place in range(40)} | {40 * STEP: 50.0}
    duty |= {place * STEP: 4.0 for place in range(41, 90)}
    trace = Trace({"p": duty})
    (pause,) = idle_rules.gpu_pruner(trace)
    assert (pause.at, pause.left) == (1800, 40 * STEP - 1800)
    assert list(idle_rules.shield(trace)) == []


def test_auto_sees_only_the_past():
    """What comes after an instant changes no pause before it."""
    trace = generated()
    cut = 250 * STEP
    past = Trace({pod: {at: it for at, it in samples.items() if at < cut} for pod, samples in trace.duty.items()})
    whole, half = (
        {(each.pod, each.at) for each in idle_auto.at_once(idle_auto.wishes(it, RESTART)) if each.at < cut}
        for it in (trace, past)
    )
    assert whole == half
    assert whole


def test_no_pod_is_wrong_twice_a_day_under_the_cap():
    trace = generated()
    asked = idle_auto.wishes(trace, RESTART)
    wrong = [each.pod for each in idle_auto.capped(trace, asked) if trace.is_wrong(each.pod, each.at)]
    free = [each.pod for each in idle_auto.at_once(asked) if trace.is_wrong(each.pod, each.at)]
    assert len(wrong) == len(set(wrong))
    assert len(free) > len(set(free))


def test_under_the_cap_no_timeout_saves_more_than_its_hindsight_and_each_pod_is_wrong_once_at_most():
    trace = generated()
    single, each = idle_rules.best_single_capped(trace, RESTART), idle_rules.best_each_capped(trace, RESTART)
    for after in (0, 600, 1800, 3600):
        kept = list(idle_rules.capped(trace, idle_rules.fixed(trace, after)))
        wrong = [pause.pod for pause in kept if trace.is_wrong(pause.pod, pause.at)]
        assert len(wrong) == len(set(wrong))
        assert Outcome.of(trace, kept, RESTART).saved <= single.saved <= each.saved
    assert each.wrong <= len(trace.duty)


@pytest.mark.parametrize("auto", [True, False])
def test_shipped_settings_never_pause_before_a_whole_warning_nor_under_the_floor(auto: bool):
    trace = generated()
    begins = {(run.pod, run.start + place * STEP): run for run in trace.runs for place in range(run.samples)}
    for pause in idle_auto.shipped(trace, RESTART, auto=auto, once=auto):
        idle = pause.at - begins[pause.pod, pause.at].start
        assert idle >= (idle_auto.floor_seconds(idle_auto.WARN, STEP) if auto else 3600)
