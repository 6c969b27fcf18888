"""What the controllers and kubelets of the simulated cluster have to tell: their objects are written together."""

from collections.abc import Iterable

from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.controllers import carrier_status
from ebbtide.sim.crew import Crew, Top
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.sim_pod import SimPod, with_stage


class News:
    """Mutable. Pods and crews to be told of, in the order in which something happened to them."""

    def __init__(self, store: ObjectStore, clock: SimulatedClock) -> None:
        self._store, self._clock = store, clock
        self._pods: dict[SimPod, None] = {}
        self._crews: dict[Crew, None] = {}
        """Crews whose object must be told of its pods."""
        self._changed: dict[Crew, None] = {}
        self._restless: dict[Top, None] = {}
        self.is_being_written = False

    def of_pod(self, pod: SimPod) -> None:
        """Its document says something else now."""
        self._pods[pod] = None

    def of_crew(self, crew: Crew) -> None:
        """Its object says something else now."""
        self._crews[crew] = None

    def of_both(self, pod: SimPod) -> None:
        """The pod's document and the object of its crew say something else now."""
        self._pods[pod] = self._crews[pod.crew] = None

    def gone(self, pod: SimPod) -> None:
        """It has no document any more; its crew's object says so."""
        self._pods.pop(pod, None)
        self._crews[pod.crew] = None

    def write(self) -> None:
        """Pods and their controllers' objects as they stand now."""
        self.is_being_written = True
        self._write_pods(self._pods)
        self._write_carriers(self._crews)
        self._pods.clear()
        self._changed.update(self._crews)
        self._restless.update((crew.top, None) for crew in self._crews)
        self._crews.clear()
        self.is_being_written = False

    def take_changed(self) -> list[Crew]:
        """Crews that something happened to since this was last asked."""
        taken = list(self._changed)
        self._changed.clear()
        return taken

    def take_restless(self) -> list[Top]:
        """Workloads whose pods changed since this was last asked."""
        taken = list(self._restless)
        self._restless.clear()
        return taken

    def _write_pods(self, pods: Iterable[SimPod]) -> None:
        for pod in pods:
            stored = self._store.get(pod.identity)
            document = with_stage(stored or pod.fresh, pod, self._clock)
            if stored is None:
                self._store.create(document)
            else:
                self._store.replace(stored, document)

    def _write_carriers(self, crews: Iterable[Crew]) -> None:
        for crew in crews:
            carrier = self._store.get(crew.carrier)
            if carrier is not None and not crew.listed:
                self._store.replace(carrier, carrier_status(carrier, crew, self._clock))
