"""spec.pauseDuring: what it stops, what stands before it, and what ends it."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.conditions import conditions_of
from ebbtide.core.reason import Reason
from ebbtide.core.workload import QUEUE_KIND, Checkpoint, Intent, Memory, Workload
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    SHORT_IDLE,
    accepted,
    decide,
    job,
    pause_record,
    paused_job,
    policy,
    settings,
    verbs,
    workload,
)

LIVES = {"pause_during": ("Job", "evaluate"), "during": "Job evaluate runs"}
OVER = {"pause_during": ("Job", "evaluate")}
DURING = paused_job(reason="PausedDuring")
QUEUED: dict[str, Any] = {"queue": "research", "itself": job(), "admitted": True}
"""Kueue's Workload is the target, as objects/queueing.py joins it."""
WAITING = {**QUEUED, "itself": job(suspended=True), "admitted": False}
STOPPED = {**WAITING, "target": DURING}
AGED = policy(idle={**SHORT_IDLE, "maxCheckpointAgeSeconds": 60})

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Reason, list[str]]] = {
    "while it runs": (LIVES, {}, Reason.PausedDuring, ["Pause"]),
    "without any policy": (LIVES, {"policies": []}, Reason.PausedDuring, ["Pause"]),
    "with enforcement off": (LIVES, {"options": settings(enforcement=False)}, Reason.PausedDuring, ["Pause"]),
    "while it does not run": (OVER, {}, Reason.GPUActive, []),
    "before its Job exists": ({**LIVES, "target": None}, {}, Reason.PausedDuring, ["Create"]),
    "paused already": ({**LIVES, "target": DURING}, {}, Reason.PausedDuring, []),
    "it has ended": ({**OVER, "target": DURING}, {}, Reason.PausedDuring, ["Resume"]),
    "nothing is named any more": ({"target": DURING}, {}, Reason.PausedDuring, ["Resume"]),
    "no policy ends it": ({**LIVES, "target": DURING}, {"policies": []}, Reason.PausedDuring, []),
    "its end needs to know what waits in queues": (
        {**OVER, "target": DURING},
        {"unfresh_kinds": {QUEUE_KIND: "old"}},
        Reason.PausedDuring,
        [],
    ),
    "its end needs fresh stores": ({**OVER, "target": DURING}, {"unfresh": "old"}, Reason.PausedDuring, []),
    "its begin too": (LIVES, {"unfresh": "old"}, Reason.StaleMetrics, []),
    "resumeAfterSeconds is not for it": (
        {**LIVES, "target": DURING},
        {"policies": [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 60})]},
        Reason.PausedDuring,
        [],
    ),
    "an idle pause does not end into it": (
        {**LIVES, "target": paused_job()},
        {"policies": [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 60})]},
        Reason.GPUIdle,
        [],
    ),
    "an idle pause outlives it": ({**OVER, "target": paused_job()}, {}, Reason.GPUIdle, []),
    "a human wants it to run": (
        {**LIVES, "target": DURING, "intent": Intent(override="Running", override_until=NOW + HOUR)},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a human keeps it running": (
        {**LIVES, "intent": Intent(keep_until=NOW + HOUR)},
        {},
        Reason.VetoedByUser,
        [],
    ),
    "kept before its Job exists": (
        {**LIVES, "intent": Intent(keep_until=NOW + HOUR), "target": None},
        {},
        Reason.Running,
        ["Create"],
    ),
    "a human stopped it": ({**LIVES, "intent": Intent(suspend=True)}, {}, Reason.PausedByUser, ["Pause"]),
    "a human moved the lever": (
        {**LIVES, "target": replace(DURING, suspended=False)},
        {},
        Reason.ResumedByUser,
        ["Forget"],
    ),
    "without checkpoint it has run and is not stopped": (
        {**LIVES, "checkpoint": Checkpoint()},
        {},
        Reason.NoCheckpoint,
        [],
    ),
    "without checkpoint, and nothing says that loss is fine": (
        {**LIVES, "checkpoint": Checkpoint()},
        {"policies": []},
        Reason.NoCheckpoint,
        [],
    ),
    "without checkpoint, and the policy does not mind": (
        {**LIVES, "checkpoint": Checkpoint()},
        {"policies": [policy(idle={**SHORT_IDLE, "withoutCheckpoint": "Pause"})]},
        Reason.PausedDuring,
        ["Pause"],
    ),
    "without checkpoint it can wait before its start": (
        {**LIVES, "checkpoint": Checkpoint(), "target": None},
        {},
        Reason.PausedDuring,
        ["Create"],
    ),
    "its checkpoint is too old": (LIVES, {"policies": [AGED]}, Reason.CheckpointTooOld, []),
    "its checkpoint is young": (
        {**LIVES, "checkpointed_at": NOW - 30},
        {"policies": [AGED]},
        Reason.PausedDuring,
        ["Pause"],
    ),
    "Kueue holds its lever out of reach": ({**LIVES, "queue": "research"}, {}, Reason.QueueManaged, []),
    "Kueue would start it": ({**LIVES, "queue": "research", "target": None}, {}, Reason.PausedDuring, []),
    "into its queue afterwards": ({**OVER, "queue": "research", "target": None}, {}, Reason.Running, ["Create"]),
    "kept before it is in its queue": (
        {**LIVES, "queue": "research", "target": None, "intent": Intent(keep_until=NOW + HOUR)},
        {},
        Reason.Running,
        ["Create"],
    ),
    "Kueue has admitted it": ({**LIVES, **QUEUED}, {}, Reason.PausedDuring, ["Pause"]),
    "admitted, without any policy": ({**LIVES, **QUEUED}, {"policies": []}, Reason.PausedDuring, ["Pause"]),
    "admitted, and what is known of the queue is old": (
        {**LIVES, **QUEUED},
        {"unfresh_kinds": {QUEUE_KIND: "old"}},
        Reason.StaleMetrics,
        [],
    ),
    "admitted, kept by a human": (
        {**LIVES, **QUEUED, "intent": Intent(keep_until=NOW + HOUR)},
        {},
        Reason.VetoedByUser,
        [],
    ),
    "admitted, without checkpoint, and has run": (
        {**LIVES, **QUEUED, "checkpoint": Checkpoint()},
        {},
        Reason.NoCheckpoint,
        [],
    ),
    "waiting it holds nothing": ({**LIVES, **WAITING}, {}, Reason.QueueWaiting, []),
    "inactive while it lasts": ({**LIVES, **STOPPED}, {}, Reason.PausedDuring, []),
    "active again at its end": ({**OVER, **STOPPED}, {}, Reason.PausedDuring, ["Resume"]),
    "its end needs to know the queue": (
        {**OVER, **STOPPED},
        {"unfresh_kinds": {QUEUE_KIND: "old"}},
        Reason.PausedDuring,
        [],
    ),
    "then it waits for admission": ({**OVER, **WAITING}, {}, Reason.QueueWaiting, []),
    "a human wants it back in its queue": (
        {**LIVES, **STOPPED, "intent": Intent(override="Running", override_until=NOW + HOUR)},
        {},
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a human made its Workload active": (
        {**LIVES, **QUEUED, "target": replace(DURING, suspended=False)},
        {},
        Reason.ResumedByUser,
        ["Forget"],
    ),
    "its Workload was replaced by an active one": (
        {**LIVES, **QUEUED, "memory": Memory(pause=pause_record(reason="PausedDuring"), conditions=(accepted(),))},
        {},
        Reason.ResumedByUser,
        ["Forget"],
    ),
    "what somebody else deactivated stays so": (
        {**OVER, **WAITING, "target": job(suspended=True)},
        {},
        Reason.PausedByUser,
        [],
    ),
    "undone three times": (
        {**LIVES, "memory": Memory(pause=pause_record(reverts=3, ended_at=NOW - 60), conditions=(accepted(),))},
        {},
        Reason.ConflictingController,
        [],
    ),
    "finished": ({**LIVES, "target": job(finished=Reason.JobCompleted)}, {}, Reason.JobCompleted, []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_done(case: tuple[dict[str, Any], dict[str, Any], Reason, list[str]]) -> None:
    changes, cluster, reason, done = case
    decision = decide(workload(**changes), **cluster)
    assert decision.deciding is reason
    assert verbs(decision) == done


def test_created_beside_it_is_created_suspended() -> None:
    [create] = decide(workload(**LIVES, target=None)).actions
    assert create.suspended
    assert create.reason is Reason.PausedDuring


def test_it_counts_neither_as_an_idle_pause_of_the_day_nor_of_the_fleet() -> None:
    limits = {"limits": {"pausesPerWorkloadPerDay": 1, "minimumRunSeconds": 0, "pausesPerHour": 1}}
    paused = pause_record(since=NOW - 600, reason="PausedDuring", count_today=0, ended_at=NOW - 60)
    warned = Memory(warned_at=NOW - 400, pause=paused)
    decision = decide(workload(memory=warned), idle_for=1300, policies=[policy(spec=limits)])
    assert verbs(decision) == ["Pause"]


def test_an_object_that_cannot_be_watched_is_told_of() -> None:
    odd = workload(pause_during=("RayJob", "evaluate"), during_unusable="spec.pauseDuring names a RayJob")
    accepted_, *_ = conditions_of(decide(odd), frozenset())
    assert (accepted_.status, accepted_.reason) == ("True", Reason.UnsupportedKind)


def test_between_two_runs_it_runs_and_stops_again_however_often() -> None:
    said: Workload = workload()
    seen = []
    for lives in (True, False, True, False):
        known = replace(said, **(LIVES if lives else OVER))
        decision = decide(known, now=NOW + DAY, idle_for=0)
        seen += verbs(decision)
        said = replace(said, target=DURING if lives else job())
    assert seen == ["Pause", "Resume", "Pause", "Resume"]


def test_in_a_queue_too_it_runs_between_two_and_waits_for_admission_each_time() -> None:
    """The second begins before Kueue has admitted it again: it waits, and is stopped as soon as it is admitted."""
    active, inactive = {**QUEUED, "target": job()}, STOPPED
    steps = [(LIVES, active), (LIVES, inactive), (OVER, inactive), (LIVES, WAITING), (LIVES, active), (OVER, inactive)]
    seen = [verbs(decide(workload(**lives, **at), now=NOW + DAY, idle_for=0)) for lives, at in steps]
    assert seen == [["Pause"], [], ["Resume"], [], ["Pause"], ["Resume"]]


def test_it_is_told_as_paused_before_it_is_put_into_its_queue() -> None:
    decision = decide(workload(**LIVES, queue="research", target=None))
    paused = next(it for it in conditions_of(decision, frozenset()) if it.type == "Paused")
    assert (paused.status, paused.reason) == ("True", Reason.PausedDuring)
    assert paused.message == "Job evaluate runs: it is not put into queue research before that ends"
