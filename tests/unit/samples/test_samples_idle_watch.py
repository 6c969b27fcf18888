"""Whose idle runs are counted where timeouts are learnt."""

import pytest

from ebbtide.core.lineup import Lineup
from ebbtide.core.workload import CLAIMS
from ebbtide.samples.idle_watch import IdleWatch, Watched
from tests.unit.core.verdict_world import MINUTE, RULE, START, World

CLAIMING = {"devices": 0, "accelerator_resource": CLAIMS}


@pytest.mark.parametrize(
    ("name", "world", "runs"),
    [
        ("a device that is seen idle", World().pod().device(), 1),
        ("devices that are claimed", World().pod(**CLAIMING), 0),
        ("both", World().pod().device().pod("w-1", **CLAIMING), 0),
    ],
)
def test_of_devices_that_nobody_judges_nothing_is_learnt(name: str, world: World, runs: int) -> None:
    """Half an hour at rest between two busy samples: one idle run, where it could be seen."""
    gang = Watched("uid", "ns p", RULE, Lineup.of(world.pods), None, resumed=False, busy=[START + 1])
    watch, end = IdleWatch(), START + 30 * MINUTE
    watch.watch([gang])
    watch.count(world.book, START, end)
    gang.busy.append(end + MINUTE / 2)
    watch.count(world.book, START, end + MINUTE)
    assert world.book.history.learnt("uid", 60.0).own_ended == pytest.approx(runs, abs=0.1), name
