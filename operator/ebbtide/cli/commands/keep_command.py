"""`keep`: a human wants nothing disruptive for a while."""

import click

from ebbtide.api import labels
from ebbtide.cli.duration import Duration, spoken
from ebbtide.cli.environment import Environment
from ebbtide.cli.failure import BadInput
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.intent import Request, Said, tell, until
from ebbtide.cli.workload import Workload


@click.command("keep", short_help="Keep Ebbtide's hands off a workload for a while.")
@click.argument("workload", metavar="KIND/NAME")
@click.option("--for", "seconds", type=Duration(), metavar="TIME", required=True, help="For this long, such as 4h.")
@output("text", "json", "yaml", "name")
@scoped()
@click.pass_obj
def command(environment: Environment, scope: Scope, workload: str, seconds: int, output: str) -> None:
    """Keep Ebbtide's hands off a workload for a while: no warning, no pause, whatever is idle or closed.

    Writes the annotation ebbtide.dev/keep-until with your own rights. It starts nothing: what is paused stays paused.
    """
    request = Request.of(environment, scope, workload)
    end = until(environment, seconds)
    with environment.connect(scope.target) as connection:
        before = request.read(connection)
        _refuse(before, request.reference.word)
        said = request.write(connection, before, {labels.KEEP_UNTIL: end})
    tell(said, output, *_sentences(said, seconds, str(end)))


def _refuse(job: Workload, word: str) -> None:
    if job.finished:
        raise BadInput(f"{word} has ended ({job.reason}): there is nothing left to keep.")


def _sentences(said: Said, seconds: int, end: str) -> list[str]:
    first = f"{said.reference.full_word} in {said.namespace}: kept until {end} ({spoken(seconds)})."
    second = "No warning and no pause until then; a policy may shorten this with overrides.maxKeepSeconds."
    if said.before.paused:
        second = f"It is paused now, and keeping starts nothing. To let it run: {said.command('resume')}"
    return [first, second]
