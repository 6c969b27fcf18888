"""`resume`: a human wants the work to run. With --breaker: a human closes the circuit breaker."""

import click

from ebbtide.api import labels
from ebbtide.cli import moment
from ebbtide.cli.duration import Duration, spoken
from ebbtide.cli.environment import Environment, Object
from ebbtide.cli.failure import BadInput
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.intent import Request, Said, tell, until
from ebbtide.cli.printers.objects import print_object
from ebbtide.cli.workload import Workload
from ebbtide.objects.resources import LEASES
from ebbtide.options import LEASE, NAMESPACE

DEFAULT_SECONDS = 4 * 3600


@click.command("resume", short_help="Let a workload run, whatever the policy says, for a while.")
@click.argument("workload", metavar="[KIND/NAME]", required=False, default="")
@click.option("--for", "seconds", type=Duration(), metavar="TIME", help="For this long, such as 8h.  [default: 4h]")
@click.option(
    "--breaker",
    is_flag=True,
    help="Close the fleet's circuit breaker instead, without KIND/NAME; -n is the operator's namespace.",
)
@output("text", "json", "yaml", "name")
@scoped()
@click.pass_obj
def command(
    environment: Environment, scope: Scope, workload: str, seconds: int | None, output: str, *, breaker: bool
) -> None:
    """Let a workload run, whatever the policy says, for 4 hours or as long as --for says.

    Writes the annotation ebbtide.dev/override with your own rights; the operator starts the work. Afterwards the
    policy applies again and the idle clock starts at that moment.
    """
    if breaker:
        _close_breaker(environment, scope, workload, seconds, output)
    elif not workload:
        raise BadInput("Nothing to resume: write KIND/NAME, for example trainingjob/resnet, or --breaker.")
    else:
        _resume(Request.of(environment, scope, workload), DEFAULT_SECONDS if seconds is None else seconds, output)


def _resume(request: Request, seconds: int, form: str) -> None:
    end = until(request.environment, seconds)
    with request.environment.connect(request.scope.target) as connection:
        before = request.read(connection)
        _refuse(before, request.reference.word)
        said = request.write(connection, before, {labels.OVERRIDE: "Running", labels.OVERRIDE_UNTIL: end})
    tell(said, form, *_sentences(said, seconds, str(end)))


def _refuse(job: Workload, word: str) -> None:
    if job.unsupported:
        raise BadInput(f"{word} is reported only: {job.unsupported}.")
    if job.target is not None and _at_zero(job.target):
        scale = f"kubectl scale {word} -n {job.namespace} --replicas=1"
        raise BadInput(f"{word} has 0 replicas, and how many there were is not stored: set them yourself, with {scale}")
    if job.finished:
        raise BadInput(f"{word} has ended ({job.reason}): it cannot run again. Create a new one.")
    if job.suspended_by_user:
        patch = """kubectl patch %s -n %s --type=merge -p '{"spec":{"suspend":false}}'"""
        fix = patch % (word, job.namespace)
        raise BadInput(f"spec.suspend of {word} is true, and that always wins: set it to false instead, with {fix}")


def _at_zero(target: Object) -> bool:
    """Scaled to zero by somebody else: there is nothing to go back to."""
    restorable = labels.RESTORE in (target["metadata"].get("annotations") or {})
    return not restorable and (target.get("spec") or {}).get("replicas") == 0


def _sentences(said: Said, seconds: int, end: str) -> list[str]:
    state = "The operator starts it within seconds." if said.before.paused else "It is not paused; it keeps running."
    return [
        (
            f"{said.reference.full_word} in {said.namespace}: to run until {end} ({spoken(seconds)}), "
            "whatever the policy says."
        ),
        f"{state} Afterwards the policy applies again and the idle clock starts then.",
        f"To take it back: {said.command('pause')}",
    ]


def _close_breaker(environment: Environment, scope: Scope, workload: str, seconds: int | None, form: str) -> None:
    if workload or seconds is not None:
        raise BadInput("--breaker concerns the whole fleet: leave KIND/NAME and --for out.")
    namespace = scope.namespace or NAMESPACE
    body = {"metadata": {"annotations": {labels.BREAKER_RESET: moment.written(environment.now())}}}
    with environment.connect(scope.target) as connection:
        lease = connection.merge_patch(LEASES, namespace, LEASE, body)
    if form in {"json", "yaml"}:
        print_object(lease, form)
    elif form == "name":
        click.echo(f"lease.{LEASES.group}/{LEASE}")
    else:
        click.echo(f"Breaker reset on Lease {namespace}/{LEASE}: idle pauses are allowed again from the next tick on.")
