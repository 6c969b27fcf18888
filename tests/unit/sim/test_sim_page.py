"""The page of a simulation: needs nothing but itself, shows what was found, and takes no text for markup."""

import json
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from ebbtide.sim import page
from ebbtide.sim.page_figure import MOST_LANES, figure
from ebbtide.sim.result import (
    ActionRecord,
    Costs,
    Curve,
    Finding,
    Lane,
    LaneSpan,
    LaneState,
    Result,
    WorkloadCost,
    WorkloadName,
)

TRAIN = WorkloadName("ml", "TrainingJob", "t", "ebbtide.dev/v1alpha1")
MARKUP = "<script>alert(1)</script>"


def span(start: int, end: int, state: LaneState, message: str = "") -> LaneSpan:
    return LaneSpan(start, end, state, "OnDemand", 1, "Idle", "GPUIdle", message)


def result(lanes: int = 1, *, passed: bool = True, message: str = "", unpriced: bool = False) -> Result:
    names = [WorkloadName("ml", "TrainingJob", f"t{number}") for number in range(lanes)] if lanes > 1 else [TRAIN]
    cost = (
        WorkloadCost(TRAIN, None, None, None, Fraction(7, 6))
        if unpriced
        else WorkloadCost(TRAIN, Fraction(8027, 1000), Fraction(8027, 1000), Fraction(573, 100), Fraction(7, 6))
    )
    return Result(
        scenario="story",
        file="story.yaml",
        start=1772438400.0,
        duration=7200,
        actions=(
            ActionRecord(2400, "Pause", TRAIN, "GPUIdle", message or "idle for 1800 s", "Enforce", failed=False),
            ActionRecord(2460, "Pause", TRAIN, "GPUIdle", "", "Enforce", failed=True, problem="409 conflict"),
        ),
        verdicts=(),
        costs=Costs("USD", unpriced, (cost,), Decimal("102.053"), Decimal("110.08")),
        findings=(Finding(passed, {"action": "Pause", "count": 1, "workload": {"kind": "Job", "name": "x"}}, "1"),),
        lanes=tuple(
            Lane(name, (span(0, 2400, LaneState.Running), span(2400, 7200, LaneState.Paused, message)))
            for name in names
        ),
        curves=(Curve("nodes", "USD/h", ((0, Decimal("55.04")), (3600, None))),),
    )


def drawn(results: list[Result]) -> str:
    """The page without the chart library, whose own text is not ours to judge."""
    return page.page(results, "")


def test_it_loads_nothing_from_anywhere() -> None:
    text = drawn([result()])
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", text)
    assert "@import" not in text


def test_it_says_what_was_found() -> None:
    text = drawn([result(passed=False)])
    assert "an expectation fails" in text
    assert "action: Pause, count: 1, workload: Job/x" in text
    assert "failed: 409 conflict" in text
    assert "110.08 USD" in text


def test_an_unknown_price_is_no_zero() -> None:
    text = drawn([result(unpriced=True)])
    assert re.search(r'data-label="cost">-<', text)
    assert "Some nodes have no price" in text


def test_what_a_user_wrote_is_no_markup() -> None:
    text = drawn([result(message=MARKUP)])
    assert MARKUP not in text
    (hover,) = (
        {it for bar in figure(result(message=MARKUP))["data"] for it in bar.get("customdata", []) if "alert" in it},
    )
    assert all("<script>" not in it for it in hover)


def test_lanes_cover_the_time_without_gaps() -> None:
    bars = {bar["name"]: bar for bar in figure(result())["data"] if bar["type"] == "bar"}
    assert bars["Running"]["base"] == ["2026-03-02 08:00:00"]
    assert bars["Running"]["x"] == [2_400_000]
    assert bars["Paused"]["base"] == ["2026-03-02 08:40:00"]
    assert bars["Paused"]["x"] == [4_800_000]


def test_an_unknown_price_leaves_a_hole_in_the_curve() -> None:
    (line,) = [it for it in figure(result())["data"] if it["name"] == "nodes"]
    assert line["y"] == [55.04, None, None]


def test_many_workloads_are_cut_and_that_is_said() -> None:
    text = drawn([result(lanes=MOST_LANES + 5)])
    assert "5 more workloads are not drawn" in text


def test_the_same_run_gives_the_same_bytes() -> None:
    assert drawn([result()]) == drawn([result()])
    assert json.dumps(figure(result())) == json.dumps(figure(result()))


def test_it_cannot_be_written_into_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        page.write([result()], tmp_path / "missing" / "page.html")
