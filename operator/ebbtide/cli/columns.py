"""Plain columns as kubectl prints them, never wider than asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

GAP: Final = 2
_LEAST: Final = 12
"""A name is not cut below this."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; `cut` columns give way where a line gets too long."""

    heading: str
    right: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place, and in which colour."""

    text: str
    style: str = ""


Row = Sequence[Cell]


def lines(columns: Sequence[Column], rows: Sequence[Row], width: int | None, indent: int = 0) -> list[Text]:
    """The heading and one line for each row; `width` None: as wide as it gets."""
    widths = [
        max(len(column.heading), *(len(row[place].text) for row in rows), 0) for place, column in enumerate(columns)
    ]
    if width is not None:
        widths = _fitted(columns, widths, width - indent)
    heading = [Cell(column.heading, "bold") for column in columns]
    return [_line(columns, widths, row, indent) for row in [heading, *rows]]


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Takes from the widest of the columns that may be cut until the line fits."""
    fitted = list(widths)
    places = [place for place, column in enumerate(columns) if column.cut]
    while sum(fitted) + GAP * (len(fitted) - 1) > width:
        widest = max(places, key=lambda place: fitted[place], default=None)
        if widest is None or fitted[widest] <= _LEAST:
            break
        fitted[widest] -= 1
    return fitted


def _line(columns: Sequence[Column], widths: Sequence[int], row: Row, indent: int) -> Text:
    line = Text(" " * indent)
    for place, (column, cell, room) in enumerate(zip(columns, row, widths, strict=True)):
        shown = shortened(cell.text, room)
        padded = shown.rjust(room) if column.right else shown.ljust(room)
        line.append(padded, cell.style)
        line.append(" " * (GAP if place < len(widths) - 1 else 0))
    line.rstrip()
    return line


def shortened(text: str, room: int) -> str:
    """`text` with its middle left out where it is longer than `room`: both ends of a name tell it apart."""
    if len(text) <= room:
        return text
    head = (room - 1 + 1) // 2
    tail = room - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :] if tail else ''}"
