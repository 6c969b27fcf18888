"""Evaluate: the one order across concerns. First hit wins, and its reason is what everyone is told.

finished · human stop · lever moved by a human · human run · foreign suspension · creation · end of a human's pause ·
leaving · protected · veto · paused · gate · idle. Windows, budgets, deadlines and placement get their places here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Action, Actor, Check, Result, Verb
from ebbtide.core.idle import IDLE_VERDICTS, Countdown, Refusal, countdown, refusal
from ebbtide.core.intent import RUNNING_SECONDS, Wish
from ebbtide.core.reason import Reason
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Instant

MAX_REVERTS = 3
"""The third time a human or controller undoes a pause within a day, we stop (design: "A human moved the lever")."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the concern that hit says."""

    concern: str
    reason: Reason
    message: str
    actions: tuple[Action, ...] = ()
    refused: Reason | None = None
    countdown: Countdown | None = None
    override: tuple[Instant, str] | None = None
    """(until, request) to remember in status.override besides what the human's word says."""


Concern: TypeAlias = Callable[[Situation], Ruling | None]


def rule(situation: Situation) -> Ruling:
    """The first concern that hits."""
    for concern in CHAIN:
        found = concern(situation)
        if found is not None:
            return found
    raise AssertionError("the last concern always hits")


def trace(situation: Situation, ruling: Ruling) -> tuple[Check, ...]:
    """The chain as `explain` shows it: what was passed, what decided, and the links never reached."""
    checks: list[Check] = []
    for concern in CHAIN:
        name = concern.__name__
        if name == ruling.concern:
            checks.append(Check(name, Result.Stop, ruling.reason, ruling.message))
            break
        checks.append(Check(name, Result.Pass, "", (concern.__doc__ or "").split("\n", 1)[0]))
    if ruling.concern == idle.__name__:
        checks[-1:] = idle_trace(situation, ruling)
    return tuple(checks)


def unreadable(situation: Situation) -> Ruling | None:
    """The object can be read by this version."""
    problem = situation.workload.invalid
    if problem is None:
        return None
    return Ruling("unreadable", Reason.UnknownValue, f"{problem[0]}: {problem[1]}; nothing is done to it")


def finished(situation: Situation) -> Ruling | None:
    """The work has not finished yet."""
    target = situation.target
    if target is None or target.finished is None:
        return None
    return Ruling("finished", target.finished, f"finished: {target.succeeded} succeeded, {target.failed} failed")


def name_free(situation: Situation) -> Ruling | None:
    """No foreign object has the name of ours."""
    if not situation.workload.foreign_target:
        return None
    name = situation.workload.key.name
    return Ruling("name_free", Reason.NameConflict, f"a Job named {name} exists and is not ours; delete or rename it")


def template_usable(situation: Situation) -> Ruling | None:
    """The API server has not refused its template."""
    workload = situation.workload
    if situation.target is not None:
        return None
    stored = next((it for it in workload.memory.conditions if it.type == "Accepted"), None)
    if stored is None or stored.reason != Reason.TemplateRejected or stored.observed_generation != workload.generation:
        return None
    message = "the API server refused the Job made from its template: correct the template in a new object"
    return Ruling("template_usable", Reason.TemplateRejected, stored.message or message)


def human_stop(situation: Situation) -> Ruling | None:
    """No human asked it to stop."""
    if situation.word.wish is not Wish.Stop:
        return None
    actions: tuple[Action, ...] = ()
    if situation.target is None:
        actions = (_act(situation, Verb.Create, Reason.PausedByUser, situation.word.message, Actor.User),)
        actions = (replace(actions[0], suspended=True),)
    elif not situation.target.suspended:
        actions = (_act(situation, Verb.Pause, Reason.PausedByUser, situation.word.message, Actor.User),)
    return Ruling("human_stop", Reason.PausedByUser, situation.word.message, actions)


def lever_untouched(situation: Situation) -> Ruling | None:
    """The lever stands as we left it."""
    target = situation.target
    if target is None or target.suspended or target.restore is None:
        return None
    message = "a user un-suspended the Job that Ebbtide had paused: it runs for at least 4 hours"
    forget = _act(situation, Verb.Forget, Reason.ResumedByUser, message, Actor.User)
    until = situation.now + RUNNING_SECONDS
    return Ruling("lever_untouched", Reason.ResumedByUser, message, (forget,), override=(until, "Lever"))


def human_run(situation: Situation) -> Ruling | None:
    """No human asked it to run."""
    if situation.word.wish is not Wish.Run:
        return None
    until = f" until {stamp(situation.word.until)}" if situation.word.until else ""
    message = f"{situation.word.message}{until}"
    return Ruling("human_run", Reason.ResumedByUser, message, _ensure_running(situation, message))


def lever_ours(situation: Situation) -> Ruling | None:
    """It was not suspended by somebody else."""
    target = situation.target
    if target is None or not target.suspended or target.restore is not None:
        return None
    if target.restore_unreadable:
        return Ruling("lever_ours", Reason.RestoreSkipped, f"{target.restore_unreadable}: left as it is")
    return Ruling("lever_ours", Reason.PausedByUser, "the Job was suspended by somebody else: left as it is")


def created(situation: Situation) -> Ruling | None:
    """Its Job exists."""
    if situation.target is not None:
        return None
    message = "nothing holds it back: its Job is created running"
    create = _act(situation, Verb.Create, Reason.Running, message)
    return Ruling("created", Reason.Running, message, (create,))


def human_pause_over(situation: Situation) -> Ruling | None:
    """It is not left over from a pause that a human ended."""
    if situation.paused_by != Actor.User:
        return None
    message = "the user's pause has ended"
    resume = _act(situation, Verb.Resume, Reason.ResumedByUser, message, Actor.User)
    return Ruling("human_pause_over", Reason.ResumedByUser, message, (resume,))


def policy_stays(situation: Situation) -> Ruling | None:
    """What a policy paused is still governed by an enforcing policy."""
    if not situation.paused_by_us:
        return None
    why = _leaving(situation)
    if not why:
        return None
    resume = _act(situation, Verb.Resume, Reason.PolicyRemoved, why)
    return Ruling("policy_stays", Reason.PolicyRemoved, why, (resume,))


def unprotected(situation: Situation) -> Ruling | None:
    """The namespace is not protected."""
    if not situation.protected:
        return None
    message = f"namespace {situation.workload.key.namespace} is protected: reported only"
    return Ruling("unprotected", Reason.ProtectedNamespace, message)


def no_veto(situation: Situation) -> Ruling | None:
    """No human vetoes a pause."""
    if situation.word.wish is Wish.Keep:
        until = f" until {stamp(situation.word.until)}" if situation.word.until else ""
        return Ruling("no_veto", Reason.VetoedByUser, f"{situation.word.message}{until}: nothing disruptive is done")
    if situation.namespace.never_pause:
        return Ruling("no_veto", Reason.VetoedByUser, "its namespace is annotated ebbtide.dev/never-pause")
    return None


def no_conflict(situation: Situation) -> Ruling | None:
    """Nobody keeps undoing our pauses."""
    pause = situation.workload.memory.pause
    if situation.paused_by_us or pause is None or pause.reverts < MAX_REVERTS:
        return None
    message = f"{pause.reverts} pauses were undone within a day: not paused again until its spec changes"
    return Ruling("no_conflict", Reason.ConflictingController, message)


def not_paused(situation: Situation) -> Ruling | None:
    """It is not paused now."""
    if not situation.paused_by_us or situation.target is None or situation.target.restore is None:
        return None
    since, reason = situation.target.restore.at, Reason(situation.target.restore.reason)
    again = _resume_after(situation, since)
    if again:
        resume = _act(situation, Verb.Resume, reason, again)
        return Ruling("not_paused", reason, again, (resume,))
    message = f"paused since {stamp(since)}: `kubectl ebbtide resume {_reference(situation)}` starts it again"
    return Ruling("not_paused", reason, message)


def gate(situation: Situation) -> Ruling | None:
    """What we know about the cluster is fresh."""
    if not situation.unfresh:
        return None
    return Ruling("gate", Reason.StaleMetrics, f"{situation.unfresh}: nothing disruptive is done")


def idle(situation: Situation) -> Ruling | None:
    """Idleness: the verdict, the warning, the pause and what refuses it."""
    judgement, governing = situation.judgement, situation.governing
    section = governing.policy.spec.idle if governing.policy and governing.policy.spec else None
    if judgement.verdict not in IDLE_VERDICTS:
        steps = countdown(judgement, situation.rule, situation.workload.memory, situation.now, enforce=True)
        return Ruling("idle", judgement.reason, judgement.message, countdown=steps)
    if section is None:
        reason = governing.reason or Reason.NoPolicy
        message = governing.message if governing.reason else f"{governing.reference} has no idle section"
        return Ruling("idle", judgement.reason, f"{judgement.message}; {message}", refused=reason)
    steps = countdown(
        judgement, situation.rule, situation.workload.memory, situation.now, enforce=governing.enforce
    )
    return _idle_ruling(situation, steps, _refusal(situation))


CHAIN: tuple[Concern, ...] = (
    unreadable, finished, name_free, template_usable, human_stop, lever_untouched, human_run, lever_ours, created, human_pause_over,
    policy_stays, unprotected, no_conflict, no_veto, not_paused, gate, idle,
)


def _idle_ruling(situation: Situation, steps: Countdown, refused: Refusal | None) -> Ruling:
    judgement, governing = situation.judgement, situation.governing
    observed = not governing.enforce
    if steps.due is Verb.Warn:
        message = warning(situation, steps, refused)
        warn = _act(situation, Verb.Warn, judgement.reason, message, observed=observed)
        return Ruling("idle", judgement.reason, message, (warn,), countdown=steps)
    if steps.due is None:
        return Ruling("idle", judgement.reason, f"{judgement.message}; {steps.message}", countdown=steps)
    if refused is not None:
        return Ruling("idle", refused.reason, refused.message, refused=refused.reason, countdown=steps)
    pause = _act(situation, Verb.Pause, judgement.reason, judgement.message, observed=observed)
    return Ruling("idle", judgement.reason, judgement.message, (pause,), countdown=steps)


def warning(situation: Situation, steps: Countdown, refused: Refusal | None) -> str:
    """What people are warned of: when, and the one line that vetoes it."""
    if refused is not None:
        return f"{situation.judgement.message}; not paused: {refused.message}"
    return (
        f"{situation.judgement.message}; it will be paused after {stamp(steps.eligible_after)} unless used; "
        f"`kubectl ebbtide keep {_reference(situation)} --for 4h` prevents that"
    )


def _refusal(situation: Situation) -> Refusal | None:
    policy = situation.governing.policy
    assert policy is not None
    assert policy.spec is not None
    assert policy.spec.idle is not None
    return refusal(situation.workload, situation.pods, policy.spec.idle, policy.spec.limits, situation.now)


def idle_trace(situation: Situation, ruling: Ruling) -> list[Check]:
    """The idle concern link by link: verdict, policy, countdown, refusals, mode."""
    judgement, governing = situation.judgement, situation.governing
    is_idle = judgement.verdict in IDLE_VERDICTS
    checks = [Check("verdict", Result.Pass if is_idle else Result.Stop, judgement.reason, judgement.message)]
    if not is_idle:
        return checks
    section = governing.policy.spec.idle if governing.policy and governing.policy.spec else None
    if section is None:
        return [*checks, Check("policy", Result.Stop, ruling.refused or Reason.NoPolicy, ruling.message)]
    checks.append(Check("policy", Result.Pass, "", governing.message))
    refused = _refusal(situation)
    checks.append(_link("refusals", refused is None, refused.reason if refused else "", _said(refused)))
    if ruling.countdown is not None:
        due = ruling.countdown.due is not None
        checks.append(_link("countdown", due, "" if due else judgement.reason, ruling.countdown.message))
    if ruling.refused and (refused is None or ruling.refused != refused.reason):
        checks.append(Check("limits", Result.Stop, ruling.refused, ruling.message))
    return [*checks, _mode_check(situation)]


def _said(refused: Refusal | None) -> str:
    return refused.message if refused else "checkpoint, minimum run time and daily limit allow a pause"


def _mode_check(situation: Situation) -> Check:
    governing = situation.governing
    if governing.enforce:
        return Check("mode", Result.Pass, "", f"{governing.reference} is in mode Enforce")
    reason = observe_reason(situation)
    said = "mode Observe" if reason is Reason.ObserveOnly else "the chart's enforcement.enabled is false"
    return Check("mode", Result.Stop, reason, f"{said}: planned and recorded, not done")


def observe_reason(situation: Situation) -> Reason:
    """Why actions are only planned: the policy's own mode, or the chart's switch."""
    policy = situation.governing.policy
    if policy is not None and policy.spec is not None and str(policy.spec.mode) == "Enforce":
        return Reason.EnforcementDisabled
    return Reason.ObserveOnly


def _link(name: str, passed: bool, reason: str, message: str) -> Check:
    return Check(name, Result.Pass if passed else Result.Stop, reason, message)


def _leaving(situation: Situation) -> str:
    if situation.protected:
        return "its namespace is protected now"
    if situation.workload.intent.never_pause or situation.namespace.never_pause:
        return "it must never be paused (ebbtide.dev/never-pause)"
    if situation.governing.policy is None:
        return f"no policy governs it any more ({situation.governing.message})"
    if not situation.governing.enforce:
        return f"{situation.governing.reference} does not enforce any more"
    if situation.pause_reason in IDLE_REASONS and situation.governing.policy.spec is not None:
        return "" if situation.governing.policy.spec.idle else f"{situation.governing.reference} lost its idle section"
    return ""


def _resume_after(situation: Situation, since: Instant) -> str:
    policy = situation.governing.policy
    section = policy.spec.idle if policy and policy.spec else None
    if section is None or not section.resume_after_seconds or situation.now - since < section.resume_after_seconds:
        return ""
    return f"paused for {section.resume_after_seconds} s, as long as idle.resumeAfterSeconds allows"


def _ensure_running(situation: Situation, message: str) -> tuple[Action, ...]:
    if situation.target is None:
        return (_act(situation, Verb.Create, Reason.ResumedByUser, message, Actor.User),)
    if situation.target.suspended:
        return (_act(situation, Verb.Resume, Reason.ResumedByUser, message, Actor.User),)
    return ()


def _act(
    situation: Situation, verb: Verb, reason: Reason, message: str, by: Actor = Actor.Policy, *, observed: bool = False
) -> Action:
    policy = situation.governing.reference
    return Action(verb, situation.workload.key, reason, message, by=by, policy=policy, observed=observed)


def _reference(situation: Situation) -> str:
    key = situation.workload.key
    return f"{key.kind.lower()}/{key.name} -n {key.namespace}"


def stamp(instant: Instant | None) -> str:
    """An instant for people, UTC, to the second; "-" when there is none."""
    if instant is None:
        return "-"
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
