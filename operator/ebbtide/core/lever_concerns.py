"""Who moved the lever: we, a human, or a rollout that brought old annotations back."""

from typing import Final

from ebbtide.core import attempts
from ebbtide.core.action import Actor, Verb
from ebbtide.core.intent import LEVER, RUNNING_SECONDS, Wish
from ebbtide.core.leaving import leaving, long_enough
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act
from ebbtide.core.situation import Situation
from ebbtide.core.timestamps import stamp

MAX_REVERTS: Final = 3
"""The third time a human or controller undoes a pause within a day, we stop (design: "A human moved the lever")."""
COUNTED: Final = frozenset({"Deployment", "StatefulSet", "LeaderWorkerSet"})
"""Kinds whose lever is a number: started without a stored original, nobody knows how many it should be."""
_STOPPED_BY_OTHERS: Final = {
    **dict.fromkeys(COUNTED, "was scaled to 0 by somebody else"),
    "Workload": "was deactivated by somebody else",
    **dict.fromkeys(("ScaledObject", "Notebook", "Workspace", "InferenceService"), "was stopped by somebody else"),
}


def kind_of(situation: Situation) -> str:
    """The kind of the object that carries the lever, as people are told of it."""
    return situation.target.kind if situation.target is not None else "Job"


def not_held(situation: Situation) -> Ruling | None:
    """It was not held back before its first start."""
    target = situation.target
    if target is None or not target.held or situation.word.wish is Wish.Stop or situation.workload.in_hands_of_queue:
        return None
    if attempts.made(situation, attempts.by_itself(Verb.Start, Reason.Running)) >= attempts.MOST:
        message = f"started {attempts.MOST} times, and each time somebody suspended and held it again: left as it is"
        return attempts.conflict(situation, "not_held", message)
    message = "held before its first start (ebbtide.dev/hold), and nothing holds it back: it starts"
    start = act(situation, Verb.Start, Reason.Running, message)
    return Ruling("not_held", Reason.Running, message, (start,))


def restore_current(situation: Situation) -> Ruling | None:
    """What is stored on it tells of its present pause."""
    target = situation.target
    if situation.paused_by_us and situation.word.wish is Wish.Run:
        return None  # whatever pause it is of, it says what a human wants to have back
    why = (target.restore_misplaced if target is not None else "") or _outdated(situation)
    if not why:
        return None
    if attempts.made(situation, attempts.by_itself(Verb.Forget, Reason.RestoreStale)) >= attempts.MOST:
        message = f"{why}, and {attempts.MOST} times somebody has put it back after it was removed: left as it is"
        return attempts.conflict(situation, "restore_current", message)
    message = f"{why}: removed, the {kind_of(situation)} stays as it is"
    forget = act(situation, Verb.Forget, Reason.RestoreStale, message)
    return Ruling("restore_current", Reason.RestoreStale, message, (forget,))


def _outdated(situation: Situation) -> str:
    """A copy of an earlier pause, as `kubectl rollout undo` brings it back.

    One that status knows to be over is void wherever the lever stands. Where the present pause is another one and the
    lever still is at its stop, the old original is all there is: it counts.
    """
    target, pause = situation.target, situation.workload.memory.pause
    if target is None or target.restore is None or pause is None:
        return ""
    at = target.restore.at
    # Whole seconds are stored, and a pause is done at or after the tick that decided it.
    is_over = pause.ended_at is not None and at < pause.ended_at
    is_copy = is_over or (pause.ended_at is None and not target.suspended and at < pause.since - 1)
    return f"ebbtide.dev/restore tells of an earlier pause ({stamp(at)})" if is_copy else ""


def lever_untouched(situation: Situation) -> Ruling | None:
    """The lever stands as we left it."""
    target = situation.target
    if target is None or target.suspended or (target.restore is None and not _is_wiped(situation)):
        return None
    message = f"a user started the {target.kind} that Ebbtide had paused: it runs for at least 4 hours"
    reason = Reason.ResumedByUser
    undone = situation.reverts + (target.restore is None or target.restore.by == Actor.Policy)
    if undone >= MAX_REVERTS:
        message, reason = _conflict(undone), Reason.ConflictingController
    forget = act(situation, Verb.Forget, reason, message, Actor.User)
    until = situation.now + RUNNING_SECONDS
    return Ruling("lever_untouched", reason, message, (forget,), override=(until, LEVER))


def _is_wiped(situation: Situation) -> bool:
    """A policy's pause that status knows of is over and the restore annotation gone, and we did neither.

    So it is after `kubectl replace`. Had we ended it ourselves and could not tell, status would say that we were about
    to. Who starts by hand what we were about to start undoes nothing.
    """
    pause = situation.workload.memory.pause
    if pause is None or pause.ended_at is not None or pause.by != Actor.Policy or situation.word.wish is Wish.Run:
        return False
    if attempts.is_starting(situation):
        return False
    return not leaving(situation, pause.reason) and not long_enough(situation, pause.since)


def no_conflict(situation: Situation) -> Ruling | None:
    """Nobody keeps undoing our pauses."""
    target = situation.target
    if target is None or target.suspended or situation.reverts < MAX_REVERTS:
        return None
    return Ruling("no_conflict", Reason.ConflictingController, _conflict(situation.reverts))


def _conflict(reverts: int) -> str:
    return f"{reverts} pauses were undone within a day: not paused again until its spec or the policy changes"


def startable(situation: Situation) -> Ruling | None:
    """What a human wants to run can be started: we know what it was."""
    target = situation.target
    if target is None or not target.suspended or target.restore is not None or target.kind not in COUNTED:
        return None
    message = (
        f"it has 0 replicas and Ebbtide did not store how many it had: "
        f"`kubectl scale {target.kind.lower()}/{target.name} -n {target.namespace} --replicas=N` starts it"
    )
    return Ruling("human_run", Reason.PausedByUser, message, refused=Reason.PausedByUser)


def lever_ours(situation: Situation) -> Ruling | None:
    """It was not stopped by somebody else."""
    target = situation.target
    if target is None or not target.suspended or target.restore is not None:
        return None
    if target.restore_unreadable:
        return Ruling("lever_ours", Reason.RestoreSkipped, f"{target.restore_unreadable}: left as it is")
    how = _STOPPED_BY_OTHERS.get(target.kind, "was suspended by somebody else")
    return Ruling("lever_ours", Reason.PausedByUser, f"the {target.kind} {how}: left as it is")
