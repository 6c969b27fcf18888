"""Kubeflow Notebook: annotation kubeflow-resource-stopped, the time of the stop; its StatefulSet goes to 0.

Traps: whatever stands in the annotation stops it; its controller resets the last activity, so its own culler counts
anew after a resume. What its kernels hold in memory is lost.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, PodGroup, number, part
from ebbtide.objects.levers.lever import MOMENT
from ebbtide.objects.pointer import ABSENT
from ebbtide.objects.resources import Resource

RESOURCE_STOPPED: Final = "/metadata/annotations/kubeflow-resource-stopped"

NOTEBOOK: Final = Kind(
    WorkloadKind.Notebook,
    Resource("kubeflow.org", "v1", "notebooks", "Notebook"),
    KindClass.Neither,
    stopped={RESOURCE_STOPPED: MOMENT},
    running={RESOURCE_STOPPED: ABSENT},
    older=("v1beta1", "v1alpha1"),
    pods=lambda spec: [PodGroup(1, part(spec, "template"))],
    ready=lambda status: number(status, "readyReplicas"),
    between=(WorkloadKind.StatefulSet,),
    interactive=True,
)
