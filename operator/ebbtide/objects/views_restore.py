"""The restore annotation as it stands on an object: usable, not readable, or somebody else's."""

from dataclasses import dataclass
from typing import Final

from ebbtide.api.labels import GROUP, RESTORE
from ebbtide.core.workload import Restore
from ebbtide.objects import restore
from ebbtide.objects.views_meta import ObjectMeta, Owner

CRON_JOB: Final = "CronJob"


@dataclass(frozen=True, slots=True)
class FoundRestore:
    """At most one of the three says something."""

    restore: Restore | None = None
    unreadable: str = ""
    """A newer version, or not JSON: nothing of the object is touched."""
    misplaced: str = ""
    """It belongs to another object, so it is a copy."""


def found_restore(meta: ObjectMeta, kind: str) -> FoundRestore:
    """The restore of an object of that kind.

    Controllers copy annotations to what they own: below one of them a restore means nothing. A Job of a CronJob is its
    own workload; what is copied from the CronJob names another object and is misplaced.
    """
    owner = meta.controller
    if RESTORE in (meta.annotations or {}) and owner and not may_carry(owner):
        return FoundRestore(unreadable=f"{RESTORE} stands on a {kind} that {owner.kind} controls")
    return carried_restore(meta, kind)


def carried_restore(meta: ObjectMeta, kind: str) -> FoundRestore:
    """The restore of an object that carries the lever of its controller, as Kueue's Workload does."""
    stored = restore.read(meta.annotations, kind, meta.name)
    if isinstance(stored, restore.Unusable):
        return FoundRestore(misplaced=stored.message) if stored.misplaced else FoundRestore(unreadable=stored.message)
    return FoundRestore(stored)


def may_carry(controller: Owner) -> bool:
    """What this owner controls may be paused by its own lever."""
    ours = controller.api_version.startswith(f"{GROUP}/")
    return ours or (controller.kind == CRON_JOB and controller.api_version.startswith("batch/"))
