"""JSON merge patch (RFC 7386) and its opposite, on documents that are never changed in place."""

from collections.abc import Mapping
from typing import Any


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The document after the patch: maps are merged, null removes, all else replaces."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def without(document: Mapping[str, Any], said: Mapping[str, Any], says: Mapping[str, Any]) -> dict[str, Any]:
    """The document less the leaves that `said` had and `says` has no more."""
    result = dict(document)
    for key, value in said.items():
        if key not in result:
            continue
        here, now = result[key], says.get(key)
        if isinstance(value, Mapping) and isinstance(here, Mapping):
            result[key] = without(here, value, now if isinstance(now, Mapping) else {})
            if not result[key] and key not in says:
                del result[key]
        elif key not in says:
            del result[key]
    return result
