"""What people are told that calls for no action of ours: a stall, a countdown that is over, a reading that is stuck."""

from collections.abc import Iterable
from typing import Final

from ebbtide.core.action import Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import act
from ebbtide.core.situation import Situation
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import Instant

STUCK_SECONDS: Final = 300.0
"""Utilisation and engine are sampled at different moments: a contradiction must last before people hear of it."""


def tidings(situation: Situation) -> tuple[Action, ...]:
    """What is new about work that is not idle; status remembers what was told, so that it is told once.

    A warning that a hole in the samples made void is not told of: a broken exporter would write to everybody.
    """
    judgement, memory = situation.judgement, situation.workload.memory
    if judgement.verdict is Verdict.Stalled and (memory.verdict is None or memory.verdict[0] != Verdict.Stalled):
        return (_told(situation, judgement.reason, f"{judgement.message}; it is left running: look at its logs"),)
    if judgement.verdict is Verdict.Active and memory.warned_at is not None and situation.governing.enforce:
        said = f"{judgement.message}; the warning of {stamp(memory.warned_at)} is void, the countdown starts anew"
        # Whether that sample still is the newest one depends on when we looked, and is no news.
        reason = Reason.RecentlyActive if judgement.reason is Reason.GPUActive else judgement.reason
        return (_told(situation, reason, said),)
    if judgement.remark:
        return (_told(situation, Reason.SignalsDisagree, judgement.remark),)
    return ()


def _told(situation: Situation, reason: Reason, message: str) -> Action:
    return act(situation, Verb.Notify, reason, message)


class Patience:
    """Holds back what must last, and what was told already since it began; an operator that restarts tells it anew."""

    def __init__(self) -> None:
        self._since: dict[str, Instant] = {}
        self._told: set[str] = set()

    def look(self, decisions: Iterable[Decision], now: Instant) -> None:
        """Once a tick: what is not said any more is forgotten."""
        said = {_uid(it) for it in decisions if it.actions and any(map(_must_last, it.actions))}
        self._since = {uid: self._since.get(uid, now) for uid in said}
        self._told &= said

    def is_due(self, decision: Decision, action: Action, now: Instant) -> bool:
        """It has lasted, and is new."""
        if not _must_last(action):
            return True
        uid = _uid(decision)
        if uid in self._told or now - self._since.get(uid, now) < STUCK_SECONDS:
            return False
        self._told.add(uid)
        return True


def _must_last(action: Action) -> bool:
    return action.verb is Verb.Notify and action.reason is Reason.SignalsDisagree


def _uid(decision: Decision) -> str:
    return decision.ruled.situation.workload.uid
