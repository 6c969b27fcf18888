"""The kubelets of the simulated cluster: pods from their node to their end, and how far their work comes meanwhile."""

from collections.abc import Iterable

from ebbtide.sim.agenda import Agenda, Due
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.crew import Crew, Orders, saving_of
from ebbtide.sim.identity import Identity
from ebbtide.sim.ledger import Share
from ebbtide.sim.news import News
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.progress import NO_SAVING, Saving
from ebbtide.sim.scheduler import Scheduler
from ebbtide.sim.sim_pod import HOLDING, LIVE, SimPod, Stage
from ebbtide.sim.tops import Tops


class Kubelets:
    """Of all nodes. Mutable."""

    def __init__(
        self,
        store: ObjectStore,
        clock: SimulatedClock,
        tops: Tops,
        news: News,
        bereft: dict[Crew, None],
        *,
        startup: int,
        termination: int,
    ) -> None:
        """`bereft`: where crews are put that lost a pod, for their controller. `startup`, `termination`: seconds."""
        self._store, self._clock, self._tops = store, clock, tops
        self._news, self._bereft = news, bereft
        self._startup, self._termination = startup, termination
        self._agenda = Agenda()
        self.scheduler = Scheduler()
        self.pods: dict[Identity, SimPod] = {}
        """All that have not gone."""

    @property
    def next_due(self) -> int | None:
        """The second at which something happens by itself."""
        return self._agenda.next_due

    def take_due(self, last: Due) -> bool:
        """Do what is due by now, of these sorts; whether there was any."""
        taken = False
        while entry := self._agenda.take(self._clock.second, last):
            _, sort, _, what = entry
            taken = True
            if isinstance(what, Crew):
                self._finish(what)
            elif sort == Due.End:
                self.end(what)
            else:
                self._run(what)
        return taken

    # -- a pod's way ---------------------------------------------------------------------------------------------

    def admit(self, pods: list[SimPod]) -> None:
        """New pods wait for room; those of a gang together."""
        for pod in pods:
            self.pods[pod.identity] = pod
            self._news.of_pod(pod)
        if pods:
            self.scheduler.wait(pods)

    def bind(self) -> None:
        """What finds room starts."""
        now = self._clock.second
        bound, refused = self.scheduler.bind()
        for pod in refused:
            pod.unschedulable = True
            self._news.of_pod(pod)
        for pod in bound:
            pod.stage, pod.bound_at, pod.unschedulable = Stage.Starting, now, False
            self._news.of_both(pod)
            self._agenda.add(now + self._startup, Due.Run, pod)
        for crew in dict.fromkeys(pod.crew for pod in bound):
            crew.top.note_whole(now)

    def stop(self, crew: Crew, pods: Iterable[SimPod]) -> None:
        """SIGTERM with the pods' own grace; they end when the scenario says that pods end."""
        for pod in pods:
            if pod.stage not in LIVE:
                continue
            self._interrupt(crew, pod.needs.grace_seconds)
            if pod.stage is Stage.Pending:
                self.scheduler.forget(pod)
                self.gone(pod)
            elif self._termination:
                self._terminate(pod)
                self._agenda.add(self._clock.second + self._termination, Due.End, pod)
            else:
                self.end(pod)

    def warn(self, pod: SimPod, notice: int) -> None:
        """SIGTERM to a pod whose node will be removed in `notice` seconds; it ends with it."""
        if pod.stage in LIVE:
            self._interrupt(pod.crew, notice)
            self._terminate(pod)

    def kill(self, pod: SimPod) -> None:
        """Its node is gone."""
        self._interrupt(pod.crew, 0)
        self.end(pod)

    def end(self, pod: SimPod) -> None:
        """A pod that was on a node is gone."""
        if pod.stage is Stage.Gone or pod.machine is None:
            return
        self._leave(pod)
        self.gone(pod)
        self._bereft[pod.crew] = None

    def gone(self, pod: SimPod) -> None:
        """It has no place and no object any more."""
        crew = pod.crew
        pod.stage, pod.ended_at = Stage.Gone, self._clock.second
        if crew.pods.get(pod.ordinal) is pod:
            del crew.pods[pod.ordinal]
        elif pod in crew.leaving:
            crew.leaving.remove(pod)
        if crew.carrier == pod.identity:
            crew.listed.clear()  # nobody makes a bare pod again
            self._tops.removed(crew.top.uid)
        self.pods.pop(pod.identity, None)
        self._news.gone(pod)
        self._store.remove(pod.identity)

    def _terminate(self, pod: SimPod) -> None:
        pod.stage, pod.stopping_at = Stage.Stopping, self._clock.second
        self._news.of_both(pod)

    def _leave(self, pod: SimPod) -> None:
        """Gives its part of the node back, and is charged for it."""
        assert pod.machine is not None
        pod.machine.give_back(pod)
        self._charge(pod)
        self.scheduler.changed()

    def _charge(self, pod: SimPod) -> None:
        share = Share(pod.node, pod.needs.asked)
        pod.crew.top.account.charge(share, pod.bound_at, self._clock.second)

    # -- the work of a crew --------------------------------------------------------------------------------------

    def _run(self, pod: SimPod) -> None:
        """The pod is Ready; with the last of a gang the work goes on."""
        if pod.stage is not Stage.Starting:
            return
        now, crew = self._clock.second, pod.crew
        pod.stage, pod.running_at = Stage.Running, now
        self._news.of_both(pod)
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
            self._agenda.add(due, Due.Finish, crew)

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
            self._news.of_pod(pod)
        crew.finished += crew.pods.values()
        crew.pods.clear()
        crew.top.finished_at = crew.top.succeeded_at = now
        crew.top.account.end(now)
        crew.orders = Orders(crew.orders.count, over=True, template=crew.orders.template)
        self._news.of_crew(crew)

    def close(self, crews: Iterable[Crew]) -> None:
        """The scenario ends: what is held is charged until now, and what runs has run until now."""
        now = self._clock.second
        for crew in crews:
            starting = [pod.bound_at for pod in crew.pods.values() if pod.stage is Stage.Starting]
            if crew.gang and starting and crew.top.started_at is None:
                crew.top.account.ran(min(starting), now)
            self._interrupt(crew, 0)
        for pod in self.pods.values():
            if pod.stage in HOLDING:
                self._charge(pod)
