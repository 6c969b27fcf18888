"""What the audit log of the API server must show: one pause by the operator, one word of the user, one resume."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from e2e.plane.audit import AuditLog, AuditWrite

_BOOKKEEPING: Final = frozenset({"managedFields", "resourceVersion", "uid"})
"""What the operator's second write after a resume holds: it gives up the fields that it set, and changes none."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The three writes in question and all others to the TrainingJob and its Job but creations and status.

    In the order in which they were answered.
    """

    suspending: tuple[AuditWrite, ...]
    overriding: tuple[AuditWrite, ...]
    resuming: tuple[AuditWrite, ...]
    bookkeeping: tuple[AuditWrite, ...]
    """Of the operator, of managedFields alone."""
    strange: tuple[AuditWrite, ...]
    """Whatever else touched the work."""

    @property
    def problem(self) -> str:
        """Empty when exactly one of each is there, in this order, and nothing strange."""
        counts = (len(self.suspending), len(self.overriding), len(self.resuming))
        if counts != (1, 1, 1):
            return f"expected one suspending, one override and one un-suspending PATCH, found {counts}"
        if not self.suspending[0].at <= self.overriding[0].at <= self.resuming[0].at:
            return "the three writes are there, but not in order"
        others = ", ".join(f"{it.verb.upper()} {it.resource}/{it.name} by {it.user}" for it in self.strange)
        return f"something else touched the work: {others}" if others else ""

    @property
    def told(self) -> str:
        """What was counted, where there is no problem."""
        count = len(self.bookkeeping)
        more = f"the operator's {count} PATCH of managedFields, and status" if count else "status"
        return f"One pause, one word of the user, one resume; else only {more}."


def read(log: AuditLog, operator: str, user: str, work: tuple[str, str]) -> Proof:
    """Every successful write to the TrainingJob `work` (namespace, name) and its Job.

    `operator` and `user` are the names under which they appear.
    """
    namespace, name = work
    writes = [
        it
        for it in log.writes(namespace=namespace, name=name, succeeded=True)
        if it.resource in {"jobs", "trainingjobs"} and it.verb != "create" and it.subresource != "status"
    ]
    jobs = [it for it in writes if it.resource == "jobs" and it.verb == "patch" and not it.subresource]
    suspending = tuple(_suspending(jobs, operator, suspend=True))
    overriding = tuple(it for it in writes if it.resource == "trainingjobs" and _overrides(it, user))
    resuming = tuple(_suspending(jobs, operator, suspend=False))
    others = [it for it in writes if it not in (*suspending, *overriding, *resuming)]
    bookkeeping = tuple(it for it in others if it.user == operator and _is_bookkeeping(it))
    strange = tuple(it for it in others if it not in bookkeeping)
    return Proof(suspending, overriding, resuming, bookkeeping, strange)


def _suspending(jobs: Iterable[AuditWrite], user: str, *, suspend: bool) -> Iterable[AuditWrite]:
    return (it for it in jobs if it.user == user and ((it.body or {}).get("spec") or {}).get("suspend") is suspend)


def _overrides(write: AuditWrite, user: str) -> bool:
    annotations = ((write.body or {}).get("metadata") or {}).get("annotations") or {}
    return write.user == user and annotations.get("ebbtide.dev/override") == "Running"


def _is_bookkeeping(write: AuditWrite) -> bool:
    """Audit logs may leave managedFields out of what was sent."""
    body = write.body or {}
    return write.verb == "patch" and set(body) == {"metadata"} and set(body["metadata"]) <= _BOOKKEEPING
