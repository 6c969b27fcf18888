"""The explanation of a decision: computed only when somebody will read it."""

from dataclasses import replace

from msgspec.structs import replace as changed

from ebbtide.core.action import Check
from ebbtide.core.concerns import trace
from ebbtide.core.decision import Decision
from ebbtide.core.judgement import Judgement
from ebbtide.core.verdict import describe


def checks(decision: Decision) -> tuple[Check, ...]:
    """The chain of checks behind the decision, in order."""
    return trace(decision.ruled.situation, decision.ruled.ruling)


def described(decision: Decision) -> Judgement:
    """The judgement with its devices filled in."""
    return describe(decision.ruled.situation.gang, decision.judgement)


def with_numbers(decision: Decision) -> Decision:
    """The decision with what it announces or does carrying the numbers of every device (about 1 ms for ten)."""
    short, full = decision.judgement.message, described(decision).message
    actions = tuple(replace(action, message=action.message.replace(short, full, 1)) for action in decision.actions)
    return changed(decision, actions=actions)
