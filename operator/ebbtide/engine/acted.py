"""What became of a decision."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from ebbtide.core.action import HOUSEKEEPING, Action, Verb
from ebbtide.core.conditions import Problem
from ebbtide.core.decision import Decision
from ebbtide.core.reason import Reason
from ebbtide.ports import Outcome, OutcomeKind

FINE: Final = frozenset({OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.Observed})
_PROBLEMS: Final = {
    OutcomeKind.Rejected: Reason.TemplateRejected,
    OutcomeKind.Denied: Reason.PermissionDenied,
    OutcomeKind.NameConflict: Reason.NameConflict,
}
_NOTHING: Final[frozenset[Verb]] = frozenset()
_MOVES: Final = frozenset({Verb.Pause, Verb.Resume, Verb.Hold, Verb.Start})


@dataclass(slots=True)
class Acted:
    """What became of one decision's actions."""

    decision: Decision
    outcomes: list[tuple[Action, Outcome]] = field(default_factory=list)
    standing: tuple[tuple[Action, Outcome], ...] = ()
    """What was not tried in this tick because it was refused a short while ago, and how."""

    @property
    def done(self) -> frozenset[Verb]:
        """Verbs that the API server accepted, or that needed no call."""
        if not self.outcomes:
            return _NOTHING  # so it is for all but a handful
        return frozenset(action.verb for action, outcome in self.outcomes if _is_done(action, outcome))

    @property
    def version(self) -> str:
        """Of the object with the lever as its stop or start left it; empty: it was not moved."""
        moved = (outcome.version for action, outcome in self.outcomes if action.verb in _MOVES)
        return next((version for version in moved if version), "")

    @property
    def problem(self) -> Problem | None:
        """The refusal of the API server that a user must see."""
        for action, outcome in chain(self.outcomes, self.standing):
            if action.verb in HOUSEKEEPING:
                continue
            if outcome.kind is OutcomeKind.Rejected and action.verb is not Verb.Create:
                return Reason.PermissionDenied, outcome.message
            if outcome.kind in _PROBLEMS:
                return _PROBLEMS[outcome.kind], outcome.message
        return None


def _is_done(action: Action, outcome: Outcome) -> bool:
    """Labels that were there already were not written: they are counted."""
    return outcome.kind in FINE and (action.verb is not Verb.Label or outcome.kind is OutcomeKind.Done)
