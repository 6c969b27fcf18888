"""The human's word: which wish is in force, until when, and where the idle clock starts afterwards."""

from dataclasses import dataclass

import pytest

from ebbtide.core.intent import Allowance, Wish, clock_floor, remembered, word
from ebbtide.core.workload import Instant, Intent, Memory
from tests.builders import DAY, HOUR, NOW

RUNNING = Intent(override="Running")
NOTHING_STORED = Memory()


@dataclass(frozen=True)
class Case:
    intent: Intent
    wish: Wish
    until: Instant | None = None
    memory: Memory = NOTHING_STORED


CASES = {
    "nobody says anything": Case(Intent(), Wish.Nothing),
    "suspend stops without end": Case(Intent(suspend=True), Wish.Stop),
    "suspend beats an override Running": Case(Intent(suspend=True, override="Running"), Wish.Stop),
    "Paused stops until taken back": Case(Intent(override="Paused"), Wish.Stop),
    "Paused until": Case(Intent(override="Paused", override_until=NOW + HOUR), Wish.Stop, NOW + HOUR),
    "Paused until has passed": Case(Intent(override="Paused", override_until=NOW), Wish.Nothing),
    "Running holds four hours": Case(RUNNING, Wish.Run, NOW + 4 * HOUR),
    "Running until": Case(Intent(override="Running", override_until=NOW + DAY), Wish.Run, NOW + DAY),
    "Running counts from the tick that first saw it": Case(
        RUNNING,
        Wish.Run,
        NOW + HOUR,
        Memory(override_until=NOW + HOUR, override_request="Running"),
    ),
    "Running has ended": Case(RUNNING, Wish.Nothing, None, Memory(override_until=NOW - 1, override_request="Running")),
    "a lever moved by hand counts as Running": Case(
        Intent(), Wish.Run, NOW + HOUR, Memory(override_until=NOW + HOUR, override_request="Lever")
    ),
    "Running beats keep": Case(Intent(override="Running", keep_until=NOW + DAY), Wish.Run, NOW + 4 * HOUR),
    "keep until": Case(Intent(keep_until=NOW + HOUR), Wish.Keep, NOW + HOUR),
    "keep has ended": Case(Intent(keep_until=NOW), Wish.Nothing),
    "keep stays in force after a Running that has ended": Case(
        Intent(override="Running", keep_until=NOW + DAY),
        Wish.Keep,
        NOW + DAY,
        Memory(override_until=NOW - 1, override_request="Running"),
    ),
    "never pause": Case(Intent(never_pause=True), Wish.Keep),
    "a keep that cannot be read vetoes for a day": Case(Intent(keep_malformed=True), Wish.Keep, NOW + DAY),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_which_wish_is_in_force(case: Case) -> None:
    found = word(case.intent, case.memory, NOW)
    assert (found.wish, found.until) == (case.wish, case.until)


@pytest.mark.parametrize(
    ("allowance", "wish"),
    [
        (Allowance(never_pause_namespace=True), Wish.Keep),
        (Allowance(never_pause_namespace=True, never_pause=False), Wish.Nothing),
    ],
    ids=["the namespace vetoes", "the policy does not allow it"],
)
def test_never_pause_of_a_namespace(allowance: Allowance, wish: Wish) -> None:
    assert word(Intent(), Memory(), NOW, allowance).wish is wish


def test_a_policy_limits_how_long_a_keep_counts() -> None:
    intent, allowance = Intent(keep_until=NOW + DAY), Allowance(max_keep_seconds=600)
    first = word(intent, Memory(), NOW, allowance)
    assert first.until == NOW + 600
    stored = Memory(override_until=first.until, override_request=first.request)
    assert word(intent, stored, NOW + 599, allowance).wish is Wish.Keep
    assert word(intent, stored, NOW + 600, allowance).wish is Wish.Nothing


def live(intents: list[tuple[float, Intent]], end: float, step: float = 600) -> list[tuple[float, Wish]]:
    """Wishes over time, each change once; the memory is what the tick before wrote."""
    memory, seen, changes = Memory(), Wish.Nothing, []
    at = 0.0
    while at <= end:
        intent = [it for start, it in intents if start <= at][-1]
        said = word(intent, memory, NOW + at)
        until, request = remembered(intent, memory, said, clock_floor(intent, memory, said, NOW + at))
        memory = Memory(override_until=until, override_request=request)
        if said.wish is not seen:
            changes.append((at, said.wish))
        seen, at = said.wish, at + step
    return changes


def test_a_running_left_standing_counts_once() -> None:
    assert live([(0, RUNNING)], end=12 * HOUR) == [(0, Wish.Run), (4 * HOUR, Wish.Nothing)]


def test_a_running_left_standing_does_not_begin_again_beside_a_keep() -> None:
    kept = Intent(override="Running", keep_until=NOW + 10 * HOUR)
    story = live([(0, RUNNING), (5 * HOUR, kept), (11 * HOUR, RUNNING)], end=20 * HOUR)
    assert story == [(0, Wish.Run), (4 * HOUR, Wish.Nothing), (5 * HOUR, Wish.Keep), (10 * HOUR, Wish.Nothing)]


def test_a_running_taken_back_and_given_again_counts_again() -> None:
    story = live([(0, RUNNING), (5 * HOUR, Intent()), (6 * HOUR, RUNNING)], end=12 * HOUR)
    assert story == [(0, Wish.Run), (4 * HOUR, Wish.Nothing), (6 * HOUR, Wish.Run), (10 * HOUR, Wish.Nothing)]


def test_a_running_after_a_paused_counts_again() -> None:
    story = live([(0, RUNNING), (5 * HOUR, Intent(override="Paused")), (6 * HOUR, RUNNING)], end=12 * HOUR)
    assert story[2:] == [(5 * HOUR, Wish.Stop), (6 * HOUR, Wish.Run), (10 * HOUR, Wish.Nothing)]


def test_a_malformed_keep_left_standing_vetoes_once() -> None:
    story = live([(0, Intent(keep_malformed=True))], end=3 * DAY)
    assert story == [(0, Wish.Keep), (DAY, Wish.Nothing)]


def two(first: tuple[str, float | None], second: tuple[str, float | None]) -> Intent:
    """Overrides of a ScaledObject and of what it scales; ends in seconds from NOW."""
    (said, until), (other, ends) = ((name, None if end is None else NOW + end) for name, end in (first, second))
    return Intent(override=said, override_until=until, beside=(other, ends))


def test_a_stop_beside_a_running_that_is_spent_is_obeyed_and_the_running_stays_spent() -> None:
    stopped = two(("Paused", 8 * HOUR), ("Running", None))
    for taken_back in (RUNNING, stopped):
        story = live([(0, RUNNING), (6 * HOUR, stopped), (8 * HOUR, taken_back)], end=20 * HOUR)
        assert story == [(0, Wish.Run), (4 * HOUR, Wish.Nothing), (6 * HOUR, Wish.Stop), (8 * HOUR, Wish.Nothing)]


def test_a_stop_beside_a_running_in_force_is_obeyed_and_its_time_goes_on() -> None:
    story = live([(0, RUNNING), (HOUR, two(("Running", None), ("Paused", 2 * HOUR)))], end=20 * HOUR)
    assert story == [(0, Wish.Run), (HOUR, Wish.Stop), (2 * HOUR, Wish.Run), (4 * HOUR, Wish.Nothing)]


def test_a_stop_beside_a_running_says_why_it_does_not_run() -> None:
    found = word(two(("Running", None), ("Paused", None)), Memory(), NOW)
    assert "the Running on the other of its two objects does not end" in found.message
    assert "other" not in word(Intent(override="Paused"), Memory(), NOW).message


def test_a_running_beside_one_that_is_spent_is_obeyed() -> None:
    story = live([(0, RUNNING), (6 * HOUR, two(("Running", None), ("Running", 7 * HOUR)))], end=20 * HOUR)
    assert story == [(0, Wish.Run), (4 * HOUR, Wish.Nothing), (6 * HOUR, Wish.Run), (7 * HOUR, Wish.Nothing)]


def test_a_second_running_without_end_is_newer_whatever_stands_beside_it() -> None:
    both = two(("Running", None), ("Running", None))
    story = live([(0, RUNNING), (6 * HOUR, both), (11 * HOUR, RUNNING), (12 * HOUR, both)], end=20 * HOUR)
    hours = [0, 4, 6, 10, 12, 16]
    assert story == [(hour * HOUR, Wish.Nothing if number % 2 else Wish.Run) for number, hour in enumerate(hours)]


@pytest.mark.parametrize("request_", ["Running=x;Paused", "Running=;Paused", "Running+Running+Running", "Runningx;"])
def test_what_cannot_be_read_of_what_is_remembered_was_never_seen(request_: str) -> None:
    found = word(RUNNING, Memory(override_until=NOW - 1, override_request=request_), NOW)
    assert (found.wish, found.until, found.request) == (Wish.Run, NOW + 4 * HOUR, "Running")


@pytest.mark.parametrize(
    ("intent", "memory", "floor"),
    [
        (Intent(), Memory(), None),
        (Intent(keep_until=NOW + 1), Memory(override_until=NOW + 1, override_request="Keep/1"), None),
        (Intent(), Memory(override_until=NOW - 60, override_request="Running"), NOW - 60),
        (Intent(), Memory(override_until=NOW + 60, override_request="Running"), NOW),
        (Intent(), Memory(override_request="NeverPause"), NOW),
        (Intent(keep_until=NOW - 60), Memory(), NOW - 60),
        (Intent(override="Paused", override_until=NOW - 60), Memory(), NOW - 60),
    ],
    ids=[
        "no word was ever said",
        "a veto is in force",
        "it ended a minute ago",
        "it was taken back before its end",
        "never-pause was taken back",
        "a keep came and ended unseen",
        "a pause came and ended unseen",
    ],
)
def test_where_the_idle_clock_starts_after_a_word(intent: Intent, memory: Memory, floor: Instant | None) -> None:
    assert clock_floor(intent, memory, word(intent, memory, NOW), NOW) == floor


def test_the_floor_stays_where_it_is_once_it_is_stored() -> None:
    intent, memory = Intent(), Memory(override_request="NeverPause")
    for at in (NOW, NOW + 30, NOW + 60):
        said = word(intent, memory, at)
        floor = clock_floor(intent, memory, said, at)
        assert floor == NOW
        until, request = remembered(intent, memory, said, floor)
        memory = Memory(override_until=until, override_request=request)
