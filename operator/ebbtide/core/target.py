"""The object that carries the lever of a workload, and what its restore annotation keeps."""

from dataclasses import dataclass

from ebbtide.core.reason import Reason
from ebbtide.core.timestamps import Instant


@dataclass(frozen=True, slots=True)
class Restore:
    """The annotation ebbtide.dev/restore, parsed: the original of every field we changed."""

    kind: str
    name: str
    at: Instant
    by: str
    policy: str
    reason: str
    fields: tuple["RestoreField", ...]


@dataclass(frozen=True, slots=True)
class RestoreField:
    """One changed field: JSON pointer, what it was (absent: was_present False) and what we set."""

    path: str
    was: object
    was_present: bool
    set: object


@dataclass(frozen=True, slots=True)
class Target:
    """The object that carries the lever (for a TrainingJob its Job) and the state of that lever."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    created_at: Instant
    suspended: bool
    """The lever stands at stopped: a Job is suspended, a Deployment has 0 replicas."""
    restore: Restore | None
    restore_unreadable: str
    """Why the restore annotation cannot be used (unknown version, not JSON); empty when fine or absent."""
    active: int
    ready: int
    succeeded: int
    failed: int
    finished: Reason | None
    """JobCompleted, JobFailed or RetriesExhausted once terminal."""
    finished_at: Instant | None
    restore_misplaced: str = ""
    """Why the restore annotation belongs to another object: a copy, to be removed; empty when it does not."""
    held: bool = False
    """Suspended since its creation, by the annotation ebbtide.dev/hold: ours to start."""
    wanted: int = 0
    """Pods that should exist now, as its spec and what has succeeded say; 0: not known."""
