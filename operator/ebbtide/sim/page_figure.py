"""The picture of one run: a lane per workload over time, what was done on it, and what an hour costs below."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ebbtide.sim.result import ActionRecord, Curve, Lane, LaneSpan, LaneState, Result, WorkloadName

MOST_LANES: Final = 120
"""More would be a picture that nobody reads; the tables have them all."""
LANE_PIXELS: Final = 34
CURVE_PIXELS: Final = 190
MARGIN_PIXELS: Final = 120
SHORT_SECONDS: Final = 2 * 86_400
"""Up to here the time of day is enough; the dates stand above."""

COLOURS: Final = {
    LaneState.Running: "#2f8f5b",
    LaneState.Idle: "#e3a72f",
    LaneState.Starting: "#9fd0b2",
    LaneState.Stopping: "#c9b27c",
    LaneState.Waiting: "#a99bd1",
    LaneState.Held: "#8fa5b5",
    LaneState.Paused: "#3b6fb6",
    LaneState.Finished: "#d5dbe1",
    LaneState.Gone: "#eef1f4",
}
"""Told apart in grey print too: running is dark, idle is light, paused is dark blue with its name in the bar."""
_DARK: Final = frozenset({LaneState.Running, LaneState.Paused})
_SYMBOLS: Final = {
    "Warn": ("triangle-up", "#b3261e"),
    "Pause": ("square", "#1d3f72"),
    "Resume": ("triangle-right", "#1c6b40"),
    "Start": ("triangle-right", "#1c6b40"),
    "Create": ("circle", "#45525e"),
    "Hold": ("diamond", "#45525e"),
}
_OTHER: Final = ("x", "#45525e")
_CURVE_COLOURS: Final = ("#45525e", "#2f8f5b", "#b3261e", "#3b6fb6")


def figure(result: Result) -> dict[str, Any]:
    """Data and layout for Plotly, as JSON types."""
    lanes = result.lanes[:MOST_LANES]
    curves = list(_by_unit(result.curves))
    heights = [max(1, len(lanes)) * LANE_PIXELS, *(CURVE_PIXELS for _ in curves)]
    drawn = make_subplots(
        rows=len(heights), cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=min(0.08, 60 / sum(heights))
    )
    for trace in (*_bars(result, lanes), *_marks(result, lanes)):
        drawn.add_trace(trace, row=1, col=1)
    for row, (unit, group) in enumerate(curves, start=2):
        for number, curve in enumerate(group):
            drawn.add_trace(_line(result, curve, number), row=row, col=1)
        drawn.update_yaxes(title_text=unit, rangemode="tozero", row=row, col=1)
    _lay_out(drawn, result, lanes, sum(heights) + MARGIN_PIXELS)
    found: dict[str, Any] = drawn.to_dict()
    found["layout"].pop("template", None)
    return found


def _by_unit(curves: Sequence[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    known = [curve for curve in curves if any(value is not None for _, value in curve.points)]
    for unit, group in groupby(sorted(known, key=lambda it: it.unit), key=lambda it: it.unit):
        yield unit, list(group)


def _bars(result: Result, lanes: Sequence[Lane]) -> Iterator[go.Bar]:
    """One trace per state, so that the legend names them."""
    spans = [(lane, span) for lane in lanes for span in lane.spans]
    for state in LaneState:
        of_state = [(lane, span) for lane, span in spans if span.state is state]
        if of_state:
            yield go.Bar(
                name=state.value,
                orientation="h",
                y=[_label(lane.workload, result) for lane, _ in of_state],
                base=[_stamp(result, span.start) for _, span in of_state],
                x=[(span.end - span.start) * 1000 for _, span in of_state],
                text=[span.capacity_class or state.value for _, span in of_state],
                customdata=[_hover(result, lane.workload, span) for lane, span in of_state],
                hovertemplate="%{customdata}<extra></extra>",
                textposition="inside",
                textangle=0,
                insidetextanchor="middle",
                textfont={"color": "#ffffff" if state in _DARK else "#20262c", "size": 11},
                marker={"color": COLOURS[state], "line": {"color": "#ffffff", "width": 1}},
                width=0.72,
            )


def _hover(result: Result, workload: WorkloadName, span: LaneSpan) -> str:
    lines = [
        f"<b>{_safe(str(workload))}</b>: {span.state.value}",
        f"{_clock(result, span.start)} to {_clock(result, span.end)}"
        + (f", {span.gpus} GPU on {span.capacity_class}" if span.capacity_class else ""),
        f"{span.verdict} {span.reason}".strip(),
        *_wrapped(span.message),
    ]
    return "<br>".join(line for line in lines if line)


def _marks(result: Result, lanes: Sequence[Lane]) -> Iterator[go.Scatter]:
    shown = {lane.workload for lane in lanes}
    actions = [action for action in result.actions if action.workload in shown]
    for verb in dict.fromkeys(action.action for action in actions):
        symbol, colour = _SYMBOLS.get(verb, _OTHER)
        done = [action for action in actions if action.action == verb]
        yield go.Scatter(
            name=verb,
            mode="markers",
            x=[_stamp(result, action.at) for action in done],
            y=[_label(action.workload, result) for action in done],
            customdata=[_told(result, action) for action in done],
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "symbol": [f"{symbol}-open" if action.mode == "Observe" else symbol for action in done],
                "color": colour,
                "size": 10,
                "line": {"color": "#ffffff" if symbol != "x" else colour, "width": 1},
            },
        )


def _told(result: Result, action: ActionRecord) -> str:
    failed = f"failed: {_safe(action.problem)}" if action.failed else ""
    mode = "would be done (Observe)" if action.mode == "Observe" else ""
    head = f"<b>{action.action}</b> {action.reason} at {_clock(result, action.at)}"
    return "<br>".join(line for line in (head, mode, failed, *_wrapped(action.message)) if line)


def _line(result: Result, curve: Curve, number: int) -> go.Scatter:
    """A step function; where it is not known there is no line."""
    points = [*curve.points, (result.duration, curve.points[-1][1])] if curve.points else []
    return go.Scatter(
        name=curve.name,
        mode="lines",
        x=[_stamp(result, at) for at, _ in points],
        y=[_plain(value) for _, value in points],
        line={"shape": "hv", "color": _CURVE_COLOURS[number % len(_CURVE_COLOURS)], "width": 2},
        hovertemplate=f"{_safe(curve.name)}: %{{y}} {_safe(curve.unit)}<br>%{{x|%H:%M:%S}}<extra></extra>",
    )


def _lay_out(drawn: go.Figure, result: Result, lanes: Sequence[Lane], height: int) -> None:
    labels = [_label(lane.workload, result) for lane in lanes]
    drawn.update_layout(
        barmode="overlay",
        height=height,
        autosize=True,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "top", "y": -60 / height - 0.02, "x": 0, "font": {"size": 12}},
        font={"family": "system-ui, sans-serif", "size": 12, "color": "#20262c"},
        plot_bgcolor="#ffffff",
        paper_bgcolor="#ffffff",
        hoverlabel={"align": "left", "font": {"size": 12}},
    )
    drawn.update_yaxes(automargin=True, gridcolor="#e6eaee", zeroline=False)
    drawn.update_yaxes(categoryorder="array", categoryarray=labels[::-1], row=1, col=1)
    edge = max(1, result.duration // 60)  # room for a mark at the very begin or end
    span = [_stamp(result, -edge), _stamp(result, result.duration + edge)]
    clock = "%H:%M" if result.duration <= SHORT_SECONDS else None
    drawn.update_xaxes(type="date", range=span, gridcolor="#e6eaee", automargin=True, tickformat=clock)


def _label(workload: WorkloadName, result: Result) -> str:
    """Kind/name, with the namespace where there are several; long names keep their end."""
    several = len({lane.workload.namespace for lane in result.lanes}) > 1
    text = str(workload) if several else f"{workload.kind}/{workload.name}"
    return text if len(text) <= 38 else f"…{text[-37:]}"


def _stamp(result: Result, at: int) -> str:
    return datetime.fromtimestamp(result.start + at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _clock(result: Result, at: int) -> str:
    return datetime.fromtimestamp(result.start + at, UTC).strftime("%H:%M:%S")


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _wrapped(text: str, width: int = 80) -> Iterable[str]:
    """Hover boxes do not wrap by themselves."""
    line = ""
    for word in _safe(text).split():
        if line and len(line) + len(word) >= width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _safe(text: str) -> str:
    """Plotly reads a few tags in texts: what a user wrote must not become one."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
