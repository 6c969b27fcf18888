"""The loop: observe → gate → decide → act → explain. Written against ports; two ticks never overlap."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import chain, islice
from time import perf_counter
from typing import Final

import structlog

from ebbtide.core.action import Action
from ebbtide.core.decision import Plan
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.facts import Memo
from ebbtide.core.plan import plan
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import ClusterState, MetricsHealth, Snapshot
from ebbtide.core.workload import Instant
from ebbtide.engine.acted import FINE, Acted
from ebbtide.engine.execution import Execution
from ebbtide.engine.herald import Herald
from ebbtide.engine.object_statuses import ObjectStatuses
from ebbtide.engine.statuses import Statuses
from ebbtide.engine.turns import in_turns
from ebbtide.ports import Clock, Cluster, Leadership, Metrics, Notifier, Outcome, Telemetry, TickReport

log = structlog.get_logger(__name__)

MOST_TOLD: Final = 400
"""Statuses written in one tick besides those of what was acted on; the rest come with the next ticks. At 20 writes a
second that is 20 s: a fleet whose verdicts change all at once must not keep humans waiting for minutes."""
SHARES_SECONDS: Final = 600.0
"""How long idle shares are remembered: the breaker's jump rule looks back ten minutes."""
DEBOUNCE_SECONDS: Final = 1.0


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
        self._statuses = Statuses(clock)
        self._execution = Execution(cluster, clock, settings, self._statuses)
        self._herald = Herald(cluster, self._statuses, notifier)
        self._object_statuses = ObjectStatuses(cluster, clock, settings, notifier)
        self._memo: Memo | None = None
        self._wakeup = wakeup or asyncio.Event()
        self._shares: deque[tuple[Instant, float]] = deque()
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
        snapshot = Snapshot(self._clock.now(), self._settings, state, book, health, tuple(self._shares))
        decide_started = perf_counter()
        planned = await asyncio.to_thread(plan, snapshot, self._memo)
        self._memo = planned.memo
        decided = perf_counter()
        self._remember_share(planned)
        acts = self._leadership.may_write()
        self._has_taken_over &= acts
        acted, writes = await self._act(planned, state, health) if acts else ([], 0)
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

    async def _act(self, planned: Plan, state: ClusterState, health: MetricsHealth) -> tuple[list[Acted], int]:
        """Actions first, then what people are told about them."""
        if not self._has_taken_over:
            self._has_taken_over = True  # before, so that what fails here is not met again at every tick
            await self._herald.tell_unsaid(planned.decisions)
        await self._execution.open_breaker(planned.fleet)
        self._execution.look(planned.decisions, planned.now)
        acted = await in_turns(self._execution.of(it, health) for it in planned.decisions if it.actions)
        others = (Acted(decision) for decision in planned.decisions if not decision.actions)
        untold = islice((each for each in others if not self._statuses.is_settled(each, health)), MOST_TOLD)
        outcomes = await in_turns(self._herald.tell(each, health) for each in chain(acted, untold))
        objects = await self._object_statuses.write(planned, state, health)
        self._statuses.forget_gone(planned.decisions)
        return acted, sum(outcomes) + objects

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


def _log_action(action: Action, outcome: Outcome) -> None:
    write: Callable[..., None] = log.info if outcome.kind in FINE else log.warning
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
