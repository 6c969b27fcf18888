"""A kind of workload as data: where its objects are, what stops them, which pods they ask for, how they end."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.reason import Reason
from ebbtide.core.workload import KindClass
from ebbtide.objects.resources import Resource

Part = Mapping[str, Any]
"""Spec, status or template of an object, as JSON has it."""


@dataclass(frozen=True, slots=True)
class PodGroup:
    """Pods that an object asks for, all from one template."""

    count: int
    template: Part


@dataclass(frozen=True, slots=True)
class End:
    """How it ended, and when as it says itself; empty: it does not say."""

    reason: Reason
    at: str = ""


def _no_pods(_: Part) -> Sequence[PodGroup]:
    return ()


def _never(_: Part) -> End | None:
    return None


def _nothing(_: Part) -> str:
    return ""


def _uncounted(_: Part) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Kind:
    """Implements Lever. What is not said has a default that claims nothing: no pods, never over, no lever."""

    name: str
    """As policies name it; VolcanoJob's own kind is Job."""
    resource: Resource
    """In the version that is preferred."""
    kind_class: KindClass
    stopped: Mapping[str, object] = field(default_factory=dict)
    """JSON pointer to the value that stops; empty: it is reported only, `unsupported` says why."""
    running: Mapping[str, object] = field(default_factory=dict)
    """JSON pointer to the value that lets run, where no original is stored; empty: nobody can know it."""
    older: tuple[str, ...] = ()
    """Other served versions that have the same fields, best first."""
    pods: Callable[[Part], Sequence[PodGroup]] = _no_pods
    """From the spec: what it asks for, for the time when no pod of it exists."""
    ended: Callable[[Part], End | None] = _never
    """From the status: None while it has not ended."""
    active: Callable[[Part], int] = _uncounted
    """From the status: pods that its controller counts now; 0 where it counts none, or something else."""
    ready: Callable[[Part], int] = _uncounted
    """From the status: those of them that are Ready."""
    refuses: Callable[[Part], str] = _nothing
    """From the spec: why this very object must not be stopped by its lever."""
    between: tuple[WorkloadKind, ...] = ()
    """Kinds that its controller puts between it and its pods: while one of them is not known, its pods are not."""
    scales: Callable[[Part], tuple[str, str, str]] | None = None
    """From the spec: group, kind and name of what it scales in its own namespace."""
    unsupported: str = ""
    """Why there is no lever."""
    loses_scratch: bool = False
    """Its pods come back without the content of their emptyDir, and nobody expects it."""
    interactive: bool = False
    """Somebody works in it: what its processes hold in memory is lost, whatever its volumes are."""

    @property
    def versions(self) -> tuple[str, ...]:
        """Served versions that it can be read and stopped in, best first."""
        return self.resource.version, *self.older

    @property
    def chart_value(self) -> str:
        """NAME of the chart value `kinds.NAME`: PyTorchJob is pyTorchJob, MPIJob is mpiJob."""
        return _CAPITALS.sub(lambda found: found[0].lower(), self.name)

    def is_over(self, document: Mapping[str, Any]) -> bool:
        """Whether it has ended for good, so that the lever moves nothing."""
        return self.ended(part(document, "status")) is not None


_CAPITALS: Final = re.compile(r"^(?:[A-Z]+(?=[A-Z][a-z])|[A-Z])")


def part(document: Any, *path: str) -> Part:
    """A map inside an object; an empty one where there is none, or something else."""
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def maps(document: Part, key: str) -> list[Part]:
    """The maps of a list; what is something else is left out."""
    found = document.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def number(document: Part, key: str, otherwise: int = 0) -> int:
    """A count; `otherwise` where it is absent or no whole number above or at 0."""
    found = document.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else otherwise


def text(document: Part, key: str) -> str:
    """A word; empty where it is absent or no text."""
    found = document.get(key)
    return found if isinstance(found, str) else ""


def by_conditions(succeeded: str, failed: str = "Failed") -> Callable[[Part], End | None]:
    """The end of kinds that tell it by two conditions."""
    reasons = {succeeded: Reason.JobCompleted, failed: Reason.JobFailed}

    def ended(status: Part) -> End | None:
        for one in maps(status, "conditions"):
            reason = reasons.get(text(one, "type"))
            if reason is not None and one.get("status") == "True":
                return End(reason, text(status, "completionTime") or text(one, "lastTransitionTime"))
        return None

    return ended
