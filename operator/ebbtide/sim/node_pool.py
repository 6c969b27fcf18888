"""Which nodes exist: those of the file, as far as capacity lets them, and what events add or take away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ebbtide.objects.document import Document
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.identity import Identity
from ebbtide.sim.machine import Machine
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.samples_file import CapacityTrace
from ebbtide.sim.scenario import Billing
from ebbtide.sim.scenario_file import selects
from ebbtide.sim.world import World

NOTICE: Final = {"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}
"""What Karpenter and its kind put on a node that will go."""


@dataclass(slots=True, eq=False)
class _Pool:
    """One entry of `capacity`, with the nodes it selects by name."""

    trace: CapacityTrace
    names: list[str] = field(default_factory=list)
    steps: list[tuple[int, float]] = field(default_factory=list)
    """(second, count) where the count changes, ascending."""

    def __post_init__(self) -> None:
        last = -1.0
        for number, count in enumerate(self.trace.counts):
            if count != last:
                self.steps.append((number * self.trace.step, count))
                last = count

    def count(self, second: int) -> float:
        """Nodes that exist at this second."""
        return self.trace.counts[min(second // self.trace.step, len(self.trace.counts) - 1)]

    @property
    def notice(self) -> int:
        """Seconds between the taint and the removal."""
        return self.trace.capacity.notice_seconds

    def told(self, second: int) -> float:
        """Nodes that are not about to go: the fewest that exist until the notice has passed."""
        ahead = [count for at, count in self.steps if second < at <= second + self.notice]
        return min([self.count(second), *ahead])


class NodePool:
    """Brings nodes into the world and takes them away. `apply` at every second of `moments`, and after events."""

    def __init__(
        self, store: ObjectStore, world: World, clock: SimulatedClock, traces: Sequence[CapacityTrace]
    ) -> None:
        self._store, self._world, self._clock = store, world, clock
        self._pools = [_Pool(trace) for trace in traces]
        self._known: dict[str, Document] = {}
        """Manifests of all nodes that can be."""
        self._pool_of: dict[str, _Pool] = {}
        self._since: dict[str, int] = {}
        """Nodes that exist, to the second since which they do."""
        self._existed: dict[str, list[tuple[int, int]]] = {}

    def moments(self, end: int) -> set[int]:
        """Seconds at which capacity changes or is about to."""
        found = set()
        for pool in self._pools:
            for at, _ in pool.steps:
                found |= {at, max(0, at - pool.notice)}
        return {at for at in found if at <= end}

    def existed(self, end: int) -> dict[str, list[tuple[int, int]]]:
        """[from, to) of every node that ever existed until this second."""
        found = {node: list(spans) for node, spans in self._existed.items()}
        for node, since in self._since.items():
            found.setdefault(node, []).append((since, end))
        return found

    def billing(self, node: str) -> Billing:
        """When the node costs."""
        pool = self._pool_of.get(node)
        return pool.trace.capacity.billed if pool else Billing.WhileExists

    def add(self, document: dict[str, Any]) -> None:
        """A node that can be; whether it exists is for its capacity to say."""
        name, labels = document["metadata"]["name"], document["metadata"].get("labels") or {}
        self._known[name] = document
        pool = next((it for it in self._pools if selects(it.trace.capacity.node_selector, labels)), None)
        if pool is not None:
            self._pool_of[name] = pool
            pool.names = sorted({*pool.names, name})

    def remove(self, name: str) -> None:
        """Somebody deleted the node, for good."""
        del self._known[name]
        pool = self._pool_of.pop(name, None)
        if pool is not None:
            pool.names.remove(name)

    def apply(self) -> None:
        """Make the nodes exist that exist now."""
        now = self._clock.second
        there = {name for name in self._known if name not in self._pool_of}
        staying = set(there)
        for pool in self._pools:
            there.update(_first(pool.names, pool.count(now)))
            staying.update(_first(pool.names, pool.told(now)))
        existing = {machine.name: machine for machine in self._world.scheduler.machines}
        for name in sorted(existing.keys() - there):
            self._vanish(existing[name])
        for name in sorted(there - existing.keys()):
            self._appear(name)
        for machine in list(self._world.scheduler.machines):
            if machine.name not in staying and not machine.leaving:
                self._warn(machine)

    def changed(self, document: Document) -> None:
        """The node object was written: the machine is what it says."""
        machine = self._world.scheduler.machine(document["metadata"]["name"])
        if machine is not None:
            machine.read(document)
            self._world.scheduler.changed()

    def _appear(self, name: str) -> None:
        stored = self._store.create(_without_uid(self._known[name], again=name in self._existed))
        machine = Machine(name)
        machine.read(stored)
        self._world.add_node(machine)
        self._since[name] = self._clock.second

    def _vanish(self, machine: Machine) -> None:
        self._world.remove_node(machine)
        self._store.remove(Identity("", "Node", "", machine.name))
        span = (self._since.pop(machine.name), self._clock.second)
        self._existed.setdefault(machine.name, []).append(span)

    def _warn(self, machine: Machine) -> None:
        """The taint, and SIGTERM for what runs there."""
        machine.leaving = True
        stored = self._store.get(Identity("", "Node", "", machine.name))
        if stored is None:
            return
        spec = dict(stored.get("spec") or {})
        spec["taints"] = [*(spec.get("taints") or []), NOTICE]
        self._store.replace(stored, {**stored, "spec": spec})
        self._world.warn_node(machine, self._pool_of[machine.name].notice)


def _first(names: Sequence[str], count: float) -> Sequence[str]:
    return names if count >= len(names) else names[: int(count)]


def _without_uid(document: Mapping[str, Any], *, again: bool) -> dict[str, Any]:
    """A node that comes back is another object of the same name."""
    if not again:
        return dict(document)
    meta = {key: it for key, it in document["metadata"].items() if key not in {"uid", "creationTimestamp"}}
    return {**document, "metadata": meta}
