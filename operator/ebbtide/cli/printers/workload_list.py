"""Workloads as a list."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import Console

from ebbtide.cli import screen
from ebbtide.cli.columns import Cell, Column, lines
from ebbtide.cli.duration import age
from ebbtide.cli.moment import ago
from ebbtide.cli.workload import NONE, Workload


@dataclass(frozen=True, slots=True)
class _Field:
    column: Column
    cell: Callable[[Workload, datetime], Cell]
    wide: bool = False


def _plain(*path: str) -> Callable[[Workload, datetime], Cell]:
    return lambda job, _: Cell(job.text(*path))


def _verdict(job: Workload, _: datetime) -> Cell:
    return Cell(job.verdict, screen.STYLES.get(job.verdict, ""))


def _reason(job: Workload, _: datetime) -> Cell:
    return Cell(job.reason, "bold" if job.paused else "")


def _since(job: Workload, now: datetime) -> Cell:
    since = job.time("verdict", "since")
    return Cell(ago(since, now) if since else NONE)


def _age(job: Workload, now: datetime) -> Cell:
    return Cell(age((now - job.created).total_seconds()) if job.created else NONE)


_FIELDS: Final = (
    _Field(Column("NAME", cut=True), lambda job, _: Cell(job.name)),
    _Field(Column("KIND"), lambda job, _: Cell(job.kind)),
    _Field(Column("VERDICT"), _verdict),
    _Field(Column("REASON"), _reason),
    _Field(Column("GPUS", right=True), _plain("gpus")),
    _Field(Column("CLASS"), _plain("capacityClass")),
    _Field(Column("COST/H", right=True), _plain("cost", "hourly")),
    _Field(Column("TOTAL", right=True), _plain("cost", "total")),
    _Field(Column("SAVED", right=True), _plain("cost", "saved")),
    _Field(Column("CURRENCY"), _plain("cost", "currency"), wide=True),
    _Field(Column("POLICY"), lambda job, _: Cell(job.policy), wide=True),
    _Field(Column("VERDICT SINCE"), _since, wide=True),
    _Field(Column("AGE"), _age, wide=True),
)
_NAMESPACE: Final = _Field(Column("NAMESPACE", cut=True), lambda job, _: Cell(job.namespace))

_CSV: Final = (
    "namespace",
    "name",
    "kind",
    "verdict",
    "reason",
    "gpus",
    "class",
    "currency",
    "costPerHour",
    "total",
    "saved",
)


def print_table(jobs: Sequence[Workload], now: datetime, *, namespaces: bool, wide: bool, console: Console) -> None:
    """One line each, within 120 columns; `wide` shows more and cuts nothing."""
    fields = [*([_NAMESPACE] if namespaces else []), *(one for one in _FIELDS if wide or not one.wide)]
    rows = [[field.cell(job, now) for field in fields] for job in jobs]
    for line in lines([field.column for field in fields], rows, None if wide else screen.WIDTH):
        console.print(line, soft_wrap=True)


def as_csv(jobs: Sequence[Workload]) -> str:
    """Comma-separated with a heading; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV)
    writer.writerows(_csv_row(job) for job in jobs)
    return text.getvalue()


def _csv_row(job: Workload) -> list[str]:
    cost = [job.text("cost", key) for key in ("currency", "hourly", "total", "saved")]
    found = [
        job.namespace,
        job.name,
        job.kind,
        job.verdict,
        job.reason,
        job.text("gpus"),
        job.text("capacityClass"),
        *cost,
    ]
    return ["" if value == NONE else value for value in found]
