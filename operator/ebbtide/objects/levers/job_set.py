"""JobSet: spec.suspend, the whole gang at once.

Trap: a JobSet that a TrainJob controls is stopped by the TrainJob's lever only.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.job import pods_of
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, by_conditions, maps, number, part
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource


def _pods(spec: Part) -> list[PodGroup]:
    return [
        PodGroup(number(one, "replicas", 1) * group.count, group.template)
        for one in maps(spec, "replicatedJobs")
        for group in pods_of(part(one, "template", "spec"))
    ]


JOB_SET: Final = Kind(
    WorkloadKind.JobSet,
    Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet"),
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    pods=_pods,
    ended=by_conditions("Completed"),
)
