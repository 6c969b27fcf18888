"""What was seen beside the devices, and what is not looked at, as links of the chain that `explain` shows."""

from collections.abc import Iterator
from typing import Final

from ebbtide.core.action import Check, Result
from ebbtide.core.beside import notebook_at
from ebbtide.core.guards import GUARDS, measured, use_sentence
from ebbtide.core.judgement import Verdict
from ebbtide.core.situation import Situation
from ebbtide.core.wording import clock, duration

NOTEBOOKS: Final = frozenset({"Notebook", "Workspace"})
"""Kinds in which people work."""
NOBODY: Final = (
    "nothing tells of people or kernels (annotation notebooks.kubeflow.org/last-activity, series "
    "jupyter_server_last_activity_timestamp_seconds): they are not looked at"
)


def sign_checks(situation: Situation) -> Iterator[Check]:
    """One link for CPU and for network, and one for a notebook; Skip where it is not looked at. None without pods."""
    gang, span = situation.gang, situation.judgement.span_seconds
    if situation.judgement.verdict is Verdict.NotApplicable:
        return
    for guard in GUARDS:
        result = Result.Skip if measured(guard, gang, span) is None else Result.Pass
        yield Check(guard.name.lower(), result, "", use_sentence(guard, gang, span))
    at = notebook_at(gang)
    if at is not None:
        said = f"its notebook was last active at {clock(at, gang.now)}, {duration(gang.now - at)} ago"
        yield Check("notebook", Result.Pass, "", said)
    elif situation.workload.key.kind in NOTEBOOKS:
        yield Check("notebook", Result.Skip, "", NOBODY)
