"""What `release` found and did."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from ebbtide.cli import screen
from ebbtide.cli.columns import Cell, Column, lines
from ebbtide.cli.duration import spoken
from ebbtide.cli.moment import ago, written
from ebbtide.cli.release.pace import Pace
from ebbtide.cli.release.search import Findings
from ebbtide.cli.release.slack import slack
from ebbtide.cli.release.stopped import State, Stopped
from ebbtide.cli.release.writing import Ending, Result

NONE: Final = "-"
_COLUMNS: Final = (
    Column("NAMESPACE", cut=True),
    Column("WORKLOAD", cut=True),
    Column("STATE"),
    Column("BY"),
    Column("REASON"),
    Column("SINCE"),
    Column("SLACK", right=True),
)


def print_dry_run(findings: Findings, pace: Pace, now: datetime, namespace: str) -> None:
    """What would be started, in that order, and what would stay as it is."""
    ours = [one for one in findings.items if not one.left and not one.problem]
    if ours:
        console = screen.console()
        for line in lines(_COLUMNS, [_row(one, now) for one in ours], screen.WIDTH):
            console.print(line, soft_wrap=True)
    for one in findings.items:
        if why := one.problem or one.left:
            click.echo(f"{one.place} would stay as it is: {why}.")
    for sentence in findings.unseen:
        click.echo(f"Cannot be looked at: {sentence}.", err=True)
    click.echo(
        f"{len(ours)} would be released{_length(pace, len(ours))}. Nothing was changed." if ours else _none(namespace)
    )


def print_results(findings: Findings, results: Sequence[Result], namespace: str) -> None:
    """One line with the numbers on standard output, and on standard error what stays paused, each with why."""
    for result in results:
        if result.ending is Ending.Failed:
            click.echo(f"Stays paused: {result.item.place}: {result.message}.", err=True)
    for sentence in findings.unseen:
        click.echo(f"Cannot be looked at: {sentence}.", err=True)
    if not results:
        click.echo(_none(namespace) if not findings.unseen else "Nothing was released.")
        return
    count = Counter(result.ending for result in results)
    left = f", {count[Ending.Left]} left to their owners" if count[Ending.Left] else ""
    failed = f", {count[Ending.Failed]} stay paused" if count[Ending.Failed] else ""
    click.echo(f"{count[Ending.Released]} released{left}{failed}.")


def sentence(result: Result, now: datetime) -> str:
    """One line of progress."""
    item = result.item
    if result.ending is Ending.Left:
        return f"{item.place}: left to its owner: {result.message}"
    if result.ending is Ending.Failed:
        return f"{item.place}: stays paused: {result.message}"
    more = f"; {result.message}" if result.message else ""
    if item.state is State.Stale:
        return f"{item.place}: runs already, its old mark was removed{more}"
    if item.state is State.Held:
        return f"{item.place}: started, it was held before its start{more}"
    since = ago(datetime.fromtimestamp(item.since, UTC), now) if item.since else "some time ago"
    return f"{item.place}: released, paused {since} by {item.by or NONE} ({item.reason or NONE}){more}"


def as_json(findings: Findings, results: Sequence[Result], now: datetime) -> dict[str, Any]:
    """Everything, for programs; results are empty in a dry run."""
    ended = {result.item.uid: result for result in results}
    return {
        "items": [_item(one, ended.get(one.uid), now) for one in findings.items],
        "cannotBeLookedAt": findings.unseen,
    }


def _item(item: Stopped, result: Result | None, now: datetime) -> dict[str, Any]:
    waits = slack(item, now.timestamp())
    since = written(datetime.fromtimestamp(item.since, UTC)) if item.since else None
    return {
        "namespace": item.namespace,
        "workload": item.word,
        "object": f"{item.lever.resource.kind.lower()}/{item.name}",
        "state": str(item.state),
        "by": item.by or None,
        "reason": item.reason or None,
        "since": since,
        "slackSeconds": None if math.isinf(waits) else round(waits),
        "result": str(result.ending) if result else None,
        "message": (result.message if result else item.problem or item.left) or None,
    }


def _row(item: Stopped, now: datetime) -> list[Cell]:
    waits = slack(item, now.timestamp())
    late = f"late by {spoken(-waits)}" if waits < 0 else ""
    return [
        Cell(item.namespace),
        Cell(item.word),
        Cell(str(item.state)),
        Cell(item.by or NONE),
        Cell(item.reason or NONE),
        Cell(ago(datetime.fromtimestamp(item.since, UTC), now) if item.since else NONE),
        Cell(late or (NONE if math.isinf(waits) else spoken(waits))),
    ]


def _length(pace: Pace, count: int) -> str:
    seconds = pace.seconds(count)
    return f", {pace.per_minute} a minute, in {spoken(seconds)}" if seconds else ""


def _none(namespace: str) -> str:
    return (
        f"Nothing is paused or held by Ebbtide {'in ' + namespace + ' namespace' if namespace else 'in any namespace'}."
    )
