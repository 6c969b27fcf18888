"""First fit in the order of node names; a gang finds room as a whole or not at all."""

from collections.abc import Sequence

from ebbtide.sim.machine import Machine
from ebbtide.sim.pod_spec import Needs
from ebbtide.sim.sim_pod import SimPod


class Scheduler:
    """Machines in the order of their names, and pods that wait in the order in which they came."""

    def __init__(self) -> None:
        self._machines: dict[str, Machine] = {}
        self._order: list[Machine] = []
        self._waiting: dict[int, tuple[SimPod, ...]] = {}
        """Groups that bind together, by the id of their first pod."""
        self._dirty = False

    @property
    def machines(self) -> Sequence[Machine]:
        """All, by name."""
        return self._order

    def machine(self, name: str) -> Machine | None:
        """One node."""
        return self._machines.get(name)

    def add(self, machine: Machine) -> None:
        """A node has come."""
        self._machines[machine.name] = machine
        self._sort()

    def remove(self, machine: Machine) -> None:
        """A node is gone."""
        del self._machines[machine.name]
        self._sort()

    @property
    def is_dirty(self) -> bool:
        """Something may find room that waits."""
        return self._dirty

    def changed(self) -> None:
        """There may be room that was not there."""
        self._dirty = True

    def wait(self, group: Sequence[SimPod]) -> None:
        """These pods want to run."""
        self._waiting[id(group[0])] = tuple(group)
        self._dirty = True

    def forget(self, pod: SimPod) -> None:
        """A pod that waits is gone; a group waits as a whole, so it does not any more."""
        found = next((key for key, group in self._waiting.items() if pod in group), None)
        if found is not None:
            del self._waiting[found]

    def bind(self) -> tuple[list[SimPod], list[SimPod]]:
        """Puts onto nodes what fits. Returns what was bound, in order, and what found no room for the first time."""
        bound: list[SimPod] = []
        refused: list[SimPod] = []
        if not self._dirty:
            return bound, refused
        self._dirty = False
        hopeless: set[tuple[Needs, int]] = set()
        for key, group in sorted(self._waiting.items(), key=lambda it: _turn(it[1][0])):
            shape = (group[0].needs, len(group))
            if shape not in hopeless and self._placed(group):
                bound += group
                del self._waiting[key]
                continue
            if all(pod.needs is group[0].needs for pod in group):
                # Nothing is given back while groups are placed: what found no room finds none for its like either.
                hopeless.add(shape)
            refused += [pod for pod in group if not pod.unschedulable]
        return bound, refused

    def _placed(self, group: Sequence[SimPod]) -> bool:
        done: list[SimPod] = []
        for pod in group:
            machine = next((it for it in self._order if it.fits(pod.needs)), None)
            if machine is None:
                for other in done:
                    other.machine.give_back(other)  # type: ignore[union-attr]  # it was placed just now
                    other.machine, other.devices = None, ()
                return False
            pod.machine = machine
            pod.devices = machine.take(pod)
            done.append(pod)
        return True

    def _sort(self) -> None:
        self._order = [self._machines[name] for name in sorted(self._machines)]
        self._dirty = True


def _turn(pod: SimPod) -> tuple[int, str, str]:
    return pod.created_at, pod.identity.namespace, pod.identity.name
