"""`check`: whether cluster, permissions, metrics and prices are fit, each with its remedy."""

import json
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ebbtide.cli import screen
from ebbtide.cli.checks import installation, metrics, permissions, prices, profiles
from ebbtide.cli.checks.installation import Installation
from ebbtide.cli.checks.line import Line, Mark, failed, ok
from ebbtide.cli.environment import Environment
from ebbtide.cli.failure import FAILED
from ebbtide.cli.flags import Scope, output, scoped
from ebbtide.cli.printers.page import Page
from ebbtide.cluster.client import Client
from ebbtide.cluster.preflight import preflight
from ebbtide.objects.quantity import watching
from ebbtide.options import LEASE, NAMESPACE
from ebbtide.samples.profile import Profile
from ebbtide.samples.vendors import VENDORS, watched

_STYLES = {Mark.Ok: "green", Mark.Failed: "bold red", Mark.Skipped: "dim"}
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("check", short_help="Say whether cluster, permissions, metrics and prices are fit.")
@click.option(
    "--prometheus-url", "url", default="", metavar="URL", help="Prometheus; default: what the operator was told."
)
@click.option("--prometheus-token-file", "token_file", type=_FILE, help="Bearer token for it.")
@click.option("--prometheus-ca-file", "ca_file", type=_FILE, help="CA bundle for it.")
@click.option("--profiles-file", type=_FILE, help="Profiles of other exporters; default: the operator's.")
@output("text", "json")
@scoped()
@click.pass_obj
def command(environment: Environment, /, scope: Scope, output: str, profiles_file: Path | None, **source: Any) -> int:
    """Say whether cluster, permissions, metrics and prices are fit, each with its remedy.

    -n is the operator's namespace, by default ebbtide-system. Exits with 1 if anything failed; what cannot be looked
    at from here is said and is no failure.
    """
    namespace, now = scope.namespace or NAMESPACE, environment.now().timestamp()
    with environment.connect(scope.target) as connection:
        found, known, lines = connection.ask(lambda client: _of_cluster(client, namespace, profiles_file, now))
    lines += metrics.of_source(_source(found, known, **source), now)
    if output == "json":
        shown = [{"check": line.name, "result": line.mark, "message": line.message} for line in lines]
        click.echo(json.dumps(shown, indent=4))
    else:
        _print(lines)
    return FAILED if any(line.mark is Mark.Failed for line in lines) else 0


async def _of_cluster(
    client: Client, namespace: str, profiles_file: Path | None, now: float
) -> tuple[Installation, tuple[Profile, ...], list[Line]]:
    basics = await preflight(client, namespace=namespace, lease_name=LEASE)
    lines = [(ok if one.ok else failed)(one.name, one.message) for one in basics]
    if not basics[0].ok:  # nothing else can be asked
        return Installation(), VENDORS, lines
    found, line = await installation.find(client, namespace)
    known, told = await profiles.find(client, namespace, found, profiles_file)
    lines += [line, *told, *await permissions.of_operator(client, namespace, found.service_account)]
    with watching(watched(known)):
        lines += await prices.of_nodes(client, found.flag("--currency", "USD"), now)
    return found, known, lines


def _source(
    found: Installation, known: tuple[Profile, ...], url: str, token_file: Path | None, ca_file: Path | None
) -> metrics.Source:
    pairs = (one.partition("=") for one in found.flags.get("--match-label", ()))
    return metrics.Source(
        url=url or found.flag("--prometheus-url"),
        told=bool(url),
        sample_interval_seconds=float(found.flag("--sample-interval-seconds", "30")),
        match_labels=tuple((key, value) for key, _, value in pairs),
        token_file=token_file,
        ca_file=ca_file,
        profiles=known,
    )


def _print(lines: list[Line]) -> None:
    page = Page(screen.console())
    width = max(len(line.name) for line in lines)
    for line in lines:
        start = Text.assemble((line.mark.ljust(4), _STYLES[line.mark]), "  ", line.name.ljust(width), "  ")
        page.hanging(start, line.message)
    count = sum(line.mark is Mark.Failed for line in lines)
    page.blank()
    page.line(f"{count} of {len(lines)} checks failed." if count else "Everything that was looked at is fit.", "bold")
