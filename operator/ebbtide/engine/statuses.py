"""Which workloads' statuses say something else than what is stored. Nothing is written here."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

import structlog

from ebbtide.core.action import Verb
from ebbtide.core.catch_up import as_before, waits
from ebbtide.core.conditions import Problem
from ebbtide.core.decision import Decision
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.status import REFRESH_SECONDS, Outline, fingerprint, workload_status
from ebbtide.engine.acted import Acted
from ebbtide.ports import Clock, StatusWrite

log = structlog.get_logger(__name__)

_SPREAD_SECONDS: Final = 600
"""Over how long refreshes of a fleet that began at once are spread."""


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


class Statuses:
    """Remembers what was compared, to save the comparison; losing that costs time, nothing else."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._settled: dict[str, Told] = {}

    def is_settled(self, acted: Acted, health: MetricsHealth) -> bool:
        """Cheap: nothing that status tells has changed since it was last compared with what is stored."""
        decision = acted.decision
        told = self._settled.get(decision.ruled.situation.workload.uid)
        same = told is not None and told.holds(acted, waiting=waits(decision, health))
        return same and not self._needs_refresh(decision)

    def due(self, acted: Acted, health: MetricsHealth) -> StatusWrite | None:
        """The status to write, or None when what is stored says the same already."""
        workload = acted.decision.ruled.situation.workload
        told_on = workload.status_object
        if told_on is None or any(action.verb is Verb.Discard for action in acted.decision.actions):
            return None
        waiting = waits(acted.decision, health)
        try:
            status = workload_status(acted.decision, done=acted.done, problem=acted.problem, version=acted.version)
            seen = fingerprint(as_before(status, workload.memory) if waiting else status)
        except Exception:
            log.exception("its status could not be made; the others are written", workload=str(workload.key))
            return None
        if seen == workload.memory.fingerprint and not self._needs_refresh(acted.decision):
            self._settled[workload.uid] = Told(Outline.of(acted.decision), acted.done, acted.problem, waiting)
            return None
        return StatusWrite(told_on.kind, workload.key.namespace, told_on.name, told_on.uid, status)

    def forget_gone(self, decisions: Sequence[Decision]) -> None:
        """What is remembered to save work must not grow with everything that ever was."""
        if len(self._settled) > len(decisions):
            present = {decision.ruled.situation.workload.uid for decision in decisions}
            self._settled = {uid: seen for uid, seen in self._settled.items() if uid in present}

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


def _spread(uid: str) -> float:
    """Zero to ten minutes, fixed per object."""
    return crc32(uid.encode()) % _SPREAD_SECONDS
