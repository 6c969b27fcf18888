"""Acceptance test 14: what the API server refuses is told all the time, and tried again after gaps that grow."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ebbtide.core.action import Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.settings import Safety
from ebbtide.engine.refusals import MOST_SECONDS
from ebbtide.ports import Outcome, OutcomeKind
from tests.builders import HOUR, MINUTE
from tests.fakes import DONE, World

LONG = 1.25 * HOUR
"""Longer than any idleness that leads to a pause here."""
TICK = 30.0


class Refusing:
    """One idle TrainingJob, and an API server that refuses to pause it."""

    def __init__(self, kind: OutcomeKind = OutcomeKind.Denied) -> None:
        self.world = World()
        self.stored = self.world.cluster.add()
        self.kind = kind
        self.tried: list[float] = []
        self.world.cluster.answers = self._answer

    def _answer(self, what: str) -> Outcome:
        if what != Verb.Pause:
            return DONE
        self.tried.append(self.world.clock.time)
        return Outcome(self.kind, "its admission policy says no")

    def gaps(self) -> list[int]:
        """Seconds between two attempts."""
        return [round(later - at) for at, later in pairwise(self.tried)]

    async def run_until_tried(self, times: int) -> None:
        await self.world.run_until(lambda: len(self.tried) >= times, within=LONG, step=TICK)


@pytest.mark.parametrize("kind", [OutcomeKind.Denied, OutcomeKind.Rejected])
async def test_a_pause_that_is_refused_is_tried_after_gaps_that_grow_to_five_minutes(kind: OutcomeKind) -> None:
    it = Refusing(kind)
    await it.run_until_tried(1)
    before = it.world.cluster.writes
    for _ in range(60):
        await it.world.tick(TICK)
        assert it.world.condition("Succeeded") == ("Unknown", "PermissionDenied"), "also between two attempts"
    assert it.gaps() == [30, 60, 120, 240, 300, 300, 300, 300]
    assert it.world.cluster.writes - before <= 1, "the refusal is told once"
    it.kind = OutcomeKind.Done
    await it.world.run_until(it.world.is_paused, within=MOST_SECONDS, step=TICK)
    assert len(it.world.told("Pause")) == 1


async def test_a_tick_that_comes_a_little_early_is_the_one_that_was_meant() -> None:
    it = Refusing()
    await it.run_until_tried(1)
    for _ in range(40):
        await it.world.tick(TICK - 1)
    assert it.gaps()[:3] == [29, 58, 116]


async def test_a_humans_word_is_tried_at_once_and_a_changed_spec_too() -> None:
    it = Refusing()
    await it.run_until_tried(5)
    await it.world.tick(TICK)
    assert len(it.tried) == 5
    it.stored.annotate(override="Paused")
    await it.world.tick(TICK)
    assert len(it.tried) == 6
    await it.world.tick(TICK)
    await it.world.tick(TICK)
    assert len(it.tried) == 7, "refused in its turn"
    it.stored.edit_spec()
    await it.world.tick(TICK)
    assert len(it.tried) == 8


async def test_one_that_was_not_asked_for_in_between_begins_anew() -> None:
    it = Refusing()
    it.world.metrics.busy = lambda name, at: True
    for count in (1, 2):
        it.stored.annotate(override="Paused")
        await it.world.tick(TICK)
        assert len(it.tried) == count
        it.stored.annotate(override="")
        await it.world.tick(TICK)


async def test_the_refusal_of_one_keeps_no_other_from_being_paused() -> None:
    it = Refusing()
    other = it.world.cluster.add("other")
    other.workload = replace(other.workload, uid="another")
    await it.run_until_tried(3)
    it.kind = OutcomeKind.Done
    other.annotate(override="Paused")
    await it.world.tick(TICK)
    assert it.world.is_paused("other")


@pytest.mark.parametrize("kind", [OutcomeKind.Conflict, OutcomeKind.Failed, OutcomeKind.RateLimited])
async def test_what_may_be_otherwise_in_a_moment_is_tried_at_every_tick(kind: OutcomeKind) -> None:
    it = Refusing(kind)
    await it.run_until_tried(1)
    await it.world.run_for(5 * MINUTE, step=TICK)
    assert set(it.gaps()) == {30}


class Namespaced:
    """Six idle TrainingJobs under a limit of two an hour; the three that are idle for longest may not be paused."""

    def __init__(self) -> None:
        self.world = World(safety=Safety(2, 0, 0))
        self.denied = frozenset({"job-0", "job-1", "job-2"})
        for number in range(6):
            name = f"job-{number}"
            stored = self.world.cluster.add(name)
            stored.workload = replace(stored.workload, uid=name)
        self.execute, self.world.cluster.execute = self.world.cluster.execute, self._execute  # type: ignore[method-assign]

    async def _execute(self, decision: Decision, action: Action) -> Outcome:
        if action.verb is Verb.Pause and action.workload.name in self.denied:
            return Outcome(OutcomeKind.Denied, "its admission policy says no")
        return await self.execute(decision, action)

    def paused(self) -> list[str]:
        return [name for name in self.world.cluster.jobs if self.world.is_paused(name)]


async def test_what_is_refused_holds_no_place_that_another_could_take() -> None:
    it = Namespaced()
    await it.world.run_until(lambda: len(it.paused()) == 2, within=LONG, step=TICK)
    assert it.paused() == ["job-3", "job-4"]
    assert [it.world.condition("Succeeded", name)[1] for name in sorted(it.denied)] == ["PermissionDenied"] * 3
    assert it.world.condition("Succeeded", "job-5") == ("Unknown", "TooManyPauses")
    await it.world.run_for(2 * TICK, step=TICK)
    before = it.world.cluster.writes
    await it.world.run_for(10 * MINUTE, step=TICK)
    said = {one.workload.name: one.message for one in (await it.world.tick(TICK)).plan.decisions}
    assert said["job-5"] == "fleet: 2 idle pauses in the last hour of at most 2"
    assert said["job-0"] == f"the API server refused its pause; it is tried again after the others: {said['job-5']}"
    assert it.world.cluster.writes == before, "who waits is told once"


async def test_the_limit_holds_when_the_refusal_ends_and_what_was_refused_comes_after_the_others() -> None:
    it = Namespaced()
    await it.world.run_until(lambda: len(it.paused()) == 2, within=LONG, step=TICK)
    it.denied = frozenset()
    await it.world.run_for(50 * MINUTE, step=TICK)
    assert len(it.paused()) == 2
    await it.world.run_for(15 * MINUTE, step=TICK)
    assert {"job-3", "job-4", "job-5"} < set(it.paused())
    assert len(it.paused()) == 4


async def test_what_is_refused_for_ever_does_not_keep_what_was_refused_once() -> None:
    """A right was missing for all; it is back, and an admission policy goes on refusing the two idle for longest."""
    it = Namespaced()
    stubborn, it.denied = frozenset({"job-0", "job-1"}), frozenset(it.world.cluster.jobs)
    await it.world.run_for(LONG, step=TICK)
    assert {it.world.condition("Succeeded", name)[1] for name in it.denied} == {"PermissionDenied"}
    it.denied = stubborn
    await it.world.run_until(lambda: len(it.paused()) == 4, within=6 * HOUR, step=TICK)
    assert it.paused() == ["job-2", "job-3", "job-4", "job-5"]
