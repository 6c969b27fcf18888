"""`simulate`: what was done, what it cost, and which expectations hold."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ebbtide.cli.columns import Cell, Column, lines
from ebbtide.cli.printers.page import Page
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.result import Costs, Finding, Result, rounded

_ACTIONS: Final = (Column("TIME"), Column("ACTION"), Column("WORKLOAD", cut=True), Column("REASON"), Column("RESULT"))
_COSTS: Final = (
    Column("WORKLOAD", cut=True),
    Column("COST", right=True),
    Column("LIST", right=True),
    Column("SAVED", right=True),
    Column("GPU HOURS", right=True),
)
_PLACES: Final = 2
_UNPRICED: Final = "-"
_NO_PRICE: Final = "Some nodes have no price: the sums are without them."


def print_results(results: Sequence[Result], console: Console) -> None:
    """One part for each file, and how the expectations ended."""
    page = Page(console)
    for place, result in enumerate(results):
        if place:
            page.blank()
        _print_one(result, page)
    failed = sum(not finding.passed for result in results for finding in result.findings)
    count = sum(len(result.findings) for result in results)
    if count:
        page.blank()
        page.line(f"{failed} of {count} expectations failed." if failed else f"All {count} expectations hold.", "bold")


def _print_one(result: Result, page: Page) -> None:
    clock = SimulatedClock(result.start)
    page.line(f"{result.scenario}  ({clock.stamp(0)} to {clock.stamp(result.duration)})", "bold")
    page.heading("Actions")
    if result.actions:
        rows = [
            [
                Cell(clock.stamp(it.at)),
                Cell(it.action),
                Cell(str(it.workload)),
                Cell(it.reason),
                Cell("failed" if it.failed else "planned" if it.mode == "Observe" else "done", "red" * it.failed),
            ]
            for it in result.actions
        ]
        for line in lines(_ACTIONS, rows, page.console.width, indent=2):
            page.line(line)
    else:
        page.line("  none")
    page.heading(f"Costs in {result.costs.currency}")
    _print_costs(result.costs, page)
    if result.findings:
        page.heading("Expectations")
        for finding in result.findings:
            _print_finding(finding, page)


def _print_costs(costs: Costs, page: Page) -> None:
    rows = [
        [
            Cell(str(it.workload)),
            *(Cell(_amount(amount)) for amount in (it.cost, it.list_cost, it.saved, it.gpu_hours)),
        ]
        for it in costs.workloads
    ]
    rows.append([Cell("unallocated"), Cell(f"{costs.unallocated:.{_PLACES}f}"), Cell(""), Cell(""), Cell("")])
    rows.append([Cell("total", "bold"), Cell(f"{costs.total:.{_PLACES}f}", "bold"), Cell(""), Cell(""), Cell("")])
    for line in lines(_COSTS, rows, page.console.width, indent=2):
        page.line(line)
    if costs.unpriced:
        page.line(f"  {_NO_PRICE}", "yellow")


def _amount(amount: Fraction | None) -> str:
    return _UNPRICED if amount is None else f"{rounded(amount):.{_PLACES}f}"


def _print_finding(finding: Finding, page: Page) -> None:
    mark, style = ("ok", "green") if finding.passed else ("FAILED", "bold red")
    start = Text.assemble("  ", (mark.ljust(6), style), "  ")
    page.hanging(start, f"{_said(finding.expectation)} - found {finding.found}")


def _said(expectation: Mapping[str, Any]) -> str:
    """An expectation as it stands in the file, in one line."""
    return ", ".join(f"{key}: {_value(value)}" for key, value in expectation.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping) and {"kind", "name"} <= value.keys():
        return f"{value.get('namespace', 'default')}/{value['kind']}/{value['name']}"
    if isinstance(value, Mapping):
        return f"{{{_said(value)}}}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
