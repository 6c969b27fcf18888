"""Keeps the operator's inventory as the simulated API server stands: what changed is decoded, nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import msgspec

from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Workload
from ebbtide.objects.document import Document
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.levers.kinds import OPTIONAL
from ebbtide.objects.resources import (
    ADOPTED_WORKLOADS,
    CLUSTER_COST_POLICIES,
    COST_POLICIES,
    DEPLOYMENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    PRICE_CATALOGS,
    REPLICA_SETS,
    TRAINING_JOBS,
    Resource,
)
from ebbtide.objects.store import Store
from ebbtide.objects.views_adopted import decode_adopted
from ebbtide.objects.views_deployment import decode_deployment, decode_replica_set
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_kind import decoder
from ebbtide.objects.views_node import decode_namespace, decode_node
from ebbtide.objects.views_pod import decode_pod
from ebbtide.objects.views_policy import decode_breaker, decode_catalog, decode_cluster_policy, decode_policy
from ebbtide.objects.views_status import memory
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.sim.identity import Identity, group_of, identity_of

Decode: TypeAlias = Callable[[bytes], tuple[str, Any]]
Kind: TypeAlias = tuple[str, str]
"""Group and kind."""


def kind_of(resource: Resource) -> Kind:
    """As Identity names it."""
    return group_of(resource.api_version), resource.kind


DECODERS: Final[dict[Kind, Decode]] = {
    kind_of(PODS): decode_pod,
    kind_of(JOBS): decode_job,
    kind_of(DEPLOYMENTS): decode_deployment,
    kind_of(REPLICA_SETS): decode_replica_set,
    kind_of(ADOPTED_WORKLOADS): decode_adopted,
    kind_of(CLUSTER_COST_POLICIES): decode_cluster_policy,
    kind_of(NODES): decode_node,
    kind_of(NAMESPACES): decode_namespace,
    kind_of(TRAINING_JOBS): decode_training_job,
    kind_of(COST_POLICIES): decode_policy,
    kind_of(PRICE_CATALOGS): decode_catalog,
    kind_of(LEASES): decode_breaker,
}
FURTHER: Final = {kind_of(kind.resource): kind.name for kind in OPTIONAL}
"""Kinds that the operator looks at where there are any, by group and kind."""
DECODERS.update({kind_of(kind.resource): decoder(kind, kind.resource) for kind in OPTIONAL})
_ENCODER: Final = msgspec.json.Encoder()


def decoded(document: Document) -> tuple[str, Any] | None:
    """UID and view of an object as the operator sees it; None: it does not look at that kind.

    ValueError (msgspec's included) for an object that no API server would have stored.
    """
    decode = DECODERS.get(identity_of(document)[:2])
    return decode(_ENCODER.encode(document)) if decode else None


_OF_PODS: Final = frozenset(kind_of(it) for it in (PODS, REPLICA_SETS))
_OF_NO_PODS: Final = frozenset(kind_of(it) for it in (NODES, NAMESPACES, PRICE_CATALOGS, LEASES))


def _may_move_pods(kind: Kind, before: Document | None, after: Document | None) -> bool:
    """A status does not change which pods belong to which workload."""
    if kind in _OF_NO_PODS:
        return False
    if kind in _OF_PODS or before is None or after is None:
        return True
    old, new = before["metadata"], after["metadata"]
    return any(old.get(key) != new.get(key) for key in ("generation", "labels", "annotations", "ownerReferences"))


class SteadyInventory(Inventory):
    """Looks at the cluster again only when something in it has changed."""

    version = 0
    _seen: tuple[int, str, ClusterState] | None = None

    def state(self, unfresh: str = "") -> ClusterState:
        """As Inventory: the stores at this instant."""
        if self._seen is not None and self._seen[:2] == (self.version, unfresh):
            return self._seen[2]
        state = super().state(unfresh)
        # What is finished for long is left out by the clock, not by a change.
        lasts = all(job.foreign is None or job.target.finished_at is None for job in self.jobs.values())
        self._seen = (self.version, unfresh, state) if lasts else None
        return state


class Feed:
    """Listens to the object store and fills the inventory."""

    def __init__(self, inventory: SteadyInventory) -> None:
        self._inventory = inventory
        self.pods_version = 0
        """Changes whenever the answer to "which pods has which workload" may change."""
        self._stores: dict[Kind, Store[Any]] = {
            kind_of(PODS): inventory.pods,
            kind_of(JOBS): inventory.jobs,
            kind_of(DEPLOYMENTS): inventory.deployments,
            kind_of(REPLICA_SETS): inventory.replica_sets,
            kind_of(ADOPTED_WORKLOADS): inventory.adopted,
            kind_of(CLUSTER_COST_POLICIES): inventory.cluster_policies,
            kind_of(NODES): inventory.nodes,
            kind_of(NAMESPACES): inventory.namespaces,
            kind_of(TRAINING_JOBS): inventory.training_jobs,
            kind_of(COST_POLICIES): inventory.policies,
            kind_of(PRICE_CATALOGS): inventory.catalogs,
            kind_of(LEASES): inventory.breaker,
        }

    def changed(self, identity: Identity, before: Document | None, after: Document | None) -> None:
        """An object was created, changed or (`after` None) removed."""
        store = self._stores.get(identity[:2])
        if store is None:
            store = self._further(identity[:2])
        if store is None:
            return
        self._inventory.version += 1
        self.pods_version += _may_move_pods(identity[:2], before, after)
        if after is None:
            if before is not None:
                store.remove(before["metadata"]["uid"], None)
            return
        uid, item = _retold(before, after, store) or DECODERS[identity[:2]](_ENCODER.encode(after))
        store.put(uid, item)

    def _further(self, kind: Kind) -> Store[Any] | None:
        """A store for a kind of which this is the first object; none where the operator does not look at the kind."""
        name = FURTHER.get(kind)
        if name is None:
            return None
        found = self._stores[kind] = self._inventory.serve(name)
        return found


def _retold(before: Document | None, after: Document, store: Store[Any]) -> tuple[str, Workload] | None:
    """A TrainingJob of which nothing but the status was written; a test compares with decoding it anew."""
    if before is None or after["kind"] != TRAINING_JOBS.kind or before.get("spec") is not after.get("spec"):
        return None
    old, new = before["metadata"], after["metadata"]
    known = store.get(new["uid"])
    if known is None or any(
        old.get(key) != new.get(key) for key in old.keys() | new.keys() if key != "resourceVersion"
    ):
        return None
    version = new["resourceVersion"]
    told_on = replace(known.status_object, version=version)
    item = replace(known, resource_version=version, memory=memory(after.get("status") or {}), status_object=told_on)
    return new["uid"], item
