"""The conditions of a workload: every one from first sight, each with the reason that decided it."""

from dataclasses import dataclass
from typing import TypeAlias

from ebbtide.core.decision import Decision, Verb, Verdict
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.reason import Reason

Problem: TypeAlias = tuple[Reason, str]
"""Why the API server refused an action of this tick: TemplateRejected, NameConflict or PermissionDenied, and its sentence."""

_UNJUDGED = frozenset({Verdict.Unknown, Verdict.Starting, Verdict.NotApplicable})


@dataclass(frozen=True, slots=True)
class Condition:
    """A desired condition; its transition time comes from what is stored."""

    type: str
    status: str
    reason: Reason
    message: str


def conditions_of(decision: Decision, done: frozenset[Verb], problem: Problem | None = None) -> tuple[Condition, ...]:
    """All eight, in the order people read them."""
    return (
        _accepted(decision, problem),
        _succeeded(decision, problem),
        _running(decision),
        _idle(decision),
        _paused(decision, done),
        Condition("WithinBudget", "True", Reason.WithinBudget, "no CostBudget covers this workload"),
        _priced(decision),
        _deadline(decision),
    )


def _accepted(decision: Decision, problem: Problem | None) -> Condition:
    situation = decision.ruled.situation
    if rejected:
        return Condition("Accepted", "False", Reason.TemplateRejected, problem)
    if decision.deciding in {Reason.UnknownValue, Reason.NameConflict, Reason.TemplateRejected}:
        return Condition("Accepted", "False", decision.deciding, decision.message)
    if situation.workload.intent.invalid:
        return Condition("Accepted", "True", Reason.InvalidAnnotation, "; ".join(situation.workload.intent.invalid))
    return Condition("Accepted", "True", Reason.Accepted, "the object is used as written")


def _succeeded(decision: Decision, problem: Problem | None) -> Condition:
    """Unknown while open; its reason is the one that decides, shown as STATE."""
    if rejected:
        return Condition("Succeeded", "Unknown", Reason.TemplateRejected, problem)
    if decision.deciding is Reason.JobCompleted:
        return Condition("Succeeded", "True", decision.deciding, decision.message)
    if decision.deciding in {Reason.JobFailed, Reason.RetriesExhausted}:
        return Condition("Succeeded", "False", decision.deciding, decision.message)
    return Condition("Succeeded", "Unknown", decision.deciding, decision.message)


def _running(decision: Decision) -> Condition:
    situation = decision.ruled.situation
    target, pods = situation.target, situation.pods
    ready = sum(1 for pod in pods if pod.ready_since is not None)
    if target is not None and target.finished is not None:
        return Condition("Running", "False", target.finished, "finished")
    if pods and ready >= situation.workload.workers:
        return Condition("Running", "True", Reason.Running, f"{ready} of {situation.workload.workers} pods are ready")
    if target is not None and target.suspended:
        return Condition("Running", "False", decision.deciding, "suspended")
    if any(pod.unschedulable for pod in pods):
        return Condition("Running", "False", Reason.Unschedulable, "a pod finds no node")
    return Condition(
        "Running", "False", Reason.InGracePeriod, f"{ready} of {situation.workload.workers} pods are ready"
    )


def _idle(decision: Decision) -> Condition:
    judgement = decision.judgement
    if judgement.verdict in IDLE_VERDICTS:
        return Condition("Idle", "True", judgement.reason, judgement.message)
    status = "Unknown" if judgement.verdict in _UNJUDGED else "False"
    return Condition("Idle", status, judgement.reason, judgement.message)


def _paused(decision: Decision, done: frozenset[Verb]) -> Condition:
    target = decision.ruled.situation.target
    paused = (target is not None and target.suspended and Verb.Resume not in done) or Verb.Pause in done
    if paused and not any(action.observed for action in decision.actions):
        return Condition("Paused", "True", decision.deciding, decision.message)
    return Condition("Paused", "False", Reason.Running, "nothing keeps it from running")


def _priced(decision: Decision) -> Condition:
    hourly = decision.hourly
    if hourly is None:
        return Condition("Priced", "Unknown", Reason.AllPriced, "no pod is bound to a node")
    if hourly.amount is None:
        nodes = ", ".join(hourly.unpriced_nodes[:5])
        return Condition("Priced", "False", Reason.NodeUnpriced, f"no PriceCatalog row in force matches {nodes}")
    return Condition("Priced", "True", Reason.AllPriced, f"{hourly.amount:.2f} {hourly.currency} per hour")


def _deadline(decision: Decision) -> Condition:
    if decision.ruled.situation.workload.deadline is None:
        return Condition("DeadlineAtRisk", "False", Reason.OnSchedule, "it has no deadline")
    return Condition("DeadlineAtRisk", "Unknown", Reason.NoEstimate, "no estimate of its remaining time")
