"""What pydantic says of a scenario, as a person would say it."""

from collections.abc import Mapping
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
    told = sentence.format(**{**context, "value": short(error["input"])}) if sentence else error["msg"]
    return Refusal(file, f"{path}{context.get('path', '')}".removeprefix("."), told)


def short(value: object) -> str:
    """A value as it stands in a sentence."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
