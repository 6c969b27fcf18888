"""What the person in front of the demo sees. Every line of the story was read back from a server."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
_began = time.monotonic()


def say(text: str, style: str = "") -> None:
    """One line of the story with the seconds since the start."""
    seconds = int(time.monotonic() - _began)
    console.print(f"[dim]{seconds // 60:02d}:{seconds % 60:02d}[/dim]  ", end="")
    console.print(text, style=style or None, markup=False)


def show(text: str) -> None:
    """Output of a command, as it came."""
    for line in text.rstrip().splitlines():
        console.print(f"       {line}", markup=False)


def command(line: str) -> None:
    """A command that the demo runs, as a person would type it."""
    console.print(f"\n       [bold]$ {line}[/bold]")


def heading(text: str) -> None:
    """Begins a chapter."""
    console.print(f"\n[bold cyan]{text}[/bold cyan]")


class Progress:
    """Says what is being waited for: a spinner on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, text: str) -> None:
        self._text, self._told = text, time.monotonic()
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

    def beat(self, text: str = "") -> None:
        """Still waiting, now for `text`."""
        self._text = text or self._text
        if self._status is not None:
            self._status.update(self._text)
        elif time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            say(f"… {self._text}")
