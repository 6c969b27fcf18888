"""The explanation of a decision: computed only when somebody will read it."""

from ebbtide.core.concerns import trace
from ebbtide.core.decision import Check, Decision, Judgement
from ebbtide.core.verdict import describe


def checks(decision: Decision) -> tuple[Check, ...]:
    """The chain of checks behind the decision, in order."""
    return trace(decision.ruled.situation, decision.ruled.ruling)


def described(decision: Decision) -> Judgement:
    """The judgement with its devices filled in."""
    return describe(decision.ruled.situation.gang, decision.judgement)
