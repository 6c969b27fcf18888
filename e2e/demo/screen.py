"""What the person in front of the demo sees. Every line of the story was read back from a server."""

import sys
import textwrap
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
_began = time.monotonic()
_INDENT = " " * 7
_QUIET_SECONDS = 15.0
"""Without a terminal: this long without a line, and one says what is being waited for."""


@dataclass(slots=True)
class _Shown:
    """What was shown last."""

    at: float = _began
    output: bool = False
    """It was the output of a command, which wants an empty line after it."""


_shown = _Shown()


def say(text: str, style: str = "") -> None:
    """One line of the story with the time since the start, wrapped between words."""
    if _shown.output:
        console.print()
    _shown.at, _shown.output = time.monotonic(), False
    seconds = int(_shown.at - _began)
    # One print for each line: a spinner that is shown meanwhile wipes what has no end of line yet.
    for number, line in enumerate(_wrapped(text)):
        margin = _INDENT if number else f"{seconds // 60:02d}:{seconds % 60:02d}  "
        console.print(Text.assemble((margin, "dim"), (line, style)))


def show(text: str, style: str = "") -> None:
    """Lines that belong to the one before."""
    for line in text.rstrip().splitlines():
        console.print(f"{_INDENT}{line}", style=style or None, markup=False)


def command(line: str, output: str) -> None:
    """A command that the demo ran, as a person would type it, and its output as it came: up to 120 columns wide."""
    console.print(f"\n[bold]$ {line}[/bold]")
    console.print(output.rstrip(), markup=False)
    _shown.output = True


def heading(text: str) -> None:
    """Begins a chapter."""
    _shown.output = False
    console.print(f"\n[bold cyan]{text}[/bold cyan]")


def _wrapped(text: str) -> list[str]:
    width = max(40, console.width - len(_INDENT))
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


class Progress:
    """Says what is being waited for: a spinner on a terminal, elsewhere a line when nothing else was said for long."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._status: Status | None = console.status(text) if sys.stdout.isatty() else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def beat(self) -> None:
        """Still waiting."""
        if self._status is None and time.monotonic() - _shown.at > _QUIET_SECONDS:
            say(f"… {self._text}")
