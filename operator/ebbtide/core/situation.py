"""Gather: everything one workload's decision looks at, joined once per tick."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace as changed

from ebbtide.core.auto_timeout import AutoTimeout, auto_timeout
from ebbtide.core.facts import Archive, Facts, Memo
from ebbtide.core.governing import Governing
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.intent import NOTHING, Word, clock_floor, word
from ebbtide.core.judgement import Judgement, Verdict
from ebbtide.core.original import as_left
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Snapshot
from ebbtide.core.verdict import Gang, IdleRule, judge
from ebbtide.core.wording import count
from ebbtide.core.workload import QUEUE_KIND, Instant, Namespace, Pod, StoredCondition, Target, Workload


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
    lag_seconds: float
    """From one look at it to the next."""

    @property
    def paused_by(self) -> str:
        """Policy, User or Budget while paused by us; else empty."""
        return self.target.restore.by if self.paused_by_us and self.target and self.target.restore else ""

    @property
    def pause_reason(self) -> str:
        """The reason on the restore annotation while paused by us; else empty."""
        return self.target.restore.reason if self.paused_by_us and self.target and self.target.restore else ""

    @property
    def is_respecified(self) -> bool:
        """Its spec is another one than when status was written."""
        return not self.is_between_queue_entries and _is_changed(self.workload)

    @property
    def is_between_queue_entries(self) -> bool:
        """Kueue has it, and has no Workload for it now: nobody knows how it stands."""
        workload = self.workload
        return workload.in_hands_of_queue and workload.itself is None and workload.target is not None

    @property
    def observed_spec(self) -> str:
        """Workload.spec_hash for status; it is told by Kueue's Workload where there is one."""
        before = self.workload.memory.spec_hash
        return before if before and self.is_between_queue_entries else self.workload.spec_hash

    @property
    def reverts(self) -> int:
        """How often our pauses were undone; forgotten when its spec or the policy changes."""
        pause, policy = self.workload.memory.pause, self.governing.policy
        if pause is None or self.is_respecified:
            return 0
        return 0 if policy is not None and _is_news(policy.conditions, policy.generation) else pause.reverts


class Gatherer:
    """Builds situations of one snapshot."""

    def __init__(self, snapshot: Snapshot, before: Memo | None = None) -> None:
        self._snapshot = snapshot
        self._unfresh_kinds = snapshot.cluster.unfresh_kinds
        self._archive = Archive(snapshot, before)
        nodes = snapshot.cluster.nodes.values()
        self._sharing_nodes = frozenset(node.name for node in nodes if node.shares_devices)

    def memo(self, passed: Mapping[str, Facts]) -> Memo:
        """What the next tick may take over. `passed`: see Memo."""
        return self._archive.memo(passed)

    def situation(self, workload: Workload) -> Situation:
        """Everything about one workload now."""
        snapshot, facts = self._snapshot, self._archive.facts(workload)
        rules, target = facts.rules, workload.target
        if target is not None and workload.memory.pause is not None:
            target = as_left(target, workload.memory, snapshot.now)
        said, floor = (NOTHING, None) if facts.silent else _word(facts, snapshot.now)
        gang = self._gang(facts, floor)
        judgement = judge(gang)
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
            judgement=_whole(judgement, workload, facts.pods) if judgement.verdict in IDLE_VERDICTS else judgement,
            gang=gang,
            unfresh=snapshot.cluster.unfresh or (self._old(workload) if self._unfresh_kinds else ""),
            lag_seconds=snapshot.settings.tick_seconds,
        )

    def _old(self, workload: Workload) -> str:
        """Why what is known of its kind, or of its place in a queue, is too old."""
        leans = workload.itself is not None or workload.pause_during is not None  # what it waits for may be in a queue
        by_queue = self._unfresh_kinds.get(QUEUE_KIND, "") if leans else ""
        return self._unfresh_kinds.get(workload.key.kind, "") or by_queue

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
            key=facts.workload.key,
            active_at=facts.workload.active_at,
            sharing_nodes=self._sharing_nodes,
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


def _whole(found: Judgement, workload: Workload, pods: tuple[Pod, ...]) -> Judgement:
    """A gang with a pod that does not even exist (a quota, a refused admission) is not idle: it is starting."""
    wanted = workload.target.wanted if workload.target is not None else 0
    if len(pods) >= wanted:
        return found
    said = f"{len(pods)} of its {count(wanted, 'pod')} exist, the others have not been created: see the Events about it"
    return changed(found, verdict=Verdict.Starting, reason=Reason.InGracePeriod, message=said)


def _word(facts: Facts, now: Instant) -> tuple[Word, Instant | None]:
    """The human's word in force, and where the idle clock starts after the last one."""
    workload = facts.workload
    said = word(workload.intent, workload.memory, now, facts.rules.allowance)
    return said, clock_floor(workload.intent, workload.memory, said, now)


def _is_changed(workload: Workload) -> bool:
    """Somebody changed its spec. An adopted one's generation would count our own pauses too."""
    if workload.spec_hash:
        return workload.spec_hash != workload.memory.spec_hash
    return _is_news(workload.memory.conditions, workload.generation)


def _is_news(conditions: Iterable[StoredCondition], generation: int) -> bool:
    """The spec has changed since status was written: every write carries the generation that it is about."""
    return all(condition.observed_generation != generation for condition in conditions)
