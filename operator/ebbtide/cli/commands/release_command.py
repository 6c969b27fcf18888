"""`release`: everything that Ebbtide stopped runs again, and everything that it holds starts."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import click

from ebbtide.cli.duration import Duration, spoken
from ebbtide.cli.environment import Environment
from ebbtide.cli.failure import FAILED, Failure
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.printers import release_report as report
from ebbtide.cli.release.lead import Lead
from ebbtide.cli.release.pace import Pace, paced
from ebbtide.cli.release.search import Findings, search
from ebbtide.cli.release.slack import by_slack
from ebbtide.cli.release.stopped import Stopped
from ebbtide.cli.release.writing import Ending, Releaser, Result
from ebbtide.cluster.client import Client
from ebbtide.objects.errors import ApiError
from ebbtide.objects.levers.kinds import CARRIERS
from ebbtide.options import LEASE, NAMESPACE


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    namespace: str
    """Empty: all."""
    dry_run: bool
    within: int | None
    """Seconds; None: twenty a minute, however long it takes."""
    stop_operator: bool
    operator_namespace: str
    clock: Callable[[], datetime]

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.clock()


@click.command("release", short_help="Start again all that Ebbtide paused or holds, with or without an operator.")
@click.option("--dry-run", is_flag=True, help="Only show what would be started, in which order.")
@click.option(
    "--within",
    type=Duration(),
    metavar="TIME",
    help="Faster than 20 a minute where this would take longer, such as 4m.",
)
@click.option("--stop-operator", is_flag=True, help="Take the leader Lease first and keep it: for uninstalling.")
@click.option(
    "--operator-namespace", default=NAMESPACE, show_default=True, metavar="NAME", help="Where that Lease lies."
)
@output("text", "json")
@scoped(everywhere=True)
@click.pass_obj
def command(
    environment: Environment,
    scope: Scope,
    output: str,
    *,
    dry_run: bool,
    within: int | None,
    stop_operator: bool,
    operator_namespace: str,
) -> int:
    """Start again all that Ebbtide paused or holds: least slack first, at most 20 a minute.

    Works with your own rights, whether an operator runs or not, and also ends what people paused through Ebbtide. What
    it starts is not stopped again for 4 hours: it gets the annotation ebbtide.dev/override. A TrainingJob whose
    spec.suspend is true stays as its owner wants it. Exits with 1 if anything else stays paused.
    """
    with environment.connect(scope.target) as connection:
        order = Order(
            scope.of(connection), dry_run, within, stop_operator and not dry_run, operator_namespace, environment.now
        )
        try:
            findings, results = connection.ask(lambda client: _released(client, order))
        except ApiError as error:
            raise Failure(f"Nothing was released: {error.message}.") from error
    if output == "json":
        click.echo(json.dumps(report.as_json(findings, results, order.now), indent=4))
    elif dry_run:
        report.print_dry_run(findings, _pace(order, findings), order.now, order.namespace)
    else:
        report.print_results(findings, results, order.namespace)
    failed = findings.unseen or any(one.ending is Ending.Failed for one in results)
    return FAILED if failed else 0


async def _released(client: Client, order: Order) -> tuple[Findings, list[Result]]:
    if not order.stop_operator:
        return await _search_and_release(client, order)
    lead = Lead(client, order.operator_namespace, LEASE)
    await _take(lead, order)
    keeping = asyncio.create_task(lead.keep())
    fine = False
    try:
        findings, results = await _search_and_release(client, order)
        fine = not findings.unseen and all(one.ending is not Ending.Failed for one in results)
        return findings, results
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        if not fine:  # nothing will be uninstalled now: the operator goes on with its work
            await lead.give_up()


async def _take(lead: Lead, order: Order) -> None:
    """Without a Lease there is no operator that could act."""
    try:
        waited = await lead.take()
    except ApiError as error:
        if not error.not_found:
            raise
        click.echo(f"No Lease {LEASE} in namespace {order.operator_namespace}: no operator leads.", err=True)
        return
    until = f" (waited {spoken(waited)} for the one before)" if waited else ""
    click.echo(f"Lease {order.operator_namespace}/{LEASE} taken{until}: no operator acts any more.", err=True)


async def _search_and_release(client: Client, order: Order) -> tuple[Findings, list[Result]]:
    findings = await search(client, CARRIERS, order.namespace)
    findings.items = by_slack(findings.items, order.now.timestamp())
    if order.dry_run:
        return findings, []
    pace, releaser, count = (
        _pace(order, findings),
        Releaser(client, lambda: order.clock().timestamp()),
        len(findings.items),
    )
    if pace.seconds(count) > 0:
        click.echo(f"{count} to release, {pace.per_minute} a minute: {spoken(pace.seconds(count))}.", err=True)
    done = 0

    async def one(item: Stopped) -> Result:
        nonlocal done
        result = await releaser.release(item)
        done += 1
        click.echo(f"[{done}/{count}] {report.sentence(result, order.now)}", err=True)
        return result

    return findings, await paced(findings.items, one, pace)


def _pace(order: Order, findings: Findings) -> Pace:
    return Pace() if order.within is None else Pace.within(len(findings.items), order.within)
