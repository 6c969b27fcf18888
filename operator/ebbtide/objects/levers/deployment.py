"""apps/v1 Deployment: spec.replicas. By merge patch, because /scale could not carry the original in the same write.

Trap: what scales it (HPA, KEDA) or keeps it as in Git reverts a pause; three times, and it is left alone.
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
