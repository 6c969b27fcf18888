"""What status and conditions say, and which changes are worth a write."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.api.training_job_status import TrainingJobStatus
from ebbtide.core.action import Verb
from ebbtide.core.conditions import Problem, conditions_of
from ebbtide.core.decision import Decision
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.status import Outline, fingerprint, merged_conditions, workload_status
from ebbtide.core.workload import Checkpoint, Intent, Memory, StoredCondition, Workload
from ebbtide.objects.views_status import memory
from tests.builders import (
    DAY,
    HOUR,
    NOW,
    accepted,
    catalog,
    decide,
    job,
    pause_record,
    paused_job,
    pod,
    policy,
    unreadable_policy,
    workload,
)

NOTHING: frozenset[Verb] = frozenset()
STOP = Intent(suspend=True)
WARNED = Memory(warned_at=NOW - 400, conditions=(accepted(),))
PRICES = [catalog({"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}, nodeSplit={"mode": "GPUOnly"})]


def ending(it: Workload, *done: Verb, problem: Problem | None = None, **seen: Any) -> dict[str, Any]:
    """The status after these verbs were done; the API would take it."""
    status = workload_status(decide(it, **seen), done=frozenset(done), problem=problem)
    TrainingJobStatus.model_validate(status)
    return status


def told(it: Workload, kind: str, *done: Verb, problem: Problem | None = None, **seen: Any) -> tuple[str, str]:
    found = conditions_of(decide(it, **seen), frozenset(done), problem)
    return next((each.status, str(each.reason)) for each in found if each.type == kind)


REFUSED = (Reason.TemplateRejected, "image: Required value")
DENIED = (Reason.PermissionDenied, "jobs.batch is forbidden")
CONDITIONS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "accepted as written": (told(workload(), "Accepted"), ("True", "Accepted")),
    "an annotation that cannot be read": (
        told(workload(intent=Intent(invalid=("override 'Pausd' is not known",))), "Accepted"),
        ("True", "InvalidAnnotation"),
    ),
    "a spec that cannot be read": (told(workload(invalid=("spec", "bad")), "Accepted"), ("False", "UnknownValue")),
    "still unreadable when finished": (
        told(workload(invalid=("spec", "bad"), target=job(finished=Reason.JobCompleted)), "Accepted"),
        ("False", "UnknownValue"),
    ),
    "the name is taken": (
        told(workload(target=None, foreign_target=True), "Accepted"),
        ("False", "NameConflict"),
    ),
    "the template is refused": (
        told(workload(target=None), "Accepted", problem=REFUSED),
        ("False", "TemplateRejected"),
    ),
    "a missing permission does not make it unacceptable": (
        told(workload(target=None), "Accepted", problem=DENIED),
        ("True", "Accepted"),
    ),
    "a policy that is not there": (
        told(workload(intent=Intent(policy_name="CostPolicy/mine")), "Accepted"),
        ("False", "PolicyNotFound"),
    ),
    "a policy that is not accepted": (
        told(workload(intent=Intent(policy_name="CostPolicy/batch")), "Accepted", policies=[unreadable_policy()]),
        ("False", "PolicyInvalid"),
    ),
    "several workers that nobody starts together": (
        told(workload(workers=2, starts_singly=True), "Accepted"),
        ("True", "GangNotGuaranteed"),
    ),
    "several workers that have ended": (
        told(workload(workers=2, starts_singly=True, target=job(finished=Reason.JobCompleted)), "Accepted"),
        ("True", "Accepted"),
    ),
    "several workers that Kueue holds without being named": (
        told(workload(workers=2, starts_singly=True, itself=job()), "Accepted"),
        ("True", "Accepted"),
    ),
    "open": (told(workload(), "Succeeded"), ("Unknown", "GPUActive")),
    "open and refused": (told(workload(), "Succeeded", problem=DENIED), ("Unknown", "PermissionDenied")),
    "completed": (told(workload(target=job(finished=Reason.JobCompleted)), "Succeeded"), ("True", "JobCompleted")),
    "failed": (told(workload(target=job(finished=Reason.JobFailed)), "Succeeded"), ("False", "JobFailed")),
    "out of retries": (
        told(workload(target=job(finished=Reason.RetriesExhausted)), "Succeeded"),
        ("False", "RetriesExhausted"),
    ),
    "running": (told(workload(), "Running"), ("True", "Running")),
    "not all workers are ready": (told(workload(workers=2), "Running"), ("False", "InGracePeriod")),
    "pending": (
        told(workload(), "Running", pods={workload().key: (pod(ready_at=None, node="", unschedulable=True),)}),
        ("False", "Unschedulable"),
    ),
    "crash-looping": (
        told(workload(), "Running", pods={workload().key: (pod(ready_at=None, failing=Reason.CrashLooping),)}),
        ("False", "CrashLooping"),
    ),
    "suspended while its pods still end": (
        told(workload(target=paused_job()), "Running", pods={workload().key: (pod(),)}),
        ("False", "GPUIdle"),
    ),
    "finished does not run": (
        told(workload(target=job(finished=Reason.JobCompleted)), "Running"),
        ("False", "JobCompleted"),
    ),
    "finished stays finished when its Job is removed": (
        told(
            workload(
                target=None, memory=Memory(conditions=(StoredCondition("Succeeded", "True", "JobCompleted", 0, 1),))
            ),
            "Succeeded",
        ),
        ("True", "JobCompleted"),
    ),
    "waiting in a queue does not run": (
        told(workload(queue="research", target=job(suspended=True)), "Running"),
        ("False", "QueueWaiting"),
    ),
    "waiting in a queue is not paused": (
        told(workload(queue="research", target=job(suspended=True)), "Paused"),
        ("False", "Running"),
    ),
    "idle": (told(workload(), "Idle", idle_for=960), ("True", "GPUIdle")),
    "not idle": (told(workload(), "Idle"), ("False", "GPUActive")),
    "nobody knows": (told(workload(target=paused_job()), "Idle"), ("Unknown", "NoAccelerator")),
    "not paused": (told(workload(), "Paused"), ("False", "Running")),
    "paused": (told(workload(target=paused_job()), "Paused"), ("True", "GPUIdle")),
    "paused by this tick": (told(workload(memory=WARNED), "Paused", Verb.Pause, idle_for=1300), ("True", "GPUIdle")),
    "a pause that was refused": (told(workload(memory=WARNED), "Paused", idle_for=1300), ("False", "Running")),
    "a pause that was only planned": (
        told(
            workload(memory=Memory(would_be=("Warn", "GPUIdle", NOW - 400))),
            "Paused",
            Verb.Pause,
            idle_for=1300,
            policies=[policy(spec={"mode": "Observe"})],
        ),
        ("False", "Running"),
    ),
    "resumed by this tick": (
        told(workload(target=paused_job(), intent=Intent(override="Running")), "Paused", Verb.Resume),
        ("False", "Running"),
    ),
    "suspended by a stranger": (told(workload(target=job(suspended=True)), "Paused"), ("True", "PausedByUser")),
    "held before the first start": (told(workload(target=None, intent=STOP), "Paused"), ("True", "PausedByUser")),
    "finished is not paused": (
        told(workload(target=job(suspended=True, finished=Reason.JobFailed)), "Paused"),
        ("False", "Running"),
    ),
    "no node under it": (told(workload(target=paused_job()), "Priced"), ("Unknown", "AllPriced")),
    "no price": (told(workload(), "Priced"), ("False", "NodeUnpriced")),
    "priced": (told(workload(), "Priced", catalogs=PRICES), ("True", "AllPriced")),
    "no deadline": (told(workload(), "DeadlineAtRisk"), ("False", "OnSchedule")),
    "a deadline that nobody can judge": (
        told(workload(deadline=NOW + DAY), "DeadlineAtRisk"),
        ("Unknown", "NoEstimate"),
    ),
}


def test_a_price_without_effect_is_not_called_a_missing_row() -> None:
    rates = {"cpuHourly": "0.03", "memoryGiBHourly": "0.004"}
    split = catalog({"match": {"nodeSelector": {}}, "nodeHourly": "55.04"}, nodeSplit={"mode": "Residual", **rates})
    found = conditions_of(decide(workload(), catalogs=(split,)), frozenset())
    (said,) = [it.message for it in found if it.type == "Priced"]
    assert said.startswith("PriceCatalog row row-0 matches n1, but onPrem, and nodeSplit Residual and OpenCostRatio, ")
    assert said.endswith("or set nodeSplit.mode: Weights or GPUOnly")


def test_a_node_that_no_row_matches_is_named() -> None:
    found = conditions_of(decide(workload()), frozenset())
    (said,) = [it.message for it in found if it.type == "Priced"]
    assert said == "no PriceCatalog row in force, in the ledger's currency, matches n1"


@pytest.mark.parametrize("case", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(case: tuple[tuple[str, str], tuple[str, str]]) -> None:
    found, wanted = case
    assert found == wanted


def test_conditions_exist_from_first_sight() -> None:
    kinds = [it["type"] for it in ending(workload(target=None), Verb.Create)["conditions"]]
    assert kinds == [
        "Accepted",
        "Succeeded",
        "Running",
        "Idle",
        "Paused",
        "WithinBudget",
        "Priced",
        "DeadlineAtRisk",
    ]


def test_a_condition_keeps_its_transition_time_while_its_status_stays() -> None:
    stored = StoredCondition("Accepted", "True", "InvalidAnnotation", NOW - DAY, 1)
    [wanted] = [it for it in conditions_of(decide(workload()), NOTHING) if it.type == "Accepted"]
    [kept] = merged_conditions([wanted], [stored], 2, NOW)
    assert (kept["lastTransitionTime"], kept["observedGeneration"]) == ("2026-11-17T11:10:00Z", 2)
    [changed] = merged_conditions([wanted], [replace(stored, status="False")], 2, NOW)
    assert changed["lastTransitionTime"] == "2026-11-18T11:10:00Z"


def idle_message(it: Workload, *done: Verb, **seen: Any) -> str:
    found = conditions_of(decide(it, **{"idle_for": 960, **seen}), frozenset(done))
    [message] = [each.message for each in found if each.type == "Idle"]
    return message


class TestAnnouncement:
    """The condition Idle while a warning stands."""

    VETO = "`kubectl ebbtide keep trainingjob/resnet -n vision --for 4h` prevents that"
    AT_11_15 = f"; it will be paused after 2026-11-18T11:15:00Z unless used; it costs 20.00 USD an hour; {VETO}"

    def test_it_says_when_the_price_and_the_line_that_vetoes_it(self) -> None:
        said = idle_message(workload(), Verb.Warn, catalogs=PRICES)
        assert said.startswith("2 devices idle since ")
        assert said.endswith(self.AT_11_15)

    def test_it_says_the_same_at_later_ticks(self) -> None:
        warned = workload(memory=Memory(warned_at=NOW, conditions=(accepted(),)))
        later = [idle_message(warned, catalogs=PRICES, idle_for=960 + s, now=NOW + s) for s in (30, 60, 240)]
        assert all(said.endswith(self.AT_11_15) for said in later)

    def test_a_later_tick_is_no_news(self) -> None:
        warned = ending(workload(), Verb.Warn, idle_for=960, catalogs=PRICES)
        remembered = workload(memory=memory(warned))
        later = ending(remembered, idle_for=990, now=NOW + 30, catalogs=PRICES)
        assert fingerprint(later) == fingerprint(warned)

    def test_a_price_that_is_not_known_is_a_dash(self) -> None:
        assert "; it costs - an hour (see condition Priced); " in idle_message(workload(), Verb.Warn)

    def test_a_warning_that_was_not_written_announces_nothing(self) -> None:
        assert "ebbtide" not in idle_message(workload())
        assert "an hour" not in idle_message(workload())

    def test_a_warning_that_no_pause_follows_has_nothing_to_veto(self) -> None:
        fragile = workload(checkpoint=Checkpoint())
        warned = idle_message(fragile, Verb.Warn, catalogs=PRICES)
        assert warned.endswith("; warned, and no pause follows (NoCheckpoint); it costs 20.00 USD an hour")
        stands = replace(fragile, memory=Memory(warned_at=NOW - 60, warned_without="NoCheckpoint"))
        assert idle_message(stands, catalogs=PRICES) == warned

    def test_what_comes_to_forbid_the_pause_takes_the_announcement_back(self) -> None:
        warned = workload(memory=Memory(warned_at=NOW - 60, conditions=(accepted(),)), checkpoint=Checkpoint())
        assert "no pause follows (NoCheckpoint)" in idle_message(warned)
        assert "keep" not in idle_message(warned)
        due = replace(warned, memory=WARNED)
        assert "no pause follows (NoCheckpoint)" in idle_message(due, idle_for=1300)

    def test_doubt_leaves_the_warning_and_its_veto(self) -> None:
        doubt = MetricsHealth(up=False, message="Prometheus is down")
        said = idle_message(workload(memory=WARNED), idle_for=1300, metrics=doubt, catalogs=PRICES)
        assert "; warned before, and not paused while this lasts; it costs 20.00 USD an hour; " in said
        assert said.endswith("; `kubectl ebbtide keep trainingjob/resnet -n vision --for 4h` prevents a pause after it")

    def test_a_pause_that_is_due_and_does_not_come_is_not_announced_for_the_past(self) -> None:
        """Its time is over, and a limit, a breaker or a refusal keeps it: the condition Succeeded has the words."""
        warned = workload(memory=WARNED)
        said = [idle_message(warned, idle_for=1300 + s, now=NOW + s, catalogs=PRICES) for s in (0, 30, 300)]
        due = "its pause is due since 2026-11-18T11:08:20Z, and condition Succeeded says what it waits for"
        assert [it.partition("; ")[2] for it in said] == [f"{due}; it costs 20.00 USD an hour; {self.VETO}"] * 3

    def test_after_the_pause_and_after_work_began_again_nothing_is_announced(self) -> None:
        assert "an hour" not in idle_message(workload(memory=WARNED), Verb.Pause, idle_for=1300)
        assert "an hour" not in idle_message(workload(memory=WARNED), idle_for=None)

    def test_observe_says_what_would_be(self) -> None:
        seen: dict[str, Any] = {"policies": [policy(spec={"mode": "Observe"})], "catalogs": PRICES}
        price = "it costs 20.00 USD an hour"
        planned = idle_message(workload(), Verb.Warn, **seen)
        assert planned.endswith(f"; it would be paused after 2026-11-18T11:15:00Z unless used; {price}")
        due = workload(memory=Memory(would_be=("Warn", "GPUIdle", NOW - 400)))
        assert idle_message(due, Verb.Pause, idle_for=1300, **seen).endswith(f"; it would be paused now; {price}")
        fragile = idle_message(workload(checkpoint=Checkpoint()), Verb.Warn, **seen)
        assert fragile.endswith(f"; it would be warned about, not paused (NoCheckpoint); {price}")
        assert "an hour" not in idle_message(workload(), policies=[])


class TestPause:
    def record(self, it: Workload, *done: Verb, **seen: Any) -> dict[str, Any] | None:
        found = ending(it, *done, **seen).get("pause")
        return None if found is None else dict(found)

    def test_a_pause_of_this_tick(self) -> None:
        found = self.record(workload(memory=WARNED), Verb.Pause, idle_for=1300)
        assert found is not None
        told = {name: found[name] for name in ("since", "reason", "by", "countToday", "reverts")}
        assert told == {
            "since": "2026-11-18T11:10:00.000Z",
            "reason": "GPUIdle",
            "by": "Policy",
            "countToday": 1,
            "reverts": 0,
        }

    def test_the_evidence_of_a_pause_stays_with_it(self) -> None:
        first = ending(workload(memory=WARNED), Verb.Pause, idle_for=1300)
        assert first["pause"]["evidence"]["value"] == "Idle"
        paused = workload(target=paused_job(), memory=memory(first))
        assert ending(paused)["verdict"]["value"] == "NotApplicable"
        assert ending(paused)["pause"]["evidence"] == first["pause"]["evidence"]
        assert ending(paused)["pause"]["message"] == first["pause"]["message"]

    def test_what_it_gives_back_is_told_while_it_lasts_and_after(self) -> None:
        first = ending(workload(memory=WARNED), Verb.Pause, idle_for=1300, catalogs=PRICES)
        assert first["pause"]["cost"] == {"hourly": first["cost"]["hourly"], "currency": "USD"}
        assert first["cost"]["hourly"] == "20.00"
        paused = ending(workload(target=paused_job(), memory=memory(first)), pods={}, catalogs=PRICES)
        assert (paused["pause"]["cost"], paused["cost"]["hourly"]) == (first["pause"]["cost"], "0.00")
        assert "cost" not in ending(workload(memory=WARNED), Verb.Pause, idle_for=1300)["pause"], "nothing is priced"

    def test_a_second_pause_within_a_day_counts_on(self) -> None:
        before = replace(WARNED, pause=pause_record(count_today=2, reverts=1, ended_at=NOW - 60))
        found = self.record(workload(memory=before), Verb.Pause, idle_for=1300)
        assert found is not None
        assert (found["countToday"], found["reverts"], "endTime" in found) == (3, 1, False)

    def test_a_pause_a_day_later_counts_anew(self) -> None:
        before = replace(WARNED, pause=pause_record(since=NOW - DAY, count_today=2, reverts=1, ended_at=NOW - HOUR))
        found = self.record(workload(memory=before), Verb.Pause, idle_for=1300)
        assert found is not None
        assert (found["countToday"], found["reverts"]) == (1, 0)

    def test_a_humans_pause_does_not_count(self) -> None:
        found = self.record(workload(intent=STOP), Verb.Pause)
        assert found is not None
        assert (found["by"], found["countToday"]) == ("User", 0)

    def test_a_pause_lost_in_a_crash_is_found_in_the_restore(self) -> None:
        found = self.record(workload(target=paused_job(at=NOW - 600, reason="GPUNeverUsed")))
        assert found is not None
        assert (found["since"], found["reason"]) == ("2026-11-18T11:00:00.000Z", "GPUNeverUsed")

    def test_a_pause_that_lasts_stays_as_it_was_recorded(self) -> None:
        before = Memory(pause=pause_record(since=NOW - 601), conditions=(accepted(),))
        found = self.record(workload(target=paused_job(at=NOW - 600), memory=before))
        assert found is not None
        assert found["since"] == "2026-11-18T10:59:59.000Z"

    def test_an_end_is_recorded_once(self) -> None:
        before = Memory(pause=pause_record(), conditions=(accepted(),))
        found = self.record(
            workload(target=paused_job(), memory=before, intent=Intent(override="Running")), Verb.Resume
        )
        assert found is not None
        assert (found["endTime"], found["reverts"]) == ("2026-11-18T11:10:00.000Z", 0)
        ended = Memory(pause=pause_record(ended_at=NOW - 60), conditions=(accepted(),))
        found = self.record(workload(memory=ended))
        assert found is not None
        assert found["endTime"] == "2026-11-18T11:09:00.000Z"

    @pytest.mark.parametrize(("by", "reverts"), [("Policy", 1), ("User", 0)])
    def test_a_lever_moved_by_hand_is_a_revert_of_the_policys_pause(self, by: str, reverts: int) -> None:
        before = Memory(pause=pause_record(by=by), conditions=(accepted(),))
        moved = replace(paused_job(by=by), suspended=False)
        found = self.record(workload(target=moved, memory=before), Verb.Forget)
        assert found is not None
        assert found["reverts"] == reverts


class TestRest:
    def test_warned_by_this_tick(self) -> None:
        status = ending(workload(), Verb.Warn, idle_for=960)
        assert status["idle"]["warnedAt"] == "2026-11-18T11:10:00.000Z"
        assert status["idle"]["eligibleAfter"] == "2026-11-18T11:15:00.000Z"

    def test_a_warning_that_was_not_written_is_not_remembered(self) -> None:
        assert "warnedAt" not in ending(workload(), idle_for=960)["idle"]

    def test_an_active_workload_has_no_idle_part(self) -> None:
        assert "idle" not in ending(workload(memory=WARNED))

    def test_observe_keeps_what_would_be_done_with_its_time(self) -> None:
        observe = [policy(spec={"mode": "Observe"})]
        before = Memory(would_be=("Warn", "GPUIdle", NOW - 200))
        found = ending(workload(memory=before), idle_for=1300, policies=observe)
        assert found["wouldBe"] == {"action": "Warn", "reason": "GPUIdle", "since": "2026-11-18T11:06:40.000Z"}

    def test_what_would_be_done_is_forgotten_when_work_begins_again(self) -> None:
        observe = [policy(spec={"mode": "Observe"})]
        assert "wouldBe" not in ending(workload(memory=Memory(would_be=("Warn", "GPUIdle", NOW))), policies=observe)

    def test_cost_is_told_in_cents_and_as_a_dash_where_a_price_is_missing(self) -> None:
        assert ending(workload(), catalogs=PRICES)["cost"]["hourly"] == "20.00"
        assert ending(workload())["cost"]["hourly"] == "-"
        assert ending(workload(target=paused_job()))["cost"]["hourly"] == "0.00"
        assert ending(workload())["cost"]["total"] == "-"

    def test_the_class_last_used_stays_while_it_is_paused(self) -> None:
        assert ending(workload(target=paused_job(), memory=Memory(capacity_class="Spot")))["capacityClass"] == "Spot"

    def test_the_first_ready_is_the_start_and_stays(self) -> None:
        assert ending(workload())["startTime"] == "2026-11-18T08:10:00Z"
        assert ending(workload(memory=Memory(start_time=NOW - DAY)))["startTime"] == "2026-11-17T11:10:00Z"
        assert "startTime" not in ending(workload(target=None))

    def test_what_the_api_server_says_at_length_still_fits(self) -> None:
        said = "spec.template.spec.containers[0]: " + "x" * 40_000
        refused = ending(workload(target=None), problem=(Reason.TemplateRejected, said))
        assert refused["conditions"][0]["message"].endswith("…")
        stored = Memory(conditions=(accepted(1, "TemplateRejected", "False", said),))
        assert ending(workload(target=None, memory=stored))["checks"][-1]["message"].endswith("…")

    def test_devices_and_checks_explain_it(self) -> None:
        status = ending(workload(), idle_for=960)
        assert len(status["verdict"]["devices"]) == 2
        assert [it["name"] for it in status["checks"]][-1] == "mode"


class TestWorthAWrite:
    def next_tick(self, it: Workload, done: frozenset[Verb], **seen: Any) -> tuple[Decision, Decision]:
        """Two decisions half a minute apart, the second knows what the first wrote."""
        first = decide(it, **seen)
        stored = memory(workload_status(first, done=done))
        return first, decide(replace(it, memory=stored), **{**seen, "now": NOW + 30, "idle_for": seen["idle_for"] + 30})

    def test_what_is_written_reads_back_with_the_same_fingerprint(self) -> None:
        first, second = self.next_tick(workload(), frozenset({Verb.Warn}), idle_for=960)
        assert fingerprint(workload_status(second, done=NOTHING)) == fingerprint(
            workload_status(first, done=frozenset({Verb.Warn}))
        )
        assert second.actions == ()

    def test_numbers_and_messages_are_not_worth_a_write(self) -> None:
        status = ending(workload(), idle_for=960)
        other = {
            **status,
            "verdict": {**status["verdict"], "message": "later", "coveragePercent": 97, "asOf": "later"},
            "checks": [],
        }
        assert fingerprint(other) == fingerprint(status)

    @pytest.mark.parametrize(
        "change",
        [
            {"policy": {"kind": "CostPolicy", "name": "other"}},
            {"gpus": 9},
            {"capacityClass": "OnPrem"},
            {"pause": {"since": "2026-11-18T11:06:40.000Z"}},
            {"override": {"request": "Running"}},
            {"wouldBe": {"action": "Pause"}},
            {"idle": {"warnedAt": "2026-11-18T11:06:40.000Z"}},
            {"verdict": {"value": "Unknown", "reason": "StaleMetrics"}},
            {"cost": {"hourly": "1.00"}},
            {"conditions": []},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_what_is_worth_a_write(self, change: dict[str, Any]) -> None:
        status = ending(workload())
        assert fingerprint({**status, **change}) != fingerprint(status)

    @pytest.mark.parametrize(
        "changed",
        [
            {"intent": Intent(invalid=("odd",))},
            {"intent": Intent(keep_until=NOW + HOUR)},
            {"intent": Intent(policy_name="CostPolicy/none")},
            {"generation": 2},
            {"memory": Memory(pause=pause_record(ended_at=NOW, reverts=1), conditions=(accepted(),))},
            {"target": job(finished=Reason.JobCompleted)},
        ],
        ids=["an annotation", "a veto", "a policy", "the spec", "a revert", "the end"],
    )
    def test_the_outline_sees_what_the_fingerprint_sees(self, changed: dict[str, Any]) -> None:
        assert not Outline.of(decide(workload())).tells_of(decide(workload(**changed)))
