"""What pydantic says of a scenario, as a person would say it."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

from ebbtide.sim.refusal import Refusal

_SENTENCES: Final[Mapping[str, str]] = {
    "bool_type": "{value} is neither true nor false; write one of them, without quotes",
    "dict_type": "write a map of fields",
    "enum": "{value} is not known; write {expected}",
    "greater_than_equal": "{value} is too small; write {ge} or more",
    "int_type": "{value} is not a whole number; write one, without quotes",
    "less_than_equal": "{value} is too large; write {le} or less",
    "literal_error": "{value} is not known; write {expected}",
    "missing": "required, but not there",
    "model_type": "write a map of fields",
    "string_type": "{value} is not a text; put it in quotes",
    "string_too_short": "write at least one character",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "write at least {min_length}",
    "tuple_type": "write a list",
}
_FORMS: Final = frozenset({"at", "action", "finished", "total"})
"""What pydantic puts into a path where an expectation is told by its form."""
_MOST_WORDS: Final = 16
_FORM_PLACE: Final = 3
"""spec.expect[0].<form>."""


def refusal(error: ErrorDetails, file: str) -> Refusal:
    """One error of pydantic's."""
    loc = list(error["loc"])
    if loc[:2] == ["spec", "expect"] and len(loc) > _FORM_PLACE and loc[_FORM_PLACE] in _FORMS:
        del loc[_FORM_PLACE]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    context = error.get("ctx", {})
    sentence = _SENTENCES.get(error["type"])
    if error["type"] == "enum" and (hint := _hint(str(error["input"]), str(context.get("expected", "")))):
        sentence = f"{{value}} is not known; {hint}"
    told = sentence.format(**{**context, "value": short(error["input"])}) if sentence else error["msg"]
    return Refusal(file, f"{path}{context.get('path', '')}".removeprefix("."), told)


def _hint(value: str, expected: str) -> str:
    """Of a long list of words only the likeliest; the long list is that of the reasons. Empty: the list is short."""
    words = re.findall("'([^']*)'", expected)
    if len(words) <= _MOST_WORDS:
        return ""
    close = get_close_matches(value, words, 1)
    return f"did you mean {close[0]}? docs/reasons.md lists all" if close else "docs/reasons.md lists what is"


def short(value: object) -> str:
    """A value as it stands in a sentence."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
