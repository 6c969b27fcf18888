"""One node as the simulated scheduler sees it: what it has, what is taken, and which device is whose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from ebbtide.objects.document import Document
from ebbtide.sim.pod_spec import DEVICES, Needs, Taint, units

if TYPE_CHECKING:
    from ebbtide.sim.sim_pod import SimPod

UNSPOKEN: Final[Mapping[str, int | None]] = {"cpu": None, "memory": None, "ephemeral-storage": None, "pods": 110}
"""What every real node has: a scenario may leave it out. None: as much as anybody asks for."""


@dataclass(slots=True, eq=False)
class Machine:
    """Mutable. `devices`: who holds each, by index."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    cordoned: bool = False
    has: Mapping[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    devices: "list[SimPod | None]" = field(default_factory=list)
    pods: "dict[SimPod, None]" = field(default_factory=dict)
    """All that hold a part of it, in the order in which they came."""
    touched: bool = True
    """A device changed hands since the exporter looked; whoever looks clears it."""
    leaving: bool = False
    """It has been told that it will be removed."""
    _suits: dict[Needs, bool] = field(default_factory=dict)

    def read(self, document: Document) -> None:
        """Take over what the node object says now."""
        spec, status = document.get("spec") or {}, document.get("status") or {}
        amounts = status.get("allocatable") or status.get("capacity") or {}
        self.labels = document["metadata"].get("labels") or {}
        self.taints = tuple(msgspec.convert(spec.get("taints") or [], list[Taint]))
        self.cordoned = bool(spec.get("unschedulable"))
        self.has = {name: units(name, value) for name, value in amounts.items()}
        missing = self.has.get(DEVICES, 0) - len(self.devices)
        self.devices += [None] * max(0, missing)
        self.touched = True
        self._suits.clear()

    def fits(self, needs: Needs) -> bool:
        """Whether such a pod may run here now."""
        suits = self._suits.get(needs)
        if suits is None:
            suits = self._suits[needs] = self._suited(needs)
        return suits and all(self._has_room(name, amount) for name, amount in needs.requests)

    def _has_room(self, name: str, amount: int) -> bool:
        there = self.has.get(name, UNSPOKEN.get(name, 0))
        return there is None or self.taken.get(name, 0) + amount <= there

    def _suited(self, needs: Needs) -> bool:
        """Everything but room."""
        if needs.node_name:
            return needs.node_name == self.name
        if self.cordoned or any(self.labels.get(key) != value for key, value in needs.selector):
            return False
        if needs.terms and not any(term.matches(self.name, self.labels) for term in needs.terms):
            return False
        repelling = (taint for taint in self.taints if taint.repels)
        return all(any(one.tolerates(taint) for one in needs.tolerations) for taint in repelling)

    def take(self, pod: "SimPod") -> tuple[int, ...]:
        """Room for a pod, and the free devices of lowest index."""
        for name, amount in pod.needs.requests:
            self.taken[name] = self.taken.get(name, 0) + amount
        self.pods[pod] = None
        self.touched = True
        free = [index for index, holder in enumerate(self.devices) if holder is None][: pod.needs.devices]
        for index in free:
            self.devices[index] = pod
        return tuple(free)

    def give_back(self, pod: "SimPod") -> None:
        """The pod has left."""
        for name, amount in pod.needs.requests:
            self.taken[name] -= amount
        del self.pods[pod]
        self.touched = True
        for index in pod.devices:
            self.devices[index] = None
