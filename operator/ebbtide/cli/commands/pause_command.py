"""`pause`: a human wants the GPUs back."""

import click

from ebbtide.api import labels
from ebbtide.cli.duration import Duration, spoken
from ebbtide.cli.environment import Environment
from ebbtide.cli.failure import BadInput
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.intent import Request, Said, tell, until
from ebbtide.cli.workload import Workload


@click.command("pause", short_help="Release a workload's GPUs now, until you resume it.")
@click.argument("workload", metavar="KIND/NAME")
@click.option("--for", "seconds", type=Duration(), metavar="TIME", help="Come back after this long, such as 4h or 90m.")
@output("text", "json", "yaml", "name")
@scoped()
@click.pass_obj
def command(environment: Environment, scope: Scope, workload: str, seconds: int | None, output: str) -> None:
    """Release a workload's GPUs now, until you resume it.

    Writes the annotation ebbtide.dev/override with your own rights; the operator stops the work. Work that writes no
    checkpoint loses what it has done.
    """
    request = Request.of(environment, scope, workload)
    end = until(environment, seconds)
    with environment.connect(scope.target) as connection:
        before = request.read(connection)
        _refuse(before, request.reference.word)
        said = request.write(connection, before, {labels.OVERRIDE: "Paused", labels.OVERRIDE_UNTIL: end})
    tell(said, output, *_sentences(said, seconds, end))


def _refuse(job: Workload, word: str) -> None:
    if job.unsupported:
        raise BadInput(f"{word} is reported only: {job.unsupported}.")
    if job.finished:
        raise BadInput(f"{word} has ended ({job.reason}): it holds no GPU any more, so there is nothing to pause.")


def _sentences(said: Said, seconds: int | None, end: str | None) -> list[str]:
    length = f"until {end} ({spoken(seconds)})" if seconds is not None else "until you resume it"
    state = "It is paused already and stays so." if said.before.paused else "The operator stops it within seconds."
    loses = said.before.starts_over
    warning = f" It writes no checkpoint ({loses}): it will start over." if loses else ""
    return [
        f"{said.reference.full_word} in {said.namespace}: to be paused {length}.",
        f"{state}{'' if said.before.paused else warning}",
        f"To take it back: {said.command('resume')}",
    ]
