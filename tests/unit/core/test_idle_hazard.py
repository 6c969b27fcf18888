"""What is learnt from idle runs, and what is not."""

import pytest

from ebbtide.core.idle_hazard import BINS, EDGES, OwnRuns, Seen, Siblings, bin_of
from ebbtide.core.idle_history import ENOUGH_ENDED, IdleHistory

STEP = 60.0
ALL = 1e6
"""Steps: every age was watched for long enough."""


def learnt(*steps: Seen) -> tuple[Siblings, OwnRuns]:
    """What a workload teaches that was seen to be busy first."""
    siblings, own = Siblings(STEP), OwnRuns(STEP)
    for seen in (Seen.Busy, *steps):
        siblings.step([(own, seen)])
    return siblings, own


def test_every_age_has_the_bin_that_begins_at_or_before_it():
    assert [bin_of(age) for age in (0, 5, 6, 7.9, 8, 1e9)] == [0, 5, 6, 6, 7, BINS - 1]
    assert all(bin_of(edge) == place for place, edge in enumerate(EDGES))


def test_a_run_that_always_ends_after_two_steps_has_all_its_hazard_there():
    siblings, _ = learnt(*[Seen.Idle, Seen.Idle, Seen.Busy] * 40)
    assert siblings.hazards(0.0, ALL)[0] == 0.0
    # each of them faded by one step more than its exit
    assert siblings.hazards(0.0, ALL)[1] == pytest.approx(1.0, abs=0.01)


def test_a_run_that_goes_on_counts_as_exposure():
    short, _ = learnt(*[Seen.Idle, Seen.Busy] * 10)
    long, _ = learnt(*[Seen.Idle, Seen.Busy] * 10, *[Seen.Idle] * 30)
    assert long.hazards(0.0, ALL)[0] < short.hazards(0.0, ALL)[0]


@pytest.mark.parametrize("seen", [Seen.Busy, Seen.Missing, Seen.Broken, Seen.Away])
def test_what_is_not_seen_idle_is_no_exposure(seen: Seen):
    siblings, own = learnt(*[seen] * 20)
    assert (siblings.ended, own.expected, own.ended) == (0.0, 0.0, 0.0)
    assert not any(siblings.hazards(0.0, ALL))


def test_missing_samples_let_a_run_go_on_and_age():
    siblings, own = learnt(Seen.Idle, Seen.Missing, Seen.Idle, Seen.Busy)
    assert siblings.ended == 1.0
    assert siblings.hazards(0.0, ALL)[2] == pytest.approx(1.0, abs=0.01)
    assert own.age == -1


def test_a_hole_ends_a_run_and_being_away_cuts_it_off():
    assert learnt(Seen.Idle, Seen.Broken)[0].ended == 1.0
    assert learnt(Seen.Idle, Seen.Away)[0].ended == 0.0


def test_what_is_old_counts_less_and_who_is_away_teaches_nothing_but_forgetting():
    siblings, own = learnt(Seen.Idle, Seen.Busy, *[Seen.Away] * 90)
    assert siblings.ended == pytest.approx(0.5)
    assert own.ended == pytest.approx(0.5 ** (90 * STEP / 7200))
    assert siblings.watched == 3


def test_without_runs_of_its_own_a_workload_is_like_its_siblings():
    history = IdleHistory()
    for _ in range(20):
        for seen in (Seen.Idle, Seen.Busy):
            history.step({"g": [("a", seen), ("new", Seen.Away)]})
    assert history.learnt("new", 0.0).factor == 1.0
    assert history.learnt("new", 0.0).hazards == history.learnt("a", 0.0).hazards
    assert history.learnt("stranger", 0.0).siblings_ended == 0.0


def test_whose_runs_last_longer_than_their_siblings_has_a_smaller_factor():
    history = IdleHistory()
    for minute in range(300):
        short = Seen.Busy if minute % 3 == 2 else Seen.Idle
        long = Seen.Busy if minute % 9 == 8 else Seen.Idle
        history.step({"g": [("short", short), ("long", long), ("also", short)]})
    assert history.learnt("long", 0.0).factor < 0.6
    assert history.learnt("short", 0.0).factor > 1.0


def test_who_is_gone_is_forgotten_with_a_group_that_nobody_is_in():
    history = IdleHistory()
    history.step({"g": [("a", Seen.Idle), ("b", Seen.Idle)], "h": [("c", Seen.Idle)]})
    history.keep({"a": "g"})
    assert history.learnt("b", 0.0).hazards == ()
    assert history.learnt("c", 0.0).hazards == ()
    assert history.learnt("a", 0.0).hazards != ()


def test_a_run_whose_beginning_was_not_seen_teaches_nothing_until_it_has_ended():
    siblings, own = Siblings(STEP), OwnRuns(STEP)
    for seen in [Seen.Idle] * 30 + [Seen.Busy]:
        siblings.step([(own, seen)])
    assert (siblings.ended, own.ended, own.expected) == (0.0, 0.0, 0.0)
    for seen in (Seen.Idle, Seen.Busy):
        siblings.step([(own, seen)])
    assert (siblings.ended, own.ended) == (1.0, 1.0)


def test_an_age_that_was_watched_too_little_is_judged_with_the_ages_below_it_down_to_half():
    siblings, _ = learnt(*[Seen.Idle, Seen.Busy] * 50, *[Seen.Idle] * 13)
    alone = siblings.hazards(0.0, ALL)
    together = siblings.hazards(1000.0, ALL)
    assert alone[0] > 0.9
    assert together[bin_of(12)] == 0.0
    assert together[bin_of(1)] > 0.0
    assert siblings.hazards(1000.0, 0.0)[bin_of(12)] > 0.0
    assert all(0.0 <= it <= 1.0 for it in together)


def test_an_age_watched_for_enough_steps_is_judged_by_itself():
    siblings, _ = learnt(*[Seen.Idle, Seen.Busy] * 50, *[Seen.Idle] * 13)
    assert siblings.hazards(0.5, ALL) == siblings.hazards(0.0, ALL)


def test_where_nothing_was_watched_every_run_ends_unless_nobody_reached_that_age_though_it_was_watched_for():
    siblings, _ = learnt(*[Seen.Busy] * 10)
    assert set(siblings.hazards(10.0, -1.0)) == {1.0}
    assert set(siblings.hazards(10.0, ALL)) == {0.0}


def test_what_is_enough_grows_with_the_restart_and_waits_for_ended_runs():
    history = IdleHistory()
    for _ in range(300):
        history.step({"g": [("a", Seen.Busy)]})
        history.step({"g": [("a", Seen.Idle)]})
    assert history.learnt("a", 60.0).enough
    assert history.learnt("a", 60.0).siblings_ended > ENOUGH_ENDED
    assert history.learnt("a", 60.0).known_seconds == 600 * 60.0 - 1800.0
    assert not history.learnt("stranger", 60.0).enough
