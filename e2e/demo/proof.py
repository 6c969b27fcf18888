"""What the audit log of the API server must show: one pause by the operator, one word of the user, one resume."""

from collections.abc import Iterable
from dataclasses import dataclass

from e2e.plane.audit import AuditLog, AuditWrite, service_account


@dataclass(frozen=True, slots=True)
class Proof:
    """The three writes in question, in the order in which they were answered."""

    suspending: tuple[AuditWrite, ...]
    overriding: tuple[AuditWrite, ...]
    resuming: tuple[AuditWrite, ...]

    @property
    def problem(self) -> str:
        """Empty when exactly one of each is there, in this order."""
        counts = (len(self.suspending), len(self.overriding), len(self.resuming))
        if counts != (1, 1, 1):
            return f"expected one suspending, one override and one un-suspending PATCH, found {counts}"
        if not self.suspending[0].at <= self.overriding[0].at <= self.resuming[0].at:
            return "the three writes are there, but not in order"
        return ""


def read(log: AuditLog, namespace: str, service_account_name: str, user: str) -> Proof:
    """Every successful PATCH of a Job's suspend by the operator, and of the override annotation by the user."""
    operator = service_account(namespace, service_account_name)
    patches = list(log.writes(verb="patch", succeeded=True))
    jobs = [it for it in patches if it.resource == "jobs" and not it.subresource]
    return Proof(
        suspending=tuple(_suspending(jobs, operator, suspend=True)),
        overriding=tuple(it for it in patches if it.resource == "trainingjobs" and _overrides(it, user)),
        resuming=tuple(_suspending(jobs, operator, suspend=False)),
    )


def _suspending(jobs: Iterable[AuditWrite], user: str, *, suspend: bool) -> Iterable[AuditWrite]:
    return (it for it in jobs if it.user == user and ((it.body or {}).get("spec") or {}).get("suspend") is suspend)


def _overrides(write: AuditWrite, user: str) -> bool:
    annotations = ((write.body or {}).get("metadata") or {}).get("annotations") or {}
    return write.user == user and annotations.get("ebbtide.dev/override") == "Running"
