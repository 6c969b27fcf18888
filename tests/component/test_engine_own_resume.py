"""A start of ours that nobody could record is ours all the same, however the process ended and whatever came after.

The cause is gone when the next process looks: the object of pauseDuring lives again, the policy was edited back, the
human's word has run out.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ebbtide.core.action import Verb
from ebbtide.engine.execution import MOST_UNNOTED
from ebbtide.ports import Outcome, OutcomeKind
from tests.builders import HOUR, MINUTE, SHORT_IDLE, policy
from tests.fakes import DONE, KilledError, World

NAME = "resnet"
LONG = 1.25 * HOUR
RESTED = 10 * MINUTE
Change = Callable[[World], None]


def lives(world: World) -> None:
    """The object that spec.pauseDuring names is there."""
    of(world, during="Job evaluate runs")


def is_gone(world: World) -> None:
    of(world, during="")


def of(world: World, **changes: str) -> None:
    stored = world.cluster.jobs[NAME]
    stored.workload = replace(stored.workload, **changes)


def limited(world: World) -> None:
    world.cluster.policies = [policy(idle={**SHORT_IDLE, "resumeAfterSeconds": 60})]


def unlimited(world: World) -> None:
    world.cluster.policies = [policy()]


def observes(world: World) -> None:
    world.cluster.policies = [policy(spec={"mode": "Observe"})]


def asked(world: World) -> None:
    world.cluster.jobs[NAME].annotate(override="Running", override_until=world.clock.time + 10 * MINUTE)


def took_back(world: World) -> None:
    world.cluster.jobs[NAME].annotate(override="", override_until=None)


def nothing(world: World) -> None:
    """It is idle, which is enough to be paused."""


CAUSES: dict[str, tuple[Change, Change, Change]] = {
    # what paused it, why we start it again, what takes that cause away
    "pauseDuring, and it lives again": (lives, is_gone, lives),
    "resumeAfterSeconds, and it was taken out": (nothing, limited, unlimited),
    "Observe, and Enforce again": (nothing, observes, unlimited),
    "a human's Running, and it was taken back": (nothing, asked, took_back),
}


async def paused(pauses: Change) -> World:
    world = World()
    stored = world.cluster.add()
    stored.workload = replace(stored.workload, pause_during=("Job", "evaluate"))
    world.cluster.policies = [policy()]
    pauses(world)
    await world.run_until(world.is_paused, within=LONG)
    await world.tick(RESTED)
    return world


async def killed_at_its_start(world: World, cause: Change, *, after: bool) -> None:
    """kill -9 right before the patch that starts it is sent, or right after its answer."""

    def dies(what: str) -> Outcome:
        if what == Verb.Resume and not after:
            raise KilledError
        return DONE

    cause(world)
    world.cluster.answers, world.cluster.crash_after = dies, "Resume" if after else ""
    with pytest.raises(KilledError):
        await world.tick()
    world.cluster.answers, world.cluster.crash_after = lambda _: DONE, ""
    world.restart()


@pytest.mark.parametrize("case", CAUSES.values(), ids=CAUSES)
async def test_a_start_that_was_killed_before_it_was_told_is_no_humans(case: tuple[Change, Change, Change]) -> None:
    pauses, cause, away = case
    world = await paused(pauses)
    await killed_at_its_start(world, cause, after=True)
    assert not world.is_paused()
    assert "endTime" not in world.status()["pause"]
    away(world)
    await world.tick()
    assert world.told("Forget") == []
    assert world.status()["pause"]["reverts"] == 0
    assert world.status().get("override", {}).get("request") != "Lever"
    assert "attempts" not in world.status()


async def test_what_must_not_run_beside_it_is_heeded_at_once() -> None:
    world = await paused(lives)
    await killed_at_its_start(world, is_gone, after=True)
    lives(world)
    await world.tick()
    assert world.is_paused()
    assert world.condition("Succeeded") == ("Unknown", "PausedDuring")


async def test_a_pause_that_nobody_undid_is_told_as_ended() -> None:
    world = await paused(nothing)
    await killed_at_its_start(world, observes, after=True)
    unlimited(world)
    await world.tick()
    assert "endTime" in world.status()["pause"]
    assert world.condition("Paused") == ("False", "Running")


async def test_killed_before_the_patch_it_stays_paused_and_a_human_who_replaces_it_is_heard() -> None:
    world = await paused(lives)
    await killed_at_its_start(world, is_gone, after=False)
    assert world.status()["attempts"]["request"] == "Resuming/PausedDuring"
    lives(world)
    await world.tick()
    assert world.is_paused()
    assert "attempts" not in world.status(), "nobody wants to start it any more"
    replaces(world)
    await world.tick()
    assert not world.is_paused()
    assert world.told("Forget") == ["ResumedByUser"]
    assert world.status()["pause"]["reverts"] == 1
    assert world.status()["override"]["request"] == "Lever"


def replaces(world: World) -> None:
    """As `kubectl replace`: nothing of what others wrote stays."""
    stored = world.cluster.jobs[NAME]
    stored.unsuspend(world.clock.time)
    assert stored.workload.target is not None
    stored.workload = replace(stored.workload, target=replace(stored.workload.target, restore=None))


async def test_killed_before_the_patch_it_is_started_by_the_next_process() -> None:
    world = await paused(lives)
    await killed_at_its_start(world, is_gone, after=False)
    await world.tick()
    assert not world.is_paused()
    assert world.told("Resume") == ["PausedDuring"]
    assert "attempts" not in world.status()


async def test_who_starts_by_hand_what_we_are_about_to_start_undoes_nothing() -> None:
    world = await paused(lives)
    await killed_at_its_start(world, is_gone, after=False)
    replaces(world)
    await world.tick()
    assert world.told("Forget") == []
    assert world.status()["pause"]["reverts"] == 0
    assert not world.is_paused()


async def test_a_start_whose_status_met_a_conflict_is_no_humans() -> None:
    world = await paused(lives)
    is_gone(world)
    told = world.cluster.answers

    def conflicts(what: str) -> Outcome:
        started = bool(world.cluster.done(Verb.Resume))
        return Outcome(OutcomeKind.Conflict) if what == "status" and started else DONE

    world.cluster.answers = conflicts
    await world.tick()
    assert not world.is_paused()
    world.cluster.answers = told
    lives(world)
    await world.tick()
    assert world.told("Forget") == []
    assert world.is_paused()


async def test_a_start_waits_for_its_note() -> None:
    world = await paused(lives)
    is_gone(world)
    world.cluster.answers = lambda what: Outcome(OutcomeKind.Conflict) if what == "status" else DONE
    await world.tick()
    assert world.is_paused()
    world.cluster.answers = lambda _: DONE
    await world.tick()
    assert not world.is_paused()


@pytest.mark.parametrize(
    ("kind", "ticks"), [(OutcomeKind.Failed, MOST_UNNOTED), (OutcomeKind.Denied, 1), (OutcomeKind.Rejected, 1)]
)
async def test_a_status_that_cannot_be_written_does_not_keep_work_paused(kind: OutcomeKind, ticks: int) -> None:
    world = await paused(lives)
    is_gone(world)
    world.cluster.answers = lambda what: Outcome(kind) if what == "status" else DONE
    for _ in range(ticks):
        assert world.is_paused()
        await world.tick()
    assert not world.is_paused()


async def test_a_refused_start_is_noted_once() -> None:
    world = await paused(lives)
    is_gone(world)
    world.cluster.answers = lambda what: Outcome(OutcomeKind.Denied, "no") if what == Verb.Resume else DONE
    await world.tick()
    assert world.status()["attempts"]["request"] == "Resuming/PausedDuring"
    before = world.cluster.writes
    for _ in range(10):
        await world.tick()
    assert world.cluster.writes == before


async def test_the_end_of_a_humans_own_pause_needs_no_note() -> None:
    world = World()
    stored = world.cluster.add()
    world.metrics.busy = lambda name, at: True
    stored.annotate(override="Paused")
    await world.tick()
    before = len(world.cluster.statuses)
    stored.annotate(override="")
    await world.tick()
    assert not world.is_paused()
    assert len(world.cluster.statuses) == before + 1
