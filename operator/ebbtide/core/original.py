"""What a paused object was before, told a second time in status.

The restore annotation is the place for it. But `kubectl rollout undo` replaces all annotations of a Deployment, also
while it is paused, and then nobody would know how many replicas it had.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from ebbtide.core.workload import Instant, Memory, Restore, RestoreField, Target

FORGET_SECONDS: Final = 2 * 3600.0
"""Status is told anew at least every 70 minutes. One that is older than this comes from before the operator was away:
since then anybody may have resumed the object and stopped it again, and it is theirs."""


LATE_SECONDS: Final = 3600.0
"""No watch is this late. Versions that are lower for longer come from an API server that was restored from a backup."""


def written(fields: Iterable[RestoreField]) -> str:
    """The fields as JSON, in the words of the annotation."""
    return json.dumps([_as_json(field) for field in fields], separators=(",", ":"))


def remembered(target: Target, memory: Memory, now: Instant) -> Target:
    """The target with the original that status remembers, where it lost its own while it was paused."""
    pause, told_at = memory.pause, memory.verdict_as_of
    if pause is None or pause.ended_at is not None or not target.suspended or target.restore_unreadable:
        return target
    if told_at is None or now - told_at > FORGET_SECONDS:
        return target
    if target.restore is not None and target.restore.at >= pause.since - 1:
        return target
    fields = _read(pause.original)
    if not fields:
        return target
    return replace(target, restore=Restore(target.kind, target.name, pause.since, pause.by, "", pause.reason, fields))


def as_left(target: Target, memory: Memory, now: Instant) -> Target:
    """The target as our last move left it, where what was seen of it is older than that.

    Status and lever lie on different objects, and a watch that was cut tells late of one of them: a pause just recorded
    must not look like one that somebody ended. What is decided meanwhile meets the real version, and is decided again.
    """
    pause = memory.pause
    if pause is None or not pause.version or not _is_older(target.resource_version, pause.version):
        return target
    if now - max(pause.since, pause.ended_at or pause.since) > LATE_SECONDS:
        return target
    if pause.ended_at is not None:
        return replace(target, suspended=False, restore=None)
    fields = _read(pause.original)
    restore = Restore(target.kind, target.name, pause.since, pause.by, "", pause.reason, fields)
    return replace(target, suspended=True, restore=restore)


def _is_older(seen: str, left: str) -> bool:
    """Versions of one kind are numbers that grow; what is none is taken as it is seen."""
    return seen.isdecimal() and left.isdecimal() and int(seen) < int(left)


def _as_json(field: RestoreField) -> dict[str, object]:
    was = {"was": field.was} if field.was_present else {}
    return {"path": field.path, **was, "set": field.set}


def _read(text: str) -> tuple[RestoreField, ...]:
    """Nothing where it cannot be read: status is anybody's to edit."""
    try:
        found: list[dict[str, Any]] = json.loads(text or "[]")
        return tuple(RestoreField(str(it["path"]), it.get("was"), "was" in it, it["set"]) for it in found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()
