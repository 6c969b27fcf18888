"""The outside world in memory, behind the real ports: the real engine, plan, evidence and status run against it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ebbtide.api.training_job_status import TrainingJobStatus
from ebbtide.core.action import Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import ClusterState, MetricsHealth, Policy
from ebbtide.core.status import fingerprint
from ebbtide.core.workload import (
    Breaker,
    Instant,
    Intent,
    Memory,
    Namespace,
    Node,
    Pod,
    Restore,
    RestoreField,
    Workload,
)
from ebbtide.engine import Engine
from ebbtide.objects.views_status import conditions, memory
from ebbtide.ports import EventNote, Notifier, Outcome, OutcomeKind, StatusWrite, TickReport
from tests.builders import INTERVAL, MINUTE, NOW, evidence, job, node, pod, policy, sample, settings, workload

DONE = Outcome(OutcomeKind.Done)
READY_AFTER = 20.0
"""Seconds from a Job's start to its pod being Ready."""


class KilledError(Exception):
    """The process ends here."""


class FakeClock:
    """Time that tests move."""

    def __init__(self, now: Instant = NOW) -> None:
        self.time = now

    def now(self) -> Instant:
        return self.time


class FakeTelemetry:
    """Keeps the reports."""

    def __init__(self) -> None:
        self.reports: list[TickReport] = []

    def tick(self, report: TickReport) -> None:
        self.reports.append(report)


class FakeLeadership:
    """Leads until told otherwise."""

    def __init__(self) -> None:
        self.leads = True

    def may_write(self) -> bool:
        return self.leads


@dataclass
class Stored:
    """A TrainingJob and its Job as the API server holds them. Tests write `intent` as users would."""

    workload: Workload
    status: dict[str, Any] = field(default_factory=dict)
    remembered: Memory = field(default_factory=Memory)
    started_at: Instant | None = None
    runs: int = 0

    @property
    def intent(self) -> Intent:
        return self.workload.intent

    @intent.setter
    def intent(self, wanted: Intent) -> None:
        self.workload = replace(self.workload, intent=wanted)

    def store(self, status: dict[str, Any]) -> None:
        """The status subresource is written, and read back as the operator reads it."""
        self.status, self.remembered = status, memory(status)

    def annotate(self, **changes: Any) -> None:
        """A user sets or takes back annotations."""
        self.intent = replace(self.intent, **changes)

    def edit_spec(self, **changes: Any) -> None:
        """A user changes the spec."""
        self.workload = replace(self.workload, generation=self.workload.generation + 1, **changes)

    def unsuspend(self, now: Instant) -> None:
        """A user moves the lever of the Job by hand."""
        assert self.workload.target is not None
        self.workload = replace(self.workload, target=replace(self.workload.target, suspended=False))
        self.start(now)

    def start(self, now: Instant) -> None:
        self.started_at, self.runs = now, self.runs + 1

    def pods(self, now: Instant) -> tuple[Pod, ...]:
        target = self.workload.target
        if target is None or target.suspended or target.finished is not None or self.started_at is None:
            return ()
        ready_at = self.started_at + READY_AFTER
        name = f"{self.workload.key.name}-{self.runs}"
        more: dict[str, Any] = {"namespace": self.workload.key.namespace, "accelerators": self.workload.accelerators}
        return (pod(name, ready_at=ready_at if ready_at <= now else None, **more),)


class FakeCluster:
    """An API server that does what it is told, remembers every write, and can refuse or die on the way."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.jobs: dict[str, Stored] = {}
        self.policies: list[Policy] = [policy()]
        self.namespaces = {"vision": Namespace("vision")}
        self.nodes: dict[str, Node] = {"n1": node()}
        self.breaker = Breaker()
        self.unfresh = ""
        self.actions: list[Action] = []
        self.statuses: list[StatusWrite] = []
        self.events: list[EventNote] = []
        self.answers: Callable[[str], Outcome] = lambda _: DONE
        """What the API server says to a verb, or to "status"; raise KilledError to die before the write."""
        self.crash_after: str = ""
        """Die after this verb was done, before anybody hears of it."""

    def add(self, name: str = "resnet", *, running: bool = True, **changes: Any) -> Stored:
        """A TrainingJob; its Job has run for a while, or does not exist yet."""
        target = job(name) if running else None
        stored = Stored(workload(name, target=target, **changes))
        if running:
            stored.start(self.clock.time - 600)
        self.jobs[name] = stored
        return stored

    @property
    def writes(self) -> int:
        return len(self.actions) + len(self.statuses) + len(self.events)

    def done(self, verb: Verb) -> list[Action]:
        return [action for action in self.actions if action.verb is verb]

    async def observe(self) -> ClusterState:
        now, seen = self.clock.time, [self._observed(stored) for stored in self.jobs.values()]
        return ClusterState(
            workloads=seen,
            pods={stored.workload.key: stored.pods(now) for stored in self.jobs.values()},
            nodes=self.nodes,
            namespaces=self.namespaces,
            policies=list(self.policies),
            catalogs=[],
            breaker=self.breaker,
            unfresh=self.unfresh,
        )

    async def execute(self, decision: Decision, action: Action) -> Outcome:
        if action.observed:
            return Outcome(OutcomeKind.Observed)
        answer = self.answers(str(action.verb))
        if answer.kind is OutcomeKind.Done:
            self.actions.append(action)
            self._apply(self.jobs[action.workload.name], action)
        if self.crash_after == action.verb:
            raise KilledError
        return replace(answer, at=self.clock.time) if action.verb is Verb.Pause else answer

    async def write_status(self, write: StatusWrite) -> Outcome:
        answer = self.answers("status")
        if answer.kind is OutcomeKind.Done:
            self.statuses.append(write)
            self._store_status(write)
        return answer

    async def write_breaker(self, open_until: Instant) -> Outcome:
        self.breaker = replace(self.breaker, open_until=open_until)
        return DONE

    async def publish(self, note: EventNote) -> Outcome:
        if self.crash_after == "status":
            raise KilledError
        if note.identity and any((it.uid, it.identity) == (note.uid, note.identity) for it in self.events):
            return Outcome(OutcomeKind.Unchanged)
        self.events.append(note)
        return DONE

    def _observed(self, stored: Stored) -> Workload:
        return replace(stored.workload, memory=stored.remembered)

    def _store_status(self, write: StatusWrite) -> None:
        if write.kind == "TrainingJob":
            TrainingJobStatus.model_validate(write.status)
            self.jobs[write.name].store(dict(write.status))
            return
        told, seen = conditions(write.status), fingerprint(write.status)
        self.policies = [
            replace(it, conditions=told, status_fingerprint=seen) if it.uid == write.uid else it for it in self.policies
        ]

    def _apply(self, stored: Stored, action: Action) -> None:
        target, now = stored.workload.target, self.clock.time
        if action.verb is Verb.Create:
            assert target is None, "a Job is created once"
            target = job(stored.workload.key.name, created_at=now)
            if action.suspended:
                target = replace(target, suspended=True, restore=self._restore(action))
        assert target is not None
        if action.verb is Verb.Pause:
            assert not target.suspended, "a Job is suspended once"
            target = replace(target, suspended=True, restore=self._restore(action))
        elif action.verb is Verb.Resume:
            target = replace(target, suspended=False, restore=None)
        elif action.verb is Verb.Forget:
            target = replace(target, restore=None)
        if not target.suspended and action.verb in {Verb.Create, Verb.Resume}:
            stored.start(now)
        stored.workload = replace(stored.workload, target=target)

    def _restore(self, action: Action) -> Restore:
        fields = (RestoreField("/spec/suspend", was=False, was_present=True, set=True),)
        by, reason = str(action.by), str(action.reason)
        return Restore("Job", action.workload.name, self.clock.time, by, action.policy, reason, fields)


class FakeMetrics:
    """A Prometheus that scrapes every pod of the fake cluster each interval, and the real evidence."""

    def __init__(self, clock: FakeClock, cluster: FakeCluster) -> None:
        self.clock, self.cluster = clock, cluster
        self.book: EvidenceBook = evidence(since=clock.time - 86_400)
        self.up = True
        self.reading = False
        """History is still being read: nothing of it is known yet."""
        self.busy: Callable[[str, Instant], bool] = lambda name, at: False
        """Whether the devices of this workload work at this instant."""
        self._scraped_to = clock.time - 600

    def forget_everything(self) -> None:
        """The operator restarted: the evidence is filled again from what Prometheus keeps."""
        self.book, self._scraped_to = evidence(since=self.clock.time - 86_400), self.clock.time - 6 * 3600

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        if not self.up:
            return self.book, MetricsHealth(False, "Prometheus does not answer")
        if self.reading:
            return self.book, MetricsHealth(False, "History is still being read.", catching_up=True)
        for at in self._instants():
            for key, pods in state.pods.items():
                for holder in pods:
                    if holder.ready_since is not None and holder.ready_since <= at:
                        sample(self.book, holder, at, busy=self.busy(key.name, at))
        return self.book, MetricsHealth(True, reaches_back_to=self.clock.time - 86_400, label_mode="exported")

    def _instants(self) -> Iterator[Instant]:
        while self._scraped_to + INTERVAL <= self.clock.time:
            self._scraped_to += INTERVAL
            yield self._scraped_to


class World:
    """One cluster, one Prometheus, one clock, and an engine that can be killed and started again."""

    def __init__(self, *, notifier: Notifier | None = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.metrics = FakeMetrics(self.clock, self.cluster)
        self.telemetry = FakeTelemetry()
        self.leadership = FakeLeadership()
        self.notifier = notifier
        self.settings: Settings = settings(**options)
        self.restart()

    def restart(self) -> None:
        """A new process: nothing in memory."""
        self.engine = Engine(
            cluster=self.cluster,
            metrics=self.metrics,
            telemetry=self.telemetry,
            leadership=self.leadership,
            clock=self.clock,
            settings=self.settings,
            notifier=self.notifier,
        )

    async def tick(self, seconds: float = INTERVAL) -> TickReport:
        """Time passes, then one tick."""
        self.clock.time += seconds
        return await self.engine.tick()

    async def run_for(self, seconds: float, *, step: float = MINUTE) -> None:
        """Ticks for so long."""
        end = self.clock.time + seconds
        while self.clock.time < end:
            await self.tick(step)

    async def run_until(self, reached: Callable[[], bool], *, within: float, step: float = MINUTE) -> Instant:
        """Ticks until something is so; the instant of that tick."""
        end = self.clock.time + within
        while not reached():
            assert self.clock.time < end, f"not reached within {within:.0f} s"
            await self.tick(step)
        return self.clock.time

    def status(self, name: str = "resnet") -> dict[str, Any]:
        return self.cluster.jobs[name].status

    def condition(self, kind: str, name: str = "resnet") -> tuple[str, str]:
        """(status, reason) of a stored condition."""
        found = next(it for it in self.status(name)["conditions"] if it["type"] == kind)
        return found["status"], found["reason"]

    def is_paused(self, name: str = "resnet") -> bool:
        target = self.cluster.jobs[name].workload.target
        return target is not None and target.suspended

    def told(self, action: str) -> list[str]:
        """Reasons of the events about an action."""
        return [note.reason for note in self.cluster.events if note.action == action]
