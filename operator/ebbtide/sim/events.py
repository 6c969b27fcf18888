"""Events of a scenario: what users and misfortune do to the simulated world."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from ebbtide.objects.document import Document
from ebbtide.sim.api_server import SimulatedApiServer, delete_with_owned
from ebbtide.sim.identity import CLUSTER_SCOPED, Identity, identity_of
from ebbtide.sim.json_merge import merged
from ebbtide.sim.manifest import problem_of
from ebbtide.sim.node_pool import NodePool
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.scenario import Event, ObjectName, OperatorState
from ebbtide.sim.simulated_metrics import Condition
from ebbtide.sim.world import World

_KEPT: Final = frozenset({"uid", "creationTimestamp", "ownerReferences"})


class OperatorSwitch(Protocol):
    """The operator and its Prometheus, as far as events reach them."""

    def set_prometheus(self, condition: Condition) -> None:
        """From now on it answers so."""

    def set_operator(self, state: OperatorState) -> None:
        """It goes down, comes up, or is started anew."""


class Happenings:
    """Does events."""

    def __init__(
        self,
        file: str,
        *,
        store: ObjectStore,
        api: SimulatedApiServer,
        world: World,
        nodes: NodePool,
        operator: OperatorSwitch,
    ) -> None:
        self._file, self._store, self._api = file, store, api
        self._world, self._nodes, self._operator = world, nodes, operator

    def do(self, place: int, event: Event, manifest: dict[str, Any] | None) -> None:
        """One event; `manifest`: what it applies. Raises Refusal where the API server would refuse it."""
        path = f"spec.events[{place}]"
        if manifest is not None:
            self._apply(manifest, f"{path}.apply")
        elif event.delete is not None:
            self._delete(event.delete, f"{path}.delete", event.at)
        elif event.prometheus is not None:
            self._operator.set_prometheus(event.prometheus)
        elif event.operator is not None:
            self._operator.set_operator(event.operator)
        elif event.api is not None:
            self._api.state = event.api

    def _apply(self, manifest: dict[str, Any], path: str) -> None:
        identity = identity_of(manifest)
        before = self._store.get(identity)
        wanted = _changed(before, manifest) if before else merged({}, manifest)
        wanted.setdefault("metadata", manifest["metadata"])
        if problem := problem_of(wanted):
            raise Refusal(self._file, ".".join(part for part in (path, problem[0]) if part), problem[1])
        if identity[:2] == ("", "Node"):
            self._apply_node(before, wanted)
        elif before is not None:
            self._store.replace(before, wanted)
        elif identity[:2] == ("", "Pod"):
            self._world.list_pod(self._owned(wanted, path))
        else:
            self._store.create(self._owned(wanted, path))

    def _apply_node(self, before: Document | None, wanted: dict[str, Any]) -> None:
        self._nodes.add(wanted)
        if before is None:
            self._nodes.apply()
        else:
            self._nodes.changed(self._store.replace(before, wanted))

    def _owned(self, document: dict[str, Any], path: str) -> dict[str, Any]:
        """Owners by name get the UID of what is there now."""
        for owner in document["metadata"].get("ownerReferences") or ():
            there = self._find(owner["kind"], document["metadata"].get("namespace", ""), owner["name"])
            if there is None:
                raise Refusal(self._file, f"{path}.metadata.ownerReferences", f"there is no {owner['name']} now")
            owner["uid"] = self._store.get(there)["metadata"]["uid"]  # type: ignore[index]  # it was found just now
            owner.setdefault("controller", True)
        return document

    def _delete(self, name: ObjectName, path: str, at: int) -> None:
        namespace = "" if name.kind in CLUSTER_SCOPED else name.namespace or "default"
        identity = self._find(name.kind, namespace, name.name)
        if identity is None:
            raise Refusal(self._file, path, f"there is no {name.kind} {namespace}/{name.name} at {at} s")
        self._remove(identity)
        if identity[:2] == ("", "Namespace"):
            for inside in self._store.within(name.name):
                self._remove(inside)

    def _remove(self, identity: Identity) -> None:
        pod = self._world.pod(identity) if identity[:2] == ("", "Pod") else None
        if pod is not None:
            self._world.delete_pod(pod)
        elif identity[:2] == ("", "Node"):
            self._nodes.remove(identity.name)
            self._nodes.apply()
        else:
            delete_with_owned(self._store, identity)

    def _find(self, kind: str, namespace: str, name: str) -> Identity | None:
        place = "" if kind in CLUSTER_SCOPED else namespace
        return next((it for it in self._store.within(place) if it.kind == kind and it.name == name), None)


def _changed(before: Document, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The object after the user's part; what the API server keeps for itself is not the user's."""
    said = {key: it for key, it in manifest.items() if key != "metadata"}
    meta = {key: it for key, it in manifest["metadata"].items() if key not in _KEPT}
    return {**merged(before, said), "metadata": merged(before["metadata"], meta)}
