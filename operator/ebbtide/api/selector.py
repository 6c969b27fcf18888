"""Label selectors, as everywhere in Kubernetes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ebbtide.api.fields import ATOMIC, LabelKey, LabelText, at_most
from ebbtide.api.model import ApiModel, Rule


class SelectorOperator(StrEnum):
    """How a label is compared with the values."""

    In = "In"
    NotIn = "NotIn"
    Exists = "Exists"
    DoesNotExist = "DoesNotExist"


_WITH_VALUES = (SelectorOperator.In, SelectorOperator.NotIn)


class SelectorRequirement(ApiModel):
    """One condition on one label."""

    rules: ClassVar = (
        Rule(
            "(self.operator == 'In' || self.operator == 'NotIn') == (has(self.values) && size(self.values) > 0)",
            "In and NotIn need values; with Exists and DoesNotExist leave values out",
            ".values",
            lambda it: (it.operator in _WITH_VALUES) == bool(it.values),
        ),
    )

    key: LabelKey
    """The label's key."""
    operator: SelectorOperator
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[LabelText, ...], at_most(64), ATOMIC] = Field(default_factory=tuple)
    """The values to compare with."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil this requirement; NotIn holds for a label that is absent, as in Kubernetes."""
        if self.operator is SelectorOperator.Exists:
            return self.key in labels
        if self.operator is SelectorOperator.DoesNotExist:
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator is SelectorOperator.In)


class LabelSelector(ApiModel):
    """Selects by labels; all parts must hold, and the empty selector `{}` selects everything."""

    match_labels: Annotated[dict[str, LabelText], Field(max_length=64)] = Field(default_factory=dict)
    """Labels that must be there with exactly these values."""
    match_expressions: Annotated[tuple[SelectorRequirement, ...], at_most(32), ATOMIC] = Field(default_factory=tuple)
    """Further conditions on labels."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )
