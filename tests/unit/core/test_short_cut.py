"""Which gangs need no close look: speed for a whole fleet, and nothing else (a property test holds the verdicts)."""

import pytest

from ebbtide.core.at_work import busy_now
from ebbtide.core.gang import tally_of
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.spotless import is_spotless
from ebbtide.core.verdict import describe, judge
from tests.unit.core.verdict_world import MINUTE, World, upto

QUIET = {"util": 0.0, "engine": 0.0, "dram": 0.0, "watts": 70.0, "energy": 70.0}


def quiet(**device: object) -> World:
    """Two hours without work."""
    return World(120).pod().device(**{**QUIET, **device})


def is_short(world: World, late: float = 0.0) -> bool:
    """`late`: seconds since the newest sample."""
    return is_spotless(tally_of(world.gang(at=120 + late / MINUTE)))


@pytest.mark.parametrize(("late", "want"), [(0, True), (89, True), (91, True), (120, True), (121, False)])
def test_samples_may_be_as_old_as_fresh_ones_are(late: float, want: bool) -> None:
    assert is_short(quiet(), late) is want


def test_in_a_short_window_no_sample_may_be_missing() -> None:
    world = World(7).pod().device(**QUIET)
    assert is_spotless(tally_of(world.gang(at=8.4)))
    assert not is_spotless(tally_of(world.gang(at=8.6)))


@pytest.mark.parametrize(
    ("missing", "want"),
    [([100], True), ([100, 101], True), ([100, 101, 102], False), ([95, 98, 101], True), ([95, 98, 101, 104], False)],
    ids=["one", "two in a row", "three in a row", "a tenth of 30", "more than a tenth"],
)
def test_lost_scrapes_that_are_tolerated_cost_no_close_look(missing: list[int], want: bool) -> None:
    assert is_short(quiet(missing=missing)) is want


def test_work_while_samples_were_missing_is_looked_at() -> None:
    power = [70.0] * 100 + [110.0] * 2 + [70.0]
    assert is_short(quiet(energy=power))
    assert not is_short(quiet(energy=power, missing=[100, 101]))


@pytest.mark.parametrize(
    "device",
    [{"watts": 400.0}, {"energy": 400.0}, {"energy": upto(100, 70.0, 0.0)}, {"dram": upto(110, 0.0, None)}],
    ids=["hot", "hot by the counter", "a counter that stands still", "a signal that stopped"],
)
def test_what_a_check_could_object_to_is_looked_at(device: dict[str, object]) -> None:
    assert not is_short(quiet(**device))


def test_a_device_under_two_pods_is_looked_at() -> None:
    assert not is_short(quiet().pod("w-1").device(pod="w-1", **QUIET))


WORKING = {"util": 90.0, "engine": 0.9, "tensor": 0.4, "dram": 0.3, "watts": 400.0}


def test_a_gang_whose_first_device_works_now_is_told_by_it() -> None:
    world = World(120).pod().device(**WORKING).pod("w-1").device("GPU-1", "w-1", **QUIET)
    found = judge(world.gang())
    assert (found.verdict, found.reason, found.idle_since) == (Verdict.Active, Reason.GPUActive, None)
    assert "last busy sample at" in found.message
    assert world.says() == "Active GPUActive"
    assert describe(world.gang(), found).idle_since == world.judge().idle_since


@pytest.mark.parametrize(
    "world",
    [
        World(120).pod().device(**QUIET),
        World(120).pod().device(**{name: upto(119, value, 0.0) for name, value in WORKING.items()}),
        World(120).pod().device(**{**WORKING, "tensor": 0.0, "dram": 0.0}),
        World(120, IdleRule(memory_held_after_seconds=7200)).pod().device(**WORKING),
        World(120, IdleRule(grace_seconds=7300)).pod().device(**WORKING),
        World(120).pod(node="").device(**WORKING),
        World(120).pod(ready=None).device(**WORKING),
        World(),
    ],
    ids=["idle", "just ended", "spins", "memory counts", "grace", "not bound", "not Ready", "no pod"],
)  # fmt: skip
def test_whoever_does_not_plainly_work_is_looked_at(world: World) -> None:
    assert busy_now(world.gang()) is None
