"""The loop and work of others: first an object that carries the status, then everything else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ebbtide.core.action import Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import ClusterState, MetricsHealth, Policy
from ebbtide.core.workload import Attempts, Intent, Memory, Workload
from ebbtide.engine import Engine
from ebbtide.ports import EventNote, Outcome, OutcomeKind, StatusWrite, TickReport
from tests.adopted import DEVICES_ONLY, TOLD, deployment, foreign_job, stored, web
from tests.builders import NOW, accepted, evidence, healthy, job, pause_record, policy, settings, state, watched
from tests.fakes import FakeClock, FakeLeadership, FakeTelemetry

DONE = Outcome(OutcomeKind.Done)
PAYS = {"attribution": {"defaults": {"team": "vision"}}}


@dataclass
class World:
    """One workload, and everything that is written about it."""

    workload: Workload
    policies: list[Policy]
    answer: Callable[[Action], Outcome] = lambda _: DONE
    done: list[Verb] = field(default_factory=list)
    statuses: list[StatusWrite] = field(default_factory=list)
    notes: list[EventNote] = field(default_factory=list)
    idle_for: float | None = None

    @property
    def told(self) -> list[StatusWrite]:
        """Statuses of the work; those of policies are not looked at."""
        return [write for write in self.statuses if write.kind == "AdoptedWorkload"]

    async def observe(self, *_: Any) -> Any:
        return state(self.workload, policies=self.policies)

    async def execute(self, _: Decision, action: Action) -> Outcome:
        self.done.append(action.verb)
        return self.answer(action)

    async def write_status(self, write: StatusWrite) -> Outcome:
        self.statuses.append(write)
        return DONE

    async def write_breaker(self, _: float) -> Outcome:
        return DONE

    async def publish(self, note: EventNote) -> Outcome:
        self.notes.append(note)
        return DONE


@dataclass
class Evidence:
    """Every pod is quiet for so long, or busy."""

    idle_for: float | None

    async def observe(self, seen: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        book = evidence()
        for pods in seen.pods.values():
            for holder in pods:
                watched(book, holder, idle_for=self.idle_for or 0.0)
        return book, healthy()


async def ticked(it: Workload, *policies: Policy, **more: Any) -> tuple[World, TickReport]:
    world = World(it, list(policies), **more)
    engine = Engine(
        cluster=world,
        metrics=Evidence(world.idle_for),
        telemetry=FakeTelemetry(),
        leadership=FakeLeadership(),
        clock=FakeClock(),
        settings=settings(),
    )
    return world, await engine.tick()


async def test_first_an_object_is_made_and_nothing_is_told_without_one() -> None:
    world, report = await ticked(web(status_object=None), policy(idle=DEVICES_ONLY), idle_for=960)
    assert world.done == [Verb.Adopt]
    assert (world.told, world.notes) == ([], [])
    kinds = {action.verb: outcome.kind for action, outcome in report.outcomes}
    assert kinds == {Verb.Adopt: OutcomeKind.Done, Verb.Warn: OutcomeKind.Conflict}


async def test_status_goes_to_the_object_that_carries_it_and_events_to_the_work_itself() -> None:
    it = web()
    world, _ = await ticked(it, policy(idle=DEVICES_ONLY), idle_for=960)
    [told] = world.told
    assert (told.name, told.uid, told.namespace) == (TOLD.name, TOLD.uid, "vision")
    [note] = world.notes
    assert (note.action, note.uid, note.workload) == ("Warn", it.uid, it.key)


async def test_a_human_is_obeyed_before_there_is_an_object_to_tell_it() -> None:
    world, _ = await ticked(web(status_object=None, intent=Intent(override="Paused")))
    assert world.done == [Verb.Pause, Verb.Adopt]
    assert [note.action for note in world.notes] == ["Pause"]


async def test_what_a_human_did_is_noted_before_the_annotation_goes() -> None:
    moved = deployment(6, restore=stored())
    without, _ = await ticked(web(moved, status_object=None), policy(idle=DEVICES_ONLY))
    assert without.done == [Verb.Adopt], "the lever's word would be lost: there is no status to note it in"
    world, _ = await ticked(web(moved), policy(idle=DEVICES_ONLY))
    assert world.done == [Verb.Forget]
    override: Any = world.told[0].status["override"]
    assert override["request"] == "Lever"


@pytest.mark.parametrize("kind", [OutcomeKind.Denied, OutcomeKind.Rejected, OutcomeKind.Failed])
async def test_a_label_that_cannot_be_written_says_nothing_about_the_work(kind: OutcomeKind) -> None:
    refused = Outcome(kind, "no")
    world, report = await ticked(web(), policy(spec=PAYS), answer=lambda _: refused)
    assert world.done == [Verb.Label]
    assert [outcome.kind for _, outcome in report.outcomes] == [kind]
    [told] = world.told
    reasons = {it["reason"] for it in told.status["conditions"]}
    assert not {Reason.PermissionDenied, Reason.TemplateRejected} & reasons


async def test_labels_are_counted_where_they_were_written_and_only_the_end_of_a_fight_is_told() -> None:
    for before, kind, count in ((1, OutcomeKind.Done, 2), (1, OutcomeKind.Unchanged, 1), (2, OutcomeKind.Done, 3)):
        memory = Memory(labelling=Attempts("team", before, NOW - 60), conditions=(accepted(),), spec_hash="5ca1ab1e")
        outcome = Outcome(kind)
        world, _ = await ticked(web(memory=memory), policy(spec=PAYS), answer=lambda _, outcome=outcome: outcome)
        assert world.done == [Verb.Label]
        labelling: Any = world.told[0].status["labelling"]
        assert labelling["count"] == count
        told = [(note.action, note.reason, note.type) for note in world.notes]
        assert told == ([("Label", "ConflictingController", "Normal")] if count == 3 else [])


async def test_an_original_that_a_rollout_brought_back_is_no_pause_that_was_not_told() -> None:
    over = Memory(
        pause=pause_record(since=NOW - 120, ended_at=NOW - 60), conditions=(accepted(),), spec_hash="5ca1ab1e"
    )
    world, _ = await ticked(web(deployment(0, restore=stored(4, at=NOW - 120)), memory=over), policy(idle=DEVICES_ONLY))
    assert [note.action for note in world.notes] == ["Forget"]
    now_paused = Memory(conditions=(accepted(),), spec_hash="5ca1ab1e")
    world, _ = await ticked(web(deployment(0, restore=stored(4, at=NOW - 120)), memory=now_paused), policy())
    assert [note.action for note in world.notes] == ["Pause"]


async def test_of_what_goes_nothing_more_is_told() -> None:
    ended = foreign_job(job("train", finished=Reason.JobCompleted, finished_at=NOW - 100_000))
    world, _ = await ticked(ended, policy())
    assert world.done == [Verb.Discard]
    assert world.told == []
    assert world.notes == []


async def test_the_original_is_told_a_second_time_with_the_tick_that_sees_it() -> None:
    memory = Memory(pause=pause_record(), conditions=(accepted(),), spec_hash="5ca1ab1e")
    world, _ = await ticked(web(deployment(0, restore=stored(4)), memory=memory), policy(idle=DEVICES_ONLY))
    [told] = world.told
    pause: Any = told.status["pause"]
    assert pause["original"] == '[{"path":"/spec/replicas","was":4,"set":0}]'
