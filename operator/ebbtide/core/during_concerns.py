"""`spec.pauseDuring`: paused while another object runs, and started again when that ends.

It is the owner's own instruction, as `spec.suspend` is: no policy and no mode stands before it, and no policy ends it.
A human's word, a veto, doubtful stores and checkpoint rules do. What counts is whether an object of that name lives at
this moment, never an event: one that ends and is created anew under the same name lets the work run in between and
pauses it again, however often.

Of work in a queue Kueue's Workload is the lever, as for every other pause: what Kueue has admitted is set inactive and
queues anew at the end; what waits holds nothing and is left waiting.
"""

from dataclasses import replace

from ebbtide.core.action import Verb
from ebbtide.core.idle import checkpoint_missing, checkpoint_too_old
from ebbtide.core.intent import Wish
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act, command_target
from ebbtide.core.situation import Situation
from ebbtide.core.timestamps import stamp

REASON = Reason.PausedDuring


def not_born_during(situation: Situation) -> Ruling | None:
    """What it must not run beside does not run, as its Job is created."""
    workload, during = situation.workload, situation.workload.during
    if not during or situation.target is not None or situation.unfresh or situation.word.wish is Wish.Keep:
        return None
    if workload.in_hands_of_queue:
        # Kueue starts what is suspended, as soon as there is room.
        return Ruling(
            "not_born_during", REASON, f"{during}: it is not put into queue {workload.queue} before that ends"
        )
    message = f"{during}: its Job is created suspended"
    create = replace(act(situation, Verb.Create, REASON, message), suspended=True)
    return Ruling("not_born_during", REASON, message, (create,))


def during_lasts(situation: Situation) -> Ruling | None:
    """It is not paused while another object runs."""
    target, named = situation.target, situation.workload.pause_during
    if situation.pause_reason != REASON or target is None or target.restore is None:
        return None
    if situation.workload.during or situation.unfresh:
        since = stamp(target.restore.at)
        how = f"`kubectl ebbtide resume {command_target(situation)}` starts it all the same"
        lives = situation.workload.during or f"{_named(named)} runs"
        return Ruling("during_lasts", REASON, f"paused since {since} while {lives}; {how}")
    message = f"{_named(named)} does not run any more"
    return Ruling("during_lasts", REASON, message, (act(situation, Verb.Resume, REASON, message),))


def not_during(situation: Situation) -> Ruling | None:
    """What it must not run beside does not run."""
    workload, target = situation.workload, situation.target
    if not workload.during or target is None:
        return None
    why = _refused(situation)
    if why is not None:
        return Ruling("not_during", *why, refused=why[0])
    return Ruling("not_during", REASON, workload.during, (act(situation, Verb.Pause, REASON, workload.during),))


def _refused(situation: Situation) -> tuple[Reason, str] | None:
    """Nothing that ran is lost for it, and no lever is moved that Kueue would move back."""
    workload, policy, now = situation.workload, situation.governing.policy, situation.now
    section = policy.spec.idle if policy is not None and policy.spec is not None else None
    if situation.is_between_queue_entries:
        why = f"Kueue holds its lever (queue {workload.queue}) and no Workload of Kueue's is seen for it"
        return Reason.QueueManaged, f"{workload.during}; {why}: not paused"
    has_run = workload.memory.start_time is not None or any(pod.ready_since is not None for pod in situation.pods)
    missing = checkpoint_missing(workload, section) if has_run else None
    found = missing or (checkpoint_too_old(workload, situation.pods, section, now) if has_run else None)
    return None if found is None else (found.reason, f"{workload.during}; not paused: {found.message}")


def _named(named: tuple[str, str] | None) -> str:
    """Nothing is named where spec.pauseDuring was taken away."""
    return " ".join(named) if named is not None else "the object that spec.pauseDuring named"
