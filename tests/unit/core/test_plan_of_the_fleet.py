"""One plan for the whole fleet: order, limits, leaving, and what is left out."""

from dataclasses import replace

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.plan import LEAVING_PER_MINUTE, plan
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Safety
from ebbtide.core.workload import Breaker, Memory, StoredCondition, Workload
from tests.builders import (
    NOW,
    accepted,
    catalog,
    decisions_by_name,
    evidence,
    healthy,
    job,
    pause_record,
    paused_job,
    policy,
    running_pods,
    settings,
    snapshot,
    state,
    verbs,
    watched,
    workload,
)

WARNED = Memory(warned_at=NOW - 400, conditions=(accepted(),))


def ripe(*names: str) -> list[Workload]:
    return [workload(name, memory=WARNED, accelerators=1) for name in names]


def seen(*works: Workload, idle_for: dict[str, float] | None = None) -> EvidenceBook:
    book = evidence()
    for it in works:
        for holder in running_pods(it):
            watched(book, holder, idle_for=(idle_for or {}).get(it.key.name, 1300), history=2400)
    return book


def test_decisions_come_in_the_order_of_keys_whatever_the_order_of_the_store() -> None:
    works = ripe("c", "a", "b")
    planned = plan(snapshot(state(*works), seen(*works)))
    assert [decision.workload.name for decision in planned.decisions] == ["a", "b", "c"]


def test_what_is_being_deleted_is_left_alone() -> None:
    assert plan(snapshot(state(workload(deleting=True)))).decisions == ()


def test_the_longest_idle_are_paused_first_and_the_others_are_told_why_not() -> None:
    works = ripe("a", "b", "c")
    book = seen(*works, idle_for={"a": 1230, "b": 1600, "c": 1400})
    options = settings(safety=Safety(2, 0, 0))
    found = decisions_by_name(plan(snapshot(state(*works), book, options=options)))
    assert {name: verbs(decision) for name, decision in found.items()} == {"a": [], "b": ["Pause"], "c": ["Pause"]}
    assert found["a"].deciding is Reason.TooManyPauses
    assert found["a"].refused is Reason.TooManyPauses
    assert found["a"].message == "fleet: 0 idle pauses in the last hour and 2 due now, of at most 2"
    assert found["a"].warned_at == NOW - 400


DENIED = StoredCondition("Succeeded", "Unknown", "PermissionDenied", NOW - 60, 1)


def denied(*names: str) -> list[Workload]:
    """Their pause was refused by the API server when it was last tried."""
    return [replace(it, memory=replace(WARNED, conditions=(accepted(), DENIED))) for it in ripe(*names)]


def test_what_the_api_server_refused_waits_for_the_others_and_stays_known_as_refused() -> None:
    works = [*denied("a", "b"), *ripe("c", "d")]
    book = seen(*works, idle_for={"a": 1700, "b": 1600, "c": 1400, "d": 1300})
    found = decisions_by_name(plan(snapshot(state(*works), book, options=settings(safety=Safety(3, 0, 0)))))
    assert {name: verbs(it) for name, it in found.items()} == {"a": ["Pause"], "b": [], "c": ["Pause"], "d": ["Pause"]}
    assert (found["b"].deciding, found["b"].refused) == (Reason.PermissionDenied, Reason.PermissionDenied)
    assert found["b"].message == (
        "the API server refused its pause; it is tried again after the others: "
        "fleet: 0 idle pauses in the last hour and 3 due now, of at most 3"
    )


def test_a_limit_holds_also_where_all_were_refused_before() -> None:
    works = denied("a", "b", "c")
    options = settings(safety=Safety(2, 0, 0))
    first = decisions_by_name(plan(snapshot(state(*works), seen(*works), options=options)))
    again = decisions_by_name(plan(snapshot(state(*reversed(works)), seen(*works), options=options)))
    assert {name: verbs(it) for name, it in first.items()} == {"a": ["Pause"], "b": ["Pause"], "c": []}
    assert {name: (verbs(it), it.message) for name, it in again.items()} == {
        name: (verbs(it), it.message) for name, it in first.items()
    }


def test_the_share_of_devices_tells_what_is_paused_apart_from_what_is_due() -> None:
    works = ripe(*(f"job-{number:02}" for number in range(20)))
    options = settings(safety=Safety(0, 10, 0))
    found = plan(snapshot(state(*works), seen(*works), options=options)).decisions
    (said,) = {it.message for it in found if not it.actions}
    assert said == ("fleet: 0 of 20 devices idle-paused in the last hour and 2 due now, 1 more would exceed 10 % (2)")


def test_an_open_breaker_is_told_also_of_what_was_refused() -> None:
    works = denied("a")
    cluster = state(*works, breaker=Breaker(open_until=NOW + 600))
    (found,) = plan(snapshot(cluster, seen(*works), options=settings(safety=Safety(3, 0, 0)))).decisions
    assert found.deciding is Reason.CircuitBreakerOpen


def test_a_policys_limit_holds_for_its_own_workloads_only() -> None:
    works = [
        *ripe("a", "b"),
        replace(workload("x", memory=WARNED, accelerators=1), labels=(("tier", "other"),)),
    ]
    strict = policy(spec={"limits": {"pausesPerHour": 1, "minimumRunSeconds": 0}})
    other = policy("other", spec={"selector": {"matchLabels": {"tier": "other"}}})
    found = decisions_by_name(plan(snapshot(state(*works, policies=[strict, other]), seen(*works))))
    assert {name: verbs(decision) for name, decision in found.items()} == {"a": ["Pause"], "b": [], "x": ["Pause"]}


def test_a_policy_can_only_tighten_the_fleets_limit() -> None:
    works = ripe("a", "b")
    loose = policy(spec={"limits": {"pausesPerHour": 50, "minimumRunSeconds": 0}})
    options = settings(safety=Safety(1, 0, 0))
    found = plan(snapshot(state(*works, policies=[loose]), seen(*works), options=options))
    assert sum(len(decision.actions) for decision in found.decisions) == 1


def test_observers_use_up_nothing() -> None:
    works = [workload(name, memory=Memory(would_be=("Warn", "GPUIdle", NOW - 400)), accelerators=1) for name in "ab"]
    observe = policy(spec={"mode": "Observe"})
    options = settings(safety=Safety(1, 0, 0))
    found = plan(snapshot(state(*works, policies=[observe]), seen(*works), options=options))
    assert [verbs(decision) for decision in found.decisions] == [["Pause"], ["Pause"]]


def test_a_jump_is_found_opens_the_breaker_and_stops_this_very_tick() -> None:
    works = ripe(*(f"job-{number:02}" for number in range(20)))
    options = settings(safety=Safety(0, 0, 30))
    planned = plan(snapshot(state(*works), seen(*works), options=options, shares=[(NOW - 60, 0.0)]))
    assert planned.fleet.open_breaker_until == NOW + 3600
    assert planned.fleet.breaker_open
    assert "rose by 100 points" in planned.fleet.message
    assert all(decision.deciding is Reason.CircuitBreakerOpen for decision in planned.decisions)


def test_an_open_breaker_is_not_opened_again() -> None:
    works = ripe(*(f"job-{number:02}" for number in range(20)))
    options = settings(safety=Safety(0, 0, 30))
    cluster = state(*works, breaker=Breaker(open_until=NOW + 600))
    planned = plan(snapshot(cluster, seen(*works), options=options, shares=[(NOW - 60, 0.0)]))
    assert planned.fleet.open_breaker_until is None
    assert planned.fleet.breaker_open


def test_what_a_human_has_seen_and_reset_is_no_jump_any_more() -> None:
    works = ripe(*(f"job-{number:02}" for number in range(20)))
    options = settings(safety=Safety(0, 0, 30))
    cluster = state(*works, breaker=Breaker(open_until=NOW + 600, reset_at=NOW - 30))
    planned = plan(snapshot(cluster, seen(*works), options=options, shares=[(NOW - 60, 0.0)]))
    assert not planned.fleet.breaker_open
    assert all(verbs(decision) == ["Pause"] for decision in planned.decisions)


def test_no_share_is_remembered_while_metrics_are_down() -> None:
    works = ripe("a", "b")
    assert plan(snapshot(state(*works), seen(*works), metrics=healthy(up=False))).fleet.idle_share is None


@pytest.mark.parametrize(
    ("ended", "still_paused_records", "resumed"),
    [(0, 0, LEAVING_PER_MINUTE), (5, 0, LEAVING_PER_MINUTE - 5), (0, 3, LEAVING_PER_MINUTE - 3), (30, 0, 0)],
    ids=["a quiet minute", "five ended within the minute", "three ended and not told yet", "more than enough"],
)
def test_leaving_is_spread_over_minutes(ended: int, still_paused_records: int, resumed: int) -> None:
    leaving = [workload(f"left-{number:02}", target=paused_job(f"left-{number:02}")) for number in range(25)]
    recently = Memory(pause=pause_record(ended_at=NOW - 59), conditions=(accepted(),))
    untold = Memory(pause=pause_record(), conditions=(accepted(),))
    back = [workload(f"back-{number:02}", memory=recently) for number in range(ended)]
    back += [workload(f"new-{number:02}", memory=untold) for number in range(still_paused_records)]
    planned = plan(snapshot(state(*leaving, *back, policies=[])))
    resumes = [action for decision in planned.decisions for action in decision.actions if action.verb is Verb.Resume]
    assert len(resumes) == resumed
    waiting = [it for it in planned.decisions if it.workload.name.startswith("left") and not it.actions]
    assert all(decision.deciding is Reason.PolicyRemoved for decision in waiting)


def test_a_decision_counts_what_is_held_and_what_it_costs() -> None:
    prices = catalog({"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}, nodeSplit={"mode": "GPUOnly"})
    works = [workload("runs"), workload("over", target=job("over", finished=Reason.JobCompleted))]
    found = decisions_by_name(plan(snapshot(state(*works, catalogs=[prices]))))
    assert (found["runs"].gpus, found["runs"].hourly and found["runs"].hourly.amount) == (2, 20)
    assert (found["over"].gpus, found["over"].hourly) == (0, None)
