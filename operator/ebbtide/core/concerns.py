"""Evaluate: the one order across concerns. First hit wins, and its reason is what everyone is told.

finished · unreadable · name taken · template refused · held before start · protected · unsupported · queue · stale
restore · human stop · lever moved by a human · conflict · human run · foreign suspension · creation · end of a human's
pause · leaving · paused · veto · gate · idle.
Windows, budgets, deadlines and placement get their places here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Action, Actor, Check, Result, Verb
from ebbtide.core.facts import Facts
from ebbtide.core.idle_concern import idle, idle_trace, steps
from ebbtide.core.intent import LEVER, NEVER_PAUSE, Wish
from ebbtide.core.lever_concerns import (
    kind_of,
    lever_ours,
    lever_untouched,
    no_conflict,
    not_held,
    restore_current,
    startable,
)
from ebbtide.core.life_concerns import created, finished, name_free, template_usable, unreadable
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act, command_target, known_reason
from ebbtide.core.situation import Situation
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import Instant

Concern: TypeAlias = Callable[[Situation], Ruling | None]


def rule(situation: Situation, passed: Facts | None = None) -> Ruling:
    """The first concern that hits. `passed`: facts of which an earlier ruling `has_passed`."""
    for concern in CHAIN if passed is None or not _holds(situation, passed) else AFRESH:
        found = concern(situation)
        if found is not None:
            return found
    raise AssertionError("the last concern always hits")


def has_passed(situation: Situation, ruling: Ruling) -> bool:
    """No lasting concern hit, and none will as long as the facts are the very same."""
    return ruling.concern == idle.__name__ and situation.facts.silent and not situation.unfresh


def _holds(situation: Situation, passed: Facts) -> bool:
    return situation.facts is passed and not situation.unfresh


def trace(situation: Situation, ruling: Ruling) -> tuple[Check, ...]:
    """The chain as `explain` shows it: what was passed, and what decided."""
    checks: list[Check] = []
    for concern in CHAIN:
        name = concern.__name__
        if name == ruling.concern:
            checks.append(Check(name, Result.Stop, ruling.reason, ruling.message))
            break
        checks.append(_PASSED[name])
    if ruling.concern == idle.__name__:
        checks[-1:] = idle_trace(situation, ruling)
    return tuple(checks)


def unprotected(situation: Situation) -> Ruling | None:
    """The namespace is not protected."""
    if not situation.protected or situation.word.wish in {Wish.Stop, Wish.Run}:
        # Our own kinds obey their owner everywhere: spec.suspend always wins, protection is from us and not from them.
        return None
    message = f"namespace {situation.workload.key.namespace} is protected: reported only"
    if situation.target is None:
        create = act(situation, Verb.Create, Reason.ProtectedNamespace, message)
        return Ruling("unprotected", Reason.ProtectedNamespace, message, (create,))
    if situation.paused_by_us:
        why = "its namespace is protected now"
        resume = act(situation, Verb.Resume, Reason.PolicyRemoved, why)
        return Ruling("unprotected", Reason.PolicyRemoved, why, (resume,))
    return Ruling("unprotected", Reason.ProtectedNamespace, message)


def supported(situation: Situation) -> Ruling | None:
    """It is of a kind that can be paused."""
    why = situation.workload.unsupported
    return Ruling("supported", Reason.UnsupportedKind, why, refused=Reason.UnsupportedKind) if why else None


def unqueued(situation: Situation) -> Ruling | None:
    """No Kueue queue holds its lever."""
    queue, target = situation.workload.queue, situation.target
    if not queue or (target is not None and target.restore is not None):
        return None
    if situation.word.wish is Wish.Stop:
        message = f"Kueue holds its lever (queue {queue}): to stop it, set spec.active of its Workload to false"
        return Ruling("unqueued", Reason.QueueManaged, message)
    if target is not None and target.suspended:
        return Ruling("unqueued", Reason.QueueWaiting, f"waits in queue {queue}: Kueue starts it")
    return None


def human_stop(situation: Situation) -> Ruling | None:
    """No human asked it to stop."""
    if situation.word.wish is not Wish.Stop:
        return None
    said = situation.word.message
    actions: tuple[Action, ...] = ()
    if situation.target is None:
        actions = (replace(act(situation, Verb.Create, Reason.PausedByUser, said, Actor.User), suspended=True),)
    elif not situation.target.suspended:
        actions = (act(situation, Verb.Pause, Reason.PausedByUser, said, Actor.User),)
    return Ruling("human_stop", Reason.PausedByUser, said, actions)


def human_run(situation: Situation) -> Ruling | None:
    """No human asked it to run."""
    if situation.word.wish is not Wish.Run or _moved_twice(situation):
        return None
    if (cannot := startable(situation)) is not None:
        return cannot
    until = f" until {stamp(situation.word.until)}" if situation.word.until else ""
    message = f"{situation.word.message}{until}"
    return Ruling("human_run", Reason.ResumedByUser, message, _ensure_running(situation, message))


def human_pause_over(situation: Situation) -> Ruling | None:
    """It is not left over from a pause that a human ended."""
    if situation.paused_by != Actor.User:
        return None
    message = "the user's pause has ended"
    resume = act(situation, Verb.Resume, Reason.ResumedByUser, message, Actor.User)
    return Ruling("human_pause_over", Reason.ResumedByUser, message, (resume,))


def policy_stays(situation: Situation) -> Ruling | None:
    """What a policy paused is still governed by an enforcing policy."""
    if not situation.paused_by_us or situation.unfresh:
        return None
    why = _leaving(situation)
    if not why:
        return None
    resume = act(situation, Verb.Resume, Reason.PolicyRemoved, why)
    return Ruling("policy_stays", Reason.PolicyRemoved, why, (resume,))


def not_paused(situation: Situation) -> Ruling | None:
    """It is not paused now."""
    if not situation.paused_by_us or situation.target is None or situation.target.restore is None:
        return None
    since, reason = situation.target.restore.at, known_reason(situation.pause_reason)
    again = _resume_after(situation, since)
    if again:
        resume = act(situation, Verb.Resume, reason, again)
        return Ruling("not_paused", reason, again, (resume,))
    message = f"paused since {stamp(since)}: `kubectl ebbtide resume {command_target(situation)}` starts it again"
    return Ruling("not_paused", reason, message)


def no_veto(situation: Situation) -> Ruling | None:
    """No human vetoes a pause."""
    if situation.word.wish is not Wish.Keep:
        return None
    until = f" until {stamp(situation.word.until)}" if situation.word.until else ""
    return Ruling("no_veto", Reason.VetoedByUser, f"{situation.word.message}{until}: nothing disruptive is done")


def gate(situation: Situation) -> Ruling | None:
    """What we know about the cluster is fresh."""
    old = situation.unfresh or _unseen_pods(situation)
    if not old:
        return None
    message = f"{old}: nothing disruptive is done"
    return Ruling("gate", Reason.StaleMetrics, message, countdown=steps(situation))


CHAIN: tuple[Concern, ...] = (
    finished,
    unreadable,
    name_free,
    template_usable,
    not_held,
    unprotected,
    supported,
    unqueued,
    restore_current,
    human_stop,
    lever_untouched,
    no_conflict,
    human_run,
    lever_ours,
    created,
    human_pause_over,
    policy_stays,
    not_paused,
    no_veto,
    gate,
    idle,
)
LASTING: frozenset[Concern] = frozenset(CHAIN) - {idle}
"""Concerns that pass or hit by what is stored, the human's word and the freshness of the stores alone.

The clock only tells what they say, and when the pause of what is paused ends. A concern that looks at the clock, at
the evidence or at others does not belong here: it is asked at every tick.
"""
AFRESH: tuple[Concern, ...] = tuple(concern for concern in CHAIN if concern not in LASTING)
_PASSED = {
    concern.__name__: Check(concern.__name__, Result.Pass, "", (concern.__doc__ or "").split("\n", 1)[0])
    for concern in CHAIN
}


def _unseen_pods(situation: Situation) -> str:
    """It counts more pods than are known: those unseen may be at work."""
    counted = situation.target.active if situation.target is not None else 0
    known = len(situation.pods)
    return f"its {kind_of(situation)} has {counted} active pods, {known} of them are known" if known < counted else ""


def _leaving(situation: Situation) -> str:
    if situation.word.wish is Wish.Keep and situation.word.request.endswith(NEVER_PAUSE):
        return "it must never be paused (ebbtide.dev/never-pause)"
    policy = situation.governing.policy
    if policy is None:
        return f"no policy governs it any more ({situation.governing.message})"
    if not situation.governing.enforce:
        return f"{situation.governing.reference} does not enforce any more"
    if situation.pause_reason in IDLE_REASONS and policy.spec is not None and policy.spec.idle is None:
        return f"{situation.governing.reference} lost its idle section"
    return ""


def _resume_after(situation: Situation, since: Instant) -> str:
    policy = situation.governing.policy
    section = policy.spec.idle if policy and policy.spec else None
    if section is None or not section.resume_after_seconds or situation.now - since < section.resume_after_seconds:
        return ""
    return f"paused for {section.resume_after_seconds} s, as long as idle.resumeAfterSeconds allows"


def _moved_twice(situation: Situation) -> bool:
    """Who un-suspended it by hand did not ask us to start it: where it is suspended again, that is the newer word."""
    return situation.word.request == LEVER and situation.target is not None and situation.target.suspended


def _ensure_running(situation: Situation, message: str) -> tuple[Action, ...]:
    if situation.target is None:
        return (act(situation, Verb.Create, Reason.ResumedByUser, message, Actor.User),)
    if situation.target.suspended:
        return (act(situation, Verb.Resume, Reason.ResumedByUser, message, Actor.User),)
    return ()
