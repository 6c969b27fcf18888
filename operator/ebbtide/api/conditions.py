"""Conditions as Kubernetes has them: one per type, with the time of the last change and the generation it is about."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, TypeAlias

from annotated_types import Ge
from pydantic import StringConstraints

from ebbtide.api.fields import Timestamp, at_most, map_by
from ebbtide.api.model import ApiModel


class ConditionStatus(StrEnum):
    """The three states that Kubernetes knows; the words are its own."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One aspect of the object's state, and why it is so."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=316, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Which aspect, in CamelCase, for example Paused."""
    status: ConditionStatus
    """True, False or Unknown."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """Why, as one CamelCase word of the list in docs/reasons.md."""
    message: Annotated[str, StringConstraints(max_length=32768)] = ""
    """Why, as a sentence with the numbers behind it."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Annotated[int, Ge(0)] | None = None
    """The metadata.generation that this condition is about."""


Conditions: TypeAlias = Annotated[tuple[Condition, ...], at_most(16), map_by("type")]


def find(conditions: Iterable[Condition], wanted: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == wanted), None)


def merged(stored: Iterable[Condition], wanted: Iterable[Condition]) -> tuple[Condition, ...]:
    """`wanted`, each with the stored transition time where its status has not changed."""
    before = {condition.type: condition for condition in stored}
    return tuple(_keeping_time(before.get(condition.type), condition) for condition in wanted)


def _keeping_time(before: Condition | None, now: Condition) -> Condition:
    if before is None or before.status != now.status:
        return now
    return now.model_copy(update={"last_transition_time": before.last_transition_time})
