"""`simulate --html`: one page that needs nothing but itself, readable on a phone and in print."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from ebbtide.sim.page_figure import MOST_LANES, figure
from ebbtide.sim.result import Costs, Result, rounded, shown

MOST_ROWS: Final = 500
"""Rows of a table; a page with more is one that no phone opens. The JSON output has them all."""
_NO_VALUE: Final = "-"


def write(results: Sequence[Result], path: Path) -> None:
    """Write the page of these runs. OSError when the file cannot be written."""
    path.write_text(page(results, get_plotlyjs()), encoding="utf-8")


def page(results: Sequence[Result], library: str) -> str:
    """The page as text; `library` is the chart library's code, which the page carries."""
    environment = Environment(
        loader=PackageLoader("ebbtide.sim", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    runs = [_run(number, result) for number, result in enumerate(results, start=1)]
    title = results[0].scenario if len(results) == 1 else f"{len(results)} scenarios"
    passed = all(result.passed for result in results)
    return environment.get_template("page.html.j2").render(
        title=title, runs=runs, passed=passed, plotly=library, most_rows=MOST_ROWS
    )


def _run(number: int, result: Result) -> dict[str, Any]:
    return {
        "id": f"run{number}",
        "name": result.scenario,
        "file": result.file,
        "passed": result.passed,
        "when": f"{_time(result, 0, '%Y-%m-%d %H:%M')} to {_time(result, result.duration, '%Y-%m-%d %H:%M')} UTC",
        "figures": list(_figures(result)),
        "unpriced": result.costs.unpriced,
        "chart": figure(result),
        "left_out": max(0, len(result.lanes) - MOST_LANES),
        "findings": [_finding(it.passed, it.expectation, it.found) for it in result.findings],
        "costs": list(_costs(result.costs))[:MOST_ROWS],
        "actions": [
            {
                "time": _time(result, it.at, "%H:%M:%S"),
                "what": it.action if it.mode == "Enforce" else f"{it.action} (planned)",
                "workload": str(it.workload),
                "reason": it.reason,
                "message": f"failed: {it.problem}" if it.failed else it.message,
                "failed": it.failed,
            }
            for it in result.actions[:MOST_ROWS]
        ],
        "more_actions": max(0, len(result.actions) - MOST_ROWS),
    }


def _figures(result: Result) -> Iterator[tuple[str, str, str]]:
    """(what, value, unit) at the top of the page."""
    costs = result.costs
    saved = [it.saved for it in costs.workloads if it.saved is not None]
    hours = sum((it.gpu_hours for it in costs.workloads), Fraction(0))
    yield "Total", f"{costs.total:.2f}", costs.currency
    yield "Not allocated", f"{costs.unallocated:.2f}", costs.currency
    yield "Saved", f"{rounded(sum(saved, Fraction(0))):.2f}" if saved else _NO_VALUE, costs.currency
    yield "GPU-hours of workloads", f"{rounded(hours):.2f}", ""
    pauses = sum(it.action == "Pause" and it.mode == "Enforce" and not it.failed for it in result.actions)
    yield "Pauses", str(pauses), ""


def _costs(costs: Costs) -> Iterator[dict[str, str]]:
    for it in costs.workloads:
        yield {
            "workload": str(it.workload),
            "cost": _amount(it.cost),
            "list_cost": _amount(it.list_cost),
            "saved": _amount(it.saved),
            "gpu_hours": _amount(it.gpu_hours),
        }


def _amount(amount: Fraction | None) -> str:
    return _NO_VALUE if amount is None else shown(rounded(amount))


def _finding(passed: bool, expectation: Mapping[str, Any], found: str) -> dict[str, Any]:
    return {
        "passed": passed,
        "text": ", ".join(f"{key}: {_plain(it)}" for key, it in expectation.items()),
        "found": found,
    }


def _plain(value: Any) -> str:
    """A workload as people name it; anything else as it stands."""
    if isinstance(value, Mapping) and {"kind", "name"} <= value.keys():
        return "/".join(str(value[key]) for key in ("namespace", "kind", "name") if key in value)
    if isinstance(value, Mapping):
        return " ".join(str(it) for it in value.values())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _time(result: Result, at: int, form: str) -> str:
    return datetime.fromtimestamp(result.start + at, UTC).strftime(form)
