"""`list`: every workload with its verdict and what it costs."""

import click

from ebbtide.cli import screen
from ebbtide.cli.environment import Environment
from ebbtide.cli.failure import BadInput
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.printers.objects import print_list
from ebbtide.cli.printers.workload_list import as_csv, print_table
from ebbtide.cli.workload import Workload
from ebbtide.objects.resources import ADOPTED_WORKLOADS, TRAINING_JOBS


@click.command("list", short_help="Show every workload: verdict, reason, GPUs and cost.")
@click.option("--idle", is_flag=True, help="Only what nobody uses.")
@click.option("--paused", is_flag=True, help="Only what Ebbtide or a human keeps from running.")
@output("table", "wide", "json", "yaml", "name", "csv")
@scoped(everywhere=True)
@click.pass_obj
def command(environment: Environment, scope: Scope, output: str, *, idle: bool, paused: bool) -> None:
    """Show every workload: verdict, reason, GPUs, class and cost per hour.

    `-` stands for what is not known: a node without a price, or totals before there is a ledger. The table cuts long
    names; `-o wide` does not.
    """
    if idle and paused:
        raise BadInput("--idle and --paused exclude each other: what is paused holds no GPU. Give one of them.")
    with environment.connect(scope.target) as connection:
        namespace = scope.of(connection)
        jobs = [
            Workload(one) for kind in (TRAINING_JOBS, ADOPTED_WORKLOADS) for one in connection.all_of(kind, namespace)
        ]
    shown = sorted(
        (job for job in jobs if (not idle or job.idle) and (not paused or job.paused)),
        key=lambda job: (job.namespace, job.name, job.kind),
    )
    _print(shown, output, environment, scope, namespace)


def _print(jobs: list[Workload], form: str, environment: Environment, scope: Scope, namespace: str) -> None:
    if form in {"json", "yaml"}:
        print_list([job.shown for job in jobs], form)
    elif form == "csv":
        click.echo(as_csv(jobs), nl=False)
    elif form == "name":
        for job in jobs:
            click.echo(job.full_word)
    elif not jobs:
        click.echo(
            f"No workload found {'in ' + namespace + ' namespace' if namespace else 'in any namespace'}.", err=True
        )
    else:
        wide = form == "wide"
        print_table(jobs, environment.now(), namespaces=scope.everywhere, wide=wide, console=screen.console())
