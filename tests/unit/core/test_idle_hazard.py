"""What is learnt from idle runs, and what is not."""

import pytest

from ebbtide.core.idle_hazard import BINS, EDGES, OwnRuns, Seen, Siblings, bin_of
from ebbtide.core.idle_history import ENOUGH_ENDED, IdleHistory, is_known

STEP = 60.0


def learnt(*steps: Seen) -> tuple[Siblings, OwnRuns]:
    siblings, own = Siblings(STEP), OwnRuns(STEP)
    for seen in steps:
        siblings.step([(own, seen)])
    return siblings, own


def test_every_age_has_the_bin_that_begins_at_or_before_it():
    assert [bin_of(age) for age in (0, 5, 6, 7.9, 8, 1e9)] == [0, 5, 6, 6, 7, BINS - 1]
    assert all(bin_of(edge) == place for place, edge in enumerate(EDGES))


def test_a_run_that_always_ends_after_two_steps_has_all_its_hazard_there():
    siblings, _ = learnt(*[Seen.Idle, Seen.Idle, Seen.Busy] * 40)
    assert siblings.hazards()[0] == 0.0
    # each of them faded by one step more than its exit
    assert siblings.hazards()[1] == pytest.approx(1.0, abs=0.01)


def test_a_run_that_goes_on_counts_as_exposure():
    short, _ = learnt(*[Seen.Idle, Seen.Busy] * 10)
    long, _ = learnt(*[Seen.Idle, Seen.Busy] * 10, *[Seen.Idle] * 30)
    assert long.hazards()[0] < short.hazards()[0]


@pytest.mark.parametrize("seen", [Seen.Busy, Seen.Missing, Seen.Broken, Seen.Away])
def test_what_is_not_seen_idle_is_no_exposure(seen: Seen):
    siblings, own = learnt(*[seen] * 20)
    assert (siblings.ended, own.expected, own.ended) == (0.0, 0.0, 0.0)
    assert not any(siblings.hazards())


def test_missing_samples_let_a_run_go_on_and_age():
    siblings, own = learnt(Seen.Idle, Seen.Missing, Seen.Idle, Seen.Busy)
    assert siblings.ended == 1.0
    assert siblings.hazards()[2] == pytest.approx(1.0, abs=0.01)
    assert own.age == -1


def test_a_hole_ends_a_run_and_being_away_cuts_it_off():
    assert learnt(Seen.Idle, Seen.Broken)[0].ended == 1.0
    assert learnt(Seen.Idle, Seen.Away)[0].ended == 0.0


def test_what_is_old_counts_less_and_who_is_away_teaches_nothing_but_forgetting():
    siblings, own = learnt(Seen.Idle, Seen.Busy, *[Seen.Away] * 90)
    assert siblings.ended == pytest.approx(0.5)
    assert own.ended == pytest.approx(0.5 ** (90 * STEP / 7200))
    assert siblings.watched == 2


def test_without_runs_of_its_own_a_workload_is_like_its_siblings():
    history = IdleHistory()
    for _ in range(20):
        for seen in (Seen.Idle, Seen.Busy):
            history.step({"g": [("a", seen), ("new", Seen.Away)]})
    assert history.learnt("new").factor == 1.0
    assert history.learnt("new").hazards == history.learnt("a").hazards
    assert history.learnt("stranger").siblings_ended == 0.0


def test_whose_runs_last_longer_than_their_siblings_has_a_smaller_factor():
    history = IdleHistory()
    for minute in range(300):
        short = Seen.Busy if minute % 3 == 2 else Seen.Idle
        long = Seen.Busy if minute % 9 == 8 else Seen.Idle
        history.step({"g": [("short", short), ("long", long), ("also", short)]})
    assert history.learnt("long").factor < 0.6
    assert history.learnt("short").factor > 1.0


def test_who_is_gone_is_forgotten_with_a_group_that_nobody_is_in():
    history = IdleHistory()
    history.step({"g": [("a", Seen.Idle), ("b", Seen.Idle)], "h": [("c", Seen.Idle)]})
    history.keep({"a": "g"})
    assert history.learnt("b").hazards == ()
    assert history.learnt("c").hazards == ()
    assert history.learnt("a").hazards != ()


def test_an_age_that_was_not_watched_long_enough_is_not_known():
    assert is_known(ENOUGH_ENDED, 2400.0, 600.0)
    assert not is_known(ENOUGH_ENDED, 2399.0, 600.0)
    assert not is_known(ENOUGH_ENDED - 1, 86400.0, 600.0)
