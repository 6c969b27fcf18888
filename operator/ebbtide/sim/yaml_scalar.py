"""Plain scalars as kubectl reads them: YAML 1.1 booleans, no base-60 integers, no timestamps."""

import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_MAYBE_NUMBER: Final = frozenset("0123456789+-.")
_INTEGER: Final = re.compile(r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)"
                             r"|(?P<d>0|[1-9][0-9]*))")  # fmt: skip
_FLOAT: Final = re.compile(r"[-+]?([.][0-9]+|[0-9]+([.][0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES: Final = {"x": 16, "b": 2, "o": 8, "d": 10}
_LONGEST: Final = 400
"""Digits beyond which a number is text: no 64-bit number needs them, and reading them costs the square."""


def resolve(text: str) -> Scalar:
    """What a scalar without quotes and without a tag stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAYBE_NUMBER or len(text) > _LONGEST:
        return text
    plain = text.replace("_", "")
    whole = _integer(plain)
    number = _float(plain) if whole is None else whole
    return text if number is None else number


def _integer(plain: str) -> int | None:
    """64 bits, as Go has them; None for what is larger, which is read as a float."""
    match = _INTEGER.fullmatch(plain)
    if match is None:
        return None
    base = next(name for name in _BASES if match[name] is not None)
    value = int(match["sign"] + match[base], _BASES[base])
    return value if -(2**63) <= value < 2**64 else None


def _float(plain: str) -> float | None:
    value = float(plain) if _FLOAT.fullmatch(plain) else math.inf
    return value if math.isfinite(value) else None
