"""Stories over a whole engine about people: warnings that count, back-off, deadlines, validation runs, who is told."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ebbtide.core.action import Verb
from ebbtide.core.notice import Notice
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Checkpoint, Intent
from ebbtide.ports import Outcome, OutcomeKind
from tests.builders import HOUR, MINUTE, SHORT_IDLE, policy
from tests.fakes import World

LONG = 1.25 * HOUR
NOTIFY = {"notify": {"receiver": "ml-oncall", "events": []}}


@dataclass
class Inbox:
    """Implements ports.Notifier."""

    receivers: frozenset[str] = frozenset({"ml-oncall"})
    notices: list[Notice] = field(default_factory=list)

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(str(it.event), it.reason) for it in self.notices]


class Story(World):
    """A world whose engine has an inbox."""

    def __init__(self, *policies: Policy, **job: Any) -> None:
        self.inbox = Inbox()
        super().__init__(notifier=self.inbox)
        self.cluster.policies = list(policies) or [policy(spec=NOTIFY)]
        self.cluster.add(**job)

    def rule(self, **spec: Any) -> None:
        idle = {**SHORT_IDLE, **spec.pop("idle", {})}
        self.cluster.policies = [policy(idle=idle, spec={**NOTIFY, **spec})]


class TestWarningsThatCount:
    async def test_a_warning_that_announced_no_pause_is_given_again_with_the_true_time(self) -> None:
        story = Story(checkpoint=Checkpoint())
        await story.run_for(LONG)
        assert story.status()["idle"]["withoutPause"] == "NoCheckpoint"
        assert not story.is_paused()
        story.cluster.jobs["resnet"].edit_spec(checkpoint=Checkpoint("Periodic", 900))
        await story.tick()
        warned = story.clock.time
        assert len(story.told("Warn")) == 2
        assert "withoutPause" not in story.status()["idle"]
        paused = await story.run_until(story.is_paused, within=LONG, step=10)
        assert paused - warned == SHORT_IDLE["warnSeconds"]

    async def test_in_observe_the_same_is_planned(self) -> None:
        story = Story(policy(spec={"mode": "Observe"}), checkpoint=Checkpoint())
        await story.run_for(LONG)
        assert story.status()["wouldBe"]["withoutPause"] == "NoCheckpoint"
        story.cluster.jobs["resnet"].edit_spec(checkpoint=Checkpoint("Periodic", 900))
        await story.tick()
        warned, would_be = story.clock.time, story.status()["wouldBe"]
        assert (would_be["action"], "withoutPause" in would_be) == ("Warn", False)
        planned = await story.run_until(lambda: story.status()["wouldBe"]["action"] == "Pause", within=LONG, step=10)
        assert planned - warned == SHORT_IDLE["warnSeconds"]
        steps = [str(it.verb) for report in story.telemetry.reports for it, _ in report.outcomes if it.observed]
        assert steps == ["Warn", "Warn", "Pause"]

    async def test_it_is_given_once_while_the_refusal_lasts_whatever_its_reason(self) -> None:
        story = Story(checkpoint=Checkpoint())
        await story.run_for(LONG)
        story.rule(idle={"action": "Notify"})
        await story.run_for(LONG)
        assert len(story.told("Warn")) == 1

    async def test_a_restart_forgets_nothing_of_it(self) -> None:
        story = Story(checkpoint=Checkpoint())
        await story.run_for(LONG)
        story.restart()
        story.metrics.forget_everything()
        await story.run_for(10 * MINUTE)
        assert len(story.told("Warn")) == 1
        assert not story.is_paused()

    async def test_a_refusal_that_ends_by_itself_is_announced_with_its_end(self) -> None:
        story = Story()
        story.rule(limits={"minimumRunSeconds": 7200})
        await story.run_until(lambda: bool(story.told("Warn")), within=LONG)
        [notice] = story.inbox.notices
        paused = await story.run_until(story.is_paused, within=3 * HOUR, step=10)
        assert notice.acts_after is not None
        assert 0 <= paused - notice.acts_after <= 10
        assert len(story.told("Warn")) == 1


class TestConfirming:
    async def test_evidence_that_has_grown_old_by_the_time_of_the_patch_pauses_nothing(self) -> None:
        story = Story()
        story.cluster.add("bert")

        def slowly(verb: str) -> Outcome:
            story.clock.time += 61 if verb == Verb.Pause else 0  # a patch that took a minute
            return Outcome(OutcomeKind.Done)

        story.cluster.answers = slowly
        both = ("bert", "resnet")
        await story.run_until(lambda: any(story.is_paused(name) for name in both), within=LONG)
        assert [story.is_paused(name) for name in both] == [True, False]
        refused = [how for it, how in story.telemetry.reports[-1].outcomes if it.verb is Verb.Pause]
        assert [how.kind for how in refused] == [OutcomeKind.Done, OutcomeKind.Conflict]
        assert "the newest sample of some device is 61 s old by now" in refused[1].message
        await story.tick()
        assert story.is_paused("resnet")

    async def test_metrics_that_were_not_read_in_this_very_tick_pause_nothing(self) -> None:
        story = Story()
        await story.run_until(lambda: bool(story.told("Warn")), within=LONG)
        story.metrics.up = False
        await story.run_for(LONG)
        assert not story.is_paused()
        assert story.cluster.done(Verb.Pause) == []


class TestFlapping:
    async def test_each_idle_pause_of_the_day_doubles_the_minimum_run_and_the_count_rolls(self) -> None:
        story = Story()
        story.rule(
            idle={"resumeAfterSeconds": 300, "neverUsedAfterSeconds": 1200},
            limits={"minimumRunSeconds": 1800, "pausesPerWorkloadPerDay": 4},
        )
        await story.run_for(25 * HOUR)
        starts = _pause_times(story)
        runs = [b - a - 300 for a, b in pairwise(starts)]
        assert [round(run / 1800) for run in runs[:3]] == [1, 2, 4]
        assert starts[4] - starts[0] >= 24 * HOUR
        assert story.status()["pause"]["countToday"] == 4

    async def test_pauses_a_day_apart_are_never_counted_together(self) -> None:
        story = Story()
        story.rule(
            idle={"resumeAfterSeconds": 20 * 3600, "neverUsedAfterSeconds": 1200},
            limits={"pausesPerWorkloadPerDay": 2, "minimumRunSeconds": 0},
        )
        await story.run_for(5 * 24 * HOUR, step=5 * MINUTE)
        assert story.status()["pause"]["countToday"] == 2
        assert len(story.cluster.done(Verb.Pause)) >= 5


def _pause_times(story: Story) -> list[float]:
    return [report.plan.now for report in story.telemetry.reports if _did(report, Verb.Pause)]


def _did(report: Any, verb: Verb) -> bool:
    return any(it.verb is verb and how.kind is OutcomeKind.Done for it, how in report.outcomes)


class TestDeadlines:
    async def test_an_idle_pause_ends_at_the_latest_start_and_does_not_come_again(self) -> None:
        story = Story()
        deadline = story.clock.time + 10 * HOUR
        stored = story.cluster.jobs["resnet"]
        stored.edit_spec(deadline=deadline, expected_seconds=4 * 3600)
        await story.run_until(story.is_paused, within=LONG)
        resumed = await story.run_until(lambda: not story.is_paused(), within=10 * HOUR, step=30)
        latest = deadline - 4 * HOUR - 0.1 * 4 * HOUR - 600
        assert latest - 60 <= resumed <= latest
        assert story.told("Resume") == ["SafetyNet"]
        await story.run_for(2 * HOUR)
        assert not story.is_paused()
        assert story.condition("DeadlineAtRisk") == ("True", "DeadlineInfeasible")

    async def test_work_that_is_done_gives_slack(self) -> None:
        story = Story()
        busy_to = story.clock.time + 2 * HOUR
        story.metrics.busy = lambda name, at: at <= busy_to
        story.cluster.jobs["resnet"].edit_spec(deadline=story.clock.time + 7 * HOUR, expected_seconds=4 * 3600)
        await story.run_until(story.is_paused, within=4 * HOUR)
        counted = story.status()["accrued"]
        assert abs(counted["activeSeconds"] - 2 * HOUR) <= 120
        assert counted["lostSeconds"] == 900
        assert abs(counted["durableSeconds"] - (2 * HOUR - 900)) <= 120

    async def test_a_deadline_at_risk_is_told_once(self) -> None:
        story = Story()
        story.cluster.jobs["resnet"].edit_spec(deadline=story.clock.time + 3 * HOUR, expected_seconds=4 * 3600)
        await story.run_for(HOUR)
        assert story.inbox.told.count(("DeadlineAtRisk", "DeadlineInfeasible")) == 1

    async def test_quiet_ticks_of_work_with_a_deadline_write_nothing(self) -> None:
        story = Story()
        story.metrics.busy = lambda name, at: True
        story.cluster.jobs["resnet"].edit_spec(deadline=story.clock.time + 30 * HOUR, expected_seconds=4 * 3600)
        await story.run_for(20 * MINUTE)
        before = story.cluster.writes
        await story.run_for(30 * MINUTE)
        assert story.cluster.writes == before


class TestWhoIsTold:
    async def test_warning_pause_and_resume_each_once_with_what_people_need(self) -> None:
        story = Story(policy(spec=NOTIFY, idle={**SHORT_IDLE, "resumeAfterSeconds": 600}))
        await story.run_until(lambda: len(story.inbox.notices) >= 3, within=LONG)
        assert story.inbox.told == [("Warn", "GPUNeverUsed"), ("Pause", "GPUNeverUsed"), ("Resume", "GPUNeverUsed")]
        warn, pause, resume = story.inbox.notices
        assert warn.command == "kubectl ebbtide keep trainingjob/resnet -n vision --for 4h"
        assert warn.acts_after is not None
        assert pause.command == "kubectl ebbtide resume trainingjob/resnet -n vision"
        assert (pause.acts_after, resume.command) == (None, "")
        assert len({it.key for it in story.inbox.notices}) == 3

    async def test_only_the_events_that_the_policy_names(self) -> None:
        story = Story(policy(spec={"notify": {"receiver": "ml-oncall", "events": ["Pause"]}}))
        await story.run_for(LONG)
        assert story.inbox.told == [("Pause", "GPUNeverUsed")]

    async def test_a_policy_without_the_section_tells_nobody(self) -> None:
        story = Story(policy())
        await story.run_for(LONG)
        assert story.is_paused()
        assert story.inbox.notices == []

    async def test_observing_tells_nobody(self) -> None:
        story = Story(policy(spec={**NOTIFY, "mode": "Observe"}))
        await story.run_for(LONG)
        assert story.inbox.notices == []

    async def test_observing_tells_of_a_deadline_at_risk_once_and_of_no_pause_that_would_be(self) -> None:
        story = Story(policy(idle=SHORT_IDLE, spec={**NOTIFY, "mode": "Observe"}))
        story.cluster.jobs["resnet"].edit_spec(deadline=story.clock.time + 4 * HOUR, expected_seconds=HOUR)
        await story.run_until(lambda: story.status().get("wouldBe", {}).get("action") == "Pause", within=LONG)
        assert story.inbox.notices == [], "there is slack, and a pause is only planned"
        story.cluster.jobs["resnet"].edit_spec(deadline=story.clock.time + HOUR, expected_seconds=4 * HOUR)
        await story.run_for(LONG)
        assert story.inbox.told == [("DeadlineAtRisk", "DeadlineInfeasible")]

    async def test_observing_tells_of_a_pause_that_is_really_done(self) -> None:
        story = Story(policy(spec={**NOTIFY, "mode": "Observe"}), pause_during=("Job", "evaluate"))
        story.metrics.busy = lambda name, at: True
        story.cluster.jobs["resnet"].edit_spec(during="Job evaluate runs")
        await story.run_for(10 * MINUTE)
        assert story.is_paused()
        story.cluster.jobs["resnet"].edit_spec(during="")
        await story.run_for(10 * MINUTE)
        assert not story.is_paused()
        assert [event for event, _ in story.inbox.told] == ["Pause", "Resume"]

    async def test_observing_tells_that_what_was_paused_before_runs_again(self) -> None:
        story = Story()
        await story.run_until(story.is_paused, within=LONG)
        told = len(story.inbox.notices)
        story.rule(mode="Observe")
        await story.run_for(LONG)
        assert not story.is_paused()
        [resume] = story.inbox.notices[told:]
        assert (str(resume.event), resume.reason) == ("Resume", story.told("Resume")[-1])

    async def test_what_the_api_server_refuses_is_not_told(self) -> None:
        story = Story()
        story.cluster.answers = lambda verb: Outcome(
            OutcomeKind.Denied if verb in {"Pause", "status"} else OutcomeKind.Done
        )
        await story.run_for(LONG)
        assert story.inbox.notices == []

    async def test_one_that_does_not_lead_tells_nobody(self) -> None:
        story = Story()
        story.leadership.leads = False
        await story.run_for(LONG)
        assert story.inbox.notices == []

    async def test_a_persons_own_pause_and_its_end_are_no_news(self) -> None:
        story = Story()
        story.metrics.busy = lambda name, at: True
        story.cluster.jobs["resnet"].intent = Intent(override="Paused")
        await story.run_for(10 * MINUTE)
        story.cluster.jobs["resnet"].intent = Intent()
        await story.run_for(10 * MINUTE)
        assert not story.is_paused()
        assert story.inbox.notices == []

    async def test_a_conflict_is_told_once(self) -> None:
        story = Story()
        story.rule(idle={"neverUsedAfterSeconds": 1200})
        for _ in range(3):
            await story.run_until(story.is_paused, within=6 * HOUR, step=5 * MINUTE)
            story.cluster.jobs["resnet"].unsuspend(story.clock.time)
            await story.tick()
        await story.run_for(6 * HOUR, step=5 * MINUTE)
        assert story.inbox.told.count(("Conflict", "ConflictingController")) == 1

    async def test_an_unknown_receiver_is_told_in_the_policys_status_and_the_policy_is_used(self) -> None:
        story = Story(policy(spec={"notify": {"receiver": "nobody", "events": []}}))
        await story.run_for(LONG)
        [accepted] = story.cluster.policies[0].conditions
        assert (accepted.status, accepted.reason) == ("True", "ReceiverNotFound")
        assert story.is_paused()
        story.inbox.receivers = frozenset({"nobody"})
        await story.run_for(5 * MINUTE)
        [accepted] = story.cluster.policies[0].conditions
        assert accepted.reason == "Accepted"


class TestValidation:
    async def test_training_steps_aside_and_comes_back_and_nobody_counts_it_as_idle(self) -> None:
        story = Story(pause_during=("Job", "evaluate"))
        story.metrics.busy = lambda name, at: True
        stored = story.cluster.jobs["resnet"]
        await story.run_for(10 * MINUTE)
        for _ in range(3):
            stored.edit_spec(during="Job evaluate runs")
            await story.tick()
            assert story.is_paused()
            await story.run_for(10 * MINUTE)
            assert story.status()["pause"]["countToday"] == 0
            assert story.condition("Succeeded") == ("Unknown", "PausedDuring")
            stored.edit_spec(during="")
            await story.tick()
            assert not story.is_paused()
            await story.run_for(10 * MINUTE)
        assert story.told("Pause") == ["PausedDuring"] * 3
        assert story.inbox.told == [("Pause", "PausedDuring"), ("Resume", "PausedDuring")] * 3
