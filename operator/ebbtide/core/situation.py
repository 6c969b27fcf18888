"""Gather: everything one workload's decision looks at, joined once per tick."""

from collections.abc import Iterable
from dataclasses import dataclass

from ebbtide.api.vocabulary import Permission
from ebbtide.core.decision import Judgement
from ebbtide.core.governing import Governing, PolicyIndex
from ebbtide.core.intent import Allowance, Word, clock_floor, word
from ebbtide.core.snapshot import Snapshot
from ebbtide.core.verdict import Gang, IdleRule, judge
from ebbtide.core.workload import Instant, Namespace, Pod, StoredCondition, Target, Workload


@dataclass(frozen=True, slots=True)
class Situation:
    """One workload with its pods, its policy, the human's word and the verdict."""

    now: Instant
    workload: Workload
    namespace: Namespace
    protected: bool
    pods: tuple[Pod, ...]
    """Pods that have not ended."""
    governing: Governing
    word: Word
    clock_floor: Instant | None
    rule: IdleRule
    judgement: Judgement
    gang: Gang
    unfresh: str
    """Why the stores are too old to disrupt anything; empty when fresh."""

    @property
    def target(self) -> Target | None:
        """The object that carries the lever; None: not created yet."""
        return self.workload.target

    @property
    def paused_by_us(self) -> bool:
        """Suspended, and our restore annotation says that we did it."""
        return self.target is not None and self.target.suspended and self.target.restore is not None

    @property
    def paused_by(self) -> str:
        """Policy, User or Budget while paused by us; else empty."""
        return self.target.restore.by if self.paused_by_us and self.target and self.target.restore else ""

    @property
    def pause_reason(self) -> str:
        """The reason on the restore annotation while paused by us; else empty."""
        return self.target.restore.reason if self.paused_by_us and self.target and self.target.restore else ""

    @property
    def reverts(self) -> int:
        """How often our pauses were undone; forgotten when its spec or the policy changes."""
        pause, policy = self.workload.memory.pause, self.governing.policy
        if pause is None or _is_news(self.workload.memory.conditions, self.workload.generation):
            return 0
        return 0 if policy is not None and _is_news(policy.conditions, policy.generation) else pause.reverts


class Gatherer:
    """Builds situations of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._policies = PolicyIndex(snapshot.cluster.policies, snapshot.settings)
        self._untouchable = {*snapshot.settings.protected_namespaces, snapshot.settings.operator_namespace}
        self._rules: dict[int, IdleRule] = {}

    def situation(self, workload: Workload) -> Situation:
        """Everything about one workload now."""
        snapshot, namespace = self._snapshot, self._namespace(workload)
        governing = self._policies.governing(workload)
        rule = self._rule(governing)
        pods = tuple(pod for pod in snapshot.cluster.pods.get(workload.key, ()) if pod.ended_at is None)
        said = word(workload.intent, workload.memory, snapshot.now, _allowance(namespace, governing))
        floor = clock_floor(workload.intent, workload.memory, said, snapshot.now)
        gang = self._gang(pods, rule, floor)
        return Situation(
            now=snapshot.now,
            workload=workload,
            namespace=namespace,
            protected=namespace.protected or namespace.name in self._untouchable,
            pods=pods,
            governing=governing,
            word=said,
            clock_floor=floor,
            rule=rule,
            judgement=judge(gang),
            gang=gang,
            unfresh=snapshot.cluster.unfresh,
        )

    def _namespace(self, workload: Workload) -> Namespace:
        found = self._snapshot.cluster.namespaces.get(workload.key.namespace)
        return found if found is not None else Namespace(workload.key.namespace)

    def _rule(self, governing: Governing) -> IdleRule:
        """One IdleRule per policy and snapshot."""
        policy = governing.policy
        spec = policy.spec if policy is not None else None
        found = self._rules.get(id(policy))
        if found is None:
            found = self._rules[id(policy)] = IdleRule.of(spec.idle if spec is not None else None)
        return found

    def _gang(self, pods: tuple[Pod, ...], rule: IdleRule, floor: Instant | None) -> Gang:
        snapshot = self._snapshot
        return Gang(
            now=snapshot.now,
            pods=tuple(pod for pod in pods if pod.accelerators),
            book=snapshot.evidence,
            rule=rule,
            metrics=snapshot.metrics,
            interval_seconds=snapshot.settings.sample_interval_seconds,
            clock_floor=floor,
        )


def _is_news(conditions: Iterable[StoredCondition], generation: int) -> bool:
    """The spec has changed since status was written: every write carries the generation that it is about."""
    return all(condition.observed_generation != generation for condition in conditions)


def _allowance(namespace: Namespace, governing: Governing) -> Allowance:
    spec = governing.policy.spec if governing.policy is not None else None
    if spec is None or spec.overrides is None:
        return Allowance(never_pause_namespace=namespace.never_pause)
    return Allowance(
        never_pause_namespace=namespace.never_pause,
        never_pause=spec.overrides.never_pause is Permission.Allowed,
        max_keep_seconds=spec.overrides.max_keep_seconds,
    )
