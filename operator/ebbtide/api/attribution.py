"""Who pays for work: the six keys of the labels table, and a few of one's own."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ebbtide.api.fields import LabelKey, ShortText
from ebbtide.api.labels import ATTRIBUTION, GROUP, RESERVED, attribution_extra_key
from ebbtide.api.model import ApiModel, Rule

_EXTRA_KEY = "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_RESERVED_NAMES = sorted(key.removeprefix(f"{GROUP}/") for key in RESERVED)


class AttributionKey(StrEnum):
    """The six keys that reports know."""

    TEAM = "team"
    PROJECT = "project"
    MODEL = "model"
    MODEL_VERSION = "modelVersion"
    COST_CENTER = "costCenter"
    ENVIRONMENT = "environment"


class AttributionValues(ApiModel):
    """A value for each of the six keys."""

    team: ShortText | None = None
    """The team that pays; label ebbtide.dev/team."""
    project: ShortText | None = None
    """The project the work belongs to; label ebbtide.dev/project."""
    model: ShortText | None = None
    """The model that is trained or served; label ebbtide.dev/model."""
    model_version: ShortText | None = None
    """The model's version; label ebbtide.dev/model-version."""
    cost_center: ShortText | None = None
    """The cost centre in the books; label ebbtide.dev/cost-center."""
    environment: ShortText | None = None
    """For example prod or dev; label ebbtide.dev/environment."""

    def by_label(self) -> dict[str, str]:
        """Label key to full value, of the keys that are given."""
        given = {name: value for name, value in self.to_dict().items() if name in ATTRIBUTION}
        return {ATTRIBUTION[name]: value for name, value in given.items()}


class WorkAttribution(AttributionValues):
    """Who pays for one piece of work."""

    rules: ClassVar = (
        Rule(
            f"!has(self.extra) || self.extra.all(key, key.matches('{_EXTRA_KEY}'))",
            "write keys of extra as the name of a label: letters, digits, dashes, dots, underscores, at most 63, "
            "without a prefix",
            ".extra",
            lambda it: all(re.fullmatch(_EXTRA_KEY, key) for key in it.extra),
        ),
        Rule(
            f"!has(self.extra) || self.extra.all(key, !(key in {_RESERVED_NAMES}))",
            "a key of extra has a meaning of its own in Ebbtide (for example team or restore): choose another name",
            ".extra",
            lambda it: not any(key in _RESERVED_NAMES for key in it.extra),
        ),
    )

    extra: Annotated[dict[str, ShortText], Field(max_length=8)] = Field(default_factory=dict)
    """Up to eight keys of your own; key k becomes label ebbtide.dev/k."""

    def by_label(self) -> dict[str, str]:
        """Label key to full value, of the keys that are given and of extra."""
        return super().by_label() | {attribution_extra_key(key): value for key, value in self.extra.items()}


class AttributionLabels(ApiModel):
    """Existing labels that carry the six keys."""

    team: LabelKey | None = None
    """Label whose value names the team."""
    project: LabelKey | None = None
    """Label whose value names the project."""
    model: LabelKey | None = None
    """Label whose value names the model."""
    model_version: LabelKey | None = None
    """Label whose value names the model's version."""
    cost_center: LabelKey | None = None
    """Label whose value names the cost centre."""
    environment: LabelKey | None = None
    """Label whose value names the environment."""
