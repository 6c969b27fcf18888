"""What the operator did in a tick, as the result tells it."""

from collections.abc import Callable
from typing import Final

from ebbtide.api.vocabulary import ActionName
from ebbtide.core.action import Action
from ebbtide.core.workload import WorkloadKey
from ebbtide.ports import Outcome, OutcomeKind, TickReport
from ebbtide.sim.result import ActionRecord, WorkloadName

NAMED: Final = frozenset(str(name) for name in ActionName)
"""Other verbs are housekeeping of the operator's own."""
_FINE: Final = frozenset({OutcomeKind.Done, OutcomeKind.Observed})


def records(second: int, report: TickReport, name_of: Callable[[WorkloadKey], WorkloadName]) -> list[ActionRecord]:
    """By workload, each one's in the order in which they were done. What was so already is no action."""
    done = sorted(report.outcomes, key=lambda it: it[0].workload)
    return [
        _record(second, action, outcome, name_of(action.workload))
        for action, outcome in done
        if outcome.kind is not OutcomeKind.Unchanged and str(action.verb) in NAMED
    ]


def _record(second: int, action: Action, outcome: Outcome, workload: WorkloadName) -> ActionRecord:
    fine = outcome.kind in _FINE
    return ActionRecord(
        at=second,
        action=str(action.verb),
        workload=workload,
        reason=str(action.reason),
        message=action.message,
        mode="Observe" if action.observed else "Enforce",
        failed=not fine,
        problem="" if fine else outcome.message or str(outcome.kind),
    )
