"""Status of policies and catalogs: whether they are used, and how far they reach."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ebbtide.core.conditions import Condition
from ebbtide.core.decision import Decision, Plan
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import Catalog, ClusterState, Policy
from ebbtide.core.status import fingerprint, merged_conditions


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """A desired status that differs from what is stored. urgent: its acceptance changed."""

    kind: str
    namespace: str
    name: str
    uid: str
    status: dict[str, Any]
    urgent: bool


def changed_statuses(planned: Plan, state: ClusterState, settings: Settings) -> Iterator[ObjectStatus]:
    """Every policy and catalog whose stored status is not what this tick found."""
    reach = _reach(planned.decisions)
    for policy in state.policies:
        yield from _changed_policy(policy, reach, planned)
    for catalog in state.catalogs:
        yield from _changed_catalog(catalog, planned, settings)


def _reach(decisions: Iterable[Decision]) -> Counter[tuple[str, str, str]]:
    """(namespace of the policy, its reference, what) → how many workloads."""
    reach: Counter[tuple[str, str, str]] = Counter()
    for decision in decisions:
        policy = decision.ruled.situation.governing.policy
        if policy is None:
            continue
        where = (policy.namespace, policy.reference)
        reach[(*where, "selected")] += 1
        reach[(*where, "idle")] += decision.judgement.verdict in IDLE_VERDICTS
        reach[(*where, "paused")] += decision.ruled.situation.paused_by_us
    return reach


def _changed_policy(policy: Policy, reach: Counter[tuple[str, str, str]], planned: Plan) -> Iterator[ObjectStatus]:
    where = (policy.namespace, policy.reference)
    accepted = _accepted(Reason.UnknownValue, policy.problem)
    status: dict[str, Any] = {what: reach[(*where, what)] for what in ("selected", "idle", "paused")}
    status["conditions"] = merged_conditions([accepted], policy.conditions, policy.generation, planned.now)
    if fingerprint(status) != policy.status_fingerprint:
        urgent = not _same(accepted, policy)
        yield ObjectStatus(policy.kind, policy.namespace, policy.name, policy.uid, status, urgent)


def _changed_catalog(catalog: Catalog, planned: Plan, settings: Settings) -> Iterator[ObjectStatus]:
    accepted = _accepted(Reason.UnknownValue, catalog.problem)
    if catalog.spec is not None and catalog.spec.currency != settings.currency:
        message = f"its currency {catalog.spec.currency} is not the ledger's ({settings.currency}): not used"
        accepted = Condition("Accepted", "False", Reason.CurrencyMismatch, message)
    conditions = merged_conditions([accepted], catalog.conditions, catalog.generation, planned.now)
    status: dict[str, Any] = {"conditions": conditions}
    if fingerprint(status) != catalog.status_fingerprint:
        yield ObjectStatus("PriceCatalog", "", catalog.name, catalog.uid, status, urgent=True)


def _accepted(reason: Reason, problem: str) -> Condition:
    if problem:
        return Condition("Accepted", "False", reason, f"{problem}; it is not used")
    return Condition("Accepted", "True", Reason.Accepted, "used as written")


def _same(wanted: Condition, policy: Policy) -> bool:
    return any(
        it.type == wanted.type and it.status == wanted.status and it.observed_generation == policy.generation
        for it in policy.conditions
    )
