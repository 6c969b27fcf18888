"""Overrides on a ScaledObject and on what it scales: whatever people write there, and whenever."""

from typing import TypeAlias

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from ebbtide.core.endless import RUNNING_SECONDS
from ebbtide.core.intent import Wish, clock_floor, remembered, word
from ebbtide.core.workload import Instant, Intent, Memory
from tests.builders import HOUR, NOW

Override: TypeAlias = tuple[str, Instant | None]
"""Paused, Running or nothing, and its end."""
ENDLESS: Override = ("Running", None)
LASTS = 5 * HOUR
OVERRIDES: st.SearchStrategy[Override] = st.sampled_from(
    [
        *(ENDLESS, ENDLESS, ENDLESS, ("", None), ("Paused", None)),
        *(("Paused", NOW + end) for end in (HOUR, 9 * HOUR)),
        *(("Running", NOW + end) for end in (HOUR, 9 * HOUR, 30 * HOUR)),
    ]
)


@given(st.lists(st.tuples(OVERRIDES, OVERRIDES), min_size=1, max_size=4))
@profile(max_examples=400)
def test_of_two_words_none_is_lost_none_comes_back_and_none_flips(said: list[tuple[Override, Override]]) -> None:
    """Each pair stands for five hours. What is remembered is what the tick before wrote."""
    memory, before, since = Memory(), 0, NOW
    for number, pair in enumerate(said):
        start = NOW + number * LASTS
        since = start if pair.count(ENDLESS) > before else since
        before, writes = pair.count(ENDLESS), 0
        for now in (start + step for step in range(0, 5 * 3600, 600)):
            after, wish = told(intent_of(pair), memory, now)
            writes, memory = writes + (after != memory), after
            assert wish is wanted(pair, since, now)
        assert writes <= 4, "one for what is said, and one for each end"


def told(intent: Intent, memory: Memory, now: Instant) -> tuple[Memory, Wish]:
    """What a tick writes, and the wish that it obeys."""
    found = word(intent, memory, now)
    until, request = remembered(intent, memory, found, clock_floor(intent, memory, found, now))
    return Memory(override_until=until, override_request=request), found.wish


def intent_of(pair: tuple[Override, Override]) -> Intent:
    first, *more = [it for it in pair if it[0]] or [("", None)]
    return Intent(override=first[0], override_until=first[1], beside=more[0] if more else None)


def wanted(pair: tuple[Override, Override], since: Instant, now: Instant) -> Wish:
    """A stop in force before a run in force. `since`: when the newest Running without an end was said."""
    ends = [(said, since + RUNNING_SECONDS if (said, until) == ENDLESS else until) for said, until in pair]
    in_force = {said for said, until in ends if until is None or until > now}
    return Wish.Stop if "Paused" in in_force else Wish.Run if "Running" in in_force else Wish.Nothing
