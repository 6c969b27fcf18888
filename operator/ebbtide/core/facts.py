"""What is known of a workload besides the clock, the evidence and the health of the inputs.

It is joined anew where one of its sources changed, and taken over from the tick before where none did: in a fleet of
5,000 workloads a tick finds a handful changed. Taking over saves time and decides nothing; a property test compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ebbtide.api.vocabulary import Permission
from ebbtide.core.attribution import missing, resolved
from ebbtide.core.governing import Governing, PolicyIndex
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.intent import Allowance, is_silent
from ebbtide.core.lineup import Lineup
from ebbtide.core.pricing import PriceBook, Upkeep
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import ClusterState, Policy, Snapshot
from ebbtide.core.workload import Attribution, Instant, Namespace, Pod, Workload


@dataclass(frozen=True, slots=True)
class Rules:
    """What the policies say about one workload; a function of workload, namespace, policies and settings."""

    governing: Governing
    reference: str
    """Kind/name of the governing policy; empty without one."""
    scope: str
    """The same with its namespace: unique in the cluster."""
    idle: IdleRule
    allowance: Allowance
    attribution: Attribution
    """Who pays, after what the policy adds."""
    missing: tuple[str, ...]
    """Attribution keys that the policy requires and nobody gives."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One workload, joined with everything that is stored about it."""

    workload: Workload
    namespace: Namespace
    protected: bool
    seen: Sequence[Pod]
    """Its pods as the store gave them."""
    pods: tuple[Pod, ...]
    """Pods that have not ended."""
    lineup: Lineup
    upkeep: Upkeep
    rules: Rules
    silent: bool
    """No human asks for anything about it, or has: see `core.intent.is_silent`."""


@dataclass(frozen=True, slots=True)
class Memo:
    """What a plan worked out that the next one may take over. All of it follows from its snapshot."""

    cluster: ClusterState
    settings: Settings
    stored: tuple[Policy, ...]
    policies: PolicyIndex
    prices: PriceBook
    facts: Mapping[str, Facts]
    """By UID of the workload."""
    passed: Mapping[str, Facts] = field(default_factory=dict)
    """By UID: what every lasting concern (core.concerns) let pass when these were the facts."""


class Archive:
    """Draws the facts of one snapshot, from what an earlier plan knew where that still holds."""

    def __init__(self, snapshot: Snapshot, before: Memo | None) -> None:
        state, settings = snapshot.cluster, snapshot.settings
        self._state, self._settings = state, settings
        self._untouchable = {*settings.protected_namespaces, settings.operator_namespace}
        self._stored = tuple(state.policies)
        self._same_rules = before is not None and before.settings == settings and before.stored == self._stored
        self._policies = before.policies if before and self._same_rules else PolicyIndex(state.policies, settings)
        self._prices = prices_of(state, settings, snapshot.now, before)
        self._same_prices = before is not None and self._prices is before.prices
        self._known: Mapping[str, Facts] = {} if before is None else before.facts
        self._idle_rules: dict[int, IdleRule] = {}
        self._rules_by: dict[tuple[object, ...], Rules] = {}
        same_cluster = before is not None and before.cluster is state
        self._all_holds = same_cluster and self._same_rules and self._same_prices
        self._found: dict[str, Facts] = {}

    def facts(self, workload: Workload) -> Facts:
        """Everything that is stored about one workload."""
        if self._all_holds and (held := self._known.get(workload.uid)) is not None:
            self._found[workload.uid] = held
            return held
        key = workload.key
        known, seen = self._known.get(workload.uid), self._state.pods.get(key, ())
        namespace = self._state.namespaces.get(key.namespace) or Namespace(key.namespace)
        ours = known is not None and known.workload is workload and _is(known.namespace, namespace)
        if known is None or not (ours and self._same_rules and self._same_prices and known.seen == seen):
            known = self._joined(workload, namespace, seen, known, ours=ours)
        self._found[workload.uid] = known
        return known

    def memo(self, passed: Mapping[str, Facts]) -> Memo:
        """What the next plan may take over."""
        return Memo(self._state, self._settings, self._stored, self._policies, self._prices, self._found, passed)

    def _joined(
        self, workload: Workload, namespace: Namespace, seen: Sequence[Pod], known: Facts | None, *, ours: bool
    ) -> Facts:
        same_pods = known is not None and known.seen == seen
        pods = known.pods if known and same_pods else _shared(seen, [pod for pod in seen if pod.ended_at is None])
        rules = known.rules if known and ours and self._same_rules else self._rules(workload, namespace)
        return Facts(
            workload=workload,
            namespace=namespace,
            protected=namespace.protected or namespace.name in self._untouchable,
            seen=known.seen if known and same_pods else seen,
            pods=pods,
            lineup=known.lineup if known and same_pods else Lineup.of(pods),
            upkeep=known.upkeep if known and same_pods and self._same_prices else self._prices.upkeep(pods),
            rules=rules,
            silent=is_silent(workload.intent, workload.memory, rules.allowance),
        )

    def _rules(self, workload: Workload, namespace: Namespace) -> Rules:
        """One object for all workloads about which the policies say the same."""
        governing = self._policies.governing(workload, namespace)
        policy = governing.policy
        attribution = resolved(workload, namespace, policy)
        said = (id(policy), governing.reason, governing.message, namespace.never_pause, attribution)
        found = self._rules_by.get(said)
        if found is None:
            idle, allowance = self._idle_rule(policy), _allowance(namespace, policy)
            found = self._rules_by[said] = Rules(
                governing,
                governing.reference,
                governing.reference_in_namespace,
                idle,
                allowance,
                attribution,
                missing(attribution, policy),
            )
        return found

    def _idle_rule(self, policy: Policy | None) -> IdleRule:
        """One IdleRule per policy and snapshot."""
        found = self._idle_rules.get(id(policy))
        if found is None:
            spec = policy.spec if policy is not None else None
            found = self._idle_rules[id(policy)] = IdleRule.of(spec.idle if spec is not None else None)
        return found


def prices_of(state: ClusterState, settings: Settings, now: Instant, before: Memo | None) -> PriceBook:
    """The rows in force; the book of the tick before, with what it has worked out, where they are the same."""
    book = PriceBook(state.catalogs, state.nodes, settings.currency, now)
    return before.prices if before is not None and before.prices.source == book.source else book


def _is(known: Namespace, namespace: Namespace) -> bool:
    """The same; mostly the very object, which is quicker to see."""
    return known is namespace or known == namespace


def _shared(whole: Sequence[Pod], part: list[Pod]) -> tuple[Pod, ...]:
    """The part; where it is the whole, that very tuple."""
    return whole if isinstance(whole, tuple) and len(part) == len(whole) else tuple(part)


def _allowance(namespace: Namespace, policy: Policy | None) -> Allowance:
    spec = policy.spec if policy is not None else None
    if spec is None or spec.overrides is None:
        return Allowance(never_pause_namespace=namespace.never_pause)
    return Allowance(
        never_pause_namespace=namespace.never_pause,
        never_pause=spec.overrides.never_pause is Permission.Allowed,
        max_keep_seconds=spec.overrides.max_keep_seconds,
    )
