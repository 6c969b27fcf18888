"""Events and faults, the order within an instant, and every form of expectation."""

from typing import Any

import pytest

from ebbtide.sim.refusal import Refusal
from tests.unit.sim.sim_world import (
    acts,
    busy,
    catalog,
    deployment,
    hold,
    job,
    lane,
    node,
    play,
    policy,
    ref,
    training_job,
)

T = ref()
IDLE = busy(values="80x9 0x200")


def idle(seconds: int = 7200, **spec: Any) -> Any:
    """The example of the contract, with more."""
    return play(node(), catalog(), policy(), training_job(), seconds=seconds, activity=[IDLE], **spec)


def test_conflict_refuses_one_write_and_the_pause_comes_with_the_next_tick() -> None:
    found = idle(events=[{"at": 4200, "api": "Conflict"}])
    failed = [(it.at, it.action, it.failed) for it in found.actions if it.action == "Pause"]
    assert failed == [(4200, "Pause", True), (4260, "Pause", False)]


@pytest.mark.parametrize(
    ("fault", "at"),
    [("Forbidden", [4200, 4260, 4380, 4620]), ("Unavailable", [4200, 4260, 4320, 4380, 4440, 4500])],
    ids=["Forbidden", "Unavailable"],
)
def test_a_fault_lasts_until_ok_and_a_standing_no_is_met_ever_more_rarely(fault: str, at: list[int]) -> None:
    found = idle(events=[{"at": 4200, "api": fault}, {"at": 4500, "api": "Ok"}])
    pauses = [(it.at, it.failed) for it in found.actions if it.action == "Pause"]
    assert pauses == [*((each, True) for each in at[:-1]), (at[-1], False)]
    assert "the scenario says so" in next(it.problem for it in found.actions if it.failed)


def test_a_forbidden_write_of_a_user_is_not_the_operators() -> None:
    suspended = {"at": 600, "apply": training_job(suspend=True)}
    found = play(node(), training_job(), events=[{"at": 0, "api": "Forbidden"}, {"at": 300, "api": "Ok"}, suspended])
    assert acts(found, "Create", "Pause") == [(300, "Create", "t", "Running"), (600, "Pause", "t", "PausedByUser")]


def test_a_restarted_operator_warns_once() -> None:
    found = idle(events=[{"at": 3900, "operator": "Restart"}])
    assert [it[:2] for it in acts(found, "Warn", "Pause")] == [(3600, "Warn"), (4200, "Pause")]


def test_an_operator_that_is_down_does_nothing_and_goes_on_where_the_cluster_stands() -> None:
    found = idle(events=[{"at": 3900, "operator": "Down"}, {"at": 5400, "operator": "Up"}])
    pause = acts(found, "Pause")[0][0]
    assert 5400 <= pause <= 5520


@pytest.mark.parametrize("condition", ["Down", "Slow", "Partial", "Empty"])
def test_nothing_is_paused_while_prometheus_cannot_be_trusted(condition: str) -> None:
    found = idle(events=[{"at": 3900, "prometheus": condition}, {"at": 5400, "prometheus": "Up"}])
    assert all(at >= 5400 for at, *_ in acts(found, "Pause"))
    at_fault = [it for it in found.verdicts if it.start <= 4800 < it.end]
    assert [it.verdict for it in at_fault] == ["Unknown"]


def test_events_come_first_then_capacity_then_pods_then_the_tick() -> None:
    """At 600 s the job is deleted and its node comes: the deletion is first, so nothing is ever bound."""
    spot = {"karpenter.sh/capacity-type": "spot"}
    found = play(
        node(labels=spot),
        catalog(),
        training_job(),
        events=[{"at": 600, "delete": {"kind": "TrainingJob", "namespace": "ml", "name": "t"}}],
        capacity=[{"nodeSelector": spot, "stepSeconds": 600, "available": "0 1"}],
    )
    assert lane(found) == [(0, 600, "Waiting"), (600, 3600, "Gone")]


def test_what_a_tick_writes_takes_effect_at_once_and_is_scraped_at_the_next() -> None:
    found = play(
        node(),
        training_job(),
        policy(),
        activity=[busy(values="80")],
        expect=[
            {"at": 0, "workload": T, "running": True, "started": True, "verdict": "NotApplicable"},
            {"at": 59, "workload": T, "verdict": "NotApplicable"},
            {"at": 60, "workload": T, "verdict": "Starting"},
        ],
    )
    hold(found)


def test_the_end_is_no_tick() -> None:
    found = play(
        node(),
        training_job(expectedSeconds=600),
        seconds=600,
        expect=[{"at": 600, "workload": T, "running": True}, {"finished": True, "workload": T}],
    )
    hold(found)


def test_a_pod_that_a_user_deletes_comes_back_under_another_name() -> None:
    twice = [
        {"at": at, "delete": {"kind": "Pod", "namespace": "ml", "name": name}}
        for at, name in ((600, "t-0"), (900, "t-0-1"))
    ]
    found = play(node(), training_job(checkpoint={"mode": "None"}, expectedSeconds=1000), events=twice)
    assert lane(found)[-1] == (1900, 3600, "Finished")


def test_what_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(Refusal, match=r"spec\.events\[0\]\.delete: there is no Pod ml/t-0 at 0 s"):
        play(training_job(), events=[{"at": 0, "delete": {"kind": "Pod", "namespace": "ml", "name": "t-0"}}])


def test_what_an_api_server_would_refuse_cannot_be_applied() -> None:
    bad = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "CostPolicy", "metadata": {"name": "p", "namespace": "ml"}}
    with pytest.raises(Refusal, match=r"spec\.events\[0\]\.apply\.spec\.idle\.warnSeconds: "):
        idle(events=[{"at": 60, "apply": bad | {"spec": {"idle": {"warnSeconds": 9999}}}}])


def test_null_removes_and_the_rest_is_merged() -> None:
    meta = {"name": "p", "namespace": "ml"}
    without = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "CostPolicy", "metadata": meta, "spec": {"idle": None}}
    found = idle(events=[{"at": 3000, "apply": without}])
    assert acts(found, "Warn", "Pause") == []


def test_a_deleted_namespace_takes_everything_along() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ml"}}
    gone = [{"at": 600, "delete": {"kind": "Namespace", "name": "ml"}}]
    found = play(node(), namespace, training_job(), deployment(), job(), events=gone)
    assert {lane(found, name)[-1] for name in ("t", "d", "j")} == {(600, 3600, "Gone")}


def test_a_node_may_come_and_go_by_events() -> None:
    gone = {"at": 1200, "delete": {"kind": "Node", "name": "n1"}}
    found = play(catalog(), training_job(), events=[{"at": 600, "apply": node()}, gone])
    assert lane(found) == [(0, 600, "Waiting"), (600, 1200, "Running"), (1200, 3600, "Waiting")]
    assert str(found.costs.total) == "9.173333"


def test_counts_are_of_a_span_and_may_be_bounded() -> None:
    found = idle(
        expect=[
            {"action": "Pause", "count": 1, "after": 4200, "before": 4201},
            {"action": "Pause", "count": 0, "before": 4200},
            {"action": "Warn", "atLeast": 1, "atMost": 1, "workload": T, "reason": "GPUIdle"},
            {"action": "Pause", "count": 0, "mode": "Observe"},
        ]
    )
    hold(found)


def test_observe_plans_once_and_does_nothing() -> None:
    found = play(
        node(),
        catalog(),
        policy("Observe"),
        training_job(),
        seconds=7200,
        activity=[IDLE],
        expect=[
            {"action": "Warn", "count": 1, "mode": "Observe"},
            {"action": "Pause", "count": 1, "mode": "Observe"},
            {"action": "Pause", "count": 0},
            {"at": 7140, "workload": T, "paused": False, "running": True},
        ],
    )
    hold(found)


def test_a_workload_that_is_not_there_fails_and_is_told() -> None:
    found = idle(
        seconds=600,
        expect=[
            {"action": "Pause", "count": 0, "workload": ref("x")},
            {"at": 60, "workload": ref("x"), "paused": False},
            {"finished": False, "workload": ref("x")},
            {"total": "cost", "workload": ref("x"), "equals": None},
        ],
    )
    assert [it.passed for it in found.findings] == [False] * 4
    assert all("there is no ml/TrainingJob/x" in it.found for it in found.findings)
    assert "there are ml/TrainingJob/t" in found.findings[0].found


def test_conditions_and_classes_can_be_asked_for() -> None:
    labels = {"karpenter.sh/capacity-type": "on-demand"}
    found = play(
        node(labels=labels),
        catalog(),
        policy(),
        training_job(),
        expect=[
            {"at": 120, "workload": T, "capacityClass": "OnDemand"},
            {"at": 120, "workload": T, "condition": {"type": "Running", "status": "True"}},
            {"at": 120, "workload": T, "condition": {"type": "Priced", "reason": "AllPriced"}},
        ],
    )
    hold(found)


def test_a_breaker_of_the_chart_can_be_set() -> None:
    jobs = [training_job(f"t{number}") for number in range(6)]
    found = play(
        node(),
        catalog(),
        policy(),
        *jobs,
        seconds=5400,
        activity=[busy(f"t{number}", "80x9 0x200") for number in range(6)],
        settings={"safety": {"idlePausesPerHour": 2, "pausedPercentPerHour": 0, "idleShareJumpPercent": 0}},
        expect=[{"action": "Pause", "count": 2}],
    )
    hold(found)


def test_without_enforcement_nothing_is_done() -> None:
    found = idle(settings={"enforcement": {"enabled": False}}, expect=[{"action": "Pause", "count": 0}])
    hold(found)
