"""Argo Workflow: spec.suspend. No further step starts; pods of steps that run are not stopped.

Trap: therefore a paused Workflow gives its devices back step by step, and until then they are counted as held.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.reason import Reason
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import End, Kind, Part, PodGroup, maps, part, text
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource

_ENDS: Final = {"Succeeded": Reason.JobCompleted, "Failed": Reason.JobFailed, "Error": Reason.JobFailed}


def _pods(spec: Part) -> list[PodGroup]:
    """One pod for each template that has a container: how often each runs, only the run shows."""
    templates = maps(spec, "templates")
    containers = [part(one, "container") or part(one, "script") for one in templates]
    return [PodGroup(1, {"spec": {"containers": [one]}}) for one in containers if one]


def _ended(status: Part) -> End | None:
    reason = _ENDS.get(text(status, "phase"))
    return None if reason is None else End(reason, text(status, "finishedAt"))


WORKFLOW: Final = Kind(
    WorkloadKind.Workflow,
    Resource("argoproj.io", "v1alpha1", "workflows", "Workflow"),
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    pods=_pods,
    ended=_ended,
)
