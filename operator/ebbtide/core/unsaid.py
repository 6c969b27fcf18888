"""Pauses that the process which made them could not tell, because it was killed before: the next one to act tells them.

The object itself says that it was paused, when and why. An Event is named after that, so that it is there once whoever
tells it.
"""

from typing import Final

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.ruling import known_reason
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import Instant, PauseRecord, Restore

LATE_SECONDS: Final = 600.0
"""A pause that is older is no news; status and condition tell it."""
_CREATED_SECONDS: Final = 1.0
"""A Job that is created suspended bears an original from its first moment: that is no pause."""
_SAME_SECONDS: Final = 60.0
"""From the decision that status remembers to the patch that the object remembers."""


def unsaid(decision: Decision) -> tuple[Action, Instant] | None:
    """A pause of the last minutes that is in force, and when it was made."""
    situation = decision.ruled.situation
    target = situation.target
    restore = target.restore if target is not None and situation.paused_by_us else None
    if target is None or restore is None or restore.at <= target.created_at + _CREATED_SECONDS:
        return None
    if abs(situation.now - restore.at) >= LATE_SECONDS or restore.by not in set(Actor):
        return None
    if any(action.verb is Verb.Forget for action in decision.actions):
        return None  # what it bears is a copy of an earlier pause
    reason, said = known_reason(restore.reason), _message(restore, situation.workload.memory.pause)
    by, policy = Actor(restore.by), restore.policy
    return Action(Verb.Pause, decision.workload, reason, said, by=by, policy=policy), restore.at


def _message(restore: Restore, known: PauseRecord | None) -> str:
    """As status tells it, if that was still written."""
    is_told = known is not None and known.ended_at is None and 0 <= restore.at + 1 - known.since < _SAME_SECONDS
    if known is not None and is_told and known.message:
        return known.message
    paused = f"paused at {stamp(restore.at)}"
    if restore.by == Actor.User:
        return f"{paused} by its user"  # the annotation names the policy that governs it all the same
    by = restore.policy or restore.by
    return f"{paused} by {by} ({restore.reason}); its numbers went with the process that was killed"
