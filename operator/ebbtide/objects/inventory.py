"""All that is known of the cluster, and the picture of it that one tick looks at."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from ebbtide.api.cost_policy import Include
from ebbtide.core.adoption import DISCARD_SECONDS
from ebbtide.core.snapshot import Catalog, ClusterState, Policy
from ebbtide.core.workload import Breaker, Instant, Namespace, Node, Pod, Workload
from ebbtide.objects.lives import Lives
from ebbtide.objects.store import Store
from ebbtide.objects.views_adopted import AdoptedStore, Record
from ebbtide.objects.views_deployment import DeploymentStore, ReplicaSetStore
from ebbtide.objects.views_foreign import is_candidate, told
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
        if before is None or wish(before) != wish(item):
            self._on_wish()

    def remove(self, uid: str, last: Workload | None) -> None:
        """Deleted."""
        super().remove(uid, last)
        self._on_wish()


def wish(workload: Workload) -> tuple[object, ...]:
    """What people want of it; what only its status tells is left out."""
    return workload.generation, workload.intent, workload.labels, workload.deleting


class Inventory:
    """One store per kind, filled by reflectors or by a simulated world. `state` joins them and asks nobody."""

    def __init__(self, clock: Callable[[], Instant] = time.time, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called when what people want of a workload changed."""
        self._clock = clock
        self.pods = PodStore(clock)
        self.jobs = JobStore(on_change)
        self.deployments = DeploymentStore(on_change)
        self.replica_sets = ReplicaSetStore()
        self.nodes: Store[Node] = Store()
        self.namespaces: Store[Namespace] = Store()
        self.training_jobs = WishStore(on_change)
        self.adopted = AdoptedStore(on_change)
        self.policies: Store[Policy] = Store()
        self.cluster_policies: Store[Policy] = Store()
        self.catalogs: Store[Catalog] = Store()
        self.breaker: Store[Breaker] = Store()
        self.lives = Lives(self.jobs, self.training_jobs, self.deployments)
        self._joined: dict[str, tuple[Workload, OwnedJob | Record | None, Workload]] = {}

    def state(self, unfresh: str = "") -> ClusterState:
        """The stores at this instant, as values that do not change any more."""
        before, self._joined = self._joined, {}
        joined = [*self._own(before), *self._foreign(before)]
        return ClusterState(
            workloads=[workload for workload, _ in joined],
            pods={workload.key: pods for workload, pods in joined},
            nodes={node.name: node for node in self.nodes.values()},
            namespaces={namespace.name: namespace for namespace in self.namespaces.values()},
            policies=list(self._policies()),
            catalogs=list(self.catalogs.values()),
            breaker=next(iter(self.breaker.values()), Breaker()),
            unfresh=unfresh,
        )

    def workload(self, uid: str) -> Workload | None:
        """One workload as it is known this very moment, without what other stores say of it."""
        job = self.jobs.get(uid)
        return self.training_jobs.get(uid) or (job.foreign if job else None) or self.deployments.get(uid)

    def policy(self, uid: str) -> Policy | None:
        """One policy as it is known this very moment."""
        return self.policies.get(uid) or self.cluster_policies.get(uid)

    def has(self, kind: str, uid: str) -> bool:
        """Whether that very object of one of our kinds is there."""
        own: dict[str, Store[Workload] | Store[Record] | Store[Policy] | Store[Catalog]] = {
            "TrainingJob": self.training_jobs,
            "AdoptedWorkload": self.adopted,
            "CostPolicy": self.policies,
            "ClusterCostPolicy": self.cluster_policies,
            "PriceCatalog": self.catalogs,
        }
        return kind in own and own[kind].get(uid) is not None

    def _policies(self) -> Iterator[Policy]:
        return chain(self.policies.values(), self.cluster_policies.values())

    def _own(self, before: "_Joined") -> Iterator[tuple[Workload, tuple[Pod, ...]]]:
        """Every TrainingJob with its Job and pods. What has not changed is not joined again."""
        for seed in self.training_jobs.values():
            job = self.jobs.named(seed.key.namespace, seed.key.name)
            entry = before.get(seed.uid)
            if entry is None or entry[0] is not seed or entry[1] is not job:
                entry = (seed, job, _join(seed, job))
            if seed.pause_during is not None:
                entry = (seed, job, self.lives.joined(entry[2]))
            self._joined[seed.uid] = entry
            target = entry[2].target
            yield entry[2], self.pods.owned_by(target.uid) if target else ()

    def _foreign(self, before: "_Joined") -> Iterator[tuple[Workload, tuple[Pod, ...]]]:
        """Jobs and Deployments of others that somebody may want judged, each with what was told of it."""
        for seed in self._candidates():
            record = self.adopted.about(seed.uid)
            entry = before.get(seed.uid)
            if entry is None or entry[0] is not seed or entry[1] is not record:
                known = told(seed, record, self._clock()) if record else seed
                entry = (seed, record, known)
            self._joined[seed.uid] = entry
            yield entry[2], self._pods_below(seed)

    def _candidates(self) -> Iterator[Workload]:
        """A cluster has many Jobs and Deployments, and most of them are nobody's concern here."""
        everything = any(it.spec is not None and it.spec.include is Include.AllWorkloads for it in self._policies())
        jobs: Iterable[Workload] = (job.foreign for job in self.jobs.values() if job.foreign is not None)
        for seed in chain(jobs, self.deployments.values()):
            is_open = (everything or is_candidate(seed)) and not self._is_long_finished(seed)
            if is_open or self.adopted.about(seed.uid) is not None:
                yield seed

    def _is_long_finished(self, seed: Workload) -> bool:
        """Nothing is told of it any more."""
        ended = seed.target.finished_at if seed.target else None
        return ended is not None and self._clock() - ended > DISCARD_SECONDS

    def _pods_below(self, seed: Workload) -> tuple[Pod, ...]:
        """Pods of a Job, and those below the ReplicaSets of a Deployment."""
        below = self.replica_sets.of(seed.uid)
        if not below:
            return self.pods.owned_by(seed.uid)
        found = [pods for uid in below if (pods := self.pods.owned_by(uid))]
        return found[0] if len(found) == 1 else tuple(chain.from_iterable(found))


_Joined = dict[str, tuple[Workload, OwnedJob | Record | None, Workload]]


def _join(seed: Workload, job: OwnedJob | None) -> Workload:
    """A Job of the TrainingJob's name is its own, a stranger's, or left over from a predecessor being deleted."""
    if job is None or (job.controller_uid != seed.uid and is_predecessors(job)):
        return seed
    if job.controller_uid == seed.uid:
        return replace(seed, target=job.target)
    return replace(seed, foreign_target=True)
