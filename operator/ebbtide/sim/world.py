"""The controllers of the simulated cluster: from objects to pods, which the kubelets bring to their end."""

from collections.abc import Iterable
from typing import Any, Final

from ebbtide.objects.document import Document
from ebbtide.sim.agenda import Due
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.controllers import pod_document, pod_owner
from ebbtide.sim.crew import GANGLESS, Crew, Orders, orders_of, work_of
from ebbtide.sim.identity import Identity, controller_of, identity_of
from ebbtide.sim.kubelets import Kubelets
from ebbtide.sim.machine import Machine
from ebbtide.sim.manifest import WITH_TEMPLATE
from ebbtide.sim.news import News
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.pod_spec import needs_of, read_pod_spec
from ebbtide.sim.scheduler import Scheduler
from ebbtide.sim.sim_pod import SimPod, Stage
from ebbtide.sim.tops import Tops

WORKLOADS: Final = frozenset({"TrainingJob", "InferenceServer"})
"""Kinds of ours that are there before they have any pod."""


class World:
    """Mutable. `advance` brings everything to the present second."""

    def __init__(self, store: ObjectStore, clock: SimulatedClock, *, startup: int, termination: int) -> None:
        """`startup`, `termination`: seconds."""
        self._store, self._clock = store, clock
        self.tops = Tops(store, clock)
        self.news = News(store, clock)
        self._crews: dict[Identity, Crew] = {}
        self._dirty: dict[Crew, None] = {}
        """Crews that their controller must look at."""
        self._kubelets = Kubelets(
            store, clock, self.tops, self.news, self._dirty, startup=startup, termination=termination
        )
        store.listen(self._changed)

    # -- what is there ------------------------------------------------------------------------------------------

    @property
    def next_due(self) -> int | None:
        """The second at which something happens by itself."""
        return self._kubelets.next_due

    @property
    def scheduler(self) -> Scheduler:
        """It knows the nodes."""
        return self._kubelets.scheduler

    def pod(self, identity: Identity) -> SimPod | None:
        """A pod that has not gone."""
        return self._kubelets.pods.get(identity)

    @property
    def pods(self) -> Iterable[SimPod]:
        """All that have not gone."""
        return self._kubelets.pods.values()

    def list_pod(self, document: dict[str, Any]) -> None:
        """A pod that the file lists: it belongs to its controller, or stands for itself."""
        owner = controller_of(document)
        above = self._store.by_uid(owner["uid"]) if owner else None
        carrier = identity_of(above or document)
        crew = self._crews.get(carrier)
        if crew is None:
            if above is None:
                document["metadata"].setdefault("uid", self._store.new_uid(carrier))
            top = self.tops.of(above or document)
            crew = self._crews[carrier] = Crew(carrier, top, gang=True)
            top.crews.append(crew)
        crew.listed.append(document)
        self._dirty[crew] = None

    # -- what happens to it -------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Pods end and finish, what waits is bound, what has started runs; then all objects say so."""
        kubelets = self._kubelets
        while kubelets.take_due(Due.Finish) or self._dirty or kubelets.scheduler.is_dirty or kubelets.take_due(Due.Run):
            while self._dirty:
                crew = next(iter(self._dirty))
                del self._dirty[crew]
                self._reconcile(crew)
            kubelets.bind()
            kubelets.take_due(Due.Run)
        self.news.write()

    def delete_pod(self, pod: SimPod) -> None:
        """Somebody deletes a pod: its gang starts anew, or its controller replaces it; a bare one is gone for good."""
        crew = pod.crew
        if pod.stage is Stage.Succeeded:
            crew.finished.remove(pod)
            self._kubelets.gone(pod)
        else:
            self._kubelets.stop(crew, list(crew.pods.values()) if crew.gang else [pod])
        self._dirty[crew] = None

    def add_node(self, machine: Machine) -> None:
        """A node has come."""
        self.scheduler.add(machine)

    def warn_node(self, machine: Machine, notice: int) -> None:
        """SIGTERM to all pods of a node that will be removed in `notice` seconds; they end with it."""
        for pod in list(machine.pods):
            self._kubelets.warn(pod, notice)

    def remove_node(self, machine: Machine) -> None:
        """A node is gone, and its pods with it."""
        for pod in list(machine.pods):
            self._kubelets.kill(pod)
        self.scheduler.remove(machine)

    def close(self) -> None:
        """The scenario ends: what is held is charged until now, and what runs has run until now."""
        self._kubelets.close(self._crews.values())
        for top in self.tops.all:
            top.account.end(self._clock.second)

    # -- controllers --------------------------------------------------------------------------------------------

    def _changed(self, identity: Identity, before: Document | None, after: Document | None) -> None:
        """Somebody else wrote an object."""
        if self.news.is_being_written:
            return
        if after is None and before is not None:
            self.tops.removed(before["metadata"]["uid"])
        elif identity.kind in WORKLOADS and after is not None:
            self.tops.of(after)
        if before is None and after is not None and identity[:2] in WITH_TEMPLATE:
            self._carrier_created(identity, after)
        crew = self._crews.get(identity)
        if crew is not None:
            self._dirty[crew] = None
        for crew in self._above(identity):
            self._dirty[crew] = None

    def _carrier_created(self, identity: Identity, document: Document) -> None:
        """The Job of a TrainingJob may come back and go on; what belongs to somebody new begins anew."""
        top, before = self.tops.of(document), self._crews.get(identity)
        if before is not None and before.top is top:
            return
        crew = self._crews[identity] = Crew(identity, top, gang=identity.kind not in GANGLESS)
        if before is not None and before.everyone:
            crew.starts = dict(before.starts)  # its pods must not be called as those that still end
        top.crews.append(crew)

    def _above(self, identity: Identity) -> list[Crew]:
        """Crews that hang below a topmost owner which is not their own object."""
        if identity[:2] in WITH_TEMPLATE or identity.kind not in WORKLOADS:
            return []
        top = self.tops.named(identity)
        return list(top.crews) if top else []

    def _reconcile(self, crew: Crew) -> None:
        """Make the pods as the object wants them."""
        document = self._document(crew)
        crew.removed = document is None
        if document is not None:
            crew.top.note_success(document, self._clock.second)
        crew.orders = orders_of(document, len(crew.listed)) if document else Orders(0, stopped=True)
        crew.note_pause(self._clock.second)
        if crew.gang:
            top = self._store.get(crew.top.identity)
            crew.progress.work = work_of(top) if top and crew.carrier.kind == "Job" else None
        if crew.removed:
            self._dismiss(crew)
        elif not crew.orders.live:
            self._kubelets.stop(crew, list(crew.pods.values()))
        elif crew.gang:
            self._reconcile_gang(crew)
        else:
            self._reconcile_each(crew)
        crew.top.note_whole(self._clock.second)
        self.news.of_crew(crew)

    def _document(self, crew: Crew) -> Document | None:
        """The object with the lever; bare pods that are listed are their own."""
        if crew.carrier.kind == "Pod" and crew.carrier.group == "":
            return crew.listed[0] if crew.listed else None
        return self._store.get(crew.carrier)

    def _reconcile_gang(self, crew: Crew) -> None:
        """All of them, or none: who is lost takes the others along, and new ones come when all are gone."""
        if not crew.pods:
            self._start(crew, range(crew.orders.live))
            crew.made = crew.orders.live
        elif len(crew.pods) < crew.made or crew.orders.live != crew.made:
            self._kubelets.stop(crew, list(crew.pods.values()))

    def _reconcile_each(self, crew: Crew) -> None:
        """One by one; another template replaces all."""
        if crew.template and crew.template != crew.orders.template:
            self._kubelets.stop(crew, list(crew.pods.values()))
        self._kubelets.stop(crew, [pod for ordinal, pod in crew.pods.items() if ordinal >= crew.orders.live])
        for ordinal, pod in list(crew.pods.items()):
            if pod.stage is Stage.Stopping:
                crew.leaving.append(crew.pods.pop(ordinal))
        for ordinal in range(crew.orders.live):
            if ordinal not in crew.pods:
                self._start(crew, [ordinal])

    def _start(self, crew: Crew, ordinals: Iterable[int]) -> None:
        """New pods, which wait for room; those of a gang together."""
        owner = None if crew.listed else pod_owner(self._store, crew)
        crew.template = crew.orders.template
        needs = None if crew.listed else needs_of(read_pod_spec(crew.template["spec"]))
        made = []
        for ordinal in ordinals:
            fresh = pod_document(crew, ordinal, owner)
            own = needs or needs_of(read_pod_spec(fresh["spec"]))
            pod = SimPod(identity_of(fresh), crew, ordinal, own, self._clock.second, fresh)
            crew.starts[ordinal] = crew.starts.get(ordinal, 0) + 1
            crew.pods[ordinal] = pod
            made.append(pod)
        self._kubelets.admit(made)

    def _dismiss(self, crew: Crew) -> None:
        """The object is deleted: its pods follow, finished ones at once."""
        self._kubelets.stop(crew, list(crew.pods.values()))
        for pod in crew.finished:
            self._kubelets.gone(pod)
        crew.finished.clear()
