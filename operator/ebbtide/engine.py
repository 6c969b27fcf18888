"""The loop: observe → gate → decide → act → explain. Written against ports; two ticks never overlap."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter
from typing import NamedTuple, TypeVar
from zlib import crc32

import structlog

from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.catch_up import as_before, waits
from ebbtide.core.conditions import Problem
from ebbtide.core.decision import HOUSEKEEPING, Action, Decision, FleetFinding, Plan, Verb
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.explanation import with_numbers
from ebbtide.core.facts import Memo
from ebbtide.core.idle import outdated, planned_since
from ebbtide.core.notice import notices
from ebbtide.core.object_status import changed_statuses
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import ClusterState, MetricsHealth, Snapshot
from ebbtide.core.status import REFRESH_SECONDS, Outline, fingerprint, is_borne_out, workload_status
from ebbtide.core.tidings import Patience
from ebbtide.core.unsaid import unsaid
from ebbtide.core.workload import Instant
from ebbtide.ports import (
    Clock,
    Cluster,
    EventNote,
    Leadership,
    Metrics,
    Notifier,
    Outcome,
    OutcomeKind,
    StatusWrite,
    Telemetry,
    TickReport,
)

log = structlog.get_logger(__name__)

MOST_TOLD = 400
"""Statuses written in one tick besides those of what was acted on; the rest come with the next ticks. At 20 writes a
second that is 20 s: a fleet whose verdicts change all at once must not keep humans waiting for minutes."""
CONCURRENT_WRITES = 16
"""Writes in flight at once; the executor's rate limit decides how many a second."""
SHARES_SECONDS = 600.0
"""How long idle shares are remembered: the breaker's jump rule looks back ten minutes."""
DEBOUNCE_SECONDS = 1.0
COUNTS_SECONDS = 60.0
"""A policy's counts are written at most this often."""
T = TypeVar("T")
PROBLEMS = {
    OutcomeKind.Rejected: Reason.TemplateRejected,
    OutcomeKind.Denied: Reason.PermissionDenied,
    OutcomeKind.NameConflict: Reason.NameConflict,
}
FINE = frozenset({OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.Observed})
NOTHING: frozenset[Verb] = frozenset()
MOVES = frozenset({Verb.Pause, Verb.Resume, Verb.Hold, Verb.Start})
WARNING_VERBS = frozenset({Verb.Warn, Verb.Pause})
GOOD_NEWS = frozenset({Reason.GPUActive, Reason.RecentlyActive, Reason.CPUActive, Reason.RequestsServed})


@dataclass(slots=True)
class Acted:
    """What became of one decision's actions."""

    decision: Decision
    outcomes: list[tuple[Action, Outcome]] = field(default_factory=list)

    @property
    def done(self) -> frozenset[Verb]:
        """Verbs that the API server accepted, or that needed no call."""
        if not self.outcomes:
            return NOTHING  # so it is for all but a handful
        return frozenset(action.verb for action, outcome in self.outcomes if _is_done(action, outcome))

    @property
    def version(self) -> str:
        """Of the object with the lever as its stop or start left it; empty: it was not moved."""
        moved = (outcome.version for action, outcome in self.outcomes if action.verb in MOVES)
        return next((version for version in moved if version), "")

    @property
    def problem(self) -> Problem | None:
        """The refusal of the API server that a user must see."""
        for action, outcome in self.outcomes:
            if action.verb in HOUSEKEEPING:
                continue
            if outcome.kind is OutcomeKind.Rejected and action.verb is not Verb.Create:
                return Reason.PermissionDenied, outcome.message
            if outcome.kind in PROBLEMS:
                return PROBLEMS[outcome.kind], outcome.message
        return None


class Told(NamedTuple):
    """All that the comparison of a status with what is stored depended on."""

    outline: Outline
    done: frozenset[Verb]
    problem: Problem | None
    waiting: bool

    def holds(self, acted: Acted, *, waiting: bool) -> bool:
        """The comparison would end the same."""
        same = self.waiting == waiting and self.done == acted.done and self.problem == acted.problem
        return same and self.outline.tells_of(acted.decision)


class Engine:
    """One loop for the whole fleet. Everything that matters lives on the API server; this can die at any instant."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        metrics: Metrics,
        telemetry: Telemetry,
        leadership: Leadership,
        clock: Clock,
        settings: Settings,
        wakeup: asyncio.Event | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """`wakeup`: set by whoever wants a tick soon. `notifier`: None where nobody is told beyond the cluster."""
        self._cluster, self._metrics, self._telemetry = cluster, metrics, telemetry
        self._leadership, self._clock, self._settings = leadership, clock, settings
        self._notifier = notifier
        self._memo: Memo | None = None
        self._wakeup = wakeup or asyncio.Event()
        self._shares: deque[tuple[Instant, float]] = deque()
        self._health = MetricsHealth(up=False)
        self._patience = Patience()
        self._settled: dict[str, Told] = {}
        self._object_writes: dict[str, Instant] = {}
        self._has_taken_over = False
        self.last_tick_at: Instant | None = None

    def wake(self) -> None:
        """Ask for a tick soon: something of ours changed."""
        self._wakeup.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop. A tick that fails is logged and the next one starts from the cluster again."""
        while not stop.is_set():
            started = self._clock.now()
            try:
                await self.tick()
            except Exception:
                log.exception("tick failed; nothing is lost, the next tick starts from the cluster")
            await self._pause_until(started + self._settings.tick_seconds, stop)

    async def tick(self) -> TickReport:
        """One round over the fleet."""
        started = perf_counter()
        state = await self._cluster.observe()
        book, health = await self._observe_metrics(state)
        self._health = health
        snapshot = Snapshot(self._clock.now(), self._settings, state, book, health, tuple(self._shares))
        decide_started = perf_counter()
        planned = await asyncio.to_thread(plan, snapshot, self._memo)
        self._memo = planned.memo
        decided = perf_counter()
        self._remember_share(planned)
        acts = self._leadership.may_write()
        acted, writes = await self._act(planned, state) if acts else ([], 0)
        self._has_taken_over = acts
        self.last_tick_at = self._clock.now()
        return self._report(planned, acted, writes, health, (started, decide_started, decided))

    async def _observe_metrics(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Metrics, or their absence: whatever goes wrong there, people and their Jobs are still served."""
        try:
            return await self._metrics.observe(state)
        except Exception as error:
            log.exception("metrics could not be read; nothing is judged idle without them")
            interval = self._settings.sample_interval_seconds
            return EvidenceBook(interval), MetricsHealth(up=False, message=f"metrics could not be read: {error!r}")

    async def _act(self, planned: Plan, state: ClusterState) -> tuple[list[Acted], int]:
        """Actions first, then what people are told about them."""
        if not self._has_taken_over:
            late = [(each, news) for each in planned.decisions if (news := unsaid(each)) is not None]
            await _bounded(self._say(*each) for each in late)
        await self._open_breaker(planned.fleet)
        self._patience.look(planned.decisions, planned.now)
        acted = await _bounded(self._execute_all(decision) for decision in planned.decisions if decision.actions)
        others = (Acted(decision) for decision in planned.decisions if not decision.actions)
        untold = islice((each for each in others if not self._is_settled(each)), MOST_TOLD)
        outcomes = await _bounded(self._tell(each) for each in chain(acted, untold))
        objects = await self._write_objects(planned, state)
        self._forget_gone(planned, state)
        return acted, sum(outcomes) + objects

    async def _open_breaker(self, fleet: FleetFinding) -> None:
        """Put the breaker's end on the Lease; what fails is tried again while the jump is in sight."""
        if fleet.open_breaker_until is None:
            return
        outcome = await self._cluster.write_breaker(fleet.open_breaker_until)
        log.warning("circuit breaker opened", why=fleet.message, result=str(outcome.kind), problem=outcome.message)

    async def _execute_all(self, decision: Decision) -> Acted:
        """The actions of one decision; Warn is done by the status write that records it."""
        if all(action.observed and _told_before(decision, action) for action in decision.actions):
            return Acted(decision)
        decision = with_numbers(decision)
        acted = Acted(decision)
        for action in decision.actions:
            if action.verb is Verb.Warn:
                acted.outcomes.append((action, _warned(decision, action)))
                continue
            if why := self._unconfirmed(decision, action):
                acted.outcomes.append((action, Outcome(OutcomeKind.Conflict, why)))
                continue
            if action.verb is Verb.Forget and is_borne_out(decision) and not await self._is_noted(decision):
                acted.outcomes.append((action, Outcome(OutcomeKind.Conflict, "what its user did is not noted yet")))
                continue
            if not self._patience.is_due(decision, action, self._clock.now()):
                continue
            acted.outcomes.append((action, await self._cluster.execute(decision, action)))
        return acted

    def _unconfirmed(self, decision: Decision, action: Action) -> str:
        """Right before an idle pause: its evidence is of this tick's own read, and not older than two intervals now."""
        if action.verb is not Verb.Pause or action.observed or action.reason not in IDLE_REASONS:
            return ""
        if not self._health.up:
            return "metrics could not be read in this tick: not paused on what was known before"
        return outdated(decision.judgement, self._clock.now(), self._settings.sample_interval_seconds)

    async def _is_noted(self, decision: Decision) -> bool:
        """The human's word is in status before the annotation that told of it is removed: a crash loses neither."""
        if decision.ruled.situation.workload.status_object is None:
            return False
        due = self._due_status(Acted(decision))
        if due is None:
            return True
        return (await self._cluster.write_status(due)).kind in {OutcomeKind.Done, OutcomeKind.Unchanged}

    def _forget_gone(self, planned: Plan, state: ClusterState) -> None:
        """What is remembered to save work must not grow with everything that ever was."""
        if len(self._settled) > len(planned.decisions):
            present = {decision.ruled.situation.workload.uid for decision in planned.decisions}
            self._settled = {uid: seen for uid, seen in self._settled.items() if uid in present}
        objects = {policy.uid for policy in state.policies} | {catalog.uid for catalog in state.catalogs}
        self._object_writes = {uid: at for uid, at in self._object_writes.items() if uid in objects}

    def _is_settled(self, acted: Acted) -> bool:
        """Cheap: nothing that status tells has changed since it was last compared with what is stored."""
        decision = acted.decision
        told = self._settled.get(decision.ruled.situation.workload.uid)
        same = told is not None and told.holds(acted, waiting=waits(decision, self._health))
        return same and not self._needs_refresh(decision)

    def _due_status(self, acted: Acted) -> StatusWrite | None:
        """The status to write, or None when what is stored says the same already."""
        workload = acted.decision.ruled.situation.workload
        told_on = workload.status_object
        if told_on is None or any(action.verb is Verb.Discard for action in acted.decision.actions):
            return None
        try:
            status = workload_status(acted.decision, done=acted.done, problem=acted.problem, version=acted.version)
        except Exception:
            log.exception("its status could not be made; the others are written", workload=str(workload.key))
            return None
        news = as_before(status, workload.memory) if waits(acted.decision, self._health) else status
        if fingerprint(news) == workload.memory.fingerprint and not self._needs_refresh(acted.decision):
            waiting = waits(acted.decision, self._health)
            self._settled[workload.uid] = Told(Outline.of(acted.decision), acted.done, acted.problem, waiting)
            return None
        return StatusWrite(told_on.kind, workload.key.namespace, told_on.name, told_on.uid, status)

    def _needs_refresh(self, decision: Decision) -> bool:
        """Growing numbers are written hourly, spread over ten minutes by UID."""
        workload = decision.ruled.situation.workload
        as_of = workload.memory.verdict_as_of
        if as_of is None or decision.ruled.situation.target is None:
            return False
        age = self._clock.now() - as_of
        if age <= REFRESH_SECONDS or decision.ruled.situation.target.finished is not None:
            return False
        return age > REFRESH_SECONDS + _spread(workload.uid)

    async def _tell(self, acted: Acted) -> bool:
        """Status, then events: an Event never tells what was not accepted. Made only now: 5,000 would be 75 MiB."""
        write = self._due_status(acted)
        if write is None:
            await self._publish(acted, told=False)
            return False
        outcome = await self._cluster.write_status(write)
        if outcome.kind not in {OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.NotLeader}:
            log.warning("status not written", workload=str(acted.decision.workload), why=outcome.message)
        # The status write is what gives a warning: how it ended is how the warning ended.
        acted.outcomes = [
            (it, outcome if it.verb is Verb.Warn and not it.observed else how) for it, how in acted.outcomes
        ]
        await self._publish(acted, told=outcome.kind is OutcomeKind.Done)
        return outcome.kind is OutcomeKind.Done

    async def _publish(self, acted: Acted, *, told: bool) -> None:
        """Events about the workload itself."""
        done = [(it, how.at) for it, how in acted.outcomes if how.kind is OutcomeKind.Done and _is_told(it)]
        for action, at in done:
            await self._say(acted.decision, (action, at))
        if self._notifier is not None and (done or told):
            for notice in notices(acted.decision, frozenset(action.verb for action, _ in done), told=told):
                self._notifier.notify(notice)

    async def _say(self, decision: Decision, news: tuple[Action, Instant | None]) -> None:
        """One Event."""
        await self._cluster.publish(_event(*news, decision.ruled.situation.workload.uid))

    async def _write_objects(self, planned: Plan, state: ClusterState) -> int:
        """Status of policies and catalogs; counts at most once a minute, a changed acceptance at once.

        While history is read nothing counts as idle yet, and that is not worth telling.
        """
        now = self._clock.now()
        due = [
            found
            for found in changed_statuses(planned, state, self._settings, self._receivers())
            if found.urgent
            or (not self._health.catching_up and now - self._object_writes.get(found.uid, 0.0) >= COUNTS_SECONDS)
        ]
        self._object_writes.update((found.uid, now) for found in due)
        writes = [StatusWrite(it.kind, it.namespace, it.name, it.uid, it.status) for it in due]
        outcomes = await _bounded(self._cluster.write_status(write) for write in writes)
        return sum(outcome.kind is OutcomeKind.Done for outcome in outcomes)

    def _receivers(self) -> frozenset[str]:
        return self._notifier.receivers if self._notifier is not None else frozenset()

    def _remember_share(self, planned: Plan) -> None:
        if planned.fleet.idle_share is not None:
            self._shares.append((planned.now, planned.fleet.idle_share))
        while self._shares and planned.now - self._shares[0][0] > SHARES_SECONDS:
            self._shares.popleft()

    def _report(
        self,
        planned: Plan,
        acted: list[Acted],
        writes: int,
        health: MetricsHealth,
        times: tuple[float, float, float],
    ) -> TickReport:
        outcomes = [pair for each in acted for pair in each.outcomes]
        started, decide_started, decided = times
        report = TickReport(planned, outcomes, writes, perf_counter() - started, decided - decide_started, health)
        self._telemetry.tick(report)
        for failure in planned.failures:
            log.error("could not decide; it is left alone", workload=str(failure.workload), exc_info=failure.error)
        for action, outcome in outcomes:
            _log_action(action, outcome)
        return report

    async def _pause_until(self, deadline: Instant, stop: asyncio.Event) -> None:
        """Sleep until the next tick is due, somebody wakes us, or the operator stops."""
        waits = {asyncio.ensure_future(self._wakeup.wait()), asyncio.ensure_future(stop.wait())}
        # Never longer than a tick: a clock that was set back must not put the loop to sleep for as long.
        timeout = min(max(0.0, deadline - self._clock.now()), self._settings.tick_seconds)
        _, pending = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if self._wakeup.is_set() and not stop.is_set():
            await asyncio.sleep(min(DEBOUNCE_SECONDS, self._settings.tick_seconds))
        self._wakeup.clear()


def _is_done(action: Action, outcome: Outcome) -> bool:
    """Labels that were there already were not written: they are counted."""
    return outcome.kind in FINE and (action.verb is not Verb.Label or outcome.kind is OutcomeKind.Done)


def _is_told(action: Action) -> bool:
    """What is done to an object of ours beside the work is nobody's news, but for a fight that ends."""
    return action.verb not in HOUSEKEEPING or action.reason is Reason.ConflictingController


def _warned(decision: Decision, action: Action) -> Outcome:
    """A warning is given by the status that records it; without an object to carry one there is none."""
    if action.observed:
        return Outcome(OutcomeKind.Observed)
    if decision.ruled.situation.workload.status_object is None:
        return Outcome(OutcomeKind.Conflict, "its AdoptedWorkload is not there yet")
    return Outcome(OutcomeKind.Done)


def _told_before(decision: Decision, action: Action) -> bool:
    """Observe mode records a planned step once per transition, not once per tick."""
    memory = decision.ruled.situation.workload.memory
    announces = decision.ruled.ruling.withheld is None
    return planned_since(memory, decision.judgement, action.verb, action.reason, announces=announces) is not None


def _event(action: Action, at: Instant | None, uid: str) -> EventNote:
    """`at`: when the object says that it was done."""
    alarming = action.verb in WARNING_VERBS or (action.verb is Verb.Notify and action.reason not in GOOD_NEWS)
    kind = "Warning" if alarming and action.by == "Policy" and action.reason is not Reason.PausedDuring else "Normal"
    identity = "" if at is None else f"{at:.0f}"
    return EventNote(action.workload, uid, kind, str(action.reason), str(action.verb), action.message, identity)


def _log_action(action: Action, outcome: Outcome) -> None:
    fine = outcome.kind in {OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.Observed}
    write: Callable[..., None] = log.info if fine else log.warning
    write(
        "action",
        verb=str(action.verb),
        workload=str(action.workload),
        reason=str(action.reason),
        by=str(action.by),
        policy=action.policy,
        result=str(outcome.kind),
        message=outcome.message or action.message,
    )


def _spread(uid: str) -> float:
    """Zero to ten minutes, fixed per object."""
    return crc32(uid.encode()) % 600


async def _bounded(work: Iterable[Awaitable[T]]) -> list[T]:
    """Await all, at most CONCURRENT_WRITES at once. Each is made only when its turn comes; order is not kept."""
    waiting, results = iter(work), []

    async def take_turns(job: Awaitable[T] | None) -> None:
        while job is not None:
            results.append(await job)
            await asyncio.sleep(0)  # a status that needs no write took a millisecond and gave nobody else a turn
            job = next(waiting, None)

    await asyncio.gather(*(take_turns(job) for job in list(islice(waiting, CONCURRENT_WRITES))))
    return results
