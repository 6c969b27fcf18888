"""Fights over a lever, over a whole engine: who undoes what we do, how often we try, and that it ends.

The fighters are stand-ins that act between two ticks, as a controller would within a second.
"""

from collections.abc import Callable
from dataclasses import replace

from ebbtide.core.action import Verb
from ebbtide.core.workload import Target
from tests.builders import HOUR, MINUTE
from tests.fakes import World

DAY = 24 * HOUR
NAME = "resnet"
Fighter = Callable[[World], None]


def heals(world: World) -> None:
    """As Argo CD's self-heal: the manifest's own fields are put back, annotations of others stay."""
    if world.is_paused():
        world.cluster.jobs[NAME].unsuspend(world.clock.time)


def replaces(world: World) -> None:
    """As `kubectl replace`: nothing of what others wrote stays."""
    if world.is_paused():
        world.cluster.jobs[NAME].unsuspend(world.clock.time)
        change(world, restore=None)


def downscales(world: World) -> None:
    """As a downscaler outside its up-time: whatever runs is stopped."""
    target = world.cluster.jobs[NAME].workload.target
    if target is not None and not target.suspended:
        change(world, suspended=True)


def change(world: World, **changes: object) -> None:
    stored = world.cluster.jobs[NAME]
    target: Target | None = stored.workload.target
    assert target is not None
    stored.workload = replace(stored.workload, target=replace(target, **changes))


async def fought(world: World, fighter: Fighter, seconds: float, *, step: float = MINUTE) -> None:
    end = world.clock.time + seconds
    while world.clock.time < end:
        await world.tick(step)
        fighter(world)


def idle_world() -> World:
    world = World()
    world.cluster.add()
    return world


async def test_a_policy_tries_three_times_against_a_controller_that_heals() -> None:
    world = idle_world()
    await fought(world, heals, DAY)
    assert len(world.cluster.done(Verb.Pause)) == 3
    assert world.told("Forget") == ["ResumedByUser", "ResumedByUser", "ConflictingController"]
    assert world.condition("Succeeded") == ("Unknown", "ConflictingController")
    assert not world.is_paused()


async def test_a_policy_tries_three_times_against_one_that_replaces_the_object() -> None:
    world = idle_world()
    await fought(world, replaces, DAY)
    assert len(world.cluster.done(Verb.Pause)) == 3
    assert world.condition("Succeeded") == ("Unknown", "ConflictingController")
    assert world.status()["pause"]["reverts"] == 3
    assert world.told("Forget") == ["ResumedByUser", "ResumedByUser", "ConflictingController"]


async def test_who_replaces_the_object_has_it_run_for_four_hours() -> None:
    world = idle_world()
    await world.run_until(world.is_paused, within=2 * HOUR)
    await world.tick()
    replaces(world)
    await world.run_for(4 * HOUR)
    assert len(world.cluster.done(Verb.Pause)) == 1
    assert world.status()["override"]["request"] == "Lever"


async def test_a_humans_paused_is_tried_three_times_and_the_lever_left_to_the_other() -> None:
    world = idle_world()
    world.cluster.jobs[NAME].annotate(override="Paused")
    await fought(world, heals, HOUR)
    assert len(world.cluster.done(Verb.Pause)) == 3
    assert world.condition("Succeeded") == ("Unknown", "ConflictingController")
    assert world.told("Forget") == ["ConflictingController"]
    assert world.cluster.jobs[NAME].workload.target.restore is None
    assert not world.is_paused()


async def test_a_humans_paused_against_one_that_replaces_the_object() -> None:
    world = idle_world()
    world.cluster.jobs[NAME].annotate(override="Paused")
    await fought(world, replaces, HOUR)
    assert len(world.cluster.done(Verb.Pause)) == 3
    assert world.condition("Succeeded") == ("Unknown", "ConflictingController")
    assert world.told("Notify") == ["ConflictingController"]


async def test_a_new_word_of_the_human_counts_anew() -> None:
    world = idle_world()
    stored = world.cluster.jobs[NAME]
    stored.annotate(override="Paused")
    await fought(world, heals, HOUR)
    stored.annotate(override="")
    await world.tick()
    stored.annotate(override="Paused", override_until=world.clock.time + 9 * HOUR)
    stored.edit_spec()
    await world.run_for(HOUR)
    assert world.is_paused()
    assert len(world.cluster.done(Verb.Pause)) == 4


async def test_pausing_and_resuming_by_hand_all_day_is_no_fight() -> None:
    world = idle_world()
    stored = world.cluster.jobs[NAME]
    world.metrics.busy = lambda name, at: True
    for _ in range(6):
        stored.annotate(override="Paused")
        await world.tick()
        assert world.is_paused()
        stored.annotate(override="")
        await world.tick()
        assert not world.is_paused()


async def test_what_was_started_on_a_humans_word_and_stopped_again_stays_stopped() -> None:
    world = idle_world()
    change(world, suspended=True)
    world.cluster.jobs[NAME].annotate(override="Running")
    await fought(world, downscales, HOUR)
    assert len(world.cluster.done(Verb.Resume)) == 1
    assert world.condition("Succeeded") == ("Unknown", "PausedByUser")
    assert world.is_paused()


async def test_a_restore_that_is_put_back_each_time_is_removed_three_times() -> None:
    world = idle_world()
    world.metrics.busy = lambda name, at: True
    stored = world.cluster.jobs[NAME]
    stored.annotate(override="Paused")
    await world.tick()
    old = stored.workload.target.restore
    stored.annotate(override="")
    await world.run_for(5 * MINUTE)
    await fought(world, lambda it: change(it, restore=old), HOUR)
    assert len(world.cluster.done(Verb.Forget)) == 3
    assert world.condition("Succeeded") == ("Unknown", "ConflictingController")


async def test_a_fight_survives_a_restart_of_the_operator() -> None:
    world = idle_world()
    world.cluster.jobs[NAME].annotate(override="Paused")
    for _ in range(10):
        world.restart()
        await world.tick()
        heals(world)
    assert len(world.cluster.done(Verb.Pause)) == 3
