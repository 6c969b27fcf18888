"""JSON pointers (RFC 6901) into objects, and merge patches (RFC 7386) from them. Objects only, no list indexes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

ABSENT: Final = object()


def look(document: Mapping[str, Any], path: str) -> object:
    """The value at the path, or ABSENT."""
    found: object = document
    for part in _parts(path):
        if not isinstance(found, Mapping) or part not in found:
            return ABSENT
        found = found[part]
    return found


def merge_patch(changes: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """A patch that sets each path to its value; ABSENT removes it."""
    patch: dict[str, Any] = {}
    for path, value in changes:
        *parents, last = _parts(path)
        place = patch
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = None if value is ABSENT else value
    return patch


def without(document: Mapping[str, Any], paths: Iterable[str]) -> Mapping[str, Any]:
    """The document without those values, and without the maps that are empty then; it is not changed itself."""
    for path in paths:
        document = _without(document, _parts(path))
    return document


def _without(document: Mapping[str, Any], parts: list[str]) -> Mapping[str, Any]:
    first, *rest = parts
    if first not in document:
        return document
    others = {key: value for key, value in document.items() if key != first}
    inner = document[first]
    left = _without(inner, rest) if rest and isinstance(inner, Mapping) else (inner if rest else None)
    return {**others, first: left} if left not in ({}, None) else others


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
