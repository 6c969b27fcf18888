"""batch/v1 Job: spec.suspend. Suspending deletes the pods with their grace period; finished indexes stay finished.

Trap: activeDeadlineSeconds starts from zero with each resume, so it is no deadline.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, by_conditions, number, part
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import JOBS


def pods_of(spec: Part) -> list[PodGroup]:
    """The gang is as large as the pods that may run at once."""
    parallel = number(spec, "parallelism", 1)
    workers = min(parallel, number(spec, "completions", parallel))
    return [PodGroup(workers, part(spec, "template"))]


JOB: Final = Kind(
    WorkloadKind.Job,
    JOBS,
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    pods=pods_of,
    ended=by_conditions("Complete"),
)
"""The lever of Jobs, those of TrainingJobs included. For speed `views_job` reads them instead of `views_kind`."""
