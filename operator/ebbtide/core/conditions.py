"""The conditions of a workload: every one from first sight, each with the reason that decided it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ebbtide.core.action import Verb
from ebbtide.core.announcement import announcement
from ebbtide.core.deadline import AT_RISK
from ebbtide.core.decision import Decision
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.intent import Wish
from ebbtide.core.judgement import Verdict
from ebbtide.core.pricing import HOW_TO_END_OVERLAP, HOW_TO_PRICE, WITHOUT_EFFECT
from ebbtide.core.reason import Reason
from ebbtide.core.slack import outlook_of
from ebbtide.core.workload import HourlyCost, Pod, Workload

Problem: TypeAlias = tuple[Reason, str]
"""Why the API server refused an action of this tick: TemplateRejected or PermissionDenied, and its sentence."""

_UNACCEPTABLE = frozenset({Reason.NameConflict, Reason.TemplateRejected})
_BAD_REFERENCE = frozenset({Reason.PolicyNotFound, Reason.PolicyInvalid})
_OUTCOMES = {Reason.JobCompleted: "True", Reason.JobFailed: "False", Reason.RetriesExhausted: "False"}
_SHOWN = 5
"""Nodes that a message names."""
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
        _running(decision, done),
        _idle(decision, done),
        _paused(decision, done),
        Condition("WithinBudget", "True", Reason.WithinBudget, "no CostBudget covers this workload"),
        _priced(decision),
        _deadline(decision),
    )


def _accepted(decision: Decision, problem: Problem | None) -> Condition:
    """False: the object, its template or what it refers to cannot be used as written."""
    situation = decision.ruled.situation
    if problem is not None and problem[0] in _UNACCEPTABLE:
        return Condition("Accepted", "False", *problem)
    if situation.workload.invalid is not None:
        return Condition("Accepted", "False", Reason.UnknownValue, ": ".join(situation.workload.invalid))
    if decision.deciding in _UNACCEPTABLE:
        return Condition("Accepted", "False", decision.deciding, decision.message)
    if situation.governing.reason in _BAD_REFERENCE:
        return Condition("Accepted", "False", situation.governing.reason, situation.governing.message)
    return _used(situation.workload, is_over=decision.deciding in _OUTCOMES)


def _used(workload: Workload, *, is_over: bool) -> Condition:
    """Accepted, what of it is left out, and what of it nobody can promise."""
    if workload.during_unusable:
        return Condition("Accepted", "True", Reason.UnsupportedKind, workload.during_unusable)
    if workload.intent.invalid:
        return Condition("Accepted", "True", Reason.InvalidAnnotation, "; ".join(workload.intent.invalid))
    if workload.starts_singly and workload.itself is None and not is_over:
        return Condition("Accepted", "True", Reason.GangNotGuaranteed, _singly(workload))
    return Condition("Accepted", "True", Reason.Accepted, "the object is used as written")


def _singly(workload: Workload) -> str:
    """It is used all the same: where there is room for all, they start together without help."""
    return (
        f"its {workload.workers} pods may start one by one, and those that run hold their devices while they wait for "
        "the others: neither spec.queue nor spec.template.spec.schedulerName names who starts them together"
    )


def _succeeded(decision: Decision, problem: Problem | None) -> Condition:
    """Unknown while open; its reason is the one that decides, shown as STATE."""
    if problem is not None:
        return Condition("Succeeded", "Unknown", *problem)
    status = _OUTCOMES.get(decision.deciding, "Unknown")
    return Condition("Succeeded", status, decision.deciding, decision.message)


def _running(decision: Decision, done: frozenset[Verb]) -> Condition:
    situation = decision.ruled.situation
    pods = situation.pods
    ready = sum(1 for pod in pods if pod.ready_since is not None)
    message = f"{ready} of {situation.workload.workers} pods are ready"
    if decision.deciding in _OUTCOMES:
        return Condition("Running", "False", decision.deciding, "finished")
    if _is_held(decision, done):
        return Condition("Running", "False", decision.deciding, "suspended")
    if pods and ready >= situation.workload.workers:
        return Condition("Running", "True", Reason.Running, message)
    if _waits_in_queue(situation.workload, pods):
        said = f"waits in queue {situation.workload.queue}: Kueue starts it"
        return Condition("Running", "False", Reason.QueueWaiting, said)
    return Condition("Running", "False", _waits_for(pods), message)


def _waits_in_queue(workload: Workload, pods: Iterable[Pod]) -> bool:
    """Kueue has not admitted it. A server's pods are queued one by one, and none is on a node before."""
    if not workload.queue:
        return False
    if workload.itself is not None:
        return not workload.admitted
    return not workload.in_hands_of_queue and all(not pod.node for pod in pods)


def _waits_for(pods: Iterable[Pod]) -> Reason:
    failing = next((pod.failing for pod in pods if pod.failing is not None), None)
    if failing is not None:
        return failing
    return Reason.Unschedulable if any(pod.unschedulable for pod in pods) else Reason.InGracePeriod


def _idle(decision: Decision, done: frozenset[Verb]) -> Condition:
    """The evidence, and what people are warned of as long as that stands."""
    judgement, announced = decision.judgement, announcement(decision, done)
    said = f"{judgement.message}; {announced}" if announced else judgement.message
    if judgement.verdict in IDLE_VERDICTS:
        return Condition("Idle", "True", judgement.reason, said)
    status = "Unknown" if judgement.verdict in _UNJUDGED else "False"
    return Condition("Idle", status, judgement.reason, said)


def _paused(decision: Decision, done: frozenset[Verb]) -> Condition:
    """True while Ebbtide or a human keeps it from running, also before the first start; not while a queue does."""
    if _is_held(decision, done) and decision.deciding is not Reason.QueueWaiting:
        return Condition("Paused", "True", decision.deciding, _why_paused(decision))
    return Condition("Paused", "False", Reason.Running, "nothing keeps it from running")


def _why_paused(decision: Decision) -> str:
    """What led to it, as it was told then; since when, the condition Succeeded says already."""
    situation = decision.ruled.situation
    pause = situation.workload.memory.pause
    stands = situation.paused_by_us and pause is not None and pause.ended_at is None
    return (pause.message if stands and pause else "") or decision.message


def _is_held(decision: Decision, done: frozenset[Verb]) -> bool:
    target = decision.ruled.situation.target
    if decision.deciding in _OUTCOMES:
        return False
    if target is None:
        return decision.ruled.situation.word.wish is Wish.Stop or decision.deciding is Reason.PausedDuring
    if Verb.Resume in done:
        return False
    paused_now = any(action.verb is Verb.Pause and not action.observed for action in decision.actions)
    return target.suspended or (paused_now and Verb.Pause in done)


def _priced(decision: Decision) -> Condition:
    hourly = decision.hourly
    if hourly is None:
        return Condition("Priced", "Unknown", Reason.AllPriced, "no pod is bound to a node")
    if hourly.amount is None:
        return _unpriced(hourly)
    return Condition("Priced", "True", Reason.AllPriced, f"{hourly.amount:.2f} {hourly.currency} per hour")


def _unpriced(hourly: HourlyCost) -> Condition:
    if hourly.overlap:
        nodes = ", ".join(hourly.unpriced_nodes[:_SHOWN])
        said = f"two equally specific PriceCatalog rows match {nodes}: {HOW_TO_END_OVERLAP}"
        return Condition("Priced", "False", Reason.CatalogOverlap, said)
    matched = dict(hourly.without_effect)
    bare = ", ".join([node for node in hourly.unpriced_nodes if node not in matched][:_SHOWN])
    parts = [f"no PriceCatalog row in force, in the ledger's currency, matches {bare}"] if bare else []
    if matched:
        rows = ", ".join(f"{row} matches {node}" for node, row in hourly.without_effect[:_SHOWN])
        parts.append(f"PriceCatalog row {rows}, but {WITHOUT_EFFECT}: {HOW_TO_PRICE}")
    return Condition("Priced", "False", Reason.NodeUnpriced, "; ".join(parts))


def _deadline(decision: Decision) -> Condition:
    found = outlook_of(decision.ruled.situation)
    if found is None:
        return Condition("DeadlineAtRisk", "False", Reason.OnSchedule, "it has no deadline")
    if decision.deciding in _OUTCOMES:
        return Condition("DeadlineAtRisk", "False", decision.deciding, "finished")
    if found.reason is Reason.NoEstimate:
        return Condition("DeadlineAtRisk", "Unknown", found.reason, found.message)
    return Condition("DeadlineAtRisk", "True" if found.reason in AT_RISK else "False", found.reason, found.message)
