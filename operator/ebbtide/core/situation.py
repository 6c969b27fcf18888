"""Gather: everything one workload's decision looks at, joined once per tick."""

from collections.abc import Iterable

from msgspec import Struct

from ebbtide.core.auto_timeout import AutoTimeout, auto_timeout
from ebbtide.core.decision import Judgement
from ebbtide.core.facts import Archive, Facts, Memo
from ebbtide.core.governing import Governing
from ebbtide.core.intent import Word, clock_floor, word
from ebbtide.core.snapshot import Snapshot
from ebbtide.core.verdict import Gang, IdleRule, judge
from ebbtide.core.workload import Instant, Namespace, Pod, StoredCondition, Target, Workload


class Situation(Struct, frozen=True, gc=False):
    """One workload with its pods, its policy, the human's word and the verdict."""

    now: Instant
    facts: Facts
    workload: Workload
    target: Target | None
    """The object that carries the lever; None: not created yet."""
    paused_by_us: bool
    """Suspended, and our restore annotation says that we did it."""
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
        if pause is None or _is_changed(self.workload):
            return 0
        return 0 if policy is not None and _is_news(policy.conditions, policy.generation) else pause.reverts


class Gatherer:
    """Builds situations of one snapshot."""

    def __init__(self, snapshot: Snapshot, before: Memo | None = None) -> None:
        self._snapshot = snapshot
        self._archive = Archive(snapshot, before)

    def memo(self) -> Memo:
        """What the next tick may take over."""
        return self._archive.memo()

    def situation(self, workload: Workload) -> Situation:
        """Everything about one workload now."""
        snapshot, facts = self._snapshot, self._archive.facts(workload)
        rules, target = facts.rules, workload.target
        said = word(workload.intent, workload.memory, snapshot.now, rules.allowance)
        floor = clock_floor(workload.intent, workload.memory, said, snapshot.now)
        gang = self._gang(facts, floor)
        return Situation(
            now=snapshot.now,
            facts=facts,
            workload=workload,
            target=target,
            paused_by_us=target is not None and target.suspended and target.restore is not None,
            namespace=facts.namespace,
            protected=facts.protected,
            pods=facts.pods,
            governing=rules.governing,
            word=said,
            clock_floor=floor,
            rule=rules.idle,
            judgement=judge(gang),
            gang=gang,
            unfresh=snapshot.cluster.unfresh,
        )

    def _gang(self, facts: Facts, floor: Instant | None) -> Gang:
        snapshot, rules = self._snapshot, facts.rules
        return Gang(
            now=snapshot.now,
            lineup=facts.lineup,
            book=snapshot.evidence,
            rule=rules.idle,
            metrics=snapshot.metrics,
            interval_seconds=snapshot.settings.sample_interval_seconds,
            clock_floor=floor,
            timeout=self._timeout(facts) if rules.idle.auto else None,
        )

    def _timeout(self, facts: Facts) -> AutoTimeout:
        snapshot, rules = self._snapshot, facts.rules
        return auto_timeout(
            snapshot.evidence.history,
            facts.workload,
            facts.lineup,
            rules.idle,
            snapshot.settings.sample_interval_seconds,
            enforce=rules.governing.enforce,
        )


def _is_changed(workload: Workload) -> bool:
    """Somebody changed its spec. An adopted one's generation would count our own pauses too."""
    if workload.spec_hash:
        return workload.spec_hash != workload.memory.spec_hash
    return _is_news(workload.memory.conditions, workload.generation)


def _is_news(conditions: Iterable[StoredCondition], generation: int) -> bool:
    """The spec has changed since status was written: every write carries the generation that it is about."""
    return all(condition.observed_generation != generation for condition in conditions)
