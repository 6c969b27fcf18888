"""Kubeflow TrainJob: spec.suspend, which its controller hands on to the JobSet that it controls.

Traps: some releases cannot suspend or resume a running one, because JobSet's webhook refuses it (trainer#3008): where
the JobSet did not follow, its pods stay and are counted. Its pods are described by its runtime: unless
spec.trainer.resourcesPerNode says so, what it asks for is known from its pods only.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, by_conditions, number, part
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource


def _pods(spec: Part) -> list[PodGroup]:
    trainer = part(spec, "trainer")
    container = {"name": "node", "resources": part(trainer, "resourcesPerNode")}
    return [PodGroup(number(trainer, "numNodes", 1), {"spec": {"containers": [container]}})]


TRAIN_JOB: Final = Kind(
    WorkloadKind.TrainJob,
    Resource("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob"),
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    pods=_pods,
    ended=by_conditions("Complete"),
    between=(WorkloadKind.JobSet,),
)
