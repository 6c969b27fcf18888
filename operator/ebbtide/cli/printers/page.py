"""A page of headed paragraphs, wrapped to the screen."""

import re
import textwrap
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.text import Text

LABEL: Final = 10
_UNIT: Final = re.compile(r"(\d) (s|min|h|d|%|W|GPUs)\b")
"""A number and its unit stay on one line."""


@dataclass(frozen=True, slots=True)
class Page:
    """Prints to `console`; nothing is kept."""

    console: Console

    def line(self, text: str | Text, style: str = "") -> None:
        """One line as it is."""
        self.console.print(Text(text, style) if isinstance(text, str) else text, soft_wrap=True)

    def blank(self) -> None:
        """An empty line."""
        self.line("")

    def heading(self, text: str) -> None:
        """A blank line and a heading."""
        self.blank()
        self.line(text, "bold")

    def fact(self, label: str, text: str) -> None:
        """A label and a sentence beside it."""
        self.hanging(Text(label.ljust(LABEL), "bold"), text)

    def hanging(self, start: Text, text: str, style: str = "") -> None:
        """`start`, then `text` wrapped beside it."""
        room = max(20, self.console.width - len(start))
        rows = textwrap.wrap(
            _UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", text), room, break_long_words=False, break_on_hyphens=False
        ) or [""]
        for place, row in enumerate(rows):
            lead = start if place == 0 else Text(" " * len(start))
            line = Text.assemble(lead, (row.replace("\N{NO-BREAK SPACE}", " "), style))
            line.rstrip()
            self.line(line)
