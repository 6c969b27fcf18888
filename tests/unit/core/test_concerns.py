"""The order across concerns: for every pair of neighbours a situation in which both would hit, and which one does."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.concerns import CHAIN
from ebbtide.core.explanation import checks
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Checkpoint, Intent, Memory, Namespace, StoredCondition
from tests.builders import (
    HOUR,
    NOW,
    SHORT_IDLE,
    accepted,
    decide,
    healthy,
    job,
    pause_record,
    paused_job,
    policy,
    settings,
    unreadable_policy,
    verbs,
    workload,
)

STOP = Intent(suspend=True)
RUN = Intent(override="Running", override_until=NOW + HOUR)
KEEP = Intent(keep_until=NOW + HOUR)
PROTECTED = {"namespaces": {"vision": Namespace("vision", protected=True)}}
REJECTED = Memory(conditions=(accepted(1, "TemplateRejected", "False", "image: Required value"),))
OVER = Memory(conditions=(accepted(), StoredCondition("Succeeded", "True", "JobCompleted", NOW - HOUR, 1)))
OPEN = Memory(conditions=(accepted(), StoredCondition("Succeeded", "Unknown", "GPUActive", NOW - HOUR, 1)))
CONFLICT = Memory(pause=pause_record(reverts=3, ended_at=NOW - 60), conditions=(accepted(),))
WARNED = Memory(warned_at=NOW - 400, conditions=(accepted(),))
UNTOUCHED = replace(paused_job(), suspended=False)


def ended(status: str, reason: str, at: float = NOW - HOUR) -> StoredCondition:
    return StoredCondition("Succeeded", status, reason, at, 1)


ORDER: dict[str, tuple[dict[str, Any], dict[str, Any], Reason, list[str]]] = {
    # what is said: changes of the workload, changes of the cluster, the reason that decides, what is done
    "what has finished is over, whoever wants what": (
        {"target": job(finished=Reason.JobCompleted), "intent": STOP, "invalid": ("spec", "bad")},
        PROTECTED,
        Reason.JobCompleted,
        [],
    ),
    "finished work whose Job was removed is not done again": (
        {"target": None, "memory": OVER, "intent": RUN},
        {},
        Reason.JobCompleted,
        [],
    ),
    "an end that a later version told of is an end": (
        {"target": None, "memory": Memory(conditions=(ended("True", "DoneTwice"),))},
        {},
        Reason.JobCompleted,
        [],
    ),
    "a failure that a later version told of is one": (
        {"target": None, "memory": Memory(conditions=(ended("False", "GaveUp"),))},
        {},
        Reason.JobFailed,
        [],
    ),
    "an end from before it was created is its predecessor's": (
        {"target": None, "memory": Memory(conditions=(ended("True", "JobCompleted", NOW - 5 * HOUR),))},
        {},
        Reason.Running,
        ["Create"],
    ),
    "open work whose Job was removed is created again": (
        {"target": None, "memory": OPEN},
        {},
        Reason.Running,
        ["Create"],
    ),
    "what cannot be read is not touched, not even for a human": (
        {"invalid": ("spec.workers", "not a number"), "intent": STOP},
        {},
        Reason.UnknownValue,
        [],
    ),
    "what we paused starts for a human, readable or not": (
        {"invalid": ("spec.workers", "not a number"), "intent": RUN, "target": paused_job()},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a taken name comes before a human's stop": (
        {"target": None, "foreign_target": True, "intent": STOP},
        {},
        Reason.NameConflict,
        [],
    ),
    "a refused template is not tried again": ({"target": None, "memory": REJECTED}, {}, Reason.TemplateRejected, []),
    "a refused template is tried again after a change": (
        {"target": None, "memory": REJECTED, "generation": 2},
        {},
        Reason.Running,
        ["Create"],
    ),
    "a human's stop is obeyed in a protected namespace too": (
        {"intent": STOP},
        PROTECTED,
        Reason.PausedByUser,
        ["Pause"],
    ),
    "protected: our own objects are created all the same": (
        {"target": None},
        PROTECTED,
        Reason.ProtectedNamespace,
        ["Create"],
    ),
    "kube-system is protected without a label": (
        {"namespace": "kube-system", "memory": WARNED},
        {"policies": [policy(namespace="kube-system")]},
        Reason.ProtectedNamespace,
        [],
    ),
    "the operator's namespace is protected without a label": (
        {"namespace": "ebbtide-system", "memory": WARNED},
        {"policies": [policy(namespace="ebbtide-system")]},
        Reason.ProtectedNamespace,
        [],
    ),
    "what Kueue holds is Kueue's to start": (
        {"queue": "research", "target": job(suspended=True), "intent": RUN},
        {},
        Reason.QueueWaiting,
        [],
    ),
    "what Kueue holds is Kueue's to stop": ({"queue": "research", "intent": STOP}, {}, Reason.QueueManaged, []),
    "suspend comes before a lever moved by hand": (
        {"intent": STOP, "target": UNTOUCHED},
        {},
        Reason.PausedByUser,
        ["Pause"],
    ),
    "suspended already: nothing more to do": ({"intent": STOP, "target": paused_job()}, {}, Reason.PausedByUser, []),
    "suspend before the Job exists: created suspended": (
        {"intent": STOP, "target": None},
        {},
        Reason.PausedByUser,
        ["Create"],
    ),
    "a lever moved by hand comes before an override Running": (
        {"intent": RUN, "target": UNTOUCHED},
        {},
        Reason.ResumedByUser,
        ["Forget"],
    ),
    "a conflict comes before an override Running": (
        {"intent": RUN, "memory": CONFLICT},
        {},
        Reason.ConflictingController,
        [],
    ),
    "a conflict keeps nobody from being resumed": (
        {"intent": RUN, "memory": CONFLICT, "target": paused_job()},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a human's Running comes before a foreign suspension": (
        {"intent": RUN, "target": job(suspended=True)},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a human's Running before the Job exists": (
        {"intent": RUN, "target": None},
        {},
        Reason.ResumedByUser,
        ["Create"],
    ),
    "a foreign suspension is left as it is": ({"target": job(suspended=True)}, {}, Reason.PausedByUser, []),
    "a restore of a later version is left as it is": (
        {"target": job(suspended=True, restore_unreadable="version 9")},
        {},
        Reason.RestoreSkipped,
        [],
    ),
    "creation waits for nothing": ({"target": None, "intent": KEEP}, {}, Reason.Running, ["Create"]),
    "a human's pause that is over ends without a policy too": (
        {"target": paused_job(by="User", reason="PausedByUser")},
        {"policies": []},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "leaving comes before a veto": (
        {"target": paused_job(), "intent": KEEP},
        {"policies": []},
        Reason.PolicyRemoved,
        ["Resume"],
    ),
    "leaving needs fresh stores": (
        {"target": paused_job()},
        {"policies": [], "unfresh": "costpolicies have not been listed yet"},
        Reason.GPUIdle,
        [],
    ),
    "leaving needs no metrics": (
        {"target": paused_job()},
        {"policies": [], "metrics": healthy(up=False)},
        Reason.PolicyRemoved,
        ["Resume"],
    ),
    "a veto starts nothing": ({"target": paused_job(), "intent": KEEP}, {}, Reason.GPUIdle, []),
    "a veto comes before the gate and idleness": (
        {"intent": KEEP, "memory": WARNED},
        {"unfresh": "old"},
        Reason.VetoedByUser,
        [],
    ),
    "stale stores come before idleness": ({"memory": WARNED}, {"unfresh": "old"}, Reason.StaleMetrics, []),
    "a pod that is not known yet may be at work": (
        {"memory": WARNED, "target": job(active=2)},
        {},
        Reason.StaleMetrics,
        [],
    ),
    "idleness at last": ({"memory": WARNED}, {}, Reason.GPUIdle, ["Pause"]),
}


@pytest.mark.parametrize("case", ORDER.values(), ids=ORDER)
def test_the_first_concern_that_hits_decides(case: tuple[dict[str, Any], dict[str, Any], Reason, list[str]]) -> None:
    changes, cluster, reason, done = case
    decision = decide(workload(**changes), idle_for=1300, **cluster)
    assert decision.deciding is reason
    assert verbs(decision) == done


def test_a_job_created_for_a_human_who_wants_it_stopped_is_created_suspended() -> None:
    [create] = decide(workload(target=None, intent=STOP)).actions
    assert create.suspended
    assert create.by == "User"


@pytest.mark.parametrize("case", ORDER.values(), ids=ORDER)
def test_every_decision_explains_itself_in_the_order_of_the_chain(
    case: tuple[dict[str, Any], dict[str, Any], Reason, list[str]],
) -> None:
    changes, cluster, reason, _ = case
    links = checks(decide(workload(**changes), idle_for=1300, **cluster))
    names = [concern.__name__ for concern in CHAIN]
    walked = [link.name for link in links if link.name in names]
    assert walked == names[: len(walked)]
    assert all(link.message for link in links)
    assert links[-1].result == "Stop" or reason is Reason.GPUIdle


def test_every_concern_says_what_it_passed() -> None:
    assert all((concern.__doc__ or "").endswith(".") for concern in CHAIN)


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "no checkpoint": ({"checkpoint": Checkpoint()}, {}, Reason.NoCheckpoint),
    "no checkpointed-at": ({}, {"idle": {**SHORT_IDLE, "maxCheckpointAgeSeconds": 60}}, Reason.CheckpointTooOld),
    "action Notify": ({}, {"idle": {**SHORT_IDLE, "action": "Notify"}}, Reason.GPUIdle),
    "minimum run time": ({}, {"spec": {"limits": {"minimumRunSeconds": 12_000}}}, Reason.MinimumRunTime),
    "a deadline that nobody can judge": ({"deadline": NOW + HOUR}, {}, Reason.NoEstimate),
    "a queue": ({"queue": "research"}, {}, Reason.QueueManaged),
    "pauses today": (
        {"memory": replace(WARNED, pause=pause_record(count_today=4, ended_at=NOW - 60))},
        {"spec": {"limits": {"pausesPerWorkloadPerDay": 4}}},
        Reason.TooManyPauses,
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_what_refuses_a_pause_that_is_due(case: tuple[dict[str, Any], dict[str, Any], Reason]) -> None:
    changes, said, reason = case
    decision = decide(workload(**{"memory": WARNED, **changes}), idle_for=1300, policies=[policy(**said)])
    assert decision.actions == ()
    assert decision.deciding is reason
    assert decision.refused is reason


def test_without_checkpoint_it_is_paused_where_the_policy_says_so() -> None:
    said = policy(idle={**SHORT_IDLE, "withoutCheckpoint": "Pause"})
    decision = decide(workload(memory=WARNED, checkpoint=Checkpoint()), idle_for=1300, policies=[said])
    assert verbs(decision) == ["Pause"]


OBSERVERS = {
    "mode Observe": ({"policies": [policy(spec={"mode": "Observe"})]}, Reason.ObserveOnly),
    "the chart's switch": ({"options": settings(enforcement=False)}, Reason.EnforcementDisabled),
}


@pytest.mark.parametrize("case", OBSERVERS.values(), ids=OBSERVERS)
def test_observing_plans_and_says_why_it_does_not_act(case: tuple[dict[str, Any], Reason]) -> None:
    cluster, reason = case
    decision = decide(workload(), idle_for=1300, **cluster)
    assert [action.observed for action in decision.actions] == [True]
    assert decision.refused is reason
    assert checks(decision)[-1].reason == reason


def test_without_a_policy_the_verdict_is_told_and_nothing_follows() -> None:
    decision = decide(workload(memory=WARNED), idle_for=2 * HOUR, policies=[])
    assert (decision.actions, decision.deciding, decision.refused) == ((), Reason.GPUIdle, Reason.NoPolicy)


@pytest.mark.parametrize(
    ("policies", "reason"),
    [([policy()], Reason.PolicyNotFound), ([unreadable_policy("mine"), policy()], Reason.PolicyInvalid)],
    ids=["missing", "not accepted"],
)
def test_a_named_policy_that_cannot_be_used_is_observed_only(policies: list[Any], reason: Reason) -> None:
    named = workload(memory=WARNED, intent=Intent(policy_name="CostPolicy/mine"))
    decision = decide(named, idle_for=2 * HOUR, policies=policies)
    assert (decision.actions, decision.refused, decision.mode) == ((), reason, "Observe")


def test_the_warning_names_the_time_and_the_veto() -> None:
    [warn] = decide(workload(), idle_for=960).actions
    assert "after 2026-11-18T11:15:00Z" in warn.message
    assert "kubectl ebbtide keep trainingjob/resnet -n vision --for 4h" in warn.message


def test_a_warning_that_no_pause_will_follow_says_so() -> None:
    [warn] = decide(workload(checkpoint=Checkpoint()), idle_for=960).actions
    assert "not paused: a pause would lose its progress" in warn.message
