"""apps/v1 Deployment: spec.replicas. By merge patch, because /scale could not carry the original in the same write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbtide.objects.resources import DEPLOYMENTS, Resource

REPLICAS = "/spec/replicas"


@dataclass(frozen=True, slots=True)
class DeploymentLever:
    """The lever of Deployments. How many replicas it should run without a stored original, only its owner knows."""

    resource: Resource = DEPLOYMENTS
    stopped: Mapping[str, object] = field(default_factory=lambda: {REPLICAS: 0})
    running: Mapping[str, object] = field(default_factory=dict)

    def is_over(self, document: Mapping[str, Any]) -> bool:  # noqa: ARG002 - it serves until somebody deletes it
        """Never."""
        return False
