"""Concerns about the life of the object: finished, readable, its name free, its template usable, its Job created."""

from ebbtide.core.action import Verb
from ebbtide.core.intent import Wish
from ebbtide.core.reason import Reason
from ebbtide.core.ruling import Ruling, act
from ebbtide.core.situation import Situation

_OUTCOME = {"True": Reason.JobCompleted, "False": Reason.JobFailed}
"""What a stored Succeeded means whose reason another version has written."""
_ENDS = frozenset({Reason.JobCompleted, Reason.JobFailed, Reason.RetriesExhausted})


def finished(situation: Situation) -> Ruling | None:
    """The work has not finished yet."""
    target = situation.target
    if target is None:
        return _finished_before(situation)
    if target.finished is None:
        return None
    return Ruling("finished", target.finished, f"finished: {target.succeeded} succeeded, {target.failed} failed")


def _finished_before(situation: Situation) -> Ruling | None:
    """Work that has finished is never started again because somebody tidied its Job away."""
    stored = situation.workload.memory.condition("Succeeded")
    if stored is None or stored.status not in _OUTCOME:
        return None
    if 0 < stored.since < situation.workload.created_at:
        return None  # told of a predecessor: status is written by name, and the object was replaced at that moment
    reason = Reason(stored.reason) if stored.reason in _ENDS else _OUTCOME[stored.status]
    return Ruling("finished", reason, "finished; its Job has been deleted since")


def unreadable(situation: Situation) -> Ruling | None:
    """The object can be read by this version."""
    problem = situation.workload.invalid
    if problem is None or (situation.paused_by_us and situation.word.wish is Wish.Run):
        # What we paused, a human can always start again: that needs the restore annotation and no spec.
        return None
    return Ruling("unreadable", Reason.UnknownValue, f"{problem[0]}: {problem[1]}; nothing is done to it")


def name_free(situation: Situation) -> Ruling | None:
    """No foreign object has the name of ours."""
    if not situation.workload.foreign_target:
        return None
    name = situation.workload.key.name
    return Ruling("name_free", Reason.NameConflict, f"a Job named {name} exists and is not ours; delete or rename it")


def template_usable(situation: Situation) -> Ruling | None:
    """The API server has not refused its template."""
    workload = situation.workload
    if situation.target is not None:
        return None
    stored = workload.memory.condition("Accepted")
    if stored is None or stored.reason != Reason.TemplateRejected or stored.observed_generation != workload.generation:
        return None
    message = "the API server refused the Job made from its template: correct the template in a new object"
    return Ruling("template_usable", Reason.TemplateRejected, stored.message or message)


def created(situation: Situation) -> Ruling | None:
    """Its Job exists."""
    if situation.target is not None:
        return None
    message = "nothing holds it back: its Job is created running"
    create = act(situation, Verb.Create, Reason.Running, message)
    return Ruling("created", Reason.Running, message, (create,))
