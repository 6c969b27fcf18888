"""The notation of `promtool test rules` for the values of a series, read as Prometheus 3.14 reads it.

A number may be written as in Go: with underscores between digits, and octal where it begins with 0. Native histograms
and hexadecimal numbers (`0x200` is 201 zeros) are not part of it.
"""

import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, TypeAlias

MOST_VALUES: Final = 2_000_000
"""Of one text: two years of samples every 30 s. A slip of the finger must not fill the memory."""
ALLOWED: Final = "a number (NaN and Inf too), 80x9, 0+10x8, 80-10x8, _, _x5 and stale, with spaces between"


class Mark(Enum):
    """What may stand in the place of a value."""

    Gap = "_"
    """No sample."""
    Stale = "stale"
    """The series ends here, until its next sample."""


Value: TypeAlias = float | Mark


class NotationError(ValueError):
    """A text that is not in the notation; says where (characters from 1) and what is allowed."""

    def __init__(self, problem: str, position: int, allowed: str) -> None:
        super().__init__(f"{problem} at character {position}; allowed: {allowed}")
        self.position = position


_ITEM = re.compile(r"[^ \t\n\r]+")
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_NUMBER = rf"(?:(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?|(?i:nan|inf)(?![A-Za-z0-9_:]))"
_TIMES = r"x(?P<times>[0-9]+)"
_GAP = re.compile(rf"_(?:{_TIMES})?")
_VALUE = re.compile(rf"(?P<first>[+-]?{_NUMBER}|stale(?![A-Za-z0-9_:]))(?:(?P<step>[+-]{_NUMBER})?{_TIMES})?")
_OCTAL = re.compile("0[0-7]+")
_INTEGERS_END = 2**63
"""Greater integers are read as decimal numbers."""
_LONGEST_SHOWN = 40


def parse_values(text: str) -> list[Value]:
    """One value for each scrape from the first on. Raises NotationError."""
    values: list[Value] = []
    for found in _ITEM.finditer(text):
        values += _item(found.group(), found.start() + 1, MOST_VALUES - len(values))
    return values


def _item(text: str, position: int, most: int) -> list[Value]:
    gap, value = _GAP.fullmatch(text), _VALUE.fullmatch(text)
    if gap:
        count = _count(gap["times"], default=1)
    elif value:
        count = _count(value["times"], default=0) + 1
    else:
        raise NotationError(f"{_shown(text)} cannot be read", position, ALLOWED)
    if count > most:
        raise NotationError(f"{_shown(text)} makes too many values", position, f"{MOST_VALUES} values in all")
    return list(_steps(value, count, position)) if value else [Mark.Gap] * count


def _count(digits: str | None, default: int) -> int:
    """Python refuses to read more than some thousand digits, and nobody means a number of twenty."""
    if digits is None:
        return default
    return int(digits) if len(digits) < 20 else MOST_VALUES + 1


def _steps(item: re.Match[str], count: int, position: int) -> Iterator[Value]:
    """The step is added again and again, as Prometheus does: 0.1+0.1x2 ends with 0.30000000000000004."""
    if item["first"] == Mark.Stale.value:
        yield Mark.Stale
        yield from [math.nan] * (count - 1)  # a stale mark plus anything is an ordinary NaN
        return
    value, step = _number(item["first"], position), _number(item["step"] or "0", position)
    for _ in range(count):
        yield value
        value += step


def _number(text: str, position: int) -> float:
    """A leading 0 makes an integer octal, unless a digit speaks against it."""
    sign, digits = (-1.0 if text[0] == "-" else 1.0), text.lstrip("+-").replace("_", "")
    if _OCTAL.fullmatch(digits) and (octal := int(digits, 8)) < _INTEGERS_END:
        return sign * octal
    value = float(digits)
    if math.isinf(value) and "n" not in digits.lower():
        raise NotationError(f"{_shown(text)} is too large", position, "numbers up to 1.8e308, and Inf")
    return sign * value


def _shown(text: str) -> str:
    """The text in quotes, cut where it is long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
