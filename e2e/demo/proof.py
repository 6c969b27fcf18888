"""What the audit log of the API server must show: one pause by the operator, one word of the user, one resume."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from e2e.plane.audit import AuditLog, AuditWrite

_BOOKKEEPING: Final = frozenset({"managedFields", "resourceVersion", "uid"})
"""What the operator's second write after a resume holds: it gives up the fields that it set, and changes none."""
_WORK: Final = frozenset({"jobs", "trainingjobs"})
_OWN: Final = frozenset({"leases", "events"})
"""What the operator writes for itself: they are nobody's work."""
_SUSPEND: Final = "/spec/suspend"
_OVERRIDE: Final = "/metadata/annotations/ebbtide.dev~1override"


@dataclass(frozen=True, slots=True)
class Proof:
    """The three writes in question, and what else was written to any work but creations, labels and status.

    In the order in which they were answered.
    """

    suspending: tuple[AuditWrite, ...]
    overriding: tuple[AuditWrite, ...]
    resuming: tuple[AuditWrite, ...]
    bookkeeping: tuple[AuditWrite, ...]
    """Of the operator, of managedFields alone."""
    strange: tuple[AuditWrite, ...]
    """Whatever else touched the work of the story, and every lever, override and deletion of any other."""

    @property
    def problem(self) -> str:
        """Empty when exactly one of each is there, in this order, and nothing strange."""
        return "; ".join(filter(None, (self._miscounted or self._disordered, self._besides)))

    @property
    def _miscounted(self) -> str:
        counts = (len(self.suspending), len(self.overriding), len(self.resuming))
        if counts == (1, 1, 1):
            return ""
        found = _named((*self.suspending, *self.overriding, *self.resuming))
        return f"expected one suspending, one override and one un-suspending PATCH, found {counts}: {found or 'none'}"

    @property
    def _disordered(self) -> str:
        in_order = self.suspending[0].at <= self.overriding[0].at <= self.resuming[0].at
        return "" if in_order else "the three writes are there, but not in order"

    @property
    def _besides(self) -> str:
        return f"something else touched the work: {_named(self.strange)}" if self.strange else ""

    @property
    def told(self) -> str:
        """What was counted, where there is no problem."""
        count = len(self.bookkeeping)
        more = f"the operator's {count} PATCH of managedFields, and status" if count else "status"
        return f"One pause, one word of the user, one resume; else only {more}."


def read(log: AuditLog, operator: str, user: str, work: tuple[str, str]) -> Proof:
    """The whole log, which must tell of the pause and the resume of the TrainingJob `work` (namespace, name) alone.

    `operator` and `user` are the names under which they appear. Every demo begins with a control plane of its own, so
    that its log holds this story and none before it.
    """
    writes = [it for it in log.writes(succeeded=True) if _may_matter(it, operator)]
    of_story = [it for it in writes if it.resource in _WORK and (it.namespace, it.name) == work]
    jobs = [it for it in of_story if it.resource == "jobs" and it.verb == "patch" and not it.subresource]
    suspending = tuple(_suspending(jobs, operator, suspend=True))
    overriding = tuple(it for it in of_story if it.resource == "trainingjobs" and _overrides(it, user))
    resuming = tuple(_suspending(jobs, operator, suspend=False))
    others = [it for it in writes if it not in (*suspending, *overriding, *resuming)]
    bookkeeping = tuple(it for it in others if it in of_story and it.user == operator and _is_bookkeeping(it))
    strange = tuple(
        it for it in others if it not in bookkeeping and (it in of_story or _has_consequences(it, operator))
    )
    return Proof(suspending, overriding, resuming, bookkeeping, strange)


def _may_matter(write: AuditWrite, operator: str) -> bool:
    """Neither a creation nor a status, and of work or by the operator. An eviction is written as a creation, too."""
    if write.subresource == "status" or (write.verb == "create" and not write.subresource):
        return False
    by_operator = write.user == operator and write.resource not in _OWN
    return by_operator or write.resource in _WORK or _OVERRIDE in _fields(write.body)


def _has_consequences(write: AuditWrite, operator: str) -> bool:
    """Not only labels and the like: it changes what is wanted of it, says a word of a human, or takes it away."""
    if write.verb in {"delete", "deletecollection"} or (write.subresource and write.user == operator):
        return True
    return any(field == _OVERRIDE or field.startswith("/spec/") for field in _fields(write.body))


def _suspending(jobs: Iterable[AuditWrite], user: str, *, suspend: bool) -> Iterable[AuditWrite]:
    return (it for it in jobs if it.user == user and _fields(it.body).get(_SUSPEND) is suspend)


def _overrides(write: AuditWrite, user: str) -> bool:
    return write.user == user and _fields(write.body).get(_OVERRIDE) == "Running"


def _fields(body: Any) -> dict[str, Any]:
    """JSON pointer to value: of an object that was sent, or of what a JSON patch sets."""
    if isinstance(body, list):
        return {path: value for step in body for path, value in _leaves(step.get("value"), step.get("path", ""))}
    return dict(_leaves(body, "")) if isinstance(body, Mapping) else {}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    else:
        yield path, value


def _is_bookkeeping(write: AuditWrite) -> bool:
    """Audit logs may leave managedFields out of what was sent."""
    body = write.body or {}
    if write.verb != "patch" or not isinstance(body, Mapping):
        return False
    return set(body) == {"metadata"} and set(body["metadata"]) <= _BOOKKEEPING


def _named(writes: Iterable[AuditWrite]) -> str:
    """Each with its object, its writer and, where it turned one, the lever."""
    return ", ".join(map(_sentence, writes))


def _sentence(write: AuditWrite) -> str:
    kind = f"{write.resource}/{write.subresource}" if write.subresource else write.resource
    where = f" in {write.namespace}" if write.namespace else ""
    fields = _fields(write.body)
    lever = f" (spec.suspend = {str(fields[_SUSPEND]).lower()})" if _SUSPEND in fields else ""
    return f"{write.verb.upper()} {kind}/{write.name}{where} by {write.user}{lever}"
