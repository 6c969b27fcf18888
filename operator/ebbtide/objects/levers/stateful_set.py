"""apps/v1 StatefulSet: spec.replicas. Its PersistentVolumeClaims stay, unless it says whenScaled: Delete itself.

Trap: persistentVolumeClaimRetentionPolicy.whenScaled: Delete deletes data with the last replica, so such a one is
reported only. As with Deployments, what keeps its number as in Git reverts a pause.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.deployment import replicated
from ebbtide.objects.levers.kind import Kind, Part, number, part, text
from ebbtide.objects.levers.suspend import AT_ZERO
from ebbtide.objects.resources import Resource


def deletes_claims(spec: Part) -> str:
    """Scaling it to zero would delete its volumes."""
    policy = part(spec, "persistentVolumeClaimRetentionPolicy")
    if text(policy, "whenScaled") != "Delete":
        return ""
    return "scaling it to 0 would delete its volumes (persistentVolumeClaimRetentionPolicy.whenScaled: Delete)"


STATEFUL_SET: Final = Kind(
    WorkloadKind.StatefulSet,
    Resource("apps", "v1", "statefulsets", "StatefulSet"),
    KindClass.Serving,
    stopped=AT_ZERO,
    pods=replicated,
    active=lambda status: number(status, "replicas"),
    ready=lambda status: number(status, "readyReplicas"),
    refuses=deletes_claims,
    loses_scratch=True,
)
