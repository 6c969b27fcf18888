"""The program `ebbtide`. Commands are loaded when they are run, so that help is there at once."""

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ebbtide.cli.environment import Connection, Environment, Target
from ebbtide.cli.failure import BAD_INPUT, Failure

PLUGIN: Final = "kubectl-ebbtide"
INTERRUPTED: Final = 130

COMMANDS: Final = {
    "list": "Show every workload: verdict, reason, GPUs and cost.",
    "explain": "Show why a workload was judged as it is, and what would change it.",
    "pause": "Release a workload's GPUs now, until you resume it.",
    "resume": "Let a workload run, whatever the policy says, for a while.",
    "keep": "Keep Ebbtide's hands off a workload for a while.",
    "release": "Start again all that Ebbtide paused or holds, with or without an operator.",
    "simulate": "Play a scenario: what Ebbtide would do, and what that costs and saves.",
    "check": "Say whether cluster, permissions, metrics and prices are fit.",
    "operator": "Run the operator.",
    "version": "Show versions.",
}
"""Name to the line that the help shows; the command lies in `commands/NAME_command.py`."""


class Commands(click.Group):
    """Loads the module of a command when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """In the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command; None for a word that is none."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"ebbtide.cli.commands.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name every command where a word is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command {args[0]!r}; there are: {', '.join(COMMANDS)}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Ebbtide pauses idle GPU work safely and says what it saves.

    Commands act with the rights of your own kubeconfig.
    """


def run() -> None:
    """Entry point of `ebbtide` and `kubectl-ebbtide`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without our signs shows others, not a traceback
    sys.exit(execute(sys.argv[1:], default_environment(program_name(sys.argv[0]))))


def execute(arguments: Sequence[str], environment: Environment) -> int:
    """Run one command line; returns the exit code. Mistakes become one sentence on stderr."""
    try:
        result = cli.main(args=list(arguments), prog_name=environment.program, obj=environment, standalone_mode=False)
    except (click.ClickException, Failure) as error:
        return _complain(error, environment.program)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. The interpreter's own flush at exit must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def program_name(path: str) -> str:
    """What people type to get here."""
    return "kubectl ebbtide" if Path(path).stem == PLUGIN else "ebbtide"


def default_environment(program: str) -> Environment:
    """The real API server and the real time."""
    return Environment(program, _connect, lambda: datetime.now(UTC))


def _connect(target: Target) -> AbstractContextManager[Connection]:
    opened = importlib.import_module("ebbtide.cli.session").open_session(target)
    assert isinstance(opened, AbstractContextManager)
    return opened


def _complain(error: click.ClickException | Failure, program: str) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return 0
    if isinstance(error, Failure):
        return _say(error.message, error.exit_code)
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx is not None else program
        return _say(f"{error.format_message()} See `{where} --help`.", BAD_INPUT)
    return _say(error.format_message(), error.exit_code)


def _say(message: str, code: int) -> int:
    click.echo(f"Error: {message}", err=True)
    return code
