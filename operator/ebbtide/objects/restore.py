"""The annotation ebbtide.dev/restore: what a stopped object was before, written in the same patch as the stop."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ebbtide.api.fields import parse_timestamp
from ebbtide.api.labels import RESTORE
from ebbtide.core.workload import Restore, RestoreField
from ebbtide.objects.views_meta import rfc3339

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Unusable:
    """A restore annotation that cannot be used."""

    message: str
    newer: bool = False
    """Written by a version that may know what we do not: nothing of the object is touched."""
    misplaced: bool = False
    """It belongs to another object: a copy."""


def read(annotations: Mapping[str, str] | None, kind: str, name: str) -> Restore | Unusable | None:
    """The restore of an object; None: there is none."""
    text = (annotations or {}).get(RESTORE)
    if text is None:
        return None
    try:
        # Not json.loads: it lets half of a surrogate pair through, and a text with one cannot be told to anybody.
        stored = msgspec.json.decode(text)
        version = stored["v"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return Unusable(f"{RESTORE} cannot be read: {error!r}")
    if version != VERSION:
        return Unusable(f"{RESTORE} has version {version!r}, this Ebbtide knows {VERSION}", newer=True)
    if (stored.get("kind"), stored.get("name")) != (kind, name):
        message = f"{RESTORE} belongs to {stored.get('kind')}/{stored.get('name')}, not to {kind}/{name}"
        return Unusable(message, misplaced=True)
    try:
        return _parsed(stored)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unusable(f"{RESTORE} cannot be read: {error!r}")


def write(restore: Restore) -> str:
    """The annotation's value, keys in the order of the contract."""
    stored = {
        "v": VERSION,
        "kind": restore.kind,
        "name": restore.name,
        "at": rfc3339(restore.at),
        "by": restore.by,
        "policy": restore.policy,
        "reason": restore.reason,
        "fields": [_field(one) for one in restore.fields],
    }
    return json.dumps(stored, separators=(",", ":"))


def _parsed(stored: Mapping[str, Any]) -> Restore:
    return Restore(
        kind=str(stored["kind"]),
        name=str(stored["name"]),
        at=parse_timestamp(stored["at"]).timestamp(),
        by=str(stored.get("by", "")),
        policy=str(stored.get("policy", "")),
        reason=str(stored.get("reason", "")),
        fields=tuple(
            RestoreField(str(one["path"]), one.get("was"), "was" in one, one["set"]) for one in stored["fields"]
        ),
    )


def _field(one: RestoreField) -> dict[str, object]:
    was = {"was": one.was} if one.was_present else {}
    return {"path": one.path, **was, "set": one.set}
