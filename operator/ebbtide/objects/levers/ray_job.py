"""KubeRay RayJob: spec.suspend, which deletes its RayCluster; resumed it starts anew on a new one.

Trap: KubeRay takes a suspended RayJob for invalid, and fails it, where shutdownAfterJobFinishes is false or a
clusterSelector names a cluster of somebody else: those are reported only.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.reason import Reason
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import End, Kind, Part, PodGroup, part, text
from ebbtide.objects.levers.ray_cluster import pods_of
from ebbtide.objects.levers.suspend import SUSPENDED, UNSUSPENDED
from ebbtide.objects.resources import Resource

_ENDS: Final = {
    "Complete": Reason.JobCompleted,
    "Failed": Reason.JobFailed,
    "ValidationFailed": Reason.JobFailed,
}


def _pods(spec: Part) -> list[PodGroup]:
    cluster = part(spec, "rayClusterSpec")
    return pods_of(cluster) if cluster else []


def _ended(status: Part) -> End | None:
    reason = _ENDS.get(text(status, "jobDeploymentStatus"))
    if reason is Reason.JobCompleted and text(status, "jobStatus") in {"FAILED", "STOPPED"}:
        reason = Reason.JobFailed
    return None if reason is None else End(reason, text(status, "endTime"))


def _refuses(spec: Part) -> str:
    if part(spec, "clusterSelector"):
        return "KubeRay fails a suspended RayJob that runs on a cluster chosen by spec.clusterSelector"
    if spec.get("shutdownAfterJobFinishes") is not True:
        return "KubeRay fails a suspended RayJob unless spec.shutdownAfterJobFinishes is true"
    return ""


RAY_JOB: Final = Kind(
    WorkloadKind.RayJob,
    Resource("ray.io", "v1", "rayjobs", "RayJob"),
    KindClass.RunToCompletion,
    stopped=SUSPENDED,
    running=UNSUSPENDED,
    older=("v1alpha1",),
    pods=_pods,
    ended=_ended,
    refuses=_refuses,
    between=(WorkloadKind.RayCluster,),
)
