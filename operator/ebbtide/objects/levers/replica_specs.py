"""What the kinds of Kubeflow's training operator share: spec.runPolicy.suspend, and pods by role.

Trap: with the pods the counts in status go, so a dashboard shows a suspended one as new.
"""

from collections.abc import Mapping
from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, by_conditions, number, part
from ebbtide.objects.levers.suspend import RUN_POLICY
from ebbtide.objects.resources import Resource

_STOPPED: Final[Mapping[str, object]] = {RUN_POLICY: True}
_RUNNING: Final[Mapping[str, object]] = {RUN_POLICY: False}


def kind(name: WorkloadKind, plural: str, roles: str, *, older: tuple[str, ...] = ()) -> Kind:
    """The kind whose spec lists its pods by role in the field `roles`."""

    def pods(spec: Part) -> list[PodGroup]:
        found = part(spec, roles)
        groups = [part(found, role) for role in sorted(found)]
        return [PodGroup(number(group, "replicas", 1), part(group, "template")) for group in groups]

    return Kind(
        name,
        Resource("kubeflow.org", "v1", plural, name),
        KindClass.RunToCompletion,
        stopped=_STOPPED,
        running=_RUNNING,
        older=older,
        pods=pods,
        ended=by_conditions("Succeeded"),
        active=_active,
    )


def _active(status: Part) -> int:
    roles = part(status, "replicaStatuses")
    return sum(number(part(roles, role), "active") for role in roles)
