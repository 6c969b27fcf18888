"""What must come of a scenario: the four forms of an expectation."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Discriminator, Tag, model_validator

from ebbtide.api.fields import Count, Flag, Seconds, Timestamp
from ebbtide.api.vocabulary import ActionName, CapacityClass, VerdictValue
from ebbtide.core.reason import Reason
from ebbtide.sim.words import Number, Reference, Text, Words, rule, said

STATE = (
    "verdict", "reason", "paused", "running", "started", "capacity_class", "replicas", "next_start", "condition",
)  # fmt: skip


class ConditionWanted(Words):
    """A condition; what is left out may be anything."""

    type: Text
    status: Literal["True", "False", "Unknown"] | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not said(self, "status", "reason"):
            raise rule("write status, reason or both")
        return self


class StateExpectation(Words):
    """How a workload stands after the last tick at or before `at`."""

    at: Seconds
    workload: Reference
    verdict: VerdictValue | None = None
    reason: Reason | None = None
    """Of the condition Paused where `paused` is given, else of the verdict."""
    paused: Flag | None = None
    running: Flag | None = None
    started: Flag | None = None
    capacity_class: CapacityClass | None = None
    replicas: Count | None = None
    next_start: Timestamp | None = None
    condition: ConditionWanted | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not said(self, *STATE):
            names = (type(self).model_fields[name].alias or name for name in STATE)
            raise rule(f"say what is expected at {self.at} s: one or more of {', '.join(names)}")
        return self


class ActionExpectation(Words):
    """How often something was done in [after, before)."""

    action: ActionName
    workload: Reference | None = None
    """Left out: over all."""
    reason: Reason | None = None
    mode: Literal["Enforce", "Observe"] = "Enforce"
    count: Count | None = None
    at_most: Count | None = None
    at_least: Count | None = None
    after: Seconds = 0
    before: Seconds | None = None

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if said(self, "count") and said(self, "at_most", "at_least"):
            raise rule("write either count, or atMost and atLeast")
        if not said(self, "count", "at_most", "at_least"):
            raise rule("say how often: count, atMost or atLeast")
        if self.before is not None and self.before <= self.after:
            raise rule("must be later than after", ".before")
        return self


class FinishExpectation(Words):
    """Whether a workload was done at or before a second."""

    finished: Flag
    workload: Reference
    before: Seconds | None = None
    """Left out: the end."""


class TotalExpectation(Words):
    """A sum at the end; `equals` null: it has no price."""

    total: Literal["cost", "listCost", "saved", "gpuHours", "unallocated", "total"]
    workload: Reference | None = None
    equals: Number | None
    within: Number | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.workload is not None and self.total in {"unallocated", "total"}:
            raise rule(f"{self.total} is of the whole cluster; leave it out", ".workload")
        if self.within is not None and self.within < 0:
            raise rule("write 0 or more", ".within")
        if self.within is not None and self.equals is None:
            raise rule("null is compared exactly; leave it out", ".within")
        return self


FORMS = {"total": "total", "finished": "finished", "action": "action", "at": "at"}
"""Key that tells the form, to the form."""


def _form(value: Any) -> str | None:
    if isinstance(value, Words):
        return next(form for form in FORMS if form in type(value).model_fields)
    return next((form for form in FORMS if form in value), None) if isinstance(value, dict) else None


Expectation: TypeAlias = Annotated[
    Annotated[StateExpectation, Tag("at")]
    | Annotated[ActionExpectation, Tag("action")]
    | Annotated[FinishExpectation, Tag("finished")]
    | Annotated[TotalExpectation, Tag("total")],
    Discriminator(
        _form,
        custom_error_type="format",
        custom_error_message="write a map with one of at, action, finished or total",
    ),
]
