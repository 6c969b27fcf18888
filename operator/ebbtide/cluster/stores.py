"""All that is kept warm: one reflector per kind fills the inventory."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ebbtide.cluster.client import Client
from ebbtide.cluster.kind_reflectors import LOOK_SECONDS, KindReflectors
from ebbtide.cluster.reflector import DEFAULT_TIMING, Decode, Reflector, Sink, Timing
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Instant
from ebbtide.objects import resources
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.resources import Resource
from ebbtide.objects.views_adopted import decode_adopted
from ebbtide.objects.views_deployment import decode_deployment, decode_replica_set
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_node import decode_namespace, decode_node
from ebbtide.objects.views_pod import decode_pod
from ebbtide.objects.views_policy import decode_breaker, decode_catalog, decode_cluster_policy, decode_policy
from ebbtide.objects.views_training_job import decode_training_job

T = TypeVar("T")
FRESH_SECONDS: Final = 300.0
"""A store not heard of for this long is too old to act on. Bookmarks come about every minute."""


class Stores:
    """The inventory and what fills it. `run` keeps it warm for ever; `state` costs no request.

    Further kinds of workload come and go (`kinds`): none of them holds up the others.
    """

    def __init__(
        self,
        client: Client,
        *,
        lease_namespace: str,
        lease_name: str,
        clock: Callable[[], Instant] = time.time,
        timing: Timing = DEFAULT_TIMING,
        look_seconds: float = LOOK_SECONDS,
        on_change: Callable[[], None] = lambda: None,
        on_lease: Callable[[], None] = lambda: None,
    ) -> None:
        """On the event loop: `on_change` when what people want of a workload changed, `on_lease` at each renewal."""
        self._clock = clock
        self.inventory = seen = Inventory(clock, on_change)

        def kept(resource: Resource, decode: Decode[T], sink: Sink[T], **more: Any) -> Reflector[T]:
            return Reflector(client, resource, decode, sink, clock=clock, timing=timing, **more)

        lease = {"namespace": lease_namespace, "field_selector": f"metadata.name={lease_name}"}
        self.reflectors: tuple[Reflector[Any], ...] = (
            kept(resources.PODS, decode_pod, seen.pods),
            kept(resources.JOBS, decode_job, seen.jobs),
            kept(resources.DEPLOYMENTS, decode_deployment, seen.deployments),
            kept(resources.REPLICA_SETS, decode_replica_set, seen.replica_sets),
            kept(resources.NODES, decode_node, seen.nodes),
            kept(resources.NAMESPACES, decode_namespace, seen.namespaces),
            kept(resources.TRAINING_JOBS, decode_training_job, seen.training_jobs),
            kept(resources.ADOPTED_WORKLOADS, decode_adopted, seen.adopted),
            kept(resources.COST_POLICIES, decode_policy, seen.policies),
            kept(resources.CLUSTER_COST_POLICIES, decode_cluster_policy, seen.cluster_policies),
            kept(resources.PRICE_CATALOGS, decode_catalog, seen.catalogs),
            kept(resources.LEASES, decode_breaker, seen.breaker, on_change=on_lease, **lease),
        )
        self.kinds = KindReflectors(client, seen, kept, look_seconds=look_seconds)

    async def run(self) -> None:
        """Keep everything warm until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.kinds.run(), name="kinds of workload")
            for reflector in self.reflectors:
                group.create_task(reflector.run(), name=f"reflector {reflector.resource.full_name}")

    @property
    def synced(self) -> bool:
        """Every kind has been listed once."""
        return all(reflector.synced for reflector in self.reflectors) and self.kinds.synced

    async def wait_synced(self) -> None:
        """Return once every kind has been listed; with a CRD missing that is never, see `problems`."""
        for reflector in self.reflectors:
            await reflector.wait_synced()
        await self.kinds.wait_synced()

    @property
    def problems(self) -> tuple[str, ...]:
        """What cannot be read now, each with its remedy."""
        own = tuple(reflector.problem for reflector in self.reflectors if reflector.problem)
        return (*own, *self.kinds.problems)

    def unfresh(self) -> str:
        """Which store is unsynced or too old to act on; empty when all are fresh. Further kinds: `inventory.old`."""
        self.kinds.tell(self._stale)
        return next((problem for reflector in self.reflectors if (problem := self._stale(reflector))), "")

    def state(self) -> ClusterState:
        """The picture of this instant."""
        return self.inventory.state(self.unfresh())

    def _stale(self, reflector: Reflector[Any]) -> str:
        name = reflector.resource.full_name
        if not reflector.synced or reflector.last_heard_at is None:
            return reflector.problem or f"{name} have not been listed yet"
        age = self._clock() - reflector.last_heard_at
        if age <= FRESH_SECONDS:
            return ""
        return f"nothing heard of {name} for {age:.0f} s" + (f": {reflector.problem}" if reflector.problem else "")
