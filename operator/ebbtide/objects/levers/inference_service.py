"""KServe InferenceService: annotation serving.kserve.io/stop. Its Deployments, autoscalers and routes go with it.

Traps: releases before May 2025 do not know the annotation (kserve#4337), and nothing would stop. minReplicas: 0 is no
pause. In Knative mode the Deployments belong to Revisions, which are not watched: a label names the InferenceService.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, maps, number, part
from ebbtide.objects.pointer import ABSENT
from ebbtide.objects.resources import Resource

STOP: Final = "/metadata/annotations/serving.kserve.io~1stop"


def _pods(spec: Part) -> list[PodGroup]:
    """Its three components; a model server's container is described under `model`."""
    return [
        PodGroup(max(1, number(component, "minReplicas", 1)), {"spec": {"containers": _containers(component)}})
        for component in (part(spec, name) for name in ("predictor", "transformer", "explainer"))
        if component
    ]


def _containers(component: Part) -> list[Part]:
    return [*maps(component, "containers"), *([part(component, "model")] if part(component, "model") else [])]


INFERENCE_SERVICE: Final = Kind(
    WorkloadKind.InferenceService,
    Resource("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService"),
    KindClass.Serving,
    stopped={STOP: "true"},
    running={STOP: ABSENT},
    pods=_pods,
    between=(WorkloadKind.Deployment,),
)
