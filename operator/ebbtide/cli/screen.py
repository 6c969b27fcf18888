"""Where pages are printed: colour only on a terminal and without NO_COLOR."""

import shutil
import sys
from typing import Final

from rich.console import Console

WIDTH: Final = 120
_LEAST: Final = 60

STYLES: Final = {
    "Active": "green",
    "Idle": "yellow",
    "NeverUsed": "yellow",
    "Stalled": "yellow",
    "Failing": "red",
    "Starting": "cyan",
    "Unknown": "magenta",
}
"""Verdict to colour."""


def console() -> Console:
    """The standard output of this moment, at most 120 columns wide."""
    terminal = sys.stdout.isatty()
    wide = max(_LEAST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)) if terminal else WIDTH
    return Console(width=wide, highlight=False, markup=False, emoji=False, force_terminal=terminal)
