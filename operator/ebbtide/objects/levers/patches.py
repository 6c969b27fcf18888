"""Stop, start and forget as merge patches, computed from the object as it stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbtide.api.labels import GROUP, HOLD, RESTORE
from ebbtide.core.workload import Instant, Restore, RestoreField
from ebbtide.objects import restore
from ebbtide.objects.levers.lever import MOMENT, Lever, is_stopped, stands
from ebbtide.objects.pointer import ABSENT, look, merge_patch
from ebbtide.objects.restore import Unusable
from ebbtide.objects.views_meta import rfc3339

_ANNOTATION = "/metadata/annotations/" + RESTORE.replace("/", "~1")
_HOLD = "/metadata/annotations/" + HOLD.replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Note:
    """Who stops it, when and why: what the restore annotation says besides the fields."""

    at: Instant
    by: str
    policy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """A patch to send, or why there is none. `refused`: it would be wrong to touch the object at all."""

    patch: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    refused: bool = False
    at: Instant | None = None
    """The time that the restore annotation of this patch bears."""


def stop(document: Mapping[str, Any], lever: Lever, note: Note) -> Step:
    """Pull the lever and store the original. An original that still describes the object stays as it is."""
    if over := _over(document, lever):
        return over
    stored = _stored(document)
    if isinstance(stored, Unusable):
        return _left(stored)
    wanted = ((path, value) for path, value in lever.stopped.items() if not stands(document, path, value))
    moves = [(path, rfc3339(note.at) if value is MOMENT else value) for path, value in wanted]
    if not moves:
        return Step(message="is stopped already")
    if stored is None or not _in_force(document, stored):
        # One that no field bears out any more is older than what the object is now: its owner changed it since.
        original = restore.write(_original(document, moves, note))
        return Step(_patch(document, [*moves, (_ANNOTATION, original)]), at=float(int(note.at)))
    if not {path for path, _ in moves} <= {one.path for one in stored.fields}:
        return Step(message=f"{RESTORE} holds the originals of other fields: left as it is", refused=True)
    return Step(_patch(document, moves))


def start(
    document: Mapping[str, Any], lever: Lever, *, without_original: bool, remembered: Restore | None = None
) -> Step:
    """Put back what still is as we set it. `without_original`: let it run even if nothing was stored.

    `remembered`: the original as status tells it; it counts where the object bears none, or an older one.
    """
    stored = _stored(document)
    if isinstance(stored, Unusable):
        return _left(stored)
    if remembered is not None and (stored is None or stored.at < remembered.at - 1):
        stored = remembered
    if stored is None:
        return _start_anyway(document, lever) if without_original else _not_ours(document, lever)
    ours = [one for one in stored.fields if look(document, one.path) == one.set]
    kept = [one.path for one in stored.fields if one not in ours]
    back = [_back(document, one) for one in ours]
    skipped = f"RestoreSkipped: {', '.join(kept)} changed while it was stopped and stays as it is" if kept else ""
    return Step(_patch(document, [*back, (_ANNOTATION, ABSENT), *_hold(document)]), skipped)


def _start_anyway(document: Mapping[str, Any], lever: Lever) -> Step:
    """Let it run although nothing was stored: what was held since its creation, or what a human asks for."""
    if not is_stopped(document, lever):
        return Step(message="runs already")
    if not lever.running:
        fields = ", ".join(lever.stopped)
        return Step(message=f"{fields} is at its stop and what it was is not stored: set it yourself", refused=True)
    return Step(_patch(document, [*lever.running.items(), *_hold(document)]))


def _not_ours(document: Mapping[str, Any], lever: Lever) -> Step:
    return Step(message="was not stopped by Ebbtide" if is_stopped(document, lever) else "runs already")


def _back(document: Mapping[str, Any], one: RestoreField) -> tuple[str, object]:
    """Where it puts a field back. A map inside spec that came with the field goes with it."""
    if one.was_present:
        return one.path, one.was
    parent = one.path.rpartition("/")[0]
    came_with_it = parent.startswith("/spec/") and look(document, parent) == {one.path.rpartition("/")[2]: one.set}
    return parent if came_with_it else one.path, ABSENT


def is_held(document: Mapping[str, Any]) -> bool:
    """Suspended since its creation on our behalf, by the annotation ebbtide.dev/hold."""
    return (document["metadata"].get("annotations") or {}).get(HOLD) == "true"


def _hold(document: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The hold ends with the first start."""
    return [(_HOLD, ABSENT)] if HOLD in (document["metadata"].get("annotations") or {}) else []


def forget(document: Mapping[str, Any]) -> Step:
    """Remove a restore that no longer describes the object; the fields stay as they are."""
    if RESTORE not in (document["metadata"].get("annotations") or {}):
        return Step(message="carries no restore annotation")
    stored = _stored(document)
    if isinstance(stored, Unusable) and stored.newer:
        return _left(stored)
    return Step(_patch(document, [(_ANNOTATION, ABSENT)]))


def without_our_fields(document: Mapping[str, Any], manager: str) -> Step:
    """Give up ownership: drop our entry of managedFields, so that the user's next apply meets no conflict."""
    entries = document["metadata"].get("managedFields") or []
    others = [entry for entry in entries if entry.get("manager") != manager]
    if len(others) == len(entries):
        return Step(message="owns no field")
    return Step(_patch(document, [("/metadata/managedFields", others)]))


def is_ours(document: Mapping[str, Any]) -> bool:
    """Created by us: one of our kinds controls it."""
    owners = document["metadata"].get("ownerReferences") or ()
    return any(one.get("controller") and one.get("apiVersion", "").startswith(f"{GROUP}/") for one in owners)


def _over(document: Mapping[str, Any], lever: Lever) -> Step | None:
    if document["metadata"].get("deletionTimestamp"):
        return Step(message="is being deleted")
    return Step(message="has finished") if lever.is_over(document) else None


def _left(stored: Unusable) -> Step:
    return Step(message=f"{stored.message}: left as it is", refused=True)


def _stored(document: Mapping[str, Any]) -> Restore | Unusable | None:
    """What is another object's counts as not there."""
    meta = document["metadata"]
    found = restore.read(meta.get("annotations"), document["kind"], meta["name"])
    return None if isinstance(found, Unusable) and found.misplaced else found


def _in_force(document: Mapping[str, Any], stored: Restore) -> bool:
    """Some field still is as that stop set it."""
    return any(look(document, one.path) == one.set for one in stored.fields)


def _original(document: Mapping[str, Any], moves: list[tuple[str, object]], note: Note) -> Restore:
    found = [(path, look(document, path), value) for path, value in moves]
    fields = tuple(
        RestoreField(path, None if was is ABSENT else was, was is not ABSENT, value) for path, was, value in found
    )
    name = document["metadata"]["name"]
    return Restore(document["kind"], name, note.at, note.by, note.policy, note.reason, fields)


def _patch(document: Mapping[str, Any], changes: list[tuple[str, object]]) -> dict[str, Any]:
    """With the version it was computed from: whoever wrote in between gives us a 409, and we plan again."""
    return merge_patch([("/metadata/resourceVersion", document["metadata"]["resourceVersion"]), *changes])
