"""Who pays: what a workload does not say itself is filled in by its policy (design: labels table, precedence)."""

from collections.abc import Mapping
from dataclasses import fields, replace

from ebbtide.api.cost_policy import AttributionSection
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Attribution, Namespace, Workload

KEYS = tuple(field.name for field in fields(Attribution))


def resolved(workload: Workload, namespace: Namespace, policy: Policy | None) -> Attribution:
    """Own words first, then labels of the object, of its namespace, then the policy's defaults; else empty."""
    own, section = workload.attribution, _section(policy)
    lacking = [key for key in KEYS if not getattr(own, key)] if section is not None else []
    if section is None or not lacking:
        return own
    places = (dict(workload.labels), dict(namespace.labels))
    found = {key: value for key in lacking if (value := _from_policy(key, section, places))}
    return replace(own, **found) if found else own


def missing(attribution: Attribution, policy: Policy | None) -> tuple[str, ...]:
    """Keys that the policy requires and nobody gives, as the policy spells them."""
    section = _section(policy)
    return tuple(str(key) for key in section.required if not getattr(attribution, key.name.lower())) if section else ()


def _section(policy: Policy | None) -> AttributionSection | None:
    return policy.spec.attribution if policy is not None and policy.spec is not None else None


def _from_policy(key: str, section: AttributionSection, places: tuple[Mapping[str, str], ...]) -> str:
    label = getattr(section.labels_from, key)
    found = next((labels[label] for labels in places if label and labels.get(label)), "")
    return found or getattr(section.defaults, key) or ""
