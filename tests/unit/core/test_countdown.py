"""From the verdict to the warning and the pause, second by second."""

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from ebbtide.api.cost_policy import LimitsSection
from ebbtide.api.idle_section import IdleSection
from ebbtide.core.action import Verb
from ebbtide.core.idle import countdown, last_checkpoint, planned_since, refusal
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Judgement, Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Checkpoint, KindClass, Memory
from tests.builders import DAY, HOUR, NOW, pause_record, pod, workload

RULE = IdleRule(after_seconds=1200, warn_seconds=300)


def idle_since(seconds: float, *, newest: float = 0, verdict: Verdict = Verdict.Idle) -> Judgement:
    return Judgement(
        verdict,
        Reason.GPUIdle,
        "idle",
        idle_since=NOW - seconds,
        after_seconds=1200,
        newest_common_sample_at=NOW - newest,
    )


@dataclass(frozen=True)
class Case:
    judgement: Judgement
    warned: float | None
    due: Verb | None
    eligible_in: float | None
    stands: bool = True


CASES = {
    "idle and not warned yet": Case(idle_since(900), None, Verb.Warn, 300),
    "idle for long and not warned yet": Case(idle_since(9000), None, Verb.Warn, 300),
    "warned, one second too early by idleness": Case(idle_since(1199), 300, None, 1),
    "warned, one second too early by the warning": Case(idle_since(1300), 299, None, 1),
    "both times reached": Case(idle_since(1200), 300, Verb.Pause, 0),
    "no sample newer than the warning": Case(idle_since(1300, newest=400), 400, None, -100),
    "busy after the warning": Case(idle_since(900), 901, Verb.Warn, 300, stands=False),
    "warned at the very start of the idleness": Case(idle_since(1200), 1200, Verb.Pause, 0),
    "active again": Case(replace(idle_since(0), verdict=Verdict.Active), 100, None, None, stands=False),
    "unknown does not void": Case(idle_since(1000, verdict=Verdict.Unknown), 100, None, None),
    "unknown after a gap voids": Case(idle_since(50, verdict=Verdict.Unknown), 100, None, None, stands=False),
    "never used counts like idle": Case(idle_since(1200, verdict=Verdict.NeverUsed), 300, Verb.Pause, 0),
    "stalled leads to nothing": Case(idle_since(5000, verdict=Verdict.Stalled), None, None, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_due(case: Case) -> None:
    memory = Memory(warned_at=None if case.warned is None else NOW - case.warned)
    found = countdown(case.judgement, RULE, memory, NOW, enforce=True)
    assert found.due is case.due
    assert found.eligible_after == (None if case.eligible_in is None else NOW + case.eligible_in)
    assert found.warned_at == (memory.warned_at if case.stands else None)


def test_a_warning_given_in_enforce_counts_for_nothing_in_observe() -> None:
    found = countdown(idle_since(1300), RULE, Memory(warned_at=NOW - 400), NOW, enforce=False)
    assert found.due is Verb.Warn


@pytest.mark.parametrize(
    ("would_be", "due"),
    [
        (None, Verb.Warn),
        (("Warn", "GPUIdle", NOW - 299), None),
        (("Warn", "GPUIdle", NOW - 300), Verb.Pause),
        (("Pause", "GPUIdle", NOW - 10), Verb.Pause),
        (("Warn", "GPUIdle", NOW - 2000), Verb.Warn),
        (("Pause", "GPUIdle", NOW - 2000), Verb.Warn),
    ],
    ids=[
        "nothing yet",
        "too early",
        "warned in mind",
        "paused in mind",
        "of an earlier idleness",
        "of an earlier pause",
    ],
)
def test_in_observe_each_step_is_planned_as_if_the_one_before_had_been_done(would_be: Any, due: Verb | None) -> None:
    found = countdown(idle_since(1300), RULE, Memory(would_be=would_be), NOW, enforce=False)
    assert found.due is due


def test_since_when_a_step_is_planned() -> None:
    memory = Memory(would_be=("Warn", "GPUIdle", NOW - 400))
    assert planned_since(memory, idle_since(1300), Verb.Warn, Reason.GPUIdle) == NOW - 400
    assert planned_since(memory, idle_since(300), Verb.Warn, Reason.GPUIdle) is None
    assert planned_since(memory, idle_since(1300), Verb.Pause, Reason.GPUIdle) is None
    assert planned_since(memory, idle_since(1300), Verb.Warn, Reason.GPUNeverUsed) is None


def refused(changes: dict[str, Any], section: dict[str, Any], limits: dict[str, Any] | None = None, **told: Any) -> Any:
    idle = IdleSection.model_validate(section)
    bounds = None if limits is None else LimitsSection.model_validate(limits)
    holders = told.get("pods", (pod(),))
    found = refusal(workload(**changes), holders, idle, bounds, found=Reason.GPUNeverUsed, now=NOW)
    return found.reason if found else None


NONE, PERIODIC, ON_SIGNAL = Checkpoint(), Checkpoint("Periodic", 900), Checkpoint("OnSignal", 0, 120)
AGED = {"maxCheckpointAgeSeconds": 3600}
RULES: dict[str, tuple[Any, Any]] = {
    "with checkpoints": (refused({"checkpoint": PERIODIC}, {}), None),
    "without": (refused({"checkpoint": NONE}, {}), Reason.NoCheckpoint),
    "without, and the policy does not mind": (refused({"checkpoint": NONE}, {"withoutCheckpoint": "Pause"}), None),
    "servers have nothing to lose": (
        refused({"checkpoint": NONE, "kind_class": KindClass.Serving}, {"serving": "DevicesOnly"}),
        None,
    ),
    "servers whose requests nobody counts": (
        refused({"kind_class": KindClass.Serving}, {}),
        Reason.NoRequestSignal,
    ),
    "servers that keep data in an emptyDir": (
        refused({"kind_class": KindClass.Serving, "scratch": True}, {"serving": "DevicesOnly"}),
        Reason.NoCheckpoint,
    ),
    "a young checkpoint of the whole": (refused({"checkpointed_at": NOW - 3600}, AGED), None),
    "an old checkpoint of the whole": (refused({"checkpointed_at": NOW - 3601}, AGED), Reason.CheckpointTooOld),
    "a checkpoint of the whole in the future": (refused({"checkpointed_at": NOW + 60}, AGED), Reason.CheckpointTooOld),
    "a young checkpoint of the whole, old ones of pods": (
        refused({"checkpointed_at": NOW - 60}, AGED, pods=(pod(checkpointed_at=NOW - 9000),)),
        None,
    ),
    "notify keeps the verdict's reason": (refused({}, {"action": "Notify"}), Reason.GPUNeverUsed),
    "a young checkpoint": (refused({}, AGED, pods=(pod(checkpointed_at=NOW - 3600),)), None),
    "an old checkpoint": (refused({}, AGED, pods=(pod(checkpointed_at=NOW - 3601),)), Reason.CheckpointTooOld),
    "on signal, and its pods get long enough": (
        refused({"checkpoint": ON_SIGNAL, "stop_grace_seconds": 120}, {}),
        None,
    ),
    "on signal, and they are killed before": (
        refused({"checkpoint": ON_SIGNAL, "stop_grace_seconds": 119}, {}),
        Reason.NoCheckpoint,
    ),
    "the same, and the policy does not mind": (
        refused({"checkpoint": ON_SIGNAL, "stop_grace_seconds": 30}, {"withoutCheckpoint": "Pause"}),
        None,
    ),
    "no checkpoint told": (refused({}, AGED), Reason.CheckpointTooOld),
    "on signal it saves when stopped": (refused({"checkpoint": ON_SIGNAL}, AGED), None),
    "no limits": (refused({}, {}, pods=(pod(ready_at=NOW - 60),)), None),
    "runs for a minute": (refused({}, {}, {}, pods=(pod(ready_at=NOW - 60),)), Reason.MinimumRunTime),
    "runs for half an hour": (refused({}, {}, {}, pods=(pod(ready_at=NOW - 1800),)), None),
    "the youngest of the gang counts": (
        refused({}, {}, {}, pods=(pod(ready_at=NOW - DAY), pod("w-1", ready_at=NOW - 60))),
        Reason.MinimumRunTime,
    ),
    "three pauses today": (refused({"memory": Memory(pause=pause_record(count_today=3))}, {}, {}), None),
    "four pauses today": (
        refused({"memory": Memory(pause=pause_record(count_today=4))}, {}, {}),
        Reason.TooManyPauses,
    ),
    "four pauses, the last a day ago": (
        refused({"memory": Memory(pause=pause_record(count_today=4, since=NOW - DAY))}, {}, {}),
        None,
    ),
    "no daily limit": (
        refused(
            {"memory": Memory(pause=pause_record(count_today=99))},
            {},
            {"pausesPerWorkloadPerDay": 0, "minimumRunSeconds": 0},
        ),
        None,
    ),
}


@pytest.mark.parametrize("case", RULES.values(), ids=RULES)
def test_what_forbids_a_pause(case: tuple[Any, Any]) -> None:
    found, wanted = case
    assert found is wanted


ENDED = NOW - 50 * 60
WANTED_BACK = {"ended_at": ENDED}
"""It began an hour ago, and somebody wanted it back ten minutes later."""


@pytest.mark.parametrize(
    ("changes", "section", "again"),
    [
        ({}, {"afterSeconds": "Auto"}, ENDED + DAY),
        ({"ended_at": NOW - 20 * 60}, {"afterSeconds": "Auto"}, None),
        ({"by": "User"}, {"afterSeconds": "Auto"}, None),
        ({"ended_at": NOW - 2100}, {"afterSeconds": "Auto", "resumeAfterSeconds": 1500}, None),
        ({}, {"afterSeconds": 3600}, None),
        ({"since": NOW - DAY - HOUR, "ended_at": NOW - DAY - HOUR + 60}, {"afterSeconds": "Auto"}, None),
    ],
    ids=["wanted back", "it lasted", "a human's", "it ended by itself", "not learnt", "a day ago"],
)
def test_a_learnt_pause_that_was_wanted_back_at_once_is_the_only_one_that_day(
    changes: dict[str, Any], section: dict[str, Any], again: float | None
) -> None:
    work = workload(memory=Memory(pause=pause_record(**{**WANTED_BACK, **changes})))
    found = refusal(work, (pod(),), IdleSection.model_validate(section), None, found=Reason.GPUIdle, now=NOW)
    assert (found and (found.reason, found.until)) == (again and (Reason.TooManyPauses, again))


def test_of_refusals_that_end_by_themselves_the_last_one_is_told() -> None:
    """Its minimum run, doubled twice, ends sooner than the day after a pause that was wanted back."""
    work = workload(
        memory=Memory(pause=pause_record(**WANTED_BACK, recent=(NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR)))
    )
    idle, bounds = IdleSection.model_validate({"afterSeconds": "Auto"}), LimitsSection.model_validate({})
    found = refusal(work, (pod(ready_at=ENDED),), idle, bounds, found=Reason.GPUIdle, now=NOW)
    assert found is not None
    assert (found.reason, found.until) == (Reason.TooManyPauses, ENDED + DAY)
    assert found.message.endswith("one such a day, so again after 2026-11-19T10:20:00Z")


def test_the_checkpoint_of_a_gang_is_its_oldest() -> None:
    young, old = pod("w-0", checkpointed_at=NOW - 60), pod("w-1", checkpointed_at=NOW - HOUR)
    assert last_checkpoint((young, old), NOW) == NOW - HOUR


@pytest.mark.parametrize("mark", [None, NOW + 60], ids=["missing", "in the future"])
def test_a_gang_with_a_pod_that_saved_nothing_has_no_checkpoint(mark: float | None) -> None:
    assert last_checkpoint((pod("w-0", checkpointed_at=NOW - 60), pod("w-1", checkpointed_at=mark)), NOW) is None


def test_without_pods_there_is_no_checkpoint() -> None:
    assert last_checkpoint((), NOW) is None
