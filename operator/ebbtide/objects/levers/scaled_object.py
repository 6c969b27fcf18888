"""KEDA ScaledObject: annotation autoscaling.keda.sh/paused-replicas "0" for what it scales.

It stands for the workload that spec.scaleTargetRef names: whoever changed the replicas there would be undone by KEDA.
Trap: a value that was there before (somebody pinned a number) is put back, not removed.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, part, text
from ebbtide.objects.pointer import ABSENT
from ebbtide.objects.resources import Resource

PAUSED_REPLICAS: Final = "/metadata/annotations/autoscaling.keda.sh~1paused-replicas"


def _scales(spec: Part) -> tuple[str, str, str]:
    """Without apiVersion and kind it is a Deployment."""
    ref = part(spec, "scaleTargetRef")
    version = text(ref, "apiVersion") or "apps/v1"
    return version.rpartition("/")[0], text(ref, "kind") or "Deployment", text(ref, "name")


SCALED_OBJECT: Final = Kind(
    WorkloadKind.ScaledObject,
    Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject"),
    KindClass.Serving,
    stopped={PAUSED_REPLICAS: "0"},
    running={PAUSED_REPLICAS: ABSENT},
    scales=_scales,
)
