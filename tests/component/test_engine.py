"""Stories over a whole engine: the real plan, evidence and status against a cluster and a Prometheus in memory."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ebbtide.api.cost_policy import PolicyMode
from ebbtide.core.action import Verb
from ebbtide.core.settings import Safety
from ebbtide.core.snapshot import Policy
from ebbtide.core.status import workload_status
from ebbtide.core.workload import Breaker, Checkpoint, Intent, Namespace
from ebbtide.engine import statuses
from ebbtide.engine.refusals import MOST_SECONDS
from ebbtide.engine.turns import CONCURRENT_WRITES
from ebbtide.ports import EventNote, Outcome, OutcomeKind
from tests.builders import HOUR, MINUTE, SHORT_IDLE, policy, unreadable_policy
from tests.fakes import DONE, FakeCluster, KilledError, World

LONG = 1.25 * HOUR
"""Longer than any idleness that leads to a pause here."""


def idle_world(**options: object) -> World:
    """One TrainingJob whose devices nobody has used since it started ten minutes ago."""
    world = World(**options)
    world.cluster.add()
    return world


async def paused_world(**options: object) -> World:
    world = idle_world(**options)
    await world.run_until(world.is_paused, within=LONG)
    return world


def idle_message(world: World) -> str:
    return next(str(it["message"]) for it in world.status()["conditions"] if it["type"] == "Idle")


def observing(*, spec: dict[str, object] | None = None) -> Policy:
    return policy(spec={"mode": "Observe", **(spec or {})})


async def broken(note: EventNote) -> Outcome:
    raise RuntimeError(note.message)


def busy_until(world: World, end: float) -> None:
    world.metrics.busy = lambda name, at: at <= end


def planned_steps(world: World) -> list[tuple[str, OutcomeKind]]:
    """What telemetry and logs were given, in order."""
    return [(str(action.verb), how.kind) for report in world.telemetry.reports for action, how in report.outcomes]


class TestFromBusyToPausedAndBack:
    async def test_a_busy_job_is_left_alone(self) -> None:
        world = idle_world()
        world.metrics.busy = lambda name, at: True
        await world.run_for(LONG)
        assert not world.is_paused()
        assert world.status()["verdict"]["value"] == "Active"
        assert world.condition("Idle") == ("False", "GPUActive")

    async def test_it_is_warned_after_idle_minus_warning_and_paused_after_idle(self) -> None:
        world = idle_world()
        last_busy = world.clock.time + 10 * MINUTE
        busy_until(world, last_busy)
        warned = await world.run_until(lambda: world.told("Warn") == ["GPUIdle"], within=LONG)
        assert warned - last_busy == 900
        assert not world.is_paused()
        paused = await world.run_until(world.is_paused, within=LONG)
        assert paused - last_busy == 1200
        assert world.told("Pause") == ["GPUIdle"]

    async def test_status_tells_the_whole_pause(self) -> None:
        world = await paused_world()
        await world.tick()
        status = world.status()
        assert status["pause"]["by"] == "Policy"
        assert status["pause"]["countToday"] == 1
        assert status["policy"] == {"kind": "CostPolicy", "name": "batch"}
        assert world.condition("Paused") == ("True", "GPUNeverUsed")
        assert world.condition("Running") == ("False", "GPUNeverUsed")
        assert world.condition("Succeeded") == ("Unknown", "GPUNeverUsed")
        assert "idle" not in status

    async def test_a_human_resumes_it_for_four_hours_and_then_the_policy_applies_again(self) -> None:
        world = await paused_world()
        resumed = world.clock.time + 30
        world.cluster.jobs["resnet"].annotate(override="Running")
        await world.tick()
        assert not world.is_paused()
        assert world.told("Resume") == ["ResumedByUser"]
        await world.run_for(4 * HOUR - 60)
        assert world.told("Warn") == ["GPUNeverUsed"]
        assert world.condition("Succeeded") == ("Unknown", "ResumedByUser")
        warned_again = await world.run_until(lambda: len(world.told("Warn")) == 2, within=LONG)
        assert warned_again >= resumed + 4 * HOUR + 1500
        await world.run_until(world.is_paused, within=LONG)
        assert world.status()["pause"]["countToday"] == 2

    async def test_pausing_by_hand_and_taking_it_back(self) -> None:
        world = idle_world()
        stored = world.cluster.jobs["resnet"]
        world.metrics.busy = lambda name, at: True
        stored.annotate(override="Paused")
        await world.tick()
        assert world.is_paused()
        assert world.condition("Paused") == ("True", "PausedByUser")
        await world.run_for(HOUR)
        assert world.is_paused()
        stored.annotate(override="")
        await world.tick()
        assert not world.is_paused()

    async def test_a_job_that_is_to_be_suspended_is_created_suspended_and_starts_when_its_user_says_so(self) -> None:
        world = World()
        stored = world.cluster.add(running=False)
        stored.annotate(suspend=True)
        await world.tick()
        assert world.is_paused()
        assert world.condition("Paused") == ("True", "PausedByUser")
        stored.annotate(suspend=False)
        await world.tick()
        assert not world.is_paused()

    async def test_resuming_twice_with_the_same_words_gives_four_hours_twice(self) -> None:
        world = await paused_world()
        stored = world.cluster.jobs["resnet"]
        stored.annotate(override="Running")
        await world.run_for(4 * HOUR + 60)
        stored.annotate(override="")
        await world.run_until(world.is_paused, within=LONG)
        stored.annotate(override="Running")
        await world.tick()
        assert not world.is_paused()
        await world.run_for(3 * HOUR)
        assert not world.is_paused()


class TestWarnings:
    async def test_a_busy_sample_after_the_warning_voids_it(self) -> None:
        world = idle_world()
        warned = await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        world.metrics.busy = lambda name, at: at == warned + 30
        await world.tick()
        await world.tick()
        assert "idle" not in world.status()
        paused = await world.run_until(world.is_paused, within=LONG)
        assert paused >= warned + 30 + 1200
        assert len(world.told("Warn")) == 2

    async def test_a_late_warning_delays_the_pause(self) -> None:
        world = idle_world()
        world.cluster.policies = []
        await world.run_for(LONG)
        world.cluster.policies = [policy()]
        warned = await world.run_until(lambda: bool(world.told("Warn")), within=HOUR)
        paused = await world.run_until(world.is_paused, within=HOUR)
        assert paused - warned == 300

    async def test_a_warning_that_could_not_be_written_was_not_given(self) -> None:
        world = idle_world()
        refused = Outcome(OutcomeKind.Failed, "etcd is away")
        world.cluster.answers = lambda what: refused if what == "status" else Outcome(OutcomeKind.Done)
        await world.run_for(LONG)
        assert not world.is_paused()
        assert world.told("Warn") == []
        outcomes = [pair for report in world.telemetry.reports for pair in report.outcomes]
        assert {outcome.kind for action, outcome in outcomes if action.verb is Verb.Warn} == {OutcomeKind.Failed}

    async def test_unknown_for_a_while_does_not_void_the_warning(self) -> None:
        world = idle_world()
        await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        warned_at = world.status()["idle"]["warnedAt"]
        world.metrics.up = False
        await world.tick()
        assert world.condition("Idle") == ("Unknown", "MetricsUnavailable")
        world.metrics.up = True
        await world.run_until(world.is_paused, within=HOUR)
        assert len(world.told("Warn")) == 1
        assert warned_at

    async def test_stale_stores_for_a_while_do_not_void_the_warning(self) -> None:
        world = idle_world()
        await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        world.cluster.unfresh = "nothing heard of pods for 400 s"
        await world.tick()
        world.cluster.unfresh = ""
        await world.run_until(world.is_paused, within=HOUR)
        assert len(world.told("Warn")) == 1


class TestObserve:
    async def test_steps_are_recorded_once_per_transition_and_nothing_is_written_on_the_job(self) -> None:
        world = idle_world()
        world.cluster.policies = [observing()]
        await world.run_for(2 * LONG)
        assert world.cluster.actions == []
        assert planned_steps(world) == [("Warn", OutcomeKind.Observed), ("Pause", OutcomeKind.Observed)]
        assert world.status()["wouldBe"]["action"] == "Pause"
        assert world.condition("Paused") == ("False", "Running")

    async def test_a_planned_step_that_status_could_not_record_is_recorded_later_and_counts_once(
        self,
    ) -> None:
        world = idle_world()
        world.cluster.policies = [observing()]
        await world.run_for(10 * MINUTE)
        world.cluster.answers = lambda verb: Outcome(OutcomeKind.Conflict, "modified") if verb == "status" else DONE
        await world.run_until(lambda: planned_steps(world) != [], within=LONG)
        world.cluster.answers = lambda _: DONE
        await world.run_for(2 * LONG)
        assert planned_steps(world) == [
            ("Warn", OutcomeKind.Conflict),
            ("Warn", OutcomeKind.Observed),
            ("Pause", OutcomeKind.Observed),
        ]

    async def test_a_warning_only_planned_is_no_warning(self) -> None:
        world = idle_world()
        world.cluster.policies = [observing()]
        await world.run_for(LONG)
        assert "warnedAt" not in world.status().get("idle", {})
        world.cluster.policies = [policy()]
        await world.tick()
        assert world.told("Warn") == ["GPUNeverUsed"]
        assert not world.is_paused()

    async def test_a_step_planned_before_work_began_again_is_planned_anew(self) -> None:
        world = idle_world()
        world.cluster.policies = [observing()]
        await world.run_until(lambda: "wouldBe" in world.status(), within=LONG)
        first = world.status()["wouldBe"]["since"]
        busy_until(world, world.clock.time + 600)
        world.leadership.leads = False
        await world.run_for(LONG)
        world.leadership.leads = True
        await world.run_until(lambda: world.status().get("wouldBe", {}).get("since", first) != first, within=HOUR)
        await world.run_until(lambda: world.status()["wouldBe"]["action"] == "Pause", within=HOUR)

    async def test_the_charts_switch_makes_every_policy_observe(self) -> None:
        world = idle_world(enforcement=False)
        await world.run_for(LONG)
        assert world.cluster.actions == []
        assert "EnforcementDisabled" in {check["reason"] for check in world.status()["checks"]}


class TestVetoes:
    async def test_keep_until_holds_everything_and_the_clock_starts_at_its_end(self) -> None:
        world = idle_world()
        end = world.clock.time + 3 * HOUR
        world.cluster.jobs["resnet"].annotate(keep_until=end)
        await world.run_for(3 * HOUR - 60)
        assert world.cluster.actions == []
        assert world.told("Warn") == []
        assert world.condition("Succeeded") == ("Unknown", "VetoedByUser")
        paused = await world.run_until(world.is_paused, within=LONG)
        assert paused >= end + 1800

    async def test_keep_until_that_ended_while_the_operator_was_away_still_starts_the_clock(self) -> None:
        world = idle_world()
        world.clock.time += 4 * HOUR
        world.cluster.jobs["resnet"].annotate(keep_until=world.clock.time - 60)
        await world.tick()
        assert world.told("Warn") == []
        assert world.status()["verdict"]["value"] == "Unknown"

    async def test_never_pause_on_the_workload_is_report_only(self) -> None:
        world = idle_world()
        world.cluster.jobs["resnet"].annotate(never_pause=True)
        await world.run_for(LONG)
        assert world.cluster.actions == []
        assert world.status()["verdict"]["value"] == "NeverUsed"

    async def test_never_pause_on_the_namespace_counts_and_its_end_starts_the_clock(self) -> None:
        world = idle_world()
        world.cluster.namespaces = {"vision": Namespace("vision", never_pause=True)}
        await world.run_for(LONG)
        assert world.told("Warn") == []
        world.cluster.namespaces = {"vision": Namespace("vision")}
        ended = world.clock.time
        paused = await world.run_until(world.is_paused, within=LONG)
        assert paused >= ended + 1800

    async def test_an_unreadable_keep_until_vetoes_for_a_day_and_is_told(self) -> None:
        world = idle_world()
        world.cluster.jobs["resnet"].annotate(keep_malformed=True, invalid=("keep-until 'tomorrow' cannot be read",))
        await world.tick()
        assert world.condition("Accepted") == ("True", "InvalidAnnotation")
        await world.run_for(LONG)
        assert world.told("Warn") == []

    async def test_an_annotation_that_becomes_unreadable_later_is_told_too(self) -> None:
        world = idle_world()
        await world.run_for(10 * MINUTE)
        world.cluster.jobs["resnet"].annotate(invalid=("override 'Pausd' is not known",))
        await world.tick()
        assert world.condition("Accepted") == ("True", "InvalidAnnotation")

    async def test_a_keep_on_a_paused_job_starts_nothing(self) -> None:
        world = await paused_world()
        world.cluster.jobs["resnet"].annotate(keep_until=world.clock.time + HOUR)
        await world.tick()
        assert world.is_paused()
        assert world.condition("Paused") == ("True", "GPUNeverUsed")


class TestHumansAndTheLever:
    async def test_a_lever_moved_by_hand_is_never_moved_back_within_four_hours(self) -> None:
        world = await paused_world()
        moved = world.clock.time
        world.cluster.jobs["resnet"].unsuspend(moved)
        await world.tick()
        assert world.told("Forget") == ["ResumedByUser"]
        assert world.cluster.jobs["resnet"].workload.target.restore is None
        assert world.status()["pause"]["reverts"] == 1
        await world.run_for(4 * HOUR)
        assert not world.is_paused()
        paused = await world.run_until(world.is_paused, within=LONG)
        assert paused >= moved + 4 * HOUR + 1200

    async def test_who_started_it_by_hand_may_stop_it_by_hand(self) -> None:
        world = await paused_world()
        stored = world.cluster.jobs["resnet"]
        stored.unsuspend(world.clock.time)
        await world.tick()
        stored.workload = replace(stored.workload, target=replace(stored.workload.target, suspended=True))
        await world.run_for(5 * HOUR)
        assert world.is_paused()
        assert world.cluster.done(Verb.Resume) == []
        assert world.condition("Succeeded") == ("Unknown", "PausedByUser")

    async def three_times(self, world: World) -> None:
        for _ in range(3):
            await world.run_until(world.is_paused, within=8 * HOUR)
            await world.tick()
            world.cluster.jobs["resnet"].unsuspend(world.clock.time)
            await world.tick()

    async def test_the_third_time_it_is_a_conflict_and_not_paused_again(self) -> None:
        world = idle_world()
        await self.three_times(world)
        assert world.told("Forget") == ["ResumedByUser", "ResumedByUser", "ConflictingController"]
        assert world.condition("Succeeded") == ("Unknown", "ConflictingController")
        await world.run_for(8 * HOUR, step=10 * MINUTE)
        assert not world.is_paused()
        assert world.condition("Succeeded") == ("Unknown", "ConflictingController")

    async def test_a_new_spec_ends_the_conflict(self) -> None:
        world = idle_world()
        await self.three_times(world)
        world.cluster.jobs["resnet"].edit_spec(labels=(("tier", "batch"), ("new", "yes")))
        await world.run_until(world.is_paused, within=8 * HOUR)

    async def test_a_new_policy_ends_the_conflict(self) -> None:
        world = idle_world()
        await self.three_times(world)
        await world.tick()
        [old] = world.cluster.policies
        world.cluster.policies = [replace(old, generation=old.generation + 1)]
        await world.run_until(world.is_paused, within=8 * HOUR)

    async def test_a_job_that_somebody_else_suspended_is_left_as_it_is(self) -> None:
        world = idle_world()
        stored = world.cluster.jobs["resnet"]
        stored.workload = replace(stored.workload, target=replace(stored.workload.target, suspended=True))
        await world.run_for(HOUR)
        assert world.cluster.actions == []
        assert world.condition("Paused") == ("True", "PausedByUser")


class TestLeaving:
    async def test_what_a_deleted_policy_paused_is_resumed(self) -> None:
        world = await paused_world()
        world.cluster.policies = []
        await world.tick()
        assert not world.is_paused()
        assert world.told("Resume") == ["PolicyRemoved"]

    @pytest.mark.parametrize(
        "policies",
        [[observing()], [policy(idle=None)], [policy(spec={"selector": {"matchLabels": {"tier": "other"}}})]],
        ids=["observes", "lost its idle section", "selects others"],
    )
    async def test_a_policy_that_does_not_hold_it_any_more_lets_it_go(self, policies: list[Policy]) -> None:
        world = await paused_world()
        world.cluster.policies = policies
        await world.tick()
        assert not world.is_paused()

    async def test_a_named_policy_that_is_not_accepted_never_falls_through_to_another(self) -> None:
        world = await paused_world()
        world.cluster.jobs["resnet"].annotate(policy_name="CostPolicy/broken")
        world.cluster.policies = [policy(), unreadable_policy("broken")]
        await world.tick()
        assert not world.is_paused()
        assert world.condition("Accepted") == ("False", "PolicyInvalid")

    async def test_at_most_twenty_a_minute_however_often_the_engine_ticks(self) -> None:
        world = World()
        for number in range(50):
            world.cluster.add(f"job-{number:02}", accelerators=1)
        await world.run_until(lambda: len(world.cluster.done(Verb.Pause)) == 50, within=LONG)
        await world.tick()
        world.cluster.policies = []
        for _ in range(10):
            await world.tick(seconds=3)
        assert len(world.cluster.done(Verb.Resume)) == 20
        await world.run_for(2 * MINUTE + 30)
        assert len(world.cluster.done(Verb.Resume)) == 50

    async def test_what_a_human_paused_stays_when_the_policy_goes(self) -> None:
        world = idle_world()
        world.cluster.jobs["resnet"].annotate(override="Paused")
        await world.tick()
        world.cluster.policies = []
        await world.run_for(HOUR)
        assert world.is_paused()

    async def test_a_namespace_that_becomes_protected_gets_its_work_back(self) -> None:
        world = await paused_world()
        world.cluster.namespaces = {"vision": Namespace("vision", protected=True)}
        await world.tick()
        assert not world.is_paused()
        await world.run_for(LONG)
        assert not world.is_paused()
        assert world.condition("Succeeded") == ("Unknown", "ProtectedNamespace")

    async def test_it_comes_back_by_itself_where_the_policy_says_so(self) -> None:
        world = idle_world()
        world.cluster.policies = [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 600})]
        paused = await world.run_until(world.is_paused, within=LONG)
        resumed = await world.run_until(lambda: not world.is_paused(), within=LONG)
        assert resumed - paused == 600


class TestRefusals:
    async def test_without_checkpoints_it_is_warned_only(self) -> None:
        world = World()
        world.cluster.add(checkpoint=Checkpoint())
        await world.run_for(LONG)
        assert not world.is_paused()
        assert len(world.told("Warn")) == 1
        assert world.condition("Succeeded") == ("Unknown", "NoCheckpoint")

    async def test_without_a_recent_checkpoint_it_is_warned_only(self) -> None:
        world = idle_world()
        world.cluster.policies = [policy(idle={**SHORT_IDLE, "maxCheckpointAgeSeconds": 600})]
        await world.run_for(LONG)
        assert not world.is_paused()
        assert len(world.told("Warn")) == 1
        assert world.condition("Succeeded") == ("Unknown", "CheckpointTooOld")

    async def test_notify_warns_only(self) -> None:
        world = idle_world()
        world.cluster.policies = [policy(idle={**SHORT_IDLE, "action": "Notify"})]
        await world.run_for(LONG)
        assert world.cluster.actions == []
        assert len(world.told("Warn")) == 1

    async def test_the_minimum_run_time_holds_from_ready(self) -> None:
        world = idle_world()
        ready = world.clock.time - 580
        world.cluster.policies = [policy(spec={"limits": {"minimumRunSeconds": 5400}})]
        paused = await world.run_until(world.is_paused, within=3 * HOUR)
        assert 5400 <= paused - ready < 5460

    async def test_four_pauses_a_day_are_enough(self) -> None:
        world = idle_world()
        limits = {"limits": {"pausesPerWorkloadPerDay": 2, "minimumRunSeconds": 0}}
        world.cluster.policies = [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 60}, spec=limits)]
        await world.run_for(4 * HOUR)
        assert len(world.cluster.done(Verb.Pause)) == 2
        assert world.condition("Succeeded") == ("Unknown", "TooManyPauses")
        await world.run_until(lambda: len(world.cluster.done(Verb.Pause)) == 3, within=24 * HOUR, step=10 * MINUTE)

    async def test_a_humans_pauses_do_not_use_up_the_policys(self) -> None:
        world = idle_world()
        limits = {"limits": {"pausesPerWorkloadPerDay": 1, "minimumRunSeconds": 0}}
        world.cluster.policies = [policy(spec=limits)]
        stored = world.cluster.jobs["resnet"]
        for override in ("Paused", "", "Paused", ""):
            stored.annotate(override=override)
            await world.run_for(2 * MINUTE)
        await world.run_until(world.is_paused, within=LONG)


class TestBlindness:
    async def test_prometheus_down_pauses_nothing_and_says_so_once(self) -> None:
        world = idle_world()
        world.metrics.up = False
        await world.run_for(LONG)
        assert world.cluster.actions == []
        assert world.condition("Idle") == ("Unknown", "MetricsUnavailable")
        assert len(world.cluster.statuses) <= 4

    async def test_when_prometheus_comes_back_idleness_is_judged_from_what_it_kept(self) -> None:
        world = idle_world()
        world.metrics.up = False
        await world.run_for(LONG)
        world.metrics.up = True
        await world.tick()
        assert world.told("Warn") == ["GPUNeverUsed"]
        assert not world.is_paused()

    async def test_prometheus_down_keeps_no_human_from_being_heard(self) -> None:
        world = await paused_world()
        world.metrics.up = False
        world.cluster.jobs["resnet"].annotate(override="Running")
        await world.tick()
        assert not world.is_paused()

    async def test_stale_stores_pause_nothing(self) -> None:
        world = idle_world()
        world.cluster.unfresh = "nothing heard of pods for 400 s"
        await world.run_for(LONG)
        assert world.cluster.actions == []
        assert world.told("Warn") == []

    async def test_stale_stores_are_no_proof_that_a_policy_is_gone(self) -> None:
        world = await paused_world()
        world.cluster.unfresh, world.cluster.policies = "costpolicies have not been listed yet", []
        await world.run_for(HOUR)
        assert world.is_paused()


class TestFleet:
    def fleet(self, size: int = 30, **safety: int) -> World:
        limits = {"idle_pauses_per_hour": 0, "paused_percent_per_hour": 0, "idle_share_jump_percent": 0, **safety}
        world = World(safety=Safety(**limits))
        for number in range(size):
            world.cluster.add(f"job-{number:02}", accelerators=1)
        return world

    def paused(self, world: World) -> int:
        return sum(world.is_paused(name) for name in world.cluster.jobs)

    async def test_ten_percent_of_the_devices_an_hour(self) -> None:
        world = self.fleet(paused_percent_per_hour=10)
        await world.run_until(lambda: self.paused(world) > 0, within=LONG)
        await world.run_for(50 * MINUTE)
        assert self.paused(world) == 3
        assert sorted(world.condition("Succeeded", name)[1] for name in world.cluster.jobs).count("TooManyPauses") == 27
        await world.run_for(20 * MINUTE)
        assert self.paused(world) == 6

    async def test_percent_does_not_count_in_a_small_fleet(self) -> None:
        world = self.fleet(size=19, paused_percent_per_hour=10)
        await world.run_for(HOUR)
        assert self.paused(world) == 19

    async def test_pauses_an_hour(self) -> None:
        world = self.fleet(size=5, idle_pauses_per_hour=2)
        await world.run_for(HOUR)
        assert self.paused(world) == 2

    async def test_a_fleet_that_goes_idle_at_once_opens_the_breaker_for_an_hour(self) -> None:
        world = self.fleet(idle_share_jump_percent=30)
        busy_until(world, world.clock.time + 20 * MINUTE)
        opened = await world.run_until(lambda: world.cluster.breaker.open_until is not None, within=LONG)
        assert world.cluster.breaker.open_until == opened + HOUR
        await world.run_for(HOUR - 120)
        assert self.paused(world) == 0
        assert world.condition("Succeeded", "job-00") == ("Unknown", "CircuitBreakerOpen")
        await world.run_for(5 * MINUTE)
        assert self.paused(world) == 30

    async def test_a_human_resets_the_breaker(self) -> None:
        world = self.fleet(idle_share_jump_percent=30)
        busy_until(world, world.clock.time + 20 * MINUTE)
        await world.run_until(lambda: world.cluster.breaker.open_until is not None, within=LONG)
        await world.run_for(10 * MINUTE)
        assert self.paused(world) == 0
        world.cluster.breaker = Breaker(world.cluster.breaker.open_until, world.clock.time)
        await world.run_for(2 * MINUTE)
        assert self.paused(world) == 30

    async def test_the_breaker_survives_a_restart(self) -> None:
        world = self.fleet(idle_share_jump_percent=30)
        busy_until(world, world.clock.time + 20 * MINUTE)
        await world.run_until(lambda: world.cluster.breaker.open_until is not None, within=LONG)
        world.restart()
        await world.run_for(50 * MINUTE)
        assert self.paused(world) == 0

    async def test_a_restart_of_the_operator_is_no_jump(self) -> None:
        world = self.fleet(idle_share_jump_percent=30)
        for stored in world.cluster.jobs.values():
            stored.annotate(never_pause=True)
        await world.run_for(LONG)
        world.restart()
        world.metrics.up = False
        await world.run_for(5 * MINUTE)
        world.metrics.up = True
        await world.run_for(5 * MINUTE)
        assert world.cluster.breaker.open_until is None

    async def test_work_that_started_together_and_was_never_used_is_no_jump(self) -> None:
        world = self.fleet(idle_share_jump_percent=30)
        await world.run_for(40 * MINUTE)
        assert world.cluster.breaker.open_until is None
        assert self.paused(world) == 30

    async def test_counts_of_the_hour_survive_a_crash_before_any_status_is_written(self) -> None:
        world = self.fleet(size=5, idle_pauses_per_hour=2)
        while not world.cluster.done(Verb.Pause):
            await world.tick()
        for stored in world.cluster.jobs.values():
            stored.store({name: part for name, part in stored.status.items() if name != "pause"})
        world.restart()
        await world.run_for(20 * MINUTE)
        assert self.paused(world) == 2


class TestCatchingUp:
    """After a start history is read for minutes: 5,000 statuses must not change to Unknown and back meanwhile."""

    async def restarted(self) -> World:
        """Warned half a minute ago, known to everybody, and then the operator starts again."""
        world = idle_world()
        await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        await world.tick()
        world.metrics.forget_everything()
        world.metrics.reading = True
        world.restart()
        world.cluster.statuses.clear()
        return world

    async def test_nothing_is_told_while_history_is_read_nor_when_it_tells_the_same(self) -> None:
        world = await self.restarted()
        for _ in range(6):
            await world.tick()
        verdict = world.telemetry.reports[-1].plan.decisions[0].judgement
        assert verdict.reason == "MetricsUnavailable"
        world.metrics.reading = False
        await world.tick()
        assert world.cluster.statuses == []
        await world.run_until(world.is_paused, within=HOUR)
        assert len(world.told("Warn")) == 1

    async def test_humans_are_obeyed_and_told_meanwhile(self) -> None:
        world = await self.restarted()
        await world.tick()
        world.cluster.jobs["resnet"].annotate(override="Paused")
        await world.tick()
        assert world.is_paused()
        assert world.condition("Paused") == ("True", "PausedByUser")
        world.cluster.jobs["resnet"].annotate(override="")
        await world.tick()
        assert not world.is_paused()

    async def test_what_else_changed_is_told_with_the_verdict_as_it_is(self) -> None:
        world = await self.restarted()
        await world.tick()
        world.cluster.jobs["resnet"].annotate(invalid=("override 'Pausd' is not known",))
        await world.tick()
        assert world.condition("Accepted") == ("True", "InvalidAnnotation")
        assert world.condition("Idle") == ("Unknown", "MetricsUnavailable")
        assert len(world.cluster.statuses) == 1

    async def test_a_source_that_fails_after_that_is_told(self) -> None:
        world = await self.restarted()
        await world.tick()
        world.metrics.up = False
        await world.tick()
        assert world.condition("Idle") == ("Unknown", "MetricsUnavailable")

    async def test_who_was_never_told_anything_is_told_at_once(self) -> None:
        world = await self.restarted()
        world.cluster.add("newcomer")
        await world.tick()
        assert world.condition("Idle", "newcomer") == ("Unknown", "MetricsUnavailable")

    async def test_the_hourly_refresh_tells_how_it_is(self) -> None:
        world = await self.restarted()
        await world.run_for(1.5 * HOUR)
        assert world.condition("Idle") == ("Unknown", "MetricsUnavailable")

    async def test_a_planned_step_stands(self) -> None:
        world = idle_world()
        world.cluster.policies = [observing()]
        await world.run_until(lambda: "wouldBe" in world.status(), within=LONG)
        await world.run_for(5 * MINUTE)
        world.metrics.forget_everything()
        world.metrics.reading = True
        world.restart()
        world.cluster.statuses.clear()
        await world.run_for(5 * MINUTE)
        assert world.cluster.statuses == []


class TestCrashes:
    async def test_killed_between_the_pause_and_its_status(self) -> None:
        world = idle_world()
        world.cluster.crash_after = "Pause"
        with pytest.raises(KilledError):
            await world.run_for(LONG)
        assert world.is_paused()
        assert "pause" not in world.status()
        original = world.cluster.jobs["resnet"].workload.target.restore
        world.cluster.crash_after = ""
        world.restart()
        await world.tick()
        assert world.status()["pause"]["reason"] == "GPUNeverUsed"
        await world.run_for(HOUR)
        assert len(world.cluster.done(Verb.Pause)) == 1
        assert world.cluster.jobs["resnet"].workload.target.restore == original

    @pytest.mark.parametrize(
        ("last", "said"),
        [("Pause", "; its numbers went with the process that was killed"), ("status", "idle since ")],
        ids=["before its status", "after its status"],
    )
    async def test_a_pause_that_was_not_told_is_told_once_by_the_next(self, last: str, said: str) -> None:
        world = idle_world()
        await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        world.cluster.crash_after = last
        with pytest.raises(KilledError):
            await world.run_for(LONG)
        assert world.is_paused()
        assert world.told("Pause") == []
        world.cluster.crash_after = ""
        for _ in range(3):
            world.restart()
            await world.tick()
        assert world.told("Pause") == ["GPUNeverUsed"]
        assert said in world.cluster.events[-1].message

    @pytest.mark.parametrize(("later", "told"), [(540.0, 1), (660.0, 0)])
    async def test_only_what_is_news_is_told_late(self, later: float, told: int) -> None:
        world = idle_world()
        world.cluster.crash_after = "Pause"
        with pytest.raises(KilledError):
            await world.run_for(LONG)
        world.cluster.crash_after = ""
        world.restart()
        await world.tick(later)
        assert len(world.told("Pause")) == told

    async def test_a_pause_that_a_human_asked_for_is_told_late_as_theirs(self) -> None:
        world = idle_world()
        world.cluster.jobs["resnet"].annotate(override="Paused")
        world.cluster.crash_after = "Pause"
        with pytest.raises(KilledError):
            await world.tick()
        world.cluster.crash_after = ""
        world.restart()
        await world.tick()
        (note,) = world.cluster.events
        assert (note.type, note.reason) == ("Normal", "PausedByUser")
        assert note.message.endswith("Z by its user")

    async def test_what_cannot_be_told_late_keeps_nobody_waiting(self) -> None:
        world = await paused_world()
        world.restart()
        world.cluster.publish = broken  # type: ignore[method-assign]
        world.cluster.jobs["resnet"].annotate(override="Running")
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await world.tick()
        assert not world.is_paused(), "the second tick does not begin with it again"

    async def test_a_status_that_cannot_be_digested_is_left_out_and_the_others_are_written(self) -> None:
        world = await paused_world()
        stored = world.cluster.jobs["resnet"]
        target = stored.workload.target
        strange = replace(target.restore, reason="half of a pair: \ud800")
        stored.workload = replace(stored.workload, target=replace(target, restore=strange))
        stored.store({})
        world.cluster.add("other")
        await world.tick()
        assert world.status() == {}
        assert world.cluster.jobs["other"].status

    async def test_a_time_that_lies_ahead_is_no_news(self) -> None:
        world = await paused_world()
        world.cluster.events.clear()
        stored = world.cluster.jobs["resnet"]
        target = stored.workload.target
        stored.workload = replace(
            stored.workload, target=replace(target, restore=replace(target.restore, at=world.clock.time + HOUR))
        )
        world.restart()
        await world.tick()
        assert world.told("Pause") == []

    async def test_what_was_told_is_not_told_again_by_a_new_process_or_another_leader(self) -> None:
        world = await paused_world()
        world.restart()
        await world.tick()
        world.leadership.leads = False
        await world.tick()
        world.leadership.leads = True
        await world.tick()
        assert world.told("Pause") == ["GPUNeverUsed"]

    async def test_a_job_that_was_created_suspended_was_never_paused(self) -> None:
        world = World()
        world.cluster.add(running=False, intent=Intent(override="Paused"))
        await world.tick()
        assert world.is_paused()
        world.restart()
        await world.tick()
        assert "Pause" not in {note.action for note in world.cluster.events}

    async def test_killed_before_the_pause(self) -> None:
        world = idle_world()

        def die(what: str) -> Outcome:
            if what == "Pause":
                raise KilledError
            return Outcome(OutcomeKind.Done)

        world.cluster.answers = die
        with pytest.raises(KilledError):
            await world.run_for(LONG)
        assert not world.is_paused()
        world.cluster.answers = lambda _: Outcome(OutcomeKind.Done)
        world.restart()
        await world.tick()
        assert world.is_paused()

    async def test_killed_between_a_lever_moved_and_its_status(self) -> None:
        world = await paused_world()
        await world.tick()
        world.cluster.jobs["resnet"].unsuspend(world.clock.time)
        world.cluster.crash_after = "Forget"
        with pytest.raises(KilledError):
            await world.tick()
        world.cluster.crash_after = ""
        world.restart()
        await world.tick()
        assert "endTime" in world.status()["pause"]
        assert not world.is_paused()
        await world.run_for(4 * HOUR - 120)
        assert not world.is_paused(), "whose lever was moved by hand runs for four hours, crash or no crash"

    async def test_a_lever_moved_by_hand_counts_also_when_it_is_noted_at_the_second_try(self) -> None:
        world = await paused_world()
        await world.tick()
        world.cluster.jobs["resnet"].unsuspend(world.clock.time)
        busy = Outcome(OutcomeKind.Conflict, "changed since it was seen")
        world.cluster.answers = lambda what: busy if what == "Forget" else Outcome(OutcomeKind.Done)
        await world.tick()
        assert world.cluster.done(Verb.Forget) == []
        world.cluster.answers = lambda _: Outcome(OutcomeKind.Done)
        await world.tick()
        assert len(world.cluster.done(Verb.Forget)) == 1
        assert world.status()["pause"]["reverts"] == 1

    async def test_nothing_is_forgotten_before_the_humans_word_is_noted(self) -> None:
        world = await paused_world()
        await world.tick()
        world.cluster.jobs["resnet"].unsuspend(world.clock.time)
        denied = Outcome(OutcomeKind.Denied, "no")
        world.cluster.answers = lambda what: denied if what == "status" else Outcome(OutcomeKind.Done)
        await world.tick()
        assert world.cluster.jobs["resnet"].workload.target.restore is not None

    async def test_a_restore_that_nobody_understands_stops_nothing_else(self) -> None:
        world = World()
        world.cluster.add("first")
        world.cluster.add("second")
        await world.run_until(lambda: world.is_paused("first") and world.is_paused("second"), within=LONG)
        stored = world.cluster.jobs["first"]
        target = stored.workload.target
        odd = replace(target, restore=replace(target.restore, reason="FromTheFuture"))
        stored.workload = replace(stored.workload, target=odd)
        world.cluster.jobs["second"].annotate(override="Running")
        await world.tick()
        assert world.is_paused("first")
        assert not world.is_paused("second")


class TestQuiet:
    async def test_twenty_quiet_ticks_write_nothing(self) -> None:
        world = idle_world()
        world.metrics.busy = lambda name, at: True
        await world.run_for(5 * MINUTE)
        before = world.cluster.writes
        for _ in range(20):
            await world.tick()
        assert world.cluster.writes == before

    async def test_twenty_quiet_ticks_of_a_paused_job_write_nothing(self) -> None:
        world = await paused_world()
        await world.run_for(5 * MINUTE)
        before = world.cluster.writes
        for _ in range(20):
            await world.tick()
        assert world.cluster.writes == before

    async def test_quiet_ticks_between_warning_and_pause_write_nothing_and_the_veto_stays_told(self) -> None:
        world = idle_world()
        await world.run_until(lambda: bool(world.told("Warn")), within=LONG)
        before, told = world.cluster.writes, idle_message(world)
        assert told.endswith("`kubectl ebbtide keep trainingjob/resnet -n vision --for 4h` prevents that")
        for _ in range(8):
            await world.tick()
        assert world.cluster.writes == before
        world.cluster.jobs["resnet"].annotate(invalid=("override 'Pausd' is not known",))
        await world.tick()
        assert world.cluster.writes == before + 1, "written for another reason"
        announced = told.partition("; it will be paused after ")[2]
        assert announced
        assert idle_message(world).endswith(announced)

    async def test_workers_that_may_start_one_by_one_are_told_of_once(self) -> None:
        world = idle_world()
        world.metrics.busy = lambda name, at: True
        stored = world.cluster.jobs["resnet"]
        stored.workload = replace(stored.workload, starts_singly=True)
        await world.run_for(5 * MINUTE)
        assert world.condition("Accepted") == ("True", "GangNotGuaranteed")
        before = world.cluster.writes
        for _ in range(20):
            await world.tick()
        assert world.cluster.writes == before

    async def test_not_the_leader_no_write_at_all(self) -> None:
        world = idle_world()
        world.leadership.leads = False
        await world.run_for(LONG)
        assert world.cluster.writes == 0
        assert len(world.telemetry.reports) == LONG / 60

    async def test_growing_numbers_are_written_hourly_and_spread(self) -> None:
        world = World()
        world.metrics.busy = lambda name, at: True
        for number in range(20):
            world.cluster.add(f"job-{number:02}", uid=f"{number:02}", accelerators=1)
        await world.run_for(30 * MINUTE)
        started = world.clock.time
        world.cluster.statuses.clear()
        at: dict[str, float] = {}
        while len(at) < 20:
            await world.tick()
            for write in world.cluster.statuses:
                at.setdefault(write.name, world.clock.time - started)
        assert min(at.values()) > 25 * MINUTE
        assert max(at.values()) <= 45 * MINUTE
        assert len({*at.values()}) > 1

    async def test_two_refreshes_of_one_job_are_an_hour_apart(self) -> None:
        world = idle_world()
        world.metrics.busy = lambda name, at: True
        await world.run_for(30 * MINUTE)
        world.cluster.statuses.clear()
        await world.run_for(6 * HOUR)
        assert 4 <= len([it for it in world.cluster.statuses if it.kind == "TrainingJob"]) <= 6


class TestRefusedByTheApiServer:
    async def test_a_rejected_template_is_told_once_and_not_sent_each_tick(self) -> None:
        world = World()
        world.cluster.add(running=False)
        sent: list[str] = []

        def refuse(what: str) -> Outcome:
            if what != "Create":
                return Outcome(OutcomeKind.Done)
            sent.append(what)
            return Outcome(OutcomeKind.Rejected, "spec.template.spec.containers[0].image: Required value")

        world.cluster.answers = refuse
        await world.tick()
        assert world.condition("Accepted") == ("False", "TemplateRejected")
        assert world.condition("Succeeded") == ("Unknown", "TemplateRejected")
        await world.run_for(HOUR)
        assert sent == ["Create"]
        world.cluster.jobs["resnet"].edit_spec()
        await world.tick()
        assert len(sent) == 2

    async def test_a_missing_permission_is_told_and_tried_again(self) -> None:
        world = idle_world()
        denied = Outcome(OutcomeKind.Denied, "jobs.batch is forbidden")
        world.cluster.answers = lambda what: denied if what == "Pause" else Outcome(OutcomeKind.Done)
        await world.run_for(HOUR)
        assert world.condition("Succeeded") == ("Unknown", "PermissionDenied")
        assert world.condition("Accepted") == ("True", "Accepted")
        writes = world.cluster.writes
        await world.run_for(10 * MINUTE)
        assert world.cluster.writes == writes
        world.cluster.answers = lambda what: Outcome(OutcomeKind.Done)
        await world.run_until(world.is_paused, within=MOST_SECONDS)

    async def test_a_conflict_is_planned_again(self) -> None:
        world = idle_world()
        conflict = Outcome(OutcomeKind.Conflict, "changed since it was seen")
        world.cluster.answers = lambda what: conflict if what == "Pause" else Outcome(OutcomeKind.Done)
        await world.run_for(LONG)
        assert world.condition("Paused") == ("False", "Running")
        world.cluster.answers = lambda what: Outcome(OutcomeKind.Done)
        await world.tick()
        assert world.is_paused()


class TestPolicies:
    async def test_a_policy_tells_how_far_it_reaches(self) -> None:
        world = await paused_world()
        world.cluster.add("other")
        await world.run_for(2 * MINUTE)
        counts = [it.status for it in world.cluster.statuses if it.kind == "CostPolicy"][-1]
        assert (counts["selected"], counts["paused"]) == (2, 1)

    async def test_an_unreadable_policy_is_not_accepted_and_not_used(self) -> None:
        world = idle_world()
        world.cluster.policies = [unreadable_policy(conditions=())]
        await world.run_for(LONG)
        told = [it.status["conditions"][0] for it in world.cluster.statuses if it.kind == "CostPolicy"]
        assert [(it["status"], it["reason"]) for it in told] == [("False", "UnknownValue")]
        assert world.cluster.actions == []

    async def test_counts_are_written_at_most_once_a_minute(self) -> None:
        world = World()
        await world.tick()
        for number in range(6):
            world.cluster.add(f"job-{number}")
            await world.tick(seconds=5)
        assert len([it for it in world.cluster.statuses if it.kind == "CostPolicy"]) <= 2


class TestTheLoop:
    async def test_telling_nothing_to_many_lets_others_run_in_between(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        for number in range(60):
            world.cluster.add(f"job-{number}", uid=f"{number}")
        world.metrics.busy = lambda name, at: True
        await world.run_for(5 * MINUTE)
        world.restart()
        made, in_a_row, done = 0, [0], asyncio.Event()

        def counted(*words: Any, **more: Any) -> Any:
            nonlocal made
            made += 1
            in_a_row[-1] += 1
            return workload_status(*words, **more)

        async def others() -> None:
            while not done.is_set():
                await asyncio.sleep(0)
                in_a_row.append(0)

        monkeypatch.setattr(statuses, "workload_status", counted)
        task = asyncio.create_task(others())
        await world.tick()
        done.set()
        await task
        assert made == 60
        assert max(in_a_row) <= CONCURRENT_WRITES

    async def test_it_survives_a_failing_tick_and_stops_when_told(self) -> None:
        world = idle_world(tick_seconds=0.01)
        stop, seen = asyncio.Event(), 0
        observe = FakeCluster.observe

        async def sometimes() -> object:
            nonlocal seen
            seen += 1
            if seen == 1:
                raise RuntimeError("the first one fails")
            if seen == 3:
                stop.set()
            return await observe(world.cluster)

        world.cluster.observe = sometimes  # type: ignore[method-assign, assignment]
        async with asyncio.timeout(10):
            task = asyncio.create_task(world.engine.run(stop))
            while not task.done():
                world.clock.time += 1
                await asyncio.sleep(0.01)
        assert seen == 3

    async def test_mode_words_are_those_of_the_api(self) -> None:
        assert {str(mode) for mode in PolicyMode} == {"Observe", "Enforce"}
