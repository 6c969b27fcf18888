"""batch/v1 CronJob: spec.suspend. It starts no new Jobs; those that run are workloads of their own and go on.

Trap: what was suspended by somebody else is never un-suspended.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.job import pods_of
from ebbtide.objects.levers.kind import Kind, part
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource

CRON_JOB: Final = Kind(
    WorkloadKind.CronJob,
    Resource("batch", "v1", "cronjobs", "CronJob"),
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    pods=lambda spec: pods_of(part(spec, "jobTemplate", "spec")),
)
