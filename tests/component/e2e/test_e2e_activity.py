"""The activity notation: promtool's, exactly, and the words beside it."""

import pytest

from e2e.exporter.activity import ActivityError, Sample, Series, parse_activity, parse_script
from e2e.exporter.profile import profile_series


def percents(text: str, seconds: int) -> list[float | None]:
    series = parse_script(text)
    return [None if (sample := series.at(second + 0.5)) is None else sample.percent for second in range(seconds)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80x2 0x1", [80, 80, 80, 0, 0, 0, 0]),
        ("50", [50, 50, 50]),
        ("_x2 40 _ 10", [None, None, 40, None, 10, 10]),
        ("0+10x3", [0, 10, 20, 30, 30]),
        ("30-10x2", [30, 20, 10, 10]),
        ("busy:2 idle", [85, 85, 0, 0]),
        ("idle:1 busy:1@12.5 idle", [0, 12.5, 0]),
        ("busy", [85, 85]),
    ],
)
def test_a_script_gives_one_value_a_second_and_the_last_holds(text, expected):
    assert percents(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one value"),
        ("hello", "cannot read 'hello'"),
        ("80y9", "cannot read '80y9'"),
        ("120x3", "120 is not a percentage"),
        ("10-20x3", "-10 is not a percentage"),
        ("1x999999999", "cannot read"),
        ("profile:x", "needs a whole number"),
        ("profile:1@soon", "'soon' in 'profile:1@soon' is not a number"),
        ("trace:p000", "cannot read"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_the_part_that_is_wrong(text, message):
    with pytest.raises(ActivityError, match=message):
        parse_activity(text, 1000, {"profile": profile_series}, 60)


def test_a_source_is_sped_up():
    series = parse_activity("profile:3", 0, {"profile": profile_series}, 60)
    slow = parse_activity("profile:3", 0, {"profile": profile_series}, 1)
    assert [series.at(second) for second in range(0, 57, 3)] == [slow.at(60 * second) for second in range(0, 57, 3)]


def test_a_source_begins_at_its_offset():
    full = parse_activity("profile:3", 0, {"profile": profile_series}, 1)
    later = parse_activity("profile:3@570", 0, {"profile": profile_series}, 1)
    assert later.at(10) == full.at(580)


def test_a_recording_that_is_over_says_nothing():
    over = Series([Sample(1.0, 2.0)], step_seconds=10, ends=True)
    assert over.at(9.9) == Sample(1.0, 2.0)
    assert over.at(10.0) is None


def test_a_moment_before_the_start_is_the_start():
    assert parse_script("10 20").at(-3) == parse_script("10").at(0)
