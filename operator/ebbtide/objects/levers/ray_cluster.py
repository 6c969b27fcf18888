"""KubeRay RayCluster: spec.suspend. Head and workers go; what the head holds in memory is lost.

Trap: KubeRay's own idle termination acts on it too, and a cluster that a RayJob or RayService made is theirs.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, maps, number, part
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource


def pods_of(spec: Part) -> list[PodGroup]:
    """The head, and each group of workers; a worker may span several hosts."""
    workers = [
        PodGroup(number(group, "replicas") * max(1, number(group, "numOfHosts", 1)), part(group, "template"))
        for group in maps(spec, "workerGroupSpecs")
    ]
    return [PodGroup(1, part(spec, "headGroupSpec", "template")), *workers]


RAY_CLUSTER: Final = Kind(
    WorkloadKind.RayCluster,
    Resource("ray.io", "v1", "rayclusters", "RayCluster"),
    KindClass.Neither,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    older=("v1alpha1",),
    pods=pods_of,
)
