"""What explain says about a learnt timeout."""

import re
from typing import Any

import pytest

from ebbtide.core.auto_timeout import AutoTimeout
from ebbtide.core.idle_hazard import Seen
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.timeout_checks import curve_checks
from tests.builders import NOW

COST = re.compile(
    r"^[\dhmin ]+: ([\d.]+) min idle \+ ([\d.]+) min restarts = ([\d.]+) min for each idle run; (\d+) % last as long"
)
COUNTED = re.compile(r"restart counts ([\d.]+) times")


def timeout(minutes: int, *idle: int, siblings: int = 1, **changes: Any) -> AutoTimeout:
    """Of a workload whose idle runs last so many minutes, one after the other, watched for so long.

    Four minutes each unless said otherwise. Its siblings do the same, each begins elsewhere.
    """
    history = IdleHistory()
    runs = [Seen.Idle if age else Seen.Busy for run in idle or (4,) for age in range(run + 1)]
    starts = [len(runs) * place // siblings for place in range(siblings)]
    for minute in range(minutes):
        history.step({"g": [(f"w{place}", runs[(it + minute) % len(runs)]) for place, it in enumerate(starts)]})
    known = {"restart_seconds": 300.0, "warn_seconds": 600, "floor_seconds": 900, "announced_at": None, **changes}
    return AutoTimeout(history, "w0", **known)


def shown(found: AutoTimeout, *, idle: float = 0.0, holds: float | None = None) -> dict[str, str]:
    """The lines for a run that has been idle for so many seconds."""
    return {check.name: check.message for check in curve_checks(found, NOW - idle, NOW, holds)}


def costs(lines: dict[str, str]) -> dict[str, float]:
    """Minutes for each idle run, by the name of the line."""
    return {name: float(found[3]) for name, text in lines.items() if (found := COST.match(text))}


def test_too_few_ended_runs_are_said_and_show_no_curve():
    (said,) = shown(timeout(30)).values()
    assert "afterSeconds Auto: 1 h; " in said
    assert "too few to learn from" in said


def test_the_curve_is_shown_at_the_chosen_timeout_and_around_it_with_its_limits():
    found = shown(timeout(240))
    assert list(found) == ["timeout", *(f"timeout {it}" for it in ("15 min", "30 min", "1 h", "2 h", "4 h"))]
    assert "never under 15 min; a restart costs 5 min, counts 1.1 times, and 4 times more if wrong" in found["timeout"]
    assert "under 1 h only if at most 25 % are wrong" in found["timeout"]
    assert found["timeout 30 min"].startswith(
        "30 min: 5.3 min idle + 0.0 min restarts = 5.3 min for each idle run; 0 %"
    )


def test_what_was_not_watched_yet_is_not_called_wrong():
    found = shown(timeout(100))
    assert "busy again within 30 min was not watched yet" in found["timeout 2 h"]
    assert "% of these are busy again within 30 min" in found["timeout 1 h"]


def test_the_shown_cost_is_what_is_compared_wrong_pauses_weighed():
    found = timeout(600, 12, 3, 25, siblings=10)
    for name, text in shown(found).items():
        if match := COST.match(text):
            idle, restarts, both, share = (float(it) for it in match.groups())
            [counts] = COUNTED.findall(text)
            assert both == pytest.approx(idle + restarts, abs=0.11), name
            weighed = 5 * float(counts)
            assert restarts == pytest.approx(share / 100 * weighed, abs=0.06 + 0.005 * weighed), name
            assert 1.1 <= float(counts) <= 5.1, name


HISTORIES = {
    "short breaks": (4,),
    "short breaks and nights": (4, 4, 4, 4, 200),
    "longer breaks": (12, 3, 25),
    "breaks about as long as the floor": (14, 16, 18, 13),
    "every break is long": (240, 1, 1),
    "around the usual timeout": (58, 70, 62, 5),
    "hours": (120, 130, 5, 5),
    "two kinds": (3, 3, 3, 90, 3, 45),
}


@pytest.mark.parametrize("restart", [60.0, 300.0, 1500.0])
@pytest.mark.parametrize("runs", HISTORIES.values(), ids=HISTORIES)
def test_the_chosen_timeout_is_visibly_the_least_or_a_rule_is_named(runs: tuple[int, ...], restart: float):
    lines = shown(timeout(600, *runs, siblings=20, restart_seconds=restart))
    [chosen] = [name for name, text in lines.items() if text.endswith("; chosen")]
    found = costs(lines)
    for name, cost in found.items():
        assert (cost < found[chosen]) == ("; not chosen: " in lines[name]), (name, lines[name])


def test_the_rule_of_a_quarter_is_named_where_a_cheaper_one_breaks_it():
    lines = shown(timeout(600, 12, 3, 25, siblings=10, restart_seconds=60.0))
    cheaper = {name: text for name, text in lines.items() if "not chosen" in text}
    assert cheaper
    for text in cheaper.values():
        [wrong] = re.findall(r"(\d+) % of these are busy again", text)
        assert int(wrong) >= 25
        assert text.endswith("; not chosen: over 25 % of such pauses are wrong")


def test_the_usual_timeout_is_named_where_it_stands_before_a_cheaper_longer_one():
    lines = shown(timeout(700, 15, 400, 30, siblings=25, restart_seconds=3600.0))
    assert lines["timeout 1 h"].endswith("; chosen")
    rule = "over 1 h only if a pause then is known not to pay, or to be mostly wrong"
    assert {text.rpartition("; not chosen: ")[2] for text in lines.values() if "not chosen" in text} == {rule}


def test_a_longer_one_that_is_mostly_wrong_is_named():
    lines = shown(timeout(700, 55, 30, 55, siblings=25, restart_seconds=30.0))
    assert lines["timeout 2 h 6 min"].endswith("; chosen")
    assert lines["timeout 1 h"].endswith("; not chosen: over 50 % of such pauses are wrong")


def test_what_has_passed_and_what_was_announced_is_said():
    passed = shown(timeout(600, 4, 4, 4, 4, 200, siblings=10), idle=1800.0)
    assert passed["timeout 40 min"].endswith("; chosen")
    assert passed["timeout 15 min"].endswith("; not chosen: passed, or too near for a whole warning")
    announced = shown(timeout(600, 12, 3, 25, siblings=10, announced_at=NOW - 600), idle=3000.0)
    assert announced["timeout 50 min"].endswith("; announced, so it holds")


def test_a_longer_patience_that_holds_beside_it_is_said():
    said = shown(timeout(240), idle=60.0, holds=7200.0)["timeout"]
    assert "afterSeconds Auto: 15 min, but 2 h by neverUsedAfterSeconds or memoryHeldAfterSeconds, learnt" in said
