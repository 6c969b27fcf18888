"""A request at the series of a paused server wakes it: which request, whom, and what stands before it."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.decision import Decision
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.series_name import parse_series, text_of
from ebbtide.core.signs import Reading, Signs
from ebbtide.core.status import workload_status
from ebbtide.core.waking import asleep_since, wake_sentence
from ebbtide.core.workload import Instant, Intent, KindClass, Memory, Workload
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SHORT_IDLE,
    decide,
    evidence,
    job,
    pause_record,
    paused_job,
    policy,
    settings,
    snapshot,
    state,
    verbs,
    workload,
)

COUNTER = parse_series('gateway_requests_total{model="chat"}')
GAUGE = parse_series("gateway_queue")
SINCE = NOW - HOUR
"""On a step; `SINCE + 20` lies within one."""
CHAT: dict[str, Any] = {"kind_class": KindClass.Serving, "request_series": COUNTER, "target": paused_job(at=SINCE)}


def asked(calls: dict[Instant, float], it: Workload, *, read_to: Instant = NOW, **cluster: Any) -> Decision:
    """What is decided about it where its series has shown these requests."""
    book = evidence()
    book.signs = Signs(requests_read=Reading(NOW - 2 * HOUR, read_to))
    book.signs.calls = {it.key: calls} if calls else {}
    now, options = cluster.pop("now", NOW), cluster.pop("options", None)
    seen = snapshot(state(it, **cluster), now=now, options=options)
    return plan(replace(seen, evidence=book)).decisions[0]


def test_a_request_after_the_pause_wakes_it_and_the_numbers_are_told() -> None:
    decision = asked({SINCE + 5 * MINUTE: 3.0}, workload(**CHAT))
    assert (verbs(decision), decision.deciding) == (["Resume"], Reason.Woken)
    (action,) = decision.actions
    assert (action.reason, action.by, action.observed) == (Reason.Woken, "Policy", False)
    assert action.message == (
        'gateway_requests_total{model="chat"} rose by 3 within 60 s up to 10:15:00Z, 5 min after it was paused'
    )


def test_of_a_gauge_its_value_is_told() -> None:
    decision = asked({SINCE + 5 * MINUTE: 2.0, SINCE + 6 * MINUTE: 9.0}, workload(**{**CHAT, "request_series": GAUGE}))
    assert decision.message.startswith("gateway_queue was 2 within 60 s up to 10:15:00Z"), "the first that called"


@pytest.mark.parametrize(
    ("since", "calls", "wakes"),
    [
        (SINCE, {}, False),
        (SINCE, {SINCE: 3.0}, False),
        (SINCE, {SINCE - MINUTE: 3.0, SINCE: 1.0}, False),
        (SINCE, {SINCE + MINUTE: 1.0}, True),
        (SINCE, {SINCE: 1.0, SINCE + MINUTE: 1.0}, True),
        (SINCE + 20, {SINCE: 1.0}, False),
        (SINCE + 20, {SINCE + MINUTE: 1.0}, True),
        (SINCE + 20, {SINCE: 1.0, SINCE + MINUTE: 1.0}, False),
        (SINCE + 20, {SINCE: 1.0, SINCE + MINUTE: 1.0, SINCE + 2 * MINUTE: 1.0}, True),
    ],
    ids=[
        "no request",
        "in the step that ends with the pause",
        "before it",
        "in the first step after it",
        "a step that begins with the pause tells of nothing older",
        "before a pause within a step",
        "in the step of the pause, after a quiet one",
        "in the step of the pause, after requests that were known",
        "the step after that",
    ],
)
def test_only_a_request_that_nobody_knew_of_at_the_pause_counts(
    since: Instant, calls: dict[Instant, float], wakes: bool
) -> None:
    decision = asked(calls, workload(**{**CHAT, "target": paused_job(at=since)}))
    assert verbs(decision) == (["Resume"] if wakes else [])
    assert decision.deciding is (Reason.Woken if wakes else Reason.GPUIdle)


LATE = {SINCE + 30 * MINUTE: 1.0}
PAUSED = Intent(override="Paused")
STANDING: dict[str, tuple[dict[str, Any], dict[str, Any], Reason, list[str]]] = {
    "a human's Paused stays": ({"intent": PAUSED}, {}, Reason.PausedByUser, []),
    "spec.suspend stays": ({"intent": Intent(suspend=True)}, {}, Reason.PausedByUser, []),
    "what a human paused is the human's": (
        {"target": paused_job(reason="PausedByUser", by="User"), "intent": PAUSED},
        {},
        Reason.PausedByUser,
        [],
    ),
    "what a human stopped by hand is the human's": (
        {"target": job(suspended=True, active=0, ready=0)},
        {},
        Reason.PausedByUser,
        [],
    ),
    "a request while a human held it stopped was the human's to refuse": (
        {"memory": Memory(pause=pause_record(since=SINCE), override_until=NOW - MINUTE)},
        {},
        Reason.GPUIdle,
        [],
    ),
    "it steps aside for another object": (
        {"target": paused_job(reason="PausedDuring"), "pause_during": ("Job", "x"), "during": "Job x runs"},
        {},
        Reason.PausedDuring,
        [],
    ),
    "a human's Running is told as such": (
        {"intent": Intent(override="Running", override_until=NOW + HOUR)},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "where nobody enforces it comes back anyway": (
        {},
        {"options": settings(enforcement=False)},
        Reason.PolicyRemoved,
        ["Resume"],
    ),
    "a veto starts nothing and hinders no start": (
        {"intent": Intent(keep_until=NOW + HOUR)},
        {},
        Reason.Woken,
        ["Resume"],
    ),
    "it names no series any more": ({"request_series": None}, {}, Reason.GPUIdle, []),
    "a notebook that names a series": ({"kind_class": KindClass.Neither}, {}, Reason.Woken, ["Resume"]),
    "requests are told before time is up": (
        {},
        {"policies": [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 60})]},
        Reason.Woken,
        ["Resume"],
    ),
    "where devices alone decide about the pause": (
        {},
        {"policies": [policy(idle={**SHORT_IDLE, "serving": "DevicesOnly"})]},
        Reason.Woken,
        ["Resume"],
    ),
}


@pytest.mark.parametrize("case", STANDING)
def test_people_come_first(case: str) -> None:
    changes, cluster, reason, done = STANDING[case]
    decision = asked(LATE, workload(**{**CHAT, **changes}), **cluster)
    assert (decision.deciding, verbs(decision)) == (reason, done)


def test_metrics_that_are_missing_wake_nothing() -> None:
    decision = decide(workload(**CHAT))
    assert (verbs(decision), decision.deciding) == ([], Reason.GPUIdle)
    assert "wakes it" not in decision.message


def test_while_it_sleeps_it_is_told_what_wakes_it() -> None:
    text = text_of(COUNTER)
    assert asked({}, workload(**CHAT)).message.endswith(f"; a request that {text} shows wakes it, read up to 11:10:00Z")
    assert decide(workload(**CHAT)).message.endswith(f"; a request that {text} shows would wake it, "
                                                    "and that is not read now")  # fmt: skip
    unnamed = asked({}, workload(**{**CHAT, "request_series": None}))
    assert unnamed.message.endswith("starts it again")


def test_a_series_that_is_not_asked_for_is_told_as_such() -> None:
    it = workload(**CHAT)
    situation = asked({}, it).ruled.situation
    signs = situation.gang.book.signs
    assert signs is not None
    signs.problems[it.key] = "the series x that it names is not in the chart value metrics.allowed"
    assert wake_sentence(situation) == (
        "; no request wakes it: the series x that it names is not in the chart value metrics.allowed"
    )


def test_its_pause_is_over_and_counts_as_others_do() -> None:
    """The back-off against flapping looks at starts of pauses; a wrong pause is one that was wanted back at once."""
    it = workload(**{**CHAT, "memory": Memory(pause=pause_record(since=SINCE, recent=(SINCE,)))})
    told = workload_status(asked(LATE, it), done=frozenset({Verb.Resume}))["pause"]
    assert (told["reason"], told["countToday"], told["reverts"]) == ("GPUIdle", 1, 0)
    assert told["endTime"].startswith("2026-11-18T11:10:00")


@pytest.mark.parametrize(
    ("target", "asleep"),
    [
        (paused_job(at=SINCE), SINCE),
        (paused_job(at=SINCE, by="User", reason="PausedByUser"), None),
        (paused_job(at=SINCE, reason="PausedDuring"), None),
        (replace(paused_job(at=SINCE), suspended=False), None),
        (replace(paused_job(at=SINCE), finished=Reason.JobCompleted), None),
        (job(suspended=True), None),
        (None, None),
    ],
    ids=["idle", "a human's", "beside another object", "started by hand", "finished", "nobody's", "no object"],
)
def test_only_what_a_policy_paused_for_idleness_sleeps(target: Any, asleep: Instant | None) -> None:
    assert asleep_since(workload(target=target)) == asleep


@pytest.mark.parametrize("text", ["up", 'x{a="1", b="2"}', r'x{a="say \"hi\" \\"}'])
def test_series_are_written_as_they_are_read(text: str) -> None:
    assert text_of(parse_series(text)) == text
