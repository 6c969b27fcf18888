"""Expectations against what was found, each with words for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from ebbtide.api.fields import format_timestamp, parse_timestamp
from ebbtide.sim.expectation import (
    ActionExpectation,
    ConditionWanted,
    FinishExpectation,
    StateExpectation,
    TotalExpectation,
)
from ebbtide.sim.result import ActionRecord, Costs, Finding, WorkloadCost, WorkloadName, rounded, shown
from ebbtide.sim.words import Reference

Exists: TypeAlias = Callable[[Reference], str]
"""What is wrong with the name of a workload; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a workload stands at one instant; None: nobody can say."""

    verdict: str
    """Empty: no tick has judged it."""
    verdict_reason: str
    paused: bool
    paused_reason: str
    running: bool
    started: bool
    capacity_class: str
    replicas: int | None
    next_start: str | None
    conditions: Sequence[Mapping[str, Any]]


def judge_state(wanted: StateExpectation, raw: Mapping[str, Any], found: Standing | None, known: str) -> Finding:
    """A state at an instant. `known`: the workloads that there are, for who names another."""
    if found is None:
        return Finding(passed=False, expectation=raw, found=f"there is no {wanted.workload} at that time; {known}")
    checks = list(_state_checks(wanted, found))
    return Finding(all(passed for passed, _ in checks), raw, ", ".join(told for _, told in checks))


def _state_checks(wanted: StateExpectation, found: Standing) -> Iterable[tuple[bool, str]]:
    """What was asked for, in the order of the contract."""
    if wanted.verdict is not None:
        yield found.verdict == wanted.verdict, f"verdict: {found.verdict or 'none yet'}"
    if wanted.reason is not None:
        reason = found.paused_reason if wanted.paused is not None else found.verdict_reason
        yield reason == wanted.reason, f"reason: {reason or 'none yet'}"
    for name in ("paused", "running", "started"):
        said, is_so = getattr(wanted, name), getattr(found, name)
        if said is not None:
            yield said == is_so, f"{name}: {str(is_so).lower()}"
    if wanted.capacity_class is not None:
        yield found.capacity_class == wanted.capacity_class, f"capacityClass: {found.capacity_class or 'none yet'}"
    if wanted.replicas is not None:
        yield found.replicas == wanted.replicas, f"replicas: {'none' if found.replicas is None else found.replicas}"
    if wanted.next_start is not None:
        yield _same_time(wanted.next_start, found.next_start), f"nextStart: {found.next_start or 'none'}"
    if wanted.condition is not None:
        yield _condition(wanted.condition, found.conditions)


def _same_time(wanted: datetime, found: str | None) -> bool:
    try:
        return found is not None and parse_timestamp(found) == wanted
    except ValueError:
        return False


def _condition(wanted: ConditionWanted, conditions: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    there = next((one for one in conditions if one.get("type") == wanted.type), None)
    if there is None:
        return False, f"condition {wanted.type}: not there"
    status, reason = there.get("status"), there.get("reason")
    passed = wanted.status in {None, status} and wanted.reason in {None, reason}
    return passed, f"condition {wanted.type}: {status} ({reason})"


def judge_actions(
    wanted: ActionExpectation, raw: Mapping[str, Any], actions: Iterable[ActionRecord], exists: Exists
) -> Finding:
    """How often something succeeded in [after, before)."""
    if wanted.workload is not None and (missing := exists(wanted.workload)):
        return Finding(passed=False, expectation=raw, found=missing)
    hits = [it for it in actions if _counts(wanted, it)]
    number = len(hits)
    least = wanted.count if wanted.count is not None else wanted.at_least
    most = wanted.count if wanted.count is not None else wanted.at_most
    passed = (least is None or number >= least) and (most is None or number <= most)
    times = ", ".join(f"{it.at} s {it.workload}" for it in hits[:5])
    more = f" and {number - 5} more" if number > 5 else ""
    return Finding(passed, raw, f"{number}" + (f": {times}{more}" if times else ""))


def _counts(wanted: ActionExpectation, it: ActionRecord) -> bool:
    return (
        not it.failed
        and it.action == wanted.action
        and it.mode == wanted.mode
        and wanted.reason in {None, it.reason}
        and it.at >= wanted.after
        and (wanted.before is None or it.at < wanted.before)
        and (wanted.workload is None or is_named(it.workload, wanted.workload))
    )


def judge_finish(wanted: FinishExpectation, raw: Mapping[str, Any], succeeded_at: int | None, missing: str) -> Finding:
    """Whether it was done at or before a second."""
    if missing:
        return Finding(passed=False, expectation=raw, found=missing)
    done = succeeded_at is not None and (wanted.before is None or succeeded_at <= wanted.before)
    return Finding(done == wanted.finished, raw, "not finished" if succeeded_at is None else f"at {succeeded_at} s")


def judge_total(wanted: TotalExpectation, raw: Mapping[str, Any], costs: Costs, exists: Exists) -> Finding:
    """A sum at the end, as it is printed."""
    if wanted.workload is not None and (missing := exists(wanted.workload)):
        return Finding(passed=False, expectation=raw, found=missing)
    found = _total(wanted, costs)
    if wanted.equals is None:
        unpriced = costs.unpriced if wanted.workload is None else found is None
        return Finding(unpriced, raw, "unpriced" if unpriced else _told(found))
    if found is None:
        return Finding(passed=False, expectation=raw, found="unpriced")
    return Finding(abs(found - wanted.equals) <= (wanted.within or 0), raw, _told(found))


def _told(found: Decimal | None) -> str:
    return "unpriced" if found is None else shown(found)


def _total(wanted: TotalExpectation, costs: Costs) -> Decimal | None:
    if wanted.total == "unallocated":
        return costs.unallocated
    if wanted.total == "total":
        return costs.total
    amounts = [
        _AMOUNTS[wanted.total](it)
        for it in costs.workloads
        if wanted.workload is None or is_named(it.workload, wanted.workload)
    ]
    if wanted.workload is not None and any(it is None for it in amounts):
        return None
    return sum((rounded(it) for it in amounts if it is not None), Decimal(0))


_AMOUNTS: Mapping[str, Callable[[WorkloadCost], Fraction | None]] = {
    "cost": lambda it: it.cost,
    "listCost": lambda it: it.list_cost,
    "saved": lambda it: it.saved,
    "gpuHours": lambda it: it.gpu_hours,
}


def is_named(name: WorkloadName, wanted: Reference) -> bool:
    """Whether a reference means this workload."""
    same = (name.namespace, name.kind, name.name) == (wanted.namespace, wanted.kind, wanted.name)
    return same and wanted.api_version in {None, name.api_version}


def next_start_text(at: object) -> str | None:
    """A time of a status, if it is one."""
    try:
        return format_timestamp(parse_timestamp(at)) if isinstance(at, str) else None
    except ValueError:
        return None
