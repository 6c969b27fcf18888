"""Idleness as a concern: the last of the chain. Verdict, warning, pause, and what refuses the pause."""

from msgspec.structs import replace as changed

from ebbtide.api.idle_section import IdleSection
from ebbtide.core.action import Check, Result, Verb
from ebbtide.core.beside import request_doubt
from ebbtide.core.idle import IDLE_VERDICTS, Countdown, Refusal, countdown, refusal
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act, veto_command
from ebbtide.core.sign_checks import sign_checks
from ebbtide.core.situation import Situation
from ebbtide.core.slack import outlook_of
from ebbtide.core.tidings import tidings
from ebbtide.core.timeout_checks import timeout_checks
from ebbtide.core.timestamps import stamp
from ebbtide.core.wording import duration
from ebbtide.core.workload import KindClass


def idle(situation: Situation) -> Ruling:
    """Idleness: the verdict, the warning, the pause and what refuses it."""
    judgement, governing = situation.judgement, situation.governing
    if judgement.verdict not in IDLE_VERDICTS:
        due = steps(situation)
        return Ruling("idle", judgement.reason, judgement.message, tidings(situation), countdown=due)
    if _section(situation) is None:
        reason = governing.reason or Reason.NoPolicy
        message = governing.message if governing.reason else f"{governing.reference} has no idle section"
        return Ruling("idle", judgement.reason, f"{judgement.message}; {message}", refused=reason)
    refused = _refusal(situation)
    due = steps(situation, may_pause=not _forbids(refused))
    return _idle_ruling(situation, _patient(due, refused), refused)


def _forbids(refused: Refusal | None) -> bool:
    """Something besides time stands against a pause."""
    return refused is not None and refused.until is None


def steps(situation: Situation, *, may_pause: bool = False) -> Countdown:
    """Where it stands between warning and pause. `may_pause`: no more than time refuses one."""
    return countdown(
        situation.judgement,
        situation.rule,
        situation.workload.memory,
        situation.now,
        enforce=situation.governing.enforce,
        may_pause=may_pause,
    )


def _patient(due: Countdown, refused: Refusal | None) -> Countdown:
    """A refusal that ends by itself puts the pause off: what is announced is when both are over."""
    if refused is None or refused.until is None or due.eligible_after is None or refused.until <= due.eligible_after:
        return due
    return changed(due, eligible_after=refused.until)


def _idle_ruling(situation: Situation, due: Countdown, refused: Refusal | None) -> Ruling:
    judgement, observed = situation.judgement, not situation.governing.enforce
    withheld = refused.reason if refused is not None and _forbids(refused) else None
    if due.due is Verb.Warn:
        message = _warning(situation, due, refused)
        warn = act(situation, Verb.Warn, judgement.reason, message, observed=observed)
        return Ruling("idle", judgement.reason, message, (warn,), countdown=due, withheld=withheld)
    if due.due is None:
        said = due.message if refused is None else f"warned; not paused: {refused.message}"
        return Ruling("idle", judgement.reason, f"{judgement.message}; {said}", countdown=due, withheld=withheld)
    if refused is not None:
        denied = refused.reason
        return Ruling("idle", denied, refused.message, refused=denied, countdown=due, withheld=withheld)
    pause = act(situation, Verb.Pause, judgement.reason, judgement.message, observed=observed)
    return Ruling("idle", judgement.reason, judgement.message, (pause,), countdown=due)


def _warning(situation: Situation, due: Countdown, refused: Refusal | None) -> str:
    """What people are warned of: when, and the one line that vetoes it."""
    if refused is not None and refused.until is None:
        return f"{situation.judgement.message}; not paused: {refused.message}"
    why = "" if refused is None else f" ({refused.message})"
    return (
        f"{situation.judgement.message}; it will be paused after {stamp(due.eligible_after)}{why} unless used; "
        f"`{veto_command(situation)}` prevents that"
    )


def _section(situation: Situation) -> IdleSection | None:
    policy = situation.governing.policy
    return policy.spec.idle if policy is not None and policy.spec is not None else None


def _refusal(situation: Situation) -> Refusal | None:
    policy, section = situation.governing.policy, _section(situation)
    if policy is None or policy.spec is None or section is None:
        return None
    limits, found = policy.spec.limits, situation.judgement.reason
    requests = _request_doubt(situation) if _asks_for_requests(situation) else ""
    return refusal(
        situation.workload,
        situation.pods,
        section,
        limits,
        found=found,
        requests=requests,
        now=situation.now,
        outlook=outlook_of(situation),
        idle_since=situation.judgement.idle_since,
    )


def _asks_for_requests(situation: Situation) -> bool:
    return situation.workload.kind_class is KindClass.Serving and situation.rule.counts_requests


def _request_doubt(situation: Situation) -> str:
    return request_doubt(situation.gang, situation.judgement.span_seconds)


def idle_trace(situation: Situation, ruling: Ruling) -> list[Check]:
    """The idle concern link by link: verdict, policy, signs beside the devices, refusals, countdown, limits, mode."""
    judgement, governing = situation.judgement, situation.governing
    is_idle = judgement.verdict in IDLE_VERDICTS
    checks = [*timeout_checks(situation)]
    checks.append(Check("verdict", Result.Pass if is_idle else Result.Stop, judgement.reason, judgement.message))
    if not is_idle:
        return [*checks, *sign_checks(situation)] if _section(situation) is not None else checks
    if _section(situation) is None:
        return [*checks, Check("policy", Result.Stop, ruling.refused or Reason.NoPolicy, ruling.message)]
    checks.append(Check("policy", Result.Pass, "", governing.message))
    checks += sign_checks(situation)
    if _asks_for_requests(situation) and not _request_doubt(situation):
        said = f"no requests in {duration(judgement.span_seconds)}, by series that cover all of it"
        checks.append(Check("requests", Result.Pass, "", said))
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
