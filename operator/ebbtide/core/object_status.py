"""Status of policies and catalogs: whether they are used, and how far they reach."""

from collections.abc import Iterable, Iterator, Mapping
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


def changed_statuses(
    planned: Plan, state: ClusterState, settings: Settings, receivers: frozenset[str] = frozenset()
) -> Iterator[ObjectStatus]:
    """Every policy and catalog whose stored status is not what this tick found. `receivers`: those that are known."""
    reach = _reach(planned.decisions)
    for policy in state.policies:
        yield from _changed_policy(policy, reach, planned, receivers)
    for catalog in state.catalogs:
        yield from _changed_catalog(catalog, planned, settings)


def _reach(decisions: Iterable[Decision]) -> dict[str, list[int]]:
    """UID of a policy → how many workloads it selects, and how many of them are idle and paused."""
    reach: dict[str, list[int]] = {}
    for decision in decisions:
        situation = decision.ruled.situation
        policy = situation.governing.policy
        if policy is None:
            continue
        counts = reach.get(policy.uid)
        if counts is None:
            counts = reach[policy.uid] = [0, 0, 0]
        counts[0] += 1
        counts[1] += decision.judgement.verdict in IDLE_VERDICTS
        counts[2] += situation.paused_by_us
    return reach


def _changed_policy(
    policy: Policy, reach: Mapping[str, list[int]], planned: Plan, receivers: frozenset[str]
) -> Iterator[ObjectStatus]:
    accepted = _accepted(policy.problem_reason, policy.problem)
    if policy.spec is not None and policy.spec.notify is not None and policy.spec.notify.receiver not in receivers:
        # It is used all the same: that nobody is told elsewhere must not stop what the policy is for.
        known = ", ".join(sorted(receivers)) or "none"
        said = f"spec.notify.receiver {policy.spec.notify.receiver} is not in the chart's notify.receiversFrom"
        accepted = Condition("Accepted", "True", Reason.ReceiverNotFound, f"{said} (known: {known}): nobody is told")
    counts = reach.get(policy.uid, [0, 0, 0])
    status: dict[str, Any] = dict(zip(("selected", "idle", "paused"), counts, strict=True))
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
