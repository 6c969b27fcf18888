"""Samples, counts and traces as texts and files give them. Whatever is wrong is a Refusal."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ebbtide.sim.complaint import short
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.scenario import MOST_STEPS, Capacity
from ebbtide.sim.series_notation import Mark, NotationError, Value, parse_values
from ebbtide.sim.series_selector import parse_selector
from ebbtide.sim.yaml_file import read_text

_COLUMNS: Final = ["time_seconds", "series", "value"]
_MOST_NODES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ExactSeries:
    """Samples that stand in a file: (seconds from the start, value or stale mark), ascending."""

    metric: str
    labels: Mapping[str, str]
    samples: tuple[tuple[float, float | Mark], ...]


@dataclass(frozen=True, slots=True)
class CapacityTrace:
    """How many nodes exist from second k · step on; math.inf: all. The last holds."""

    capacity: Capacity
    step: int
    counts: tuple[float, ...]


def values(text: str, file: str, path: str) -> tuple[Value, ...]:
    """Values in promtool's notation."""
    try:
        return tuple(parse_values(text))
    except NotationError as error:
        raise Refusal(file, path, str(error)) from error


def selector(text: str, file: str, path: str) -> tuple[str, dict[str, str]]:
    """NAME{label="…"}."""
    try:
        metric, labels = parse_selector(text)
    except ValueError as error:
        raise Refusal(file, path, str(error)) from error
    return metric, dict(labels)


def exact(name: str, text: str, interval: int, file: str, path: str) -> ExactSeries:
    """One entry of `series`."""
    metric, labels = selector(name, file, f"{path}.series")
    numbered = enumerate(values(text, file, f"{path}.values"))
    return ExactSeries(
        metric, labels, tuple((float(place * interval), it) for place, it in numbered if it is not Mark.Gap)
    )


def series_file(path: Path) -> list[ExactSeries]:
    """A CSV of samples, in any order; one row for each."""
    file, found = str(path), dict[str, dict[float, float | Mark]]()
    rows = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        for number, row in enumerate(rows, 1):
            if number == 1:
                if [cell.strip() for cell in row] != _COLUMNS:
                    raise Refusal(
                        file, "line 1", f"write the header {','.join(_COLUMNS)}; found {short(','.join(row))}"
                    )
            elif row:
                _take_row(row, found, file, f"line {rows.line_num}")
    except csv.Error as error:
        raise Refusal(file, f"line {rows.line_num}", f"it is not CSV: {error}") from error
    return [
        ExactSeries(
            *selector(name, file, f"series {short(name)}"), tuple(sorted(samples.items(), key=lambda it: it[0]))
        )
        for name, samples in found.items()
    ]


def _take_row(row: list[str], found: dict[str, dict[float, float | Mark]], file: str, line: str) -> None:
    if len(row) != len(_COLUMNS):
        raise Refusal(file, line, f"{len(row)} columns; write {len(_COLUMNS)}: {', '.join(_COLUMNS)}")
    at = _number(row[0], file, line)
    if not math.isfinite(at) or at < 0:
        raise Refusal(file, line, f"{short(row[0])} is not a time; write seconds from the start")
    samples = found.setdefault(row[1].strip(), {})
    if at in samples:
        raise Refusal(file, line, f"{row[1]} has two samples at {row[0]} s; write one")
    said = row[2].strip()
    samples[at] = Mark.Stale if said == Mark.Stale.value else _number(said, file, line)


def _number(text: str, file: str, line: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Refusal(file, line, f"{short(text)} is not a number") from error


def capacity_trace(capacity: Capacity, folder: Path, file: str, path: str) -> CapacityTrace:
    """The counts of one entry of `capacity`."""
    if capacity.available is not None:
        counts = values(capacity.available, file, f"{path}.available")
        return CapacityTrace(capacity, capacity.step_seconds or 1, _counts(counts, file, f"{path}.available"))
    trace = folder / str(capacity.available_file)
    step, data = _trace_file(trace)
    counted = _counts(data, str(trace), "data")
    if max(counted) <= 1:
        counted = tuple(math.inf if count else 0.0 for count in counted)
    return CapacityTrace(capacity, capacity.step_seconds or step, counted)


def _trace_file(path: Path) -> tuple[int, list[Any]]:
    file = str(path)
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise Refusal(file, "", f"it is not JSON: {error}") from error
    form = 'write {"metadata": {"gap_seconds": N}, "data": [counts]}'
    gap = content["metadata"].get("gap_seconds") if _has(content, "metadata", dict) else None
    if isinstance(gap, bool) or not isinstance(gap, int | float) or not 1 <= gap <= 1e9 or gap != int(gap):
        raise Refusal(file, "metadata.gap_seconds", f"{short(gap)} is not a number of whole seconds; {form}")
    if not _has(content, "data", list):
        raise Refusal(file, "data", f"there is no list of counts; {form}")
    return int(gap), content["data"]


def _has(content: object, key: str, kind: type) -> bool:
    return isinstance(content, dict) and isinstance(content.get(key), kind)


def _counts(counts: Iterable[Any], file: str, path: str) -> tuple[float, ...]:
    found = []
    for place, count in enumerate(counts):
        whole = isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count <= _MOST_NODES
        if not whole or count != int(count):
            raise Refusal(file, f"{path}[{place}]", f"{short(count)} is not a number of nodes; write 0 or more")
        found.append(float(count))
    if not 1 <= len(found) <= MOST_STEPS:
        raise Refusal(file, path, f"{len(found)} counts; write 1 to {MOST_STEPS}")
    return tuple(found)
