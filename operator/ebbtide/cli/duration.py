"""Lengths of time as people write them: 4h, 90m, 1d, 1h30m, 3600s."""

import re
from typing import Final

import click

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART: Final = re.compile(r"(\d{1,9})([dhms])")
_WHOLE: Final = re.compile(r"(\d{1,9}[dhms])+")
_YEAR: Final = 366 * 86_400
_SHOWN_PARTS: Final = 2


class Duration(click.ParamType[int]):
    """A click type; the value is whole seconds, from one second to a year."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds of `value`."""
        text = str(value).strip()
        if not _WHOLE.fullmatch(text):
            self.fail(
                f"{text!r} is not a length of time: write a number with its unit, such as 4h, 90m or 1d.", param, ctx
            )
        seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        if seconds == 0:
            self.fail(f"{text!r} is no time at all: write at least 1s.", param, ctx)
        if seconds > _YEAR:
            self.fail(f"{text!r} is more than a year: write at most 366d.", param, ctx)
        return seconds


def spoken(seconds: float) -> str:
    """As a person says it, with at most two units: `1 h 30 min`, `45 s`."""
    rest = max(0, round(seconds))
    words = []
    for word, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {word}")
    return " ".join(words[:_SHOWN_PARTS]) or "0 s"


def age(seconds: float) -> str:
    """As the AGE column of kubectl: `45s`, `12m`, `5h`, `3d`."""
    whole = max(0, int(seconds))
    for unit, size, from_ in (("d", 86_400, 2 * 86_400), ("h", 3_600, 3 * 3_600), ("m", 60, 120)):
        if whole >= from_:
            return f"{whole // size}{unit}"
    return f"{whole}s"
