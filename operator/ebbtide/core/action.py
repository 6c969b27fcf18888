"""What can be done to a workload, and the checks that lead to it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ebbtide.api.vocabulary import CheckResult as Result
from ebbtide.api.vocabulary import Initiator as Actor
from ebbtide.core.reason import Reason
from ebbtide.core.workload import WorkloadKey

__all__ = ["HOUSEKEEPING", "Action", "Actor", "Check", "Result", "Verb"]


class Verb(StrEnum):
    """What can be done to a workload."""

    Create = "Create"
    Hold = "Hold"
    Start = "Start"
    Warn = "Warn"
    Pause = "Pause"
    Resume = "Resume"
    Notify = "Notify"
    Forget = "Forget"
    """Remove a restore annotation that no longer describes the object (RestoreStale, a human moved the lever)."""
    Adopt = "Adopt"
    """Create the AdoptedWorkload that carries the status; never touches the user's object."""
    Discard = "Discard"
    """Delete the AdoptedWorkload of what is finished, or no policy selects any more."""
    Label = "Label"
    """Write the attribution labels that are missing on the user's object, and on its pods where the chart allows."""


HOUSEKEEPING: Final = frozenset({Verb.Adopt, Verb.Discard, Verb.Label})
"""Done besides what was decided about the work itself; their failure says nothing about the work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One link of the chain that `explain` shows: its name, how it ended, and the sentence with the numbers."""

    name: str
    result: Result
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, complete enough for the executor to do it and for a person to understand it."""

    verb: Verb
    workload: WorkloadKey
    reason: Reason
    message: str
    by: Actor = Actor.Policy
    policy: str = ""
    """Kind/name of the governing policy; empty without one."""
    observed: bool = False
    """Planned only: Observe mode, or enforcement disabled."""
    suspended: bool = False
    """Create: the Job is created suspended."""
    pods: tuple[str, ...] = ()
    """Label: names of the pods that lack a label too."""
    request: str = ""
    """Label: what is written, as it is counted."""
    attempt: int = 0
    """Label: the how manieth time; what is new since the last one does not count."""
