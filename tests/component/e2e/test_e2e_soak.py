"""Which kills there are, and which of them fell inside a pause."""

import pytest

from e2e.soak.shot import MOST_WRITES, shots
from e2e.soak.trail import Trail, process_of


def test_every_other_kill_is_aimed_at_a_write_and_a_seed_gives_the_same_again():
    plan = shots(100, seed=7)
    assert sum(one.aimed for one in plan) == 50
    assert sum(one.at_sight for one in plan) == 25
    assert not any(one.aimed and one.at_sight for one in plan)
    assert {(one.number, one.moment) for one in plan if one.aimed} == {
        (number, moment) for number in range(1, MOST_WRITES + 1) for moment in ("before", "after")
    }
    assert all(0.0 <= one.share < 1.0 for one in plan)
    assert plan == shots(100, seed=7) != shots(100, seed=8)


@pytest.mark.parametrize(
    ("trail", "inside"),
    [
        (Trail(2, 2, 2), set()),
        (Trail(2, 2, None), {2}),
        (Trail(2, 3, None), {2}),
        (Trail(2, 5, None), {2, 3, 4}),
        (Trail(2, 4, 4), {2, 3}),
        (Trail(2), {2, 3, 4, 5, 6}),
    ],
)
def test_a_kill_is_inside_a_pause_from_its_first_write_until_its_last(trail, inside):
    """Whoever finds the Job suspended tells the status; the Event goes down with the process that had to send it."""
    assert {process for process in range(7) if trail.is_open_after(process)} == inside


def test_a_write_belongs_to_the_process_started_last_before_it():
    assert [process_of(at, [10.0, 20.0, 30.0]) for at in (10.0, 19.9, 20.0, 99.0)] == [0, 0, 1, 2]
