"""Evaluate: the one order across concerns. First hit wins, and its reason is what everyone is told.

finished · unreadable · name taken · template refused · held before start · protected · unsupported · queue · stale
restore · human stop · lever moved by a human · conflict · human run · foreign suspension · creation, suspended beside
what it must not run beside · end of a human's pause · pause during another object · leaving · paused · queue · veto ·
gate · another object runs · idle.
Windows, budgets, deadlines and placement get their places here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ebbtide.core import attempts
from ebbtide.core.action import Action, Actor, Check, Result, Verb
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.during_concerns import during_lasts, not_born_during, not_during
from ebbtide.core.facts import Facts
from ebbtide.core.idle_concern import idle, idle_trace, steps
from ebbtide.core.intent import LEVER, Wish
from ebbtide.core.leaving import leaving, long_enough
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
from ebbtide.core.slack import outlook_of
from ebbtide.core.timestamps import stamp
from ebbtide.core.waking import wake_sentence, woken
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
    why, reason = situation.workload.unsupported, situation.workload.unsupported_reason
    return Ruling("supported", reason, why, refused=reason) if why else None


def unqueued(situation: Situation) -> Ruling | None:
    """No Kueue queue holds its lever out of reach."""
    workload, target = situation.workload, situation.target
    queue = workload.queue
    if not workload.in_hands_of_queue or workload.itself is not None:
        return None
    if target is not None and target.restore is not None:
        return None
    if situation.word.wish is Wish.Stop and target is None:
        message = f"{situation.word.message}: it is not put into queue {queue} before that ends"
        return Ruling("unqueued", Reason.PausedByUser, message)
    if situation.word.wish is Wish.Stop:
        message = f"Kueue holds its lever (queue {queue}), and no Workload of Kueue's is seen for it to set inactive"
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
        if attempts.made(situation, attempts.by_word(situation, Verb.Pause)) >= attempts.MOST:
            message = f"{said}, and {attempts.MOST} times somebody has started it again: left running until either ends"
            return attempts.conflict(situation, "human_stop", message)
        actions = (act(situation, Verb.Pause, Reason.PausedByUser, said, Actor.User),)
    return Ruling("human_stop", Reason.PausedByUser, said, actions)


def human_run(situation: Situation) -> Ruling | None:
    """No human asked it to run."""
    if situation.word.wish is not Wish.Run or _is_older_word(situation):
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
    why = leaving(situation, situation.pause_reason)
    if not why:
        return None
    resume = act(situation, Verb.Resume, Reason.PolicyRemoved, why)
    return Ruling("policy_stays", Reason.PolicyRemoved, why, (resume,))


def not_paused(situation: Situation) -> Ruling | None:
    """It is not paused now."""
    if not situation.paused_by_us or situation.target is None or situation.target.restore is None:
        return None
    since, reason = situation.target.restore.at, known_reason(situation.pause_reason)
    if not situation.workload.during and (over := _over(situation, since, reason)) is not None:
        return Ruling("not_paused", *over, (act(situation, Verb.Resume, *over),))
    message = f"paused since {stamp(since)}: `kubectl ebbtide resume {command_target(situation)}` starts it again"
    wakes = wake_sentence(situation) if reason in IDLE_REASONS else ""
    return Ruling("not_paused", reason, f"{message}{wakes}")


def admitted(situation: Situation) -> Ruling | None:
    """It does not wait for Kueue."""
    workload = situation.workload
    if workload.itself is None or workload.admitted:
        return None
    return Ruling("admitted", Reason.QueueWaiting, f"waits in queue {workload.queue}: Kueue starts it")


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
    not_born_during,
    created,
    human_pause_over,
    during_lasts,
    policy_stays,
    not_paused,
    admitted,
    no_veto,
    gate,
    not_during,
    idle,
)
LASTING: frozenset[Concern] = frozenset(
    {
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
        not_born_during,
        created,
        human_pause_over,
        during_lasts,
        policy_stays,
        not_paused,
        admitted,
        no_veto,
        gate,
        not_during,
    }
)
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


def _is_older_word(situation: Situation) -> bool:
    """It was stopped again after it was started on that very word: the newer word counts, whoever says it.

    Who un-suspended it by hand did not ask us to start it at all.
    """
    target = situation.target
    if target is None or not target.suspended:
        return False
    was_served = attempts.made(situation, attempts.by_word(situation, Verb.Resume)) > 0
    return situation.word.request == LEVER or (target.restore is None and was_served)


def _over(situation: Situation, since: Instant, reason: Reason) -> tuple[Reason, str] | None:
    """Why an idle pause ends by itself; None: it lasts, as every other pause does."""
    if reason not in IDLE_REASONS:
        return None
    found = outlook_of(situation)
    if found is not None and (why := found.ends_pause(situation.now)) is not None:
        return why
    if call := woken(situation, since):
        return Reason.Woken, call
    again = long_enough(situation, since)
    return (reason, again) if again else None


def _ensure_running(situation: Situation, message: str) -> tuple[Action, ...]:
    if situation.target is None:
        return (act(situation, Verb.Create, Reason.ResumedByUser, message, Actor.User),)
    if situation.target.suspended:
        return (act(situation, Verb.Resume, Reason.ResumedByUser, message, Actor.User),)
    return ()
