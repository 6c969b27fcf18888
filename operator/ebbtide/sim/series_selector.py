"""One series by its name and labels, as promtool and expositions write it: `NAME{label="…", other='…'}`."""

import re
from collections.abc import Callable
from typing import Final

from ebbtide.sim.series_notation import NotationError

ALLOWED: Final = 'NAME{label="…", label="…"}'
_NAME: Final = "a name of letters, digits, _ and :, not beginning with a digit"
_LABEL: Final = "a label's name of letters, digits and _, not beginning with a digit, or }"
_VALUE: Final = "= and a value in quotes"

_SPACE = re.compile(r"[ \t\r\n]*")
_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED = re.compile(r"""(?P<quote>["'])(?:(?!(?P=quote))[^\\\n]|\\.)*(?P=quote)|`[^`]*`""")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_LAST_ASCII = 0x7F
_RESERVED = "__name__"


def parse_selector(text: str) -> tuple[str, dict[str, str]]:
    """Name and labels. Raises NotationError."""
    return _Selector(text).read()


class _Selector:
    """Reads from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> tuple[str, dict[str, str]]:
        self._take(_SPACE, "")
        name = self._take(_METRIC, _NAME)
        labels = self._labels() if self._sees("{") else {}
        self._take(_SPACE, "")
        if self._at < len(self._text):
            raise self._refusal(ALLOWED)
        return name, labels

    def _labels(self) -> dict[str, str]:
        labels: dict[str, str] = {}
        while not self._sees("}"):
            if labels and not self._sees(","):
                raise self._refusal(", or }")
            if labels and self._sees("}"):
                break
            self._label(labels)
        return labels

    def _label(self, labels: dict[str, str]) -> None:
        begin = self._at
        name = self._take(_LABEL_NAME, _LABEL)
        if name in labels or name == _RESERVED:
            self._at = begin
            raise self._refusal("each label once, and no __name__")
        if not self._sees("="):
            raise self._refusal(_VALUE)
        begin = self._at
        quoted = self._take(_QUOTED, _VALUE)
        labels[name] = self._unquoted(quoted, begin)

    def _unquoted(self, quoted: str, begin: int) -> str:
        inner = quoted[1:-1]
        return inner if quoted[0] == "`" else _ESCAPE.sub(self._escapes(quoted[0], begin + 1), inner)

    def _escapes(self, quote: str, begin: int) -> Callable[[re.Match[str]], str]:
        def character(found: re.Match[str]) -> str:
            letters = found.group()[1:]
            if letters in _SHORT or letters == quote:
                return _SHORT.get(letters, letters)
            code = _code(letters)
            if code is None:
                raise NotationError(f"{found.group()!r} is no escape", begin + found.start() + 1, r"\" \\ \n \t \u00e9")
            return chr(code)

        return character

    def _sees(self, sign: str) -> bool:
        """Takes one character, if it is that one; spaces around it do not matter."""
        self._take(_SPACE, "")
        found = self._text.startswith(sign, self._at)
        if found:
            self._at += len(sign)
            self._take(_SPACE, "")
        return found

    def _take(self, pattern: re.Pattern[str], allowed: str) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._refusal(allowed)
        self._at = found.end()
        return found.group()

    def _refusal(self, allowed: str) -> NotationError:
        rest = self._text[self._at :]
        return NotationError(f"{rest[:20]!r} is not expected" if rest else "the text ends", self._at + 1, allowed)


def _code(letters: str) -> int | None:
    """The character that hexadecimal or octal digits after a backslash stand for; None: none."""
    if letters[0] in "uU" and len(letters) > 1:
        code = int(letters[1:], 16)
        return code if code < 0xD800 or 0xDFFF < code < 0x110000 else None
    if letters[0] == "x" and len(letters) > 1:
        code = int(letters[1:], 16)
    elif len(letters) == 3:
        code = int(letters, 8)
    else:
        return None
    return code if code <= _LAST_ASCII else None
