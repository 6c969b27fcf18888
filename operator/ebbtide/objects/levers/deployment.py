"""apps/v1 Deployment: spec.replicas. By merge patch, because /scale could not carry the original in the same write.

Trap: what keeps its number as in Git reverts a pause; three times, and it is left alone. An HPA leaves 0 replicas
alone; what KEDA scales is paused by its ScaledObject.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, number, part
from ebbtide.objects.levers.suspend import AT_ZERO
from ebbtide.objects.resources import DEPLOYMENTS


def replicated(spec: Part) -> list[PodGroup]:
    """As many pods of the one template as there are replicas."""
    return [PodGroup(number(spec, "replicas", 1), part(spec, "template"))]


DEPLOYMENT: Final = Kind(
    WorkloadKind.Deployment,
    DEPLOYMENTS,
    KindClass.Serving,
    stopped=AT_ZERO,
    pods=replicated,
    loses_scratch=True,
)
"""How many replicas one should run without a stored original, only its owner knows. `views_deployment` reads them."""
