"""What the person in front of the demo sees. Every line of the story was read back from a server."""

import sys
import textwrap
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
_began = time.monotonic()
_INDENT = " " * 7
_QUIET_SECONDS = 15.0
"""Without a terminal: this long without a line, and one says what is being waited for."""
_last_line = _began


def say(text: str, style: str = "") -> None:
    """One line of the story with the time since the start, wrapped between words."""
    global _last_line  # noqa: PLW0603 - there is one screen
    _last_line = time.monotonic()
    seconds = int(_last_line - _began)
    first, *more = _wrapped(text) or [""]
    console.print(f"[dim]{seconds // 60:02d}:{seconds % 60:02d}[/dim]  ", end="")
    console.print(first, style=style or None, markup=False)
    for line in more:
        console.print(f"{_INDENT}{line}", style=style or None, markup=False)


def show(text: str, style: str = "") -> None:
    """Output of a command, as it came."""
    for line in text.rstrip().splitlines():
        console.print(f"{_INDENT}{line}".rstrip(), style=style or None, markup=False)


def command(line: str) -> None:
    """A command that the demo runs, as a person would type it."""
    console.print(f"\n{_INDENT}[bold]$ {line}[/bold]")


def heading(text: str) -> None:
    """Begins a chapter."""
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
        if self._status is None and time.monotonic() - _last_line > _QUIET_SECONDS:
            say(f"… {self._text}")
