"""What explain says about a learnt timeout."""

from ebbtide.core.auto_timeout import AutoTimeout
from ebbtide.core.idle_hazard import Seen
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.timeout_checks import curve_checks


def timeout(minutes: int) -> AutoTimeout:
    """Of a workload that works one minute in five, watched for so long."""
    history = IdleHistory()
    for minute in range(minutes):
        history.step({"g": [("a", Seen.Busy if minute % 5 == 0 else Seen.Idle)]})
    return AutoTimeout(history, "a", 300.0, 600, 900, None)


def lines(minutes: int) -> dict[str, str]:
    found = timeout(minutes)
    return {check.name: check.message for check in curve_checks(found, found.learnt(), 3600.0)}


def test_too_few_ended_runs_are_said_and_show_no_curve():
    (said,) = lines(30).values()
    assert "afterSeconds Auto: 1 h; " in said
    assert "too few to learn from" in said


def test_the_curve_is_shown_at_the_chosen_timeout_and_around_it_with_its_limits():
    found = lines(240)
    assert list(found) == ["timeout", *(f"timeout {it}" for it in ("15 min", "30 min", "1 h", "2 h", "4 h"))]
    assert "never under 15 min, a restart costs 5 min; under 1 h only if at most 25 %" in found["timeout"]
    assert "for each idle run; 0 % last as long" in found["timeout 30 min"]


def test_what_was_not_watched_yet_is_not_called_wrong():
    found = lines(100)
    assert "busy again within 30 min was not watched yet" in found["timeout 2 h"]
    assert "% of these are busy again within 30 min" in found["timeout 1 h"]
