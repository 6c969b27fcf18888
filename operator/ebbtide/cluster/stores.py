"""All that is kept warm, and the picture of it that one tick looks at."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from ebbtide.cluster import resources
from ebbtide.cluster.client import Client
from ebbtide.cluster.reflector import DEFAULT_TIMING, Decode, Reflector, Sink, Timing
from ebbtide.cluster.resources import Resource
from ebbtide.cluster.store import Store
from ebbtide.cluster.views_job import JobStore, OwnedJob, decode_job, is_predecessors
from ebbtide.cluster.views_node import decode_namespace, decode_node
from ebbtide.cluster.views_pod import PodStore, decode_pod
from ebbtide.cluster.views_policy import decode_breaker, decode_catalog, decode_policy
from ebbtide.cluster.views_training_job import decode_training_job
from ebbtide.core.snapshot import Catalog, ClusterState, Policy
from ebbtide.core.workload import Breaker, Instant, Namespace, Node, Pod, Workload

T = TypeVar("T")
FRESH_SECONDS: Final = 300.0
"""A store not heard of for this long is too old to act on. Bookmarks come about every minute."""


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


class Stores:
    """One reflector and one store per kind. `run` keeps them warm for ever; `state` costs no request."""

    def __init__(
        self,
        client: Client,
        *,
        lease_namespace: str,
        lease_name: str,
        clock: Callable[[], Instant] = time.time,
        timing: Timing = DEFAULT_TIMING,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called, on the event loop, when what people want of a TrainingJob changed."""
        self._clock = clock
        self.pods = PodStore(clock)
        self.jobs = JobStore()
        self.nodes: Store[Node] = Store()
        self.namespaces: Store[Namespace] = Store()
        self.training_jobs = WishStore(on_change)
        self.policies: Store[Policy] = Store()
        self.catalogs: Store[Catalog] = Store()
        self.breaker: Store[Breaker] = Store()
        self._joined: dict[str, tuple[Workload, OwnedJob | None, Workload]] = {}

        def kept(resource: Resource, decode: Decode[T], sink: Sink[T], **more: Any) -> Reflector[T]:
            return Reflector(client, resource, decode, sink, clock=clock, timing=timing, **more)

        lease = {"namespace": lease_namespace, "field_selector": f"metadata.name={lease_name}"}
        self.reflectors: tuple[Reflector[Any], ...] = (
            kept(resources.PODS, decode_pod, self.pods),
            kept(resources.JOBS, decode_job, self.jobs),
            kept(resources.NODES, decode_node, self.nodes),
            kept(resources.NAMESPACES, decode_namespace, self.namespaces),
            kept(resources.TRAINING_JOBS, decode_training_job, self.training_jobs),
            kept(resources.COST_POLICIES, decode_policy, self.policies),
            kept(resources.PRICE_CATALOGS, decode_catalog, self.catalogs),
            kept(resources.LEASES, decode_breaker, self.breaker, **lease),
        )

    async def run(self) -> None:
        """Keep everything warm until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self.reflectors:
                group.create_task(reflector.run(), name=f"reflector {reflector.resource.full_name}")

    @property
    def synced(self) -> bool:
        """Every kind has been listed once."""
        return all(reflector.synced for reflector in self.reflectors)

    async def wait_synced(self) -> None:
        """Return once every kind has been listed; with a CRD missing that is never, see `problems`."""
        for reflector in self.reflectors:
            await reflector.wait_synced()

    @property
    def problems(self) -> tuple[str, ...]:
        """What cannot be read now, each with its remedy."""
        return tuple(reflector.problem for reflector in self.reflectors if reflector.problem)

    def unfresh(self) -> str:
        """Which store is unsynced or too old to act on; empty when all are fresh."""
        return next((problem for reflector in self.reflectors if (problem := self._stale(reflector))), "")

    def state(self) -> ClusterState:
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
            unfresh=self.unfresh(),
        )

    def workload(self, uid: str) -> Workload | None:
        """One TrainingJob as it is known this very moment, without its Job."""
        return self.training_jobs.get(uid)

    def has(self, kind: str, uid: str) -> bool:
        """Whether that very object of one of our kinds is there."""
        return any(one.resource.kind == kind and one.sink.get(uid) is not None for one in self.reflectors)

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

    def _stale(self, reflector: Reflector[Any]) -> str:
        name = reflector.resource.full_name
        if not reflector.synced or reflector.last_heard_at is None:
            return reflector.problem or f"{name} have not been listed yet"
        age = self._clock() - reflector.last_heard_at
        if age <= FRESH_SECONDS:
            return ""
        return f"nothing heard of {name} for {age:.0f} s" + (f": {reflector.problem}" if reflector.problem else "")


def _join(seed: Workload, job: OwnedJob | None) -> Workload:
    """A Job of the TrainingJob's name is its own, a stranger's, or left over from a predecessor being deleted."""
    if job is None or (job.controller_uid != seed.uid and is_predecessors(job)):
        return seed
    if job.controller_uid == seed.uid:
        return replace(seed, target=job.target)
    return replace(seed, foreign_target=True)
