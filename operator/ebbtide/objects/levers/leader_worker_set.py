"""LeaderWorkerSet: spec.replicas, which are groups of one leader and its workers; all groups go at once.

Chain: leader pods belong to a StatefulSet of the set, workers to a StatefulSet that their leader's pod controls.
Trap: one whose leaderWorkerTemplate says whenScaled: Delete would lose its volumes, so it is reported only.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, Part, PodGroup, number, part
from ebbtide.objects.levers.stateful_set import deletes_claims
from ebbtide.objects.levers.suspend import AT_ZERO
from ebbtide.objects.resources import Resource


def _pods(spec: Part) -> list[PodGroup]:
    """Leaders and workers; without a template of their own leaders are made like workers."""
    template, groups = part(spec, "leaderWorkerTemplate"), number(spec, "replicas", 1)
    worker = part(template, "workerTemplate")
    leader = part(template, "leaderTemplate") or worker
    return [PodGroup(groups, leader), PodGroup(groups * max(0, number(template, "size", 1) - 1), worker)]


LEADER_WORKER_SET: Final = Kind(
    WorkloadKind.LeaderWorkerSet,
    Resource("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet"),
    KindClass.Serving,
    stopped=AT_ZERO,
    pods=_pods,
    refuses=lambda spec: deletes_claims(part(spec, "leaderWorkerTemplate")),
    between=(WorkloadKind.StatefulSet,),
)
