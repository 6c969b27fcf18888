"""Kubeflow Workspace: spec.paused; its StatefulSet goes to 0.

Traps: its own culler sets the same field, and what that one stopped is somebody else's. Its pods are described by its
WorkspaceKind: what it asks for is known from its pods only. What its processes hold in memory is lost.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.resources import Resource

PAUSED: Final = "/spec/paused"

WORKSPACE: Final = Kind(
    WorkloadKind.Workspace,
    Resource("kubeflow.org", "v1beta1", "workspaces", "Workspace"),
    KindClass.Neither,
    stopped={PAUSED: True},
    running={PAUSED: False},
    between=(WorkloadKind.StatefulSet,),
    interactive=True,
)
