"""All that is known of the cluster, and the picture of it that one tick looks at."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain

from ebbtide.api.cost_policy import Include
from ebbtide.core.adoption import DISCARD_SECONDS
from ebbtide.core.snapshot import Catalog, ClusterState, Policy
from ebbtide.core.workload import Breaker, Instant, Namespace, Node, Pod, Workload
from ebbtide.objects.family import Family
from ebbtide.objects.joining import Variants, as_part, of_kind, unread, whose
from ebbtide.objects.levers.inference_service import INFERENCE_SERVICE
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.scaled_object import SCALED_OBJECT
from ebbtide.objects.lives import Lives
from ebbtide.objects.queueing import QueueStore, queued
from ebbtide.objects.scaling import Scaling, whole
from ebbtide.objects.store import Store
from ebbtide.objects.views_adopted import AdoptedStore, Record
from ebbtide.objects.views_deployment import ReplicaSetStore
from ebbtide.objects.views_foreign import SeedStore, is_candidate, told
from ebbtide.objects.views_job import JobStore, OwnedJob, is_predecessors
from ebbtide.objects.views_lone_pod import of_unread
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
        self.deployments = SeedStore(on_change)
        self.kinds: dict[str, SeedStore] = {}
        """Further kinds of workload by the name that policies give them: those that the cluster serves."""
        self.denied: Mapping[str, str] = {}
        """Kinds that the cluster serves and that may not be read: by that name, why."""
        self.old: Mapping[str, str] = {}
        """Kinds of which nothing was heard for too long to act on: by that name, why."""
        self.queue = QueueStore(on_change)
        self.replica_sets = ReplicaSetStore()
        self.nodes: Store[Node] = Store()
        self.namespaces: Store[Namespace] = Store()
        self.training_jobs = WishStore(on_change)
        self.adopted = AdoptedStore(on_change)
        self.policies: Store[Policy] = Store()
        self.cluster_policies: Store[Policy] = Store()
        self.catalogs: Store[Catalog] = Store()
        self.breaker: Store[Breaker] = Store()
        self._on_change, self._variants = on_change, Variants()
        self._joined: dict[str, tuple[Workload, OwnedJob | Record | None, Workload]] = {}

    def state(self, unfresh: str = "") -> ClusterState:
        """The stores at this instant, as values that do not change any more."""
        before, self._joined = self._joined, {}
        self._variants.begin()
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
            unfresh_kinds=self.old,
        )

    def serve(self, kind: str) -> SeedStore:
        """A store for objects of a further kind, from now on."""
        return self.kinds.setdefault(kind, SeedStore(self._on_change))

    def drop(self, kind: str) -> None:
        """The cluster does not serve that kind any more: its workloads are gone."""
        if kind == KUEUE_WORKLOAD.name:
            self.queue.replace({}, None)
        if self.kinds.pop(kind, None) is not None:
            self._on_change()

    def workload(self, uid: str) -> Workload | None:
        """One workload as it is known this very moment, without what its AdoptedWorkload says."""
        found = self.training_jobs.get(uid) or self._seed(uid) or self.pods.alone.get(uid)
        if found is not None:
            return found if found.scales is None else self._with_target(found)
        pod = self.pods.get(uid) if self.denied else None
        return self._of_unread(pod) if pod is not None else None

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
        lives = Lives(self.jobs, self.training_jobs, self.deployments, self.queue)
        for seed in self.training_jobs.values():
            job = self.jobs.named(seed.key.namespace, seed.key.name)
            entry = before.get(seed.uid)
            if entry is None or entry[0] is not seed or entry[1] is not job:
                entry = (seed, job, _join(seed, job))
            if seed.pause_during is not None:
                entry = (seed, job, lives.joined(entry[2]))
            self._joined[seed.uid] = entry
            target = entry[2].target
            found = self._through_queue(entry[2], target.uid) if target and len(self.queue) else entry[2]
            yield found, self.pods.owned_by(target.uid) if target else ()

    def _foreign(self, before: "_Joined") -> Iterator[tuple[Workload, tuple[Pod, ...]]]:
        """Work of others that somebody may want judged, each with what was told of it. No pod is of two workloads.

        A workload whose lever lies on another object than its own would get that object as its `target` here.
        """
        seeds = list(self._seeds())
        parts = [seed for seed in seeds if seed.controller_uid]
        family = Family(parts, self.pods, self.replica_sets, self._seed, self._revisions(parts))
        scaling = Scaling(self._scaled_objects(), seeds)
        for seed, record, pods in chain(
            self._candidates(seeds, family, scaling), self._pods_alone(family, scaling), self._pods_unread(family)
        ):
            entry = before.get(seed.uid)
            if entry is None or entry[0] is not seed or entry[1] is not record:
                known = told(seed, record, self._clock()) if record else seed
                entry = (seed, record, known)
            self._joined[seed.uid] = entry
            yield entry[2], family.pods_below(seed.uid) if pods is None else pods

    def _candidates(self, seeds: Iterable[Workload], family: Family, scaling: Scaling) -> "_Candidates":
        """A cluster has many Jobs and Deployments, and most of them are nobody's concern here.

        With their pods where these had to be looked at.
        """
        everything = any(it.spec is not None and it.spec.include is Include.AllWorkloads for it in self._policies())
        for found in seeds:
            seed, pods, record = found, None, self.adopted.about(found.uid)
            if seed.controller_uid or scaling:
                top = whose(seed, family, scaling)
                if top is not None:
                    if record is not None:
                        yield as_part(seed, top, self._variants), record, ()
                    continue
            if seed.key.kind in self.kinds:
                seed, pods = of_kind(seed, family, scaling, self._variants, record)
            if self.denied and (why := self.denied.get(seed.key.kind) or self.denied.get(seed.controller_kind)):
                seed = unread(seed, why, self._variants)
            if len(self.queue):
                seed = self._through_queue(seed, seed.uid)
            if record is not None or ((everything or is_candidate(seed)) and not self._is_long_finished(seed)):
                yield seed, record, pods

    def _pods_alone(self, family: Family, scaling: Scaling) -> "_Candidates":
        """Pods that no workload has."""
        for uid, seed in self.pods.alone.items():
            pod, record = self.pods.get(uid), self.adopted.about(uid)
            top = whose(seed, family, scaling) if seed.controller_uid else None
            if pod is None or (record is None and (top is not None or self._is_long_finished(seed))):
                continue
            yield (seed, record, (pod,)) if top is None else (as_part(seed, top, self._variants), record, ())

    def _pods_unread(self, family: Family) -> "_Candidates":
        """Pods of owners that may not be read: each is reported by itself."""
        for pod in self.pods.values() if self.denied else ():
            seed = self._of_unread(pod) if pod.ended_at is None else None
            if seed is not None and family.top(pod.owner_uid) is None:
                yield seed, self.adopted.about(pod.uid), (pod,)

    def _of_unread(self, pod: Pod) -> Workload | None:
        why = self.denied.get(pod.owner_kind)
        if not why or not pod.accelerator_resource:
            return None
        return self._variants.kept("pod", pod, why, partial(of_unread, pod, why))

    def _seeds(self) -> Iterator[Workload]:
        """Objects of others that may be workloads; pods apart."""
        jobs = (job.foreign for job in self.jobs.values() if job.foreign is not None)
        return chain(jobs, self.deployments.values(), *(store.values() for store in self.kinds.values()))

    def _seed(self, uid: str) -> Workload | None:
        job = self.jobs.get(uid)
        if job is not None:
            return job.foreign
        stores = (self.deployments, *self.kinds.values())
        return next((found for store in stores if (found := store.get(uid)) is not None), None)

    def _scaled_objects(self) -> Iterable[Workload]:
        store = self.kinds.get(SCALED_OBJECT.name)
        return store.values() if store is not None else ()

    def _revisions(self, parts: Iterable[Workload]) -> Mapping[str, str]:
        """Knative's Revisions, which are not watched, with the InferenceServices above them, both by UID."""
        served = [part for part in parts if part.served]
        store = self.kinds.get(INFERENCE_SERVICE.name) if served else None
        if store is None:
            return {}
        named = {(one.key.namespace, one.key.name): one.uid for one in store.values()}
        above = ((part.controller_uid, named.get((part.key.namespace, part.served))) for part in served)
        return {revision: uid for revision, uid in above if uid is not None}

    def _with_target(self, scaled_object: Workload) -> Workload:
        target = Scaling([scaled_object], self._seeds()).target(scaled_object.uid)
        return whole(scaled_object, target) if target is not None else scaled_object

    def _through_queue(self, workload: Workload, job_uid: str) -> Workload:
        """The workload with the lever that Kueue leaves to others, where Kueue has it."""
        entry = self.queue.of(job_uid)
        if entry is None:
            return workload
        return self._variants.kept("queued", workload, entry, lambda: queued(workload, entry))

    def _is_long_finished(self, seed: Workload) -> bool:
        """Nothing is told of it any more."""
        ended = seed.target.finished_at if seed.target else None
        return ended is not None and self._clock() - ended > DISCARD_SECONDS


_Candidates = Iterator[tuple[Workload, Record | None, tuple[Pod, ...] | None]]
"""A workload, what was told of it, and its pods where they had to be looked at."""
_Joined = dict[str, tuple[Workload, OwnedJob | Record | None, Workload]]


def _join(seed: Workload, job: OwnedJob | None) -> Workload:
    """A Job of the TrainingJob's name is its own, a stranger's, or left over from a predecessor being deleted."""
    if job is None or (job.controller_uid != seed.uid and is_predecessors(job)):
        return seed
    if job.controller_uid == seed.uid:
        return replace(seed, target=job.target)
    return replace(seed, foreign_target=True)
