"""`explain`: why a workload was judged as it is, and what would change it."""

import click

from ebbtide.cli import screen
from ebbtide.cli.environment import Connection, Environment, Object
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.intent import Request
from ebbtide.cli.printers.objects import print_object
from ebbtide.cli.printers.page import Page
from ebbtide.cli.printers.workload_page import Explanation, print_page
from ebbtide.cli.workload import Workload
from ebbtide.objects.resources import CLUSTER_COST_POLICIES, COST_POLICIES


@click.command("explain", short_help="Show why a workload was judged as it is, and what would change it.")
@click.argument("workload", metavar="KIND/NAME")
@output("text", "json", "yaml", "name")
@scoped()
@click.pass_obj
def command(environment: Environment, scope: Scope, workload: str, output: str) -> None:
    """Show why a workload was judged as it is: the checks with their numbers, and what would change it.

    KIND is any kind of workload: trainingjob (tjob), job, deployment (deploy), pytorchjob, notebook and so on, with or
    without its group, as in deployment.apps.
    """
    request = Request.of(environment, scope, workload)
    with environment.connect(scope.target) as connection:
        job = request.read(connection)
        policy = _policy(connection, job) if output == "text" else None
    if output in {"json", "yaml"}:
        print_object(job.shown, output)
    elif output == "name":
        click.echo(request.reference.full_word)
    else:
        explanation = Explanation(job, policy, environment.now(), environment.program)
        print_page(explanation, Page(screen.console()))


def _policy(connection: Connection, job: Workload) -> Object | None:
    kind, _, name = job.policy.partition("/")
    if kind == CLUSTER_COST_POLICIES.kind:
        return connection.find(CLUSTER_COST_POLICIES, "", name)
    if kind != COST_POLICIES.kind or not name:
        return None
    return connection.find(COST_POLICIES, job.namespace, name)
