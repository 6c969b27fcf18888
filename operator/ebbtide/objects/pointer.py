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


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
