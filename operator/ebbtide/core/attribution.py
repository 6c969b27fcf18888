"""Who pays: what a workload does not say itself is filled in by its policy (design: labels table, precedence)."""

from collections.abc import Mapping
from dataclasses import fields

from ebbtide.api.cost_policy import AttributionSection
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Attribution

KEYS = tuple(field.name for field in fields(Attribution))


def resolved(situation: Situation) -> Attribution:
    """Own words first, then labels of the object, of its namespace, then the policy's defaults; else empty."""
    own, policy = situation.workload.attribution, situation.governing.policy
    section = policy.spec.attribution if policy is not None and policy.spec is not None else None
    if section is None:
        return own
    places = (dict(situation.workload.labels), dict(situation.namespace.labels))
    return Attribution(**{key: getattr(own, key) or _from_policy(key, section, places) for key in KEYS})


def missing(attribution: Attribution, situation: Situation) -> tuple[str, ...]:
    """Keys that the policy requires and nobody gives, as the policy spells them."""
    policy = situation.governing.policy
    section = policy.spec.attribution if policy is not None and policy.spec is not None else None
    return tuple(str(key) for key in section.required if not getattr(attribution, key.name.lower())) if section else ()


def _from_policy(key: str, section: AttributionSection, places: tuple[Mapping[str, str], ...]) -> str:
    label = getattr(section.labels_from, key)
    found = next((labels[label] for labels in places if label and labels.get(label)), "")
    return found or getattr(section.defaults, key) or ""
