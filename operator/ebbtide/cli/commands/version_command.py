"""`version`: what runs here and there."""

import json
import platform
from importlib.metadata import version

import click

from ebbtide.api.labels import API_VERSION


@click.command("version", short_help="Show versions.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form.")
def command(output: str) -> None:
    """Show the versions of this program, of its API and of Python. Needs no cluster."""
    found = {"ebbtide": version("ebbtide"), "api": API_VERSION, "python": platform.python_version()}
    if output == "json":
        click.echo(json.dumps(found))
        return
    click.echo(f"ebbtide {found['ebbtide']} (API {found['api']}, Python {found['python']})")
