"""Stored objects and files to models, without exceptions: what cannot be read becomes a value that says why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ebbtide.api.resource import Resource

# What pydantic says of its own, as a person would say it.
_SENTENCES: Final[Mapping[str, str]] = {
    "bool_type": "write true or false, without quotes",
    "dict_type": "write a map of fields",
    "enum": "{value!r} is not known to this version of Ebbtide; known are {expected}",
    "greater_than": "{value} is too small; write more than {gt}",
    "greater_than_equal": "{value} is too small; write {ge} or more",
    "int_type": "{value!r} is not a whole number; write one, without quotes",
    "less_than_equal": "{value} is too large; write {le} or less",
    "missing": "required, but not there",
    "model_type": "write a map of fields",
    "string_type": "{value!r} is not a text; put it in quotes",
    "too_long": "write at most {max_length} entries",
    "too_short": "write at least {min_length}",
    "tuple_type": "write a list",
}

ResourceT = TypeVar("ResourceT", bound=Resource)


@dataclass(frozen=True, slots=True)
class Invalid:
    """An object that cannot be used: where the first problem lies, and what is wrong (Accepted=False, UnknownValue)."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def parse(model: type[ResourceT], raw: Mapping[str, Any]) -> ResourceT | Invalid:
    """One object as the API server stores it.

    A value that this version does not know makes the object Invalid, never a default. Only status is forgiving:
    what cannot be read there is left out, since losing status costs a new warning and nothing else.
    """
    if (kind := raw.get("kind", model.definition.kind)) != model.definition.kind:
        return Invalid("kind", f"expected {model.definition.kind}, found {kind}")
    try:
        return model.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    unreadable = {str(loc[1]) if len(loc) > 1 else "" for it in problems if (loc := it["loc"])[:1] == ("status",)}
    if unreadable and all(it["loc"][:1] == ("status",) for it in problems):
        return parse(model, _without_status(raw, unreadable))
    return _invalid(next(it for it in problems if it["loc"][:1] != ("status",)))


def _without_status(raw: Mapping[str, Any], unreadable: set[str]) -> dict[str, Any]:
    """Without the fields of status that cannot be read; an empty name stands for status as a whole."""
    kept = {} if "" in unreadable else {key: it for key, it in raw["status"].items() if key not in unreadable}
    return {**raw, "status": kept}


def _invalid(error: ErrorDetails) -> Invalid:
    path, message = explained(error)
    return Invalid(path.lstrip("."), message)


def explained(error: ErrorDetails) -> tuple[str, str]:
    """Where it lies, such as .spec.nodes[0].id, and what is wrong, as a person would say it."""
    return _path(error["loc"]) + str(error.get("ctx", {}).get("path", "")), _message(error)


def _path(loc: tuple[int | str, ...]) -> str:
    """("spec", "nodes", 0, "id") as spec.nodes[0].id."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _message(error: ErrorDetails) -> str:
    sentence = _SENTENCES.get(error["type"])
    return sentence.format(value=error["input"], **error.get("ctx", {})) if sentence else error["msg"]
