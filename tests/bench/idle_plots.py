"""Plots of the replay, beside docs/benchmarks.md. Drawn with matplotlib: the same figures give the same bytes."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench import idle_rules
from tests.bench.idle_replay import AUTO, EACH, RULES, SINGLE
from tests.bench.idle_rules import Outcome
from tests.bench.idle_trace import Trace
from tests.bench.report import DOCUMENT

FOLDER = DOCUMENT.parent
_MINUTES = (1, 2, 4, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)
_MARKS = dict(zip(RULES, "svD^", strict=True))


def draw(
    trace: Trace,
    first: Mapping[int, Mapping[str, Outcome]],
    fronts: Mapping[int, Mapping[float, tuple[Outcome, Outcome]]],
    oracles: Mapping[int, float],
    folder: Path = FOLDER,
) -> None:
    """Both plots."""
    mpl.rcParams.update({"svg.hashsalt": "ebbtide", "svg.fonttype": "none", "font.size": 9})
    _frontier(trace, first, fronts, oracles, folder / "idle-replay-frontier.svg")
    _shares(first, oracles, folder / "idle-replay-shares.svg")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _frontier(trace, first, fronts, oracles, path: Path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots(1, len(fronts), sharey=True)
    for place, (axis, restart) in enumerate(zip(axes, fronts, strict=True)):
        oracle = oracles[restart]
        auto = [pair[0] for pair in fronts[restart].values()]
        swept = [Outcome.of(trace, idle_rules.fixed(trace, 60 * it), restart) for it in _MINUTES]
        _line(axis, auto, oracle, "o-", "Auto, ω 0 to 64")
        _line(axis, [it for it in swept if it.saved > 0], oracle, ".:", "one fixed timeout")
        for name, mark in {**_MARKS, EACH: "*", SINGLE: "x"}.items():
            _line(axis, [first[restart][name]], oracle, mark, name)
        axis.set(title=f"R = {restart} s", xlabel="wrong pauses", xscale="log", ylim=(0, 85))
        axis.grid(visible=True, alpha=0.3)
        if not place:
            axis.set_ylabel("net saving, % of the oracle's")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    _save(figure, path)


def _line(axis: Axes, outcomes: list[Outcome], oracle: float, style: str, label: str) -> None:
    axis.plot([it.wrong for it in outcomes], [100 * it.share(oracle) for it in outcomes], style, label=label)


def _shares(first, oracles, path: Path) -> None:
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    axis = figure.subplots()
    names = (*RULES, SINGLE, EACH, AUTO)
    for place, name in enumerate(names):
        shares = [100 * first[restart][name].share(oracles[restart]) for restart in first]
        axis.bar([group + (place - 3) * 0.12 for group in range(len(first))], shares, 0.11, label=name)
    axis.set_xticks(range(len(first)), [f"R = {restart} s" for restart in first])
    axis.set_ylabel("net saving, % of the oracle's")
    figure.legend(loc="outside right center", frameon=False)
    _save(figure, path)
