"""All that is known of the cluster, and the picture of it that one tick looks at."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ebbtide.core.snapshot import Catalog, ClusterState, Policy
from ebbtide.core.workload import Breaker, Instant, Namespace, Node, Pod, Workload
from ebbtide.objects.store import Store
from ebbtide.objects.views_job import JobStore, OwnedJob, is_predecessors
from ebbtide.objects.views_pod import PodStore


class WishStore(Store[Workload]):
    """TrainingJobs; tells when what people want changed, and not when only a status was written."""

    def __init__(self, on_wish: Callable[[], None]) -> None:
        super().__init__()
        self._on_wish = on_wish

    def put(self, uid: str, item: Workload) -> None:
        """Created or changed."""
        before = self.get(uid)
        super().put(uid, item)
        if before is None or _wish(before) != _wish(item):
            self._on_wish()

    def remove(self, uid: str, last: Workload | None) -> None:
        """Deleted."""
        super().remove(uid, last)
        self._on_wish()


def _wish(workload: Workload) -> tuple[object, ...]:
    return workload.generation, workload.intent, workload.labels, workload.deleting


class Inventory:
    """One store per kind, filled by reflectors or by a simulated world. `state` joins them and asks nobody."""

    def __init__(self, clock: Callable[[], Instant] = time.time, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called when what people want of a TrainingJob changed."""
        self.pods = PodStore(clock)
        self.jobs = JobStore()
        self.nodes: Store[Node] = Store()
        self.namespaces: Store[Namespace] = Store()
        self.training_jobs = WishStore(on_change)
        self.policies: Store[Policy] = Store()
        self.catalogs: Store[Catalog] = Store()
        self.breaker: Store[Breaker] = Store()
        self._joined: dict[str, tuple[Workload, OwnedJob | None, Workload]] = {}

    def state(self, unfresh: str = "") -> ClusterState:
        """The stores at this instant, as values that do not change any more."""
        joined = list(self._workloads())
        return ClusterState(
            workloads=[workload for workload, _ in joined],
            pods={workload.key: pods for workload, pods in joined},
            nodes={node.name: node for node in self.nodes.values()},
            namespaces={namespace.name: namespace for namespace in self.namespaces.values()},
            policies=list(self.policies.values()),
            catalogs=list(self.catalogs.values()),
            breaker=next(iter(self.breaker.values()), Breaker()),
            unfresh=unfresh,
        )

    def workload(self, uid: str) -> Workload | None:
        """One TrainingJob as it is known this very moment, without its Job."""
        return self.training_jobs.get(uid)

    def has(self, kind: str, uid: str) -> bool:
        """Whether that very object of one of our kinds is there."""
        own: dict[str, Store[Workload] | Store[Policy] | Store[Catalog]] = {
            "TrainingJob": self.training_jobs,
            "CostPolicy": self.policies,
            "PriceCatalog": self.catalogs,
        }
        return kind in own and own[kind].get(uid) is not None

    def _workloads(self) -> Iterator[tuple[Workload, tuple[Pod, ...]]]:
        """Every TrainingJob with its Job and pods. What has not changed is not joined again."""
        before, self._joined = self._joined, {}
        for seed in self.training_jobs.values():
            job = self.jobs.named(seed.key.namespace, seed.key.name)
            entry = before.get(seed.uid)
            if entry is None or entry[0] is not seed or entry[1] is not job:
                entry = (seed, job, _join(seed, job))
            self._joined[seed.uid] = entry
            target = entry[2].target
            yield entry[2], self.pods.owned_by(target.uid) if target else ()


def _join(seed: Workload, job: OwnedJob | None) -> Workload:
    """A Job of the TrainingJob's name is its own, a stranger's, or left over from a predecessor being deleted."""
    if job is None or (job.controller_uid != seed.uid and is_predecessors(job)):
        return seed
    if job.controller_uid == seed.uid:
        return replace(seed, target=job.target)
    return replace(seed, foreign_target=True)
