"""Deadlines: what is left, the latest start, and what both say about an idle pause."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.api.cost_policy import DeadlineSection
from ebbtide.core.accrual import accrued
from ebbtide.core.deadline import Outlook, outlook
from ebbtide.core.decision import Decision
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.restart_cost import lost_work, restart_cost
from ebbtide.core.slack import outlook_of
from ebbtide.core.workload import Accrued, Checkpoint, Memory, StoredCondition, Workload
from tests.builders import HOUR, NOW, accepted, decide, job, paused_job, pod, policy, verbs, workload

W = 4 * 3600


def look(**changes: Any) -> Outlook:
    known: dict[str, Any] = {
        "deadline": NOW + 10 * HOUR,
        "expected_seconds": W,
        "done": HOUR,
        "loss": 900.0,
        "section": None,
        "lag_seconds": 30.0,
        "now": NOW,
    }
    return outlook(**{**known, **changes})


def test_the_latest_start_leaves_what_is_left_what_a_stop_loses_a_margin_of_the_whole_and_a_changeover() -> None:
    assert look().latest_start == NOW + 10 * HOUR - 3 * HOUR - 900 - 0.1 * W - 600
    bold = DeadlineSection(margin_percent=0, changeover_seconds=0)
    assert look(section=bold).latest_start == NOW + 7 * HOUR - 900


def test_a_start_that_took_longer_than_the_changeover_is_the_changeover() -> None:
    assert look(startup_seconds=500).latest_start == look().latest_start
    slow, usual = look(startup_seconds=1500), look()
    assert usual.latest_start is not None
    assert slow.latest_start == usual.latest_start - 900
    assert slow.restart_seconds == usual.restart_seconds + 900


STANDINGS: dict[str, tuple[dict[str, Any], Reason]] = {
    "time enough": ({}, Reason.OnSchedule),
    "no estimate": ({"expected_seconds": None}, Reason.NoEstimate),
    "an estimate that is used up": ({"done": float(W)}, Reason.NoEstimate),
    "only without the margin": ({"deadline": NOW + 3 * HOUR + 60}, Reason.BehindPlan),
    "not even then": ({"deadline": NOW + 3 * HOUR - 60}, Reason.DeadlineInfeasible),
    "passed": ({"deadline": NOW}, Reason.DeadlineMissed),
}


@pytest.mark.parametrize("case", STANDINGS.values(), ids=STANDINGS)
def test_how_it_stands(case: tuple[dict[str, Any], Reason]) -> None:
    changes, reason = case
    assert look(**changes).reason is reason


@pytest.mark.parametrize("case", STANDINGS.values(), ids=STANDINGS)
def test_only_a_deadline_with_time_enough_allows_a_pause(case: tuple[dict[str, Any], Reason]) -> None:
    changes, reason = case
    found = look(**changes)
    assert (found.forbids_pause(NOW) is None) == (reason is Reason.OnSchedule)


def test_slack_below_the_restart_cost_allows_none_and_says_both() -> None:
    found = look()
    assert found.latest_start is not None
    assert found.forbids_pause(found.latest_start - 1501) is None
    refused = found.forbids_pause(found.latest_start - 1500)
    assert refused is not None
    assert refused[0] is Reason.RestartCostsMore
    assert "25 min of slack" in refused[1]
    assert "a restart costs 25 min" in refused[1]


def test_a_pause_ends_one_look_before_the_latest_start() -> None:
    found = look()
    assert found.latest_start is not None
    assert found.ends_pause(found.latest_start - 31) is None
    ended = found.ends_pause(found.latest_start - 30)
    assert ended is not None
    assert ended[0] is Reason.SafetyNet


@pytest.mark.parametrize("changes", [{"expected_seconds": None}, {"deadline": NOW - 1}], ids=["no estimate", "passed"])
def test_a_pause_ends_where_nobody_can_tell_how_long_it_may_last(changes: dict[str, Any]) -> None:
    assert look(**changes).ends_pause(NOW) is not None


LOSSES: dict[str, tuple[Checkpoint, float | None, float]] = {
    "periodic, no time told: one interval": (Checkpoint("Periodic", 900), None, 900.0),
    "periodic, told: since then": (Checkpoint("Periodic", 900), NOW - 1200, 1200.0),
    "on signal": (Checkpoint("OnSignal", 0, 120), None, 0.0),
    "stateless": (Checkpoint("Stateless"), None, 0.0),
    "none: all": (Checkpoint(), None, 5000.0),
}


@pytest.mark.parametrize("case", LOSSES.values(), ids=LOSSES)
def test_what_a_stop_loses(case: tuple[Checkpoint, float | None, float]) -> None:
    checkpoint, told, lost = case
    assert lost_work(workload(checkpoint=checkpoint), told, NOW, 5000.0) == lost
    assert lost_work(workload(checkpoint=checkpoint), told, NOW, 10.0) == min(lost, 10.0)


def test_a_restart_costs_what_its_pods_took_to_be_ready_and_the_work_since_the_last_checkpoint() -> None:
    slow = pod(ready_at=NOW - HOUR, created_at=NOW - HOUR - 420)
    quick = pod("resnet-1", ready_at=NOW - HOUR)
    cost = restart_cost(workload(), (slow, quick), NOW - 1500, NOW - 1200, NOW)
    assert (cost.startup_seconds, cost.redo_seconds) == (420, 300)


def test_a_pod_that_is_ready_anew_after_hours_did_not_take_hours_to_start() -> None:
    anew = pod(ready_at=NOW - 600, created_at=NOW - 9 * HOUR)
    assert restart_cost(workload(), (anew,), NOW, NOW - 1200, NOW).startup_seconds == HOUR


# -- accrual ------------------------------------------------------------------------------------------------------

DUE = NOW + 40 * HOUR
RUNNING = StoredCondition("Running", "True", "Running", NOW - 3 * HOUR, 1)
PAUSED = (
    StoredCondition("Running", "False", "GPUIdle", NOW - HOUR, 1),
    StoredCondition("Paused", "True", "GPUIdle", NOW - HOUR, 1),
)
COUNTED = Accrued(NOW - 2 * HOUR, active=HOUR)


def remembering(verdict: Verdict, *conditions: StoredCondition, **changes: Any) -> Workload:
    known: dict[str, Any] = {"start_time": NOW - 3 * HOUR, "verdict": (str(verdict), NOW - 2 * HOUR)}
    memory = Memory(conditions=(accepted(), *(conditions or (RUNNING,))), accrued=COUNTED, **known)
    return workload(memory=replace(memory, **changes), deadline=DUE, expected_seconds=20 * 3600)


def counted(decision: Decision) -> tuple[float, float, float]:
    found = accrued(decision.ruled.situation)
    return found.active, found.lost, found.as_of


def test_work_counts_while_it_is_active() -> None:
    assert counted(decide(remembering(Verdict.Active))) == (3 * HOUR, 0, NOW)


def test_an_idle_stretch_is_no_work_and_is_taken_back_where_it_was_counted() -> None:
    late = remembering(Verdict.Active, accrued=Accrued(NOW - 600, active=2 * HOUR))
    assert counted(decide(late, idle_for=1300))[0] == pytest.approx(2 * HOUR + 600 - 1300, abs=30)


def test_idle_before_and_active_again_counts_from_now() -> None:
    assert counted(decide(remembering(Verdict.Idle))) == (HOUR, 0, NOW)


def test_what_the_metrics_said_nothing_about_is_no_work() -> None:
    assert counted(decide(remembering(Verdict.Unknown)))[0] == HOUR


def test_paused_time_is_counted_apart_and_time_before_the_first_start_as_held() -> None:
    was = remembering(Verdict.NotApplicable, *PAUSED, accrued=Accrued(NOW - 60))
    found = accrued(decide(replace(was, target=paused_job())).ruled.situation)
    assert (found.paused, found.held, found.active) == (60, 0, 0)
    never = replace(was, target=paused_job(), memory=replace(was.memory, start_time=None))
    found = accrued(decide(never).ruled.situation)
    assert (found.paused, found.held) == (0, 60)


def test_pods_that_have_gone_lose_what_was_not_saved() -> None:
    gone = decide(replace(remembering(Verdict.Idle), target=paused_job()))
    assert counted(gone) == (HOUR, 900, NOW)


def test_a_restart_between_two_looks_loses_the_same() -> None:
    back = StoredCondition("Running", "True", "Running", NOW - 4 * HOUR, 1)
    before = remembering(Verdict.Idle, back, accrued=replace(COUNTED, as_of=NOW - 3 * HOUR - 60))
    assert counted(decide(before))[1] == 900


def test_such_a_restart_is_lost_once() -> None:
    back = StoredCondition("Running", "True", "Running", NOW - 4 * HOUR, 1)
    told = remembering(Verdict.Idle, back, accrued=replace(COUNTED, as_of=NOW - 60, lost=900))
    assert counted(decide(told))[1] == 900


def test_the_first_sight_counts_nothing() -> None:
    assert counted(decide(remembering(Verdict.Active, accrued=None))) == (0, 0, NOW)


def test_the_policys_margin_and_changeover_count() -> None:
    plain = outlook_of(decide(remembering(Verdict.Active)).ruled.situation)
    said = policy(spec={"deadline": {"marginPercent": 20, "changeoverSeconds": 1200}})
    careful = outlook_of(decide(remembering(Verdict.Active), policies=[said]).ruled.situation)
    assert plain is not None
    assert careful is not None
    assert plain.latest_start is not None
    assert careful.latest_start == plain.latest_start - 2 * HOUR - 600


# -- the pause ------------------------------------------------------------------------------------------------------


def test_with_slack_enough_idle_work_with_a_deadline_is_paused() -> None:
    due = remembering(Verdict.Idle, warned_at=NOW - 400)
    assert verbs(decide(due, idle_for=1300)) == ["Pause"]


def paused_until(deadline: float, **changes: Any) -> Decision:
    was = remembering(Verdict.NotApplicable, *PAUSED, accrued=Accrued(NOW - HOUR, active=HOUR))
    return decide(replace(was, target=paused_job(), deadline=deadline, **changes))


def test_an_idle_pause_ends_at_the_latest_start() -> None:
    latest = (20 - 1) * HOUR + 2 * HOUR + 600
    assert verbs(paused_until(NOW + latest + 31)) == []
    ended = paused_until(NOW + latest + 30)
    assert verbs(ended) == ["Resume"]
    assert ended.deciding is Reason.SafetyNet


def test_an_idle_pause_ends_when_a_deadline_comes_that_nobody_can_judge() -> None:
    ended = paused_until(NOW + 99 * HOUR, expected_seconds=None)
    assert verbs(ended) == ["Resume"]
    assert ended.deciding is Reason.NoEstimate


# -- gangs with a pod that does not exist -----------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_a_gang_of_which_not_all_pods_exist_is_not_idle(wanted: int) -> None:
    gang = workload(target=job(wanted=wanted), workers=max(1, wanted), memory=Memory(warned_at=NOW - 400))
    decision = decide(gang, idle_for=1300)
    if wanted < 2:
        assert verbs(decision) == ["Pause"]
        return
    assert decision.judgement.verdict is Verdict.Starting
    assert "1 of its 2 pods exist" in decision.judgement.message
    assert decision.actions == ()


def test_a_busy_pod_of_an_incomplete_gang_is_active_all_the_same() -> None:
    assert decide(workload(target=job(wanted=2))).judgement.verdict is Verdict.Active
