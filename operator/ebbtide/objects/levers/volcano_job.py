"""Volcano Job: no lever. Its stop is another object (Command), which cannot carry the original."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.reason import Reason
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import End, Kind, Part, PodGroup, maps, number, part, text
from ebbtide.objects.resources import Resource

_ENDS: Final = {
    "Completed": Reason.JobCompleted,
    "Failed": Reason.JobFailed,
    "Terminated": Reason.JobFailed,
    "Aborted": Reason.JobFailed,
}


def _pods(spec: Part) -> list[PodGroup]:
    return [PodGroup(number(task, "replicas", 1), part(task, "template")) for task in maps(spec, "tasks")]


def _ended(status: Part) -> End | None:
    state = part(status, "state")
    reason = _ENDS.get(text(state, "phase"))
    return None if reason is None else End(reason, text(state, "lastTransitionTime"))


VOLCANO_JOB: Final = Kind(
    WorkloadKind.VolcanoJob,
    Resource("batch.volcano.sh", "v1alpha1", "jobs", "Job"),
    KindClass.RunToCompletion,
    pods=_pods,
    ended=_ended,
    unsupported="the stop of a Volcano Job is another object (Command), which could not carry the original",
)
