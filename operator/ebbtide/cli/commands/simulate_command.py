"""`simulate`: scenarios, offline: the operator's own engine on a simulated cluster."""

import importlib
import json
import logging
import sys
from pathlib import Path

import click
import structlog

from ebbtide.cli import screen
from ebbtide.cli.failure import FAILED, BadInput
from ebbtide.cli.flags import output
from ebbtide.cli.printers.simulation_page import print_results
from ebbtide.sim.json_result import as_json
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.result import Result
from ebbtide.sim.scenario_file import Loaded, load
from ebbtide.simulation import run

STDIN = "-"


@click.command("simulate", short_help="Play a scenario: what Ebbtide would do, and what that costs and saves.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A scenario; - is standard input.")
@click.argument("more", nargs=-1, metavar="[FILE]...")
@output("table", "json")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to this file too.")
def command(files: tuple[str, ...], more: tuple[str, ...], output: str, page: Path | None) -> int:
    """Play scenario files: a cluster, its metrics, time, and what must come of it.

    The same engine decides as on a cluster; only the world around it is simulated, and nothing is contacted. Exits
    with 1 when an expectation fails, with 2 when a file cannot be read.
    """
    names = (*files, *more)
    if not names:
        raise BadInput("No scenario is given: name a file with -f FILE.")
    _be_quiet()
    try:
        results = [_run(it) for it in [_load(name) for name in names]]
    except Refusal as error:
        raise BadInput(str(error)) from error
    if page is not None:
        _write_page(results, page)
    if output == "json":
        click.echo(json.dumps([as_json(result) for result in results], indent=2, ensure_ascii=False))
    else:
        print_results(results, screen.console())
    return 0 if all(result.passed for result in results) else FAILED


def _load(name: str) -> Loaded:
    if name != STDIN:
        return load(name)
    try:
        return load("standard input", sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refusal("standard input", f"byte {error.start}", "it is not UTF-8 text") from error


def _run(loaded: Loaded) -> Result:
    """With a line on a terminal that tells how far it is."""
    if not sys.stderr.isatty():
        return run(loaded)
    shown = ""

    def tell(second: int) -> None:
        nonlocal shown
        text = f"{loaded.scenario.metadata.name}: {100 * second // loaded.scenario.spec.duration_seconds} %"
        if text != shown:
            click.echo(f"\r{text}\x1b[K", err=True, nl=False)
            shown = text

    try:
        return run(loaded, tell)
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def _write_page(results: list[Result], page: Path) -> None:
    try:
        importlib.import_module("ebbtide.sim.page").write(results, page)
    except OSError as error:
        raise BadInput(f"The page cannot be written to {page}: {error.strerror or error}.") from error


def _be_quiet() -> None:
    """The engine's log is for operators; here the result tells what was done, and only mistakes of ours are logged."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
