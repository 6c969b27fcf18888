"""A pod without an owner that Ebbtide knows: no lever. Deleted it would be gone, for nobody makes it again."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.resources import PODS

POD: Final = Kind(
    WorkloadKind.Pod,
    PODS,
    KindClass.Neither,
    unsupported="a pod without an owner cannot be paused, for deleted it would be gone",
)
