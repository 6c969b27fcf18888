"""A pause for idleness that was wrong: whoever uses the work wanted it back within half an hour."""

from typing import Final

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.learned_timeout import WRONG_SECONDS
from ebbtide.core.reason import Reason
from ebbtide.core.situation import Situation
from ebbtide.core.workload import PauseRecord

ENDS: Final = frozenset({Verb.Resume, Verb.Forget})
"""Verbs that end a pause."""
_WANTED: Final = frozenset({Reason.ResumedByUser, Reason.Woken})


def was_wrong(situation: Situation, action: Action) -> bool:
    """Whether this action ends an idle pause so soon, and because a person or a request asked for the work."""
    pause = situation.workload.memory.pause
    if action.verb not in ENDS or action.reason not in _WANTED or action.observed or pause is None:
        return False
    return is_idle_pause(pause) and situation.now - pause.since <= WRONG_SECONDS


def is_idle_pause(pause: PauseRecord) -> bool:
    """A policy's pause for idleness that lasts."""
    return pause.by == Actor.Policy and pause.reason in IDLE_REASONS and pause.ended_at is None
