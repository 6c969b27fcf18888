"""The result of a run as the contract's JSON object."""

from fractions import Fraction
from typing import Any

from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.result import ActionRecord, Costs, Result, VerdictSpan, WorkloadCost, WorkloadName, rounded, shown


def as_json(result: Result) -> dict[str, Any]:
    """Keys in the order of the contract."""
    clock = SimulatedClock(result.start)
    return {
        "scenario": result.scenario,
        "start": clock.stamp(0),
        "end": clock.stamp(result.duration),
        "actions": [_action(it, clock) for it in result.actions],
        "verdicts": [_verdict(it, clock) for it in result.verdicts],
        "costs": _costs(result.costs),
        "expectations": [
            {"passed": it.passed, "expectation": dict(it.expectation), "found": it.found} for it in result.findings
        ],
    }


def _workload(name: WorkloadName) -> dict[str, str]:
    return {"apiVersion": name.api_version, "kind": name.kind, "namespace": name.namespace, "name": name.name}


def _action(it: ActionRecord, clock: SimulatedClock) -> dict[str, Any]:
    return {
        "time": clock.stamp(it.at),
        "action": it.action,
        "workload": _workload(it.workload),
        "reason": it.reason,
        "message": f"{it.message}; it failed: {it.problem}" if it.failed else it.message,
        "mode": it.mode,
        "failed": it.failed,
    }


def _verdict(it: VerdictSpan, clock: SimulatedClock) -> dict[str, Any]:
    return {
        "from": clock.stamp(it.start),
        "to": clock.stamp(it.end),
        "workload": _workload(it.workload),
        "verdict": it.verdict,
        "reason": it.reason,
    }


def _costs(costs: Costs) -> dict[str, Any]:
    return {
        "currency": costs.currency,
        "unpriced": costs.unpriced,
        "workloads": [_cost(it) for it in costs.workloads],
        "unallocated": shown(costs.unallocated),
        "total": shown(costs.total),
    }


def _cost(it: WorkloadCost) -> dict[str, Any]:
    return {
        "workload": _workload(it.workload),
        "cost": _amount(it.cost),
        "listCost": _amount(it.list_cost),
        "saved": _amount(it.saved),
        "gpuHours": _amount(it.gpu_hours),
    }


def _amount(amount: Fraction | None) -> str | None:
    return None if amount is None else shown(rounded(amount))
