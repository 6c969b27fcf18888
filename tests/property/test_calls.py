"""Requests that wake: whatever a counter does, and however often it is looked at."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Workload
from tests.builders import MINUTE, evidence, paused_job, policy, snapshot, state
from tests.unit.samples.test_samples_calls import COUNTER, LABELS, T0, Reading, calls, chat, read

SCRAPES = 60
"""Every half a minute from ten minutes before the pause on."""
VALUES = st.lists(st.sampled_from([None, 0.0, 5.0, 5.0, 5.0, 6.0, 9.0]), min_size=SCRAPES, max_size=SCRAPES)


def scraped(reading: Reading, values: list[float | None]) -> None:
    for number, value in enumerate(values):
        if value is not None:
            reading.scrape(COUNTER.metric, LABELS, value, first=T0 + 30.0 * (number - 20))


def followed(it: Workload, values: list[float | None], paces: list[float]) -> Reading:
    """Read tick by tick, each scrape seen when it is there."""
    reading = read(it)
    scraped(reading, values)
    while reading.now < T0 + 20 * MINUTE:
        reading.tick(paces[int(reading.now) % len(paces)])
    return reading


@given(VALUES, st.lists(st.sampled_from([7.0, 30.0, 31.0, 61.0, 200.0]), min_size=1, max_size=4))
def test_it_does_not_matter_how_often_is_looked_nor_whether_the_operator_was_killed(values, paces):
    it = chat()
    live, late = followed(it, values, paces), read(it)
    scraped(late, values)
    late.tick(live.now - late.now)
    assert calls(live, it) == calls(late, it)


@given(VALUES)
def test_a_counter_that_never_rises_nor_begins_calls_nobody(values):
    """Falling to zero, and holes, are all that is left of it."""
    it, falling, least = chat(), [], 9.0
    for value in values:
        least = least if value is None else 0.0 if value < 6 else least
        falling.append(None if value is None else least)
    falling[0] = 9.0
    assert calls(followed(it, falling, [30.0]), it) == {}


@given(st.integers(-15, 15), st.integers(0, 59))
def test_one_rise_wakes_exactly_where_a_scrape_after_the_pause_showed_it_first(scrape, offset):
    """To a step: within it nobody can tell, and rather awake than deaf."""
    since, rose = T0 + offset, T0 + 30.0 * scrape
    it = chat(paused_job(at=since))
    reading = read(it)
    scraped(reading, [5.0 if number - 20 < scrape else 6.0 for number in range(SCRAPES)])
    reading.tick(19 * MINUTE)
    book = evidence()
    book.signs = reading.reader.book
    seen = snapshot(state(it, policies=[policy()]), now=reading.now)
    decision = plan(replace(seen, evidence=book)).decisions[0]
    if rose > since or rose <= since - MINUTE:
        assert (decision.deciding is Reason.Woken) == (rose > since)
    assert decision.deciding in {Reason.Woken, Reason.GPUIdle}
