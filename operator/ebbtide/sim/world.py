"""The controllers, the scheduler and the kubelets of the simulated cluster: from objects to pods that run and end."""

import heapq
from collections.abc import Iterable
from enum import IntEnum
from itertools import count
from typing import Any, Final

from ebbtide.core.reason import Reason
from ebbtide.objects.document import Document
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.controllers import carrier_status, pod_document, pod_owner
from ebbtide.sim.crew import GANGLESS, Crew, Orders, Top, orders_of, saving_of, work_of
from ebbtide.sim.identity import Identity, controller_of, identity_of
from ebbtide.sim.ledger import Share
from ebbtide.sim.machine import Machine
from ebbtide.sim.manifest import WITH_TEMPLATE
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.pod_spec import needs_of, read_pod_spec
from ebbtide.sim.progress import NO_SAVING, Saving
from ebbtide.sim.scheduler import Scheduler
from ebbtide.sim.sim_pod import HOLDING, LIVE, SimPod, Stage, with_stage
from ebbtide.sim.tops import Tops

IDLE_PAUSES: Final = frozenset({str(Reason.GPUIdle), str(Reason.GPUNeverUsed), str(Reason.GPUStalled)})
WORKLOADS: Final = frozenset({"TrainingJob", "InferenceServer"})
"""Kinds of ours that are there before they have any pod."""


class _Due(IntEnum):
    """What becomes due, in the order of one instant."""

    End = 0
    Finish = 1
    Run = 2


class World:
    """Mutable. `advance` brings everything to the present second."""

    def __init__(self, store: ObjectStore, clock: SimulatedClock, *, startup: int, termination: int) -> None:
        """`startup`, `termination`: seconds."""
        self._store, self._clock = store, clock
        self._startup, self._termination = startup, termination
        self.tops = Tops(store, clock)
        self.scheduler = Scheduler()
        self._crews: dict[Identity, Crew] = {}
        self._pods: dict[Identity, SimPod] = {}
        self._dirty: dict[Crew, None] = {}
        self._told: dict[Crew, None] = {}
        """Crews whose object must be told of its pods."""
        self._touched: dict[SimPod, None] = {}
        self._due: list[tuple[int, int, int, SimPod | Crew]] = []
        self._numbers = count()
        self._writing = False
        self._changed_crews: dict[Crew, None] = {}
        self._restless: dict[Top, None] = {}
        store.listen(self._changed)

    # -- what is there ------------------------------------------------------------------------------------------

    @property
    def next_due(self) -> int | None:
        """The second at which something happens by itself."""
        return self._due[0][0] if self._due else None

    def pod(self, identity: Identity) -> SimPod | None:
        """A pod that has not gone."""
        return self._pods.get(identity)

    @property
    def pods(self) -> Iterable[SimPod]:
        """All that have not gone."""
        return self._pods.values()

    def take_changed(self) -> list[Crew]:
        """Crews that something happened to since this was last asked."""
        taken = list(self._changed_crews)
        self._changed_crews.clear()
        return taken

    def take_restless(self) -> list[Top]:
        """Workloads whose pods changed since this was last asked."""
        taken = list(self._restless)
        self._restless.clear()
        return taken

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
        while self._take_due(_Due.Finish) or self._dirty or self.scheduler.is_dirty or self._take_due(_Due.Run):
            while self._dirty:
                crew = next(iter(self._dirty))
                del self._dirty[crew]
                self._reconcile(crew)
            self._bind()
            self._take_due(_Due.Run)
        self._write()

    def delete_pod(self, pod: SimPod) -> None:
        """Somebody deletes a pod: its gang starts anew, or its controller replaces it; a bare one is gone for good."""
        crew = pod.crew
        if pod.stage is Stage.Succeeded:
            crew.finished.remove(pod)
            self._gone(pod)
        elif crew.gang:
            self._stop(crew, list(crew.pods.values()))
        else:
            self._stop(crew, [pod])
        self._dirty[crew] = None

    def add_node(self, machine: Machine) -> None:
        """A node has come."""
        self.scheduler.add(machine)

    def warn_node(self, machine: Machine, notice: int) -> None:
        """SIGTERM to all pods of a node that will be removed in `notice` seconds; they end with it."""
        for pod in list(machine.pods):
            if pod.stage in LIVE:
                self._interrupt(pod.crew, notice)
                self._terminate(pod)

    def remove_node(self, machine: Machine) -> None:
        """A node is gone, and its pods with it."""
        for pod in list(machine.pods):
            self._interrupt(pod.crew, 0)
            self._end(pod)
        self.scheduler.remove(machine)

    def close(self) -> None:
        """The scenario ends: what is held is charged until now, and what runs has run until now."""
        now = self._clock.second
        for crew in self._crews.values():
            starting = [pod.bound_at for pod in crew.pods.values() if pod.stage is Stage.Starting]
            if crew.gang and starting and crew.top.started_at is None:
                crew.top.account.ran(min(starting), now)
            self._interrupt(crew, 0)
        for pod in self._pods.values():
            if pod.stage in HOLDING:
                pod.crew.top.account.charge(Share(pod.node, pod.needs.asked), pod.bound_at, now)
        for top in self.tops.all:
            top.account.end(now)

    # -- controllers --------------------------------------------------------------------------------------------

    def _changed(self, identity: Identity, before: Document | None, after: Document | None) -> None:
        """Somebody else wrote an object."""
        if self._writing:
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
            _note_success(crew, document, self._clock.second)
        crew.orders = orders_of(document, len(crew.listed)) if document else Orders(0, stopped=True)
        self._note_pause(crew)
        if crew.gang:
            top = self._store.get(crew.top.identity)
            crew.progress.work = work_of(top) if top and crew.carrier.kind == "Job" else None
        if crew.removed:
            self._dismiss(crew)
        elif not crew.orders.live:
            self._stop(crew, list(crew.pods.values()))
        elif crew.gang:
            self._reconcile_gang(crew)
        else:
            self._reconcile_each(crew)
        self._note_whole(crew)
        self._told[crew] = None

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
            self._stop(crew, list(crew.pods.values()))

    def _reconcile_each(self, crew: Crew) -> None:
        """One by one; another template replaces all."""
        if crew.template and crew.template != crew.orders.template:
            self._stop(crew, list(crew.pods.values()))
        self._stop(crew, [pod for ordinal, pod in crew.pods.items() if ordinal >= crew.orders.live])
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
            crew.pods[ordinal] = self._pods[pod.identity] = pod
            self._touched[pod] = None
            made.append(pod)
        if made:
            self.scheduler.wait(made)

    def _stop(self, crew: Crew, pods: Iterable[SimPod]) -> None:
        """SIGTERM with the pods' own grace; they end when the scenario says that pods end."""
        for pod in pods:
            if pod.stage not in LIVE:
                continue
            self._interrupt(crew, pod.needs.grace_seconds)
            if pod.stage is Stage.Pending:
                self.scheduler.forget(pod)
                self._gone(pod)
            elif self._termination:
                self._terminate(pod)
                self._at(self._clock.second + self._termination, _Due.End, pod)
            else:
                self._end(pod)

    def _terminate(self, pod: SimPod) -> None:
        pod.stage, pod.stopping_at = Stage.Stopping, self._clock.second
        self._touched[pod] = self._told[pod.crew] = None

    def _dismiss(self, crew: Crew) -> None:
        """The object is deleted: its pods follow, finished ones at once."""
        self._stop(crew, list(crew.pods.values()))
        for pod in crew.finished:
            self._gone(pod)
        crew.finished.clear()

    # -- pods ---------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        now = self._clock.second
        bound, refused = self.scheduler.bind()
        for pod in refused:
            pod.unschedulable = True
            self._touched[pod] = None
        for pod in bound:
            pod.stage, pod.bound_at, pod.unschedulable = Stage.Starting, now, False
            self._touched[pod] = self._told[pod.crew] = None
            self._at(now + self._startup, _Due.Run, pod)
        for crew in dict.fromkeys(pod.crew for pod in bound):
            self._note_whole(crew)

    def _take_due(self, last: _Due) -> bool:
        """What is due by now, of these sorts; whether there was any."""
        now, taken = self._clock.second, False
        while self._due and self._due[0][0] <= now and self._due[0][1] <= last:
            _, sort, _, what = heapq.heappop(self._due)
            taken = True
            if isinstance(what, Crew):
                self._finish(what)
            elif sort == _Due.End:
                self._end(what)
            else:
                self._run(what)
        return taken

    def _run(self, pod: SimPod) -> None:
        """The pod is Ready; with the last of a gang the work goes on."""
        if pod.stage is not Stage.Starting:
            return
        now, crew = self._clock.second, pod.crew
        pod.stage, pod.running_at = Stage.Running, now
        self._touched[pod] = self._told[crew] = None
        if not crew.gang:
            crew.top.started_at = now if crew.top.started_at is None else crew.top.started_at
        elif len(crew.pods) == crew.made and all(it.stage is Stage.Running for it in crew.pods.values()):
            self._begin(crew, min(it.bound_at for it in crew.pods.values()))

    def _begin(self, crew: Crew, bound_at: int) -> None:
        now, top = self._clock.second, crew.top
        crew.running = True
        crew.progress.begin(now)
        if top.started_at is None:
            top.started_at = now
            top.account.ran(bound_at, now)
        if (due := crew.progress.due) is not None:
            self._at(due, _Due.Finish, crew)

    def _interrupt(self, crew: Crew, grace: int) -> None:
        """Progress of a gang stops here."""
        if not crew.running:
            return
        crew.running = False
        span = crew.progress.stop(self._clock.second, self._saving(crew), grace)
        if span:
            crew.top.account.ran(*span)

    def _saving(self, crew: Crew) -> Saving:
        """Of an object that is gone nothing is known any more, and nothing goes on."""
        document = self._store.get(crew.top.identity)
        return saving_of(document) if document else NO_SAVING

    def _finish(self, crew: Crew) -> None:
        """The work is done, unless it was stopped meanwhile."""
        now = self._clock.second
        if not crew.running or crew.progress.due != now:
            return
        self._interrupt(crew, 0)
        for pod in list(crew.pods.values()):
            self._leave(pod)
            pod.stage, pod.ended_at = Stage.Succeeded, now
            self._touched[pod] = None
        crew.finished += crew.pods.values()
        crew.pods.clear()
        crew.top.finished_at = crew.top.succeeded_at = now
        crew.top.account.end(now)
        crew.orders = Orders(crew.orders.count, over=True, template=crew.orders.template)
        self._told[crew] = None

    def _end(self, pod: SimPod) -> None:
        """A pod that was on a node is gone."""
        if pod.stage is Stage.Gone or pod.machine is None:
            return
        self._leave(pod)
        self._gone(pod)
        self._dirty[pod.crew] = None

    def _leave(self, pod: SimPod) -> None:
        """Gives its part of the node back, and is charged for it."""
        assert pod.machine is not None
        pod.machine.give_back(pod)
        pod.crew.top.account.charge(Share(pod.node, pod.needs.asked), pod.bound_at, self._clock.second)
        self.scheduler.changed()

    def _gone(self, pod: SimPod) -> None:
        crew = pod.crew
        pod.stage, pod.ended_at = Stage.Gone, self._clock.second
        if crew.pods.get(pod.ordinal) is pod:
            del crew.pods[pod.ordinal]
        elif pod in crew.leaving:
            crew.leaving.remove(pod)
        if crew.carrier == pod.identity:
            crew.listed.clear()  # nobody makes a bare pod again
            self.tops.removed(crew.top.uid)
        self._pods.pop(pod.identity, None)
        self._touched.pop(pod, None)
        self._told[crew] = None
        self._store.remove(pod.identity)

    # -- what money asks for ------------------------------------------------------------------------------------

    def _note_pause(self, crew: Crew) -> None:
        """Idle pauses count as time that it would have run."""
        orders, account = crew.orders, crew.top.account
        paused = orders.stopped and orders.by_us and orders.reason in IDLE_PAUSES
        if paused and not crew.idle_paused:
            account.pause(self._clock.second)
        elif crew.idle_paused and not paused:
            account.resume(self._clock.second)
        crew.idle_paused = paused

    def _note_whole(self, crew: Crew) -> None:
        """Whether all pods are on nodes that its user wants now."""
        crews = crew.top.crews
        if all(_placed(it) == _wanted(it.orders) for it in crews):
            pods = [pod for it in crews for pod in it.pods.values()]
            shares = [Share(pod.node, pod.needs.asked) for pod in pods if pod.stage in _PLACED]
            if shares or not crew.top.account.completes:
                crew.top.account.whole(shares, self._clock.second)

    # -- what objects say ---------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Pods and their controllers' objects as they stand now."""
        self._writing = True
        for pod in self._touched:
            stored = self._store.get(pod.identity)
            document = with_stage(stored or pod.fresh, pod, self._clock)
            if stored is None:
                self._store.create(document)
            else:
                self._store.replace(stored, document)
        for crew in self._told:
            carrier = self._store.get(crew.carrier)
            if carrier is not None and not crew.listed:
                self._store.replace(carrier, carrier_status(carrier, crew, self._clock))
        self._touched.clear()
        self._changed_crews.update(self._told)
        self._restless.update((crew.top, None) for crew in self._told)
        self._told.clear()
        self._writing = False

    def _at(self, second: int, sort: _Due, what: SimPod | Crew) -> None:
        heapq.heappush(self._due, (second, sort, next(self._numbers), what))


_PLACED = frozenset({Stage.Starting, Stage.Running})


def _note_success(crew: Crew, document: Document, now: int) -> None:
    """Complete, or Succeeded of a kind of ours, as somebody wrote it."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    done = any(one.get("type") in _DONE and one.get("status") == "True" for one in conditions)
    if done and crew.top.succeeded_at is None:
        crew.top.succeeded_at = now


_DONE = frozenset({"Complete", "Succeeded"})


def _placed(crew: Crew) -> int:
    return sum(pod.stage in _PLACED for pod in crew.pods.values())


def _wanted(orders: Orders) -> int:
    """Pods that its user wants: what Ebbtide stopped is wanted all the same."""
    return 0 if orders.over or (orders.stopped and not orders.by_us) else orders.count
