"""Moves that the API server has said no to: tried again after gaps that grow, each on its own.

An admission policy or a missing right says no again and again. What does not last (a conflict, an outage, too many
requests) is none of it: that is tried at every tick. This is forgotten with the process; it costs one attempt more.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ebbtide.core.action import Action, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.workload import Instant
from ebbtide.ports import Outcome, OutcomeKind

MOST_SECONDS: Final = 300.0
"""No gap is longer: what was in the way may be gone, and nobody tells us."""
MOVES: Final = frozenset({Verb.Pause, Verb.Resume, Verb.Hold, Verb.Start})
NO: Final = frozenset({OutcomeKind.Denied, OutcomeKind.Rejected})
"""Answers that mean no, and not that something failed on the way."""
_EARLY: Final = 0.5
"""Of a tick: one that comes a little early is the tick that was meant."""


class _Refused(NamedTuple):
    """How often the same was refused in a row, with what words, and when it is tried again."""

    request: tuple[Verb, str, int, str, str]
    outcome: Outcome
    times: int
    until: Instant


class Refusals:
    """By workload. A new word of a human, another action or a changed spec is tried at once."""

    def __init__(self, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._refused: dict[str, _Refused] = {}

    def standing(self, decision: Decision, action: Action, now: Instant) -> Outcome | None:
        """The last answer to just this, while it is not time to ask again."""
        last = self._last(decision, action)
        return last.outcome if last is not None and now < last.until else None

    def note(self, decision: Decision, action: Action, outcome: Outcome, now: Instant) -> None:
        """What became of an attempt."""
        if action.verb not in MOVES:
            return
        uid = decision.ruled.situation.workload.uid
        if outcome.kind not in NO:
            self._refused.pop(uid, None)
            return
        last = self._last(decision, action)
        times = 1 if last is None else last.times + 1
        gap = max(self._tick_seconds, min(MOST_SECONDS, self._tick_seconds * 2.0 ** min(times - 1, 32)))
        until = now + gap - _EARLY * self._tick_seconds
        self._refused[uid] = _Refused(_request(decision, action), outcome, times, until)

    def forget_others(self, decisions: Sequence[Decision]) -> None:
        """Once a tick: what nobody asks for any more."""
        if self._refused:
            asked = {it.ruled.situation.workload.uid for it in decisions if any(a.verb in MOVES for a in it.actions)}
            self._refused = {uid: last for uid, last in self._refused.items() if uid in asked}

    def _last(self, decision: Decision, action: Action) -> _Refused | None:
        """The refusal of this very request."""
        if action.verb not in MOVES or action.observed:
            return None
        last = self._refused.get(decision.ruled.situation.workload.uid)
        return last if last is not None and last.request == _request(decision, action) else None


def _request(decision: Decision, action: Action) -> tuple[Verb, str, int, str, str]:
    """What is wanted, by whom, of which spec and on whose word."""
    situation = decision.ruled.situation
    workload = situation.workload
    return action.verb, str(action.by), workload.generation, workload.spec_hash, situation.word.request
