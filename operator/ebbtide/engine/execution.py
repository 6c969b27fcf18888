"""Doing what was decided, one workload at a time."""

from collections.abc import Sequence
from typing import Final

import structlog

from ebbtide.core.action import Action, Verb
from ebbtide.core.attempts import is_starting, to_announce
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Decision, FleetFinding
from ebbtide.core.explanation import with_numbers
from ebbtide.core.idle import outdated, planned_since
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.status import is_borne_out
from ebbtide.core.tidings import Patience
from ebbtide.core.workload import Instant
from ebbtide.engine.acted import Acted
from ebbtide.engine.refusals import NO, Refusals
from ebbtide.engine.statuses import Statuses
from ebbtide.ports import Clock, Cluster, Outcome, OutcomeKind

log = structlog.get_logger(__name__)

MOST_UNNOTED: Final = 3
"""Ticks that a start waits for a status that cannot be written. Then work comes back without its note."""
_WRITTEN: Final = frozenset({OutcomeKind.Done, OutcomeKind.Unchanged})


class Execution:
    """What decisions ask for goes to the cluster; what does not stand any more is left."""

    def __init__(self, cluster: Cluster, clock: Clock, settings: Settings, statuses: Statuses) -> None:
        self._cluster, self._clock, self._settings = cluster, clock, settings
        self._statuses = statuses
        self._patience = Patience()
        self._refusals = Refusals(settings.tick_seconds)
        self._unnoted: dict[str, int] = {}
        """UID to how often in a row a start could not be noted."""

    def look(self, decisions: Sequence[Decision], now: Instant) -> None:
        """Once a tick, before anything is done: what must last is counted from when it was first said."""
        self._patience.look(decisions, now)
        self._refusals.forget_others(decisions)
        if self._unnoted:
            starting = {it.ruled.situation.workload.uid for it in decisions if to_announce(it) is not None}
            self._unnoted = {uid: times for uid, times in self._unnoted.items() if uid in starting}

    async def open_breaker(self, fleet: FleetFinding) -> None:
        """Put the breaker's end on the Lease; what fails is tried again while the jump is in sight."""
        if fleet.open_breaker_until is None:
            return
        outcome = await self._cluster.write_breaker(fleet.open_breaker_until)
        log.warning("circuit breaker opened", why=fleet.message, result=str(outcome.kind), problem=outcome.message)

    async def of(self, decision: Decision, health: MetricsHealth) -> Acted:
        """The actions of one decision; Warn is done by the status write that records it."""
        if all(action.observed and _told_before(decision, action) for action in decision.actions):
            return Acted(decision)
        decision = with_numbers(decision)
        acted = Acted(decision)
        for action in decision.actions:
            standing = self._refusals.standing(decision, action, self._clock.now())
            if standing is not None:
                acted.standing += ((action, standing),)
                continue
            outcome = await self._outcome(decision, action, health)
            if outcome is not None:
                self._refusals.note(decision, action, outcome, self._clock.now())
                acted.outcomes.append((action, outcome))
        return acted

    async def _outcome(self, decision: Decision, action: Action, health: MetricsHealth) -> Outcome | None:
        """None: it is not time for that yet."""
        if action.verb is Verb.Warn:
            return _warned(decision, action)
        if why := self._unconfirmed(decision, action, health):
            return Outcome(OutcomeKind.Conflict, why)
        if action.verb is Verb.Forget and is_borne_out(decision) and not await self._is_noted(decision, health):
            return Outcome(OutcomeKind.Conflict, "what its user did is not noted yet")
        if not self._patience.is_due(decision, action, self._clock.now()):
            return None
        if action.verb is Verb.Resume and not await self._is_announced(decision, health):
            return Outcome(OutcomeKind.Conflict, "that it is about to be started is not noted yet")
        return await self._cluster.execute(decision, action)

    def _unconfirmed(self, decision: Decision, action: Action, health: MetricsHealth) -> str:
        """Right before an idle pause: its evidence is of this tick's own read, and not older than two intervals now."""
        if action.verb is not Verb.Pause or action.observed or action.reason not in IDLE_REASONS:
            return ""
        if not health.up:
            return "metrics could not be read in this tick: not paused on what was known before"
        return outdated(decision.judgement, self._clock.now(), self._settings.sample_interval_seconds)

    async def _is_noted(self, decision: Decision, health: MetricsHealth) -> bool:
        """The human's word is in status before the annotation that told of it is removed: a crash loses neither."""
        if decision.ruled.situation.workload.status_object is None:
            return False
        return await self._noted(decision, health) in _WRITTEN

    async def _is_announced(self, decision: Decision, health: MetricsHealth) -> bool:
        """Status says that we are about to start it: killed after that, we do not take our start for a human's.

        What says no to the note, or cannot take it for several ticks, does not keep work from coming back.
        """
        if to_announce(decision) is None or is_starting(decision.ruled.situation):
            return True
        uid, kind = decision.ruled.situation.workload.uid, await self._noted(decision, health)
        if kind in _WRITTEN or kind in NO:
            self._unnoted.pop(uid, None)
            return True
        self._unnoted[uid] = self._unnoted.get(uid, 0) + 1
        return self._unnoted[uid] >= MOST_UNNOTED

    async def _noted(self, decision: Decision, health: MetricsHealth) -> OutcomeKind:
        """What the decision says goes to status before it is done."""
        due = self._statuses.due(Acted(decision), health)
        return OutcomeKind.Unchanged if due is None else (await self._cluster.write_status(due)).kind


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
