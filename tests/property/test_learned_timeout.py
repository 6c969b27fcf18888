"""What holds of every learnt timeout, against brute force over steps."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.core.auto_timeout import AUTO_CEILING_SECONDS, AutoTimeout, floor_seconds
from ebbtide.core.idle_hazard import BINS, EDGES, Seen, bin_of
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.learned_timeout import EVEN, NEED, SELDOM, Curve

HAZARDS = st.lists(st.floats(0.0, 0.9), min_size=BINS, max_size=BINS)
FACTORS = st.floats(0.05, 5.0)
SEEN = st.sampled_from(list(Seen))


def curve(hazards: list[float], factor: float, restart: float, weight: float = 0.0) -> Curve:
    return Curve(hazards, factor, restart=restart, window=30.0, wrong_weight=weight)


@given(hazards=HAZARDS, factor=FACTORS, after=st.integers(0, 200))
def test_a_point_of_the_curve_is_what_stepping_through_gives(hazards, factor, after):
    idle, lasting = 0.0, 1.0
    for age in range(after):
        lasting *= 1 - min(factor * hazards[bin_of(age)], 0.999)
        idle += lasting
    point = curve(hazards, factor, 10.0).point(after)
    assert point.reached == pytest.approx(lasting, rel=1e-6, abs=1e-9)
    assert point.idle == pytest.approx(idle, rel=1e-6, abs=1e-9)
    again = 1.0
    for age in range(after, after + 30):
        again *= 1 - min(factor * hazards[bin_of(age)], 0.999)
    assert point.wrong == pytest.approx(1 - again, rel=1e-6, abs=1e-9)


@given(hazards=HAZARDS, factor=FACTORS, restart=st.floats(1.0, 60.0), least=st.integers(0, 300))
def test_no_timeout_from_the_least_on_is_cheaper_than_the_best(hazards, factor, restart, least):
    given_ = curve(hazards, factor, restart)
    best = given_.best(least)
    assert best >= least
    assert best in {inf, least} or best in EDGES
    cheapest = min(given_.cost(given_.point(after, least)) for after in range(least, least + 400, 3))
    chosen = given_.point(EDGES[-1] + 5000.0, least).idle if best == inf else given_.cost(given_.point(best, least))
    assert chosen <= cheapest * (1 + 1e-6) + 1e-6


@given(hazards=HAZARDS, place=st.integers(0, BINS - 1), more=st.floats(0.0, 0.1), restart=st.floats(1.0, 60.0))
def test_more_ends_at_an_age_never_make_the_pause_due_there_that_was_not(hazards, place, more, restart):
    """What ends more often right here is worth waiting for longer: nothing is paused at once that was waited for."""
    more_ends = [*hazards]
    more_ends[place] = min(more_ends[place] + more, 0.9)
    before, after = curve(hazards, 1.0, restart).best(EDGES[place]), curve(more_ends, 1.0, restart).best(EDGES[place])
    assert after > EDGES[place] or before == EDGES[place]


@given(hazards=HAZARDS, restart=st.floats(1.0, 60.0), weight=st.floats(0.0, 64.0))
def test_a_pause_is_never_due_where_what_is_left_is_not_worth_the_restarts(hazards, restart, weight):
    given_ = curve(hazards, 1.0, restart, weight)
    if given_.best(0.0) == 0.0:
        assert given_.point(1e7).idle >= NEED * restart * (1 - 1e-6)


USUAL = 59.0


@given(hazards=HAZARDS, restart=st.floats(1.0, 60.0), weight=st.floats(0.0, 8.0), least=st.integers(0, 300))
def test_the_usual_timeout_is_left_only_for_a_reason(hazards, restart, weight, least):
    given_ = Curve(hazards, 1.0, restart=restart, window=30.0, wrong_weight=weight, usual=USUAL)
    best, usual = given_.best(least), max(USUAL, least)
    if best < USUAL:
        assert given_.point(best).wrong <= SELDOM
    elif best == usual:
        assert given_.point(usual).wrong <= EVEN
    else:
        pays = given_.point(1e7, usual).idle >= NEED * restart * (1 + 1e-6)
        assert given_.point(usual).wrong > EVEN or not pays


@given(hazards=HAZARDS, restart=st.floats(1.0, 60.0), known=st.integers(-30, 58), least=st.integers(0, 300))
def test_what_was_not_watched_long_enough_never_makes_a_pause_earlier_than_the_usual_one(
    hazards, restart, known, least
):
    given_ = Curve(hazards, 1.0, restart=restart, window=30.0, known=known, usual=USUAL)
    best = given_.best(least)
    assert best <= known or best == max(USUAL, least)


@given(
    seen=st.lists(st.tuples(SEEN, SEEN, SEEN), max_size=300),
    warn=st.integers(0, 1200),
    age=st.integers(0, 20000),
    warned=st.none() | st.integers(-500, 20000),
)
def test_t_is_never_under_the_floor_nor_cuts_a_warning_short(seen, warn, age, warned):
    history = IdleHistory()
    for three in seen:
        history.step({"g": list(zip("abc", three, strict=True))})
    floor, since = floor_seconds(warn, 30.0), 1_000_000.0
    announced = None if warned is None else since + warned
    timeout = AutoTimeout(history, "a", 600.0, warn, floor, announced)
    after = timeout.after(since, since + age)
    assert after >= floor
    assert floor - warn >= 300
    if announced is not None and announced >= since:
        assert after == max(warned + warn, floor)
    else:
        assert after >= min(age + warn, AUTO_CEILING_SECONDS)
        assert after <= max(age + warn, AUTO_CEILING_SECONDS, floor)
    assert after == timeout.after(since, since + age)
