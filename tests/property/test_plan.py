"""Whatever the state of the world: no pause by policy that any single rule forbids, and always the same plan."""

from dataclasses import dataclass, replace
from functools import cache

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from ebbtide.core.decision import Action, Actor, Decision, Verb
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.intent import Wish
from ebbtide.core.plan import plan
from ebbtide.core.settings import Safety
from ebbtide.core.snapshot import Policy, Snapshot
from ebbtide.core.status import fingerprint, workload_status
from ebbtide.core.workload import Breaker, Checkpoint, Intent, Memory, Namespace, PauseRecord, Pod, Target, Workload
from tests.builders import (
    HOUR,
    NOW,
    SHORT_IDLE,
    accepted,
    evidence,
    healthy,
    job,
    paused_job,
    pod,
    policy,
    sample,
    settings,
    snapshot,
    state,
    unreadable_policy,
    workload,
)

WARN, IDLE, GRACE = 300, 1200, 60
MOMENTS = st.one_of(st.none(), st.integers(-7200, 7200).map(lambda seconds: NOW + seconds))
PAST = st.one_of(st.none(), st.integers(-7200, 0).map(lambda seconds: NOW + seconds))
OFTEN_TRUE = st.sampled_from([True, True, True, False])


@dataclass(frozen=True)
class History:
    """What the devices of a pod did in the last two hours."""

    quiet_for: int | None
    """Seconds since the last busy sample; None: never busy."""
    heard_until: int
    """Seconds since the newest sample."""
    missing: frozenset[int]
    """Minutes ago without samples."""


HISTORIES = st.builds(
    History,
    quiet_for=st.one_of(st.none(), st.sampled_from([0, 600, 880, 900, 930, 1170, 1200, 1230, 3600])),
    heard_until=st.sampled_from([0, 0, 0, 0, 60, 90, 600]),
    missing=st.sampled_from([frozenset[int](), frozenset({5}), frozenset(range(8, 13))]),
)


@cache
def book_of(history: History, ready_for: int) -> EvidenceBook:
    book, holder = evidence(), running_pod(ready_for)
    at = max(NOW - 7200, NOW - ready_for)
    at += -at % 30
    while at <= NOW - history.heard_until:
        ago = NOW - at
        if int(ago // 60) not in history.missing:
            sample(book, holder, at, busy=history.quiet_for is not None and ago >= history.quiet_for)
        at += 30
    return book


def running_pod(ready_for: int) -> Pod:
    return pod("resnet-0", ready_at=NOW - ready_for, accelerators=1)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    if draw(OFTEN_TRUE):
        return Intent()
    return Intent(
        suspend=draw(st.booleans()),
        override=draw(st.sampled_from(["", "Paused", "Running"])),
        override_until=draw(MOMENTS),
        keep_until=draw(MOMENTS),
        keep_malformed=draw(st.booleans()),
        never_pause=draw(st.booleans()),
        policy_name=draw(st.sampled_from(["", "CostPolicy/batch", "CostPolicy/nobody"])),
    )


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    pause = st.builds(
        PauseRecord,
        since=st.sampled_from([NOW - 60, NOW - HOUR, NOW - 30 * HOUR]),
        reason=st.sampled_from(["GPUIdle", "PausedByUser"]),
        by=st.sampled_from(["Policy", "User"]),
        count_today=st.integers(0, 5),
        reverts=st.integers(0, 4),
        ended_at=PAST,
    )
    return Memory(
        warned_at=draw(st.one_of(st.sampled_from([NOW - 290, NOW - 300, NOW - 310]), PAST)),
        pause=draw(st.none() | pause),
        override_until=draw(MOMENTS),
        override_request=draw(st.sampled_from(["", "", "Running", "Lever", "Malformed", "NeverPause"])),
        would_be=draw(st.sampled_from([None, ("Warn", "GPUIdle", NOW - 400), ("Pause", "GPUIdle", NOW - 4000)])),
        conditions=draw(st.sampled_from([(), (accepted(),), (accepted(2),)])),
    )


@st.composite
def targets(draw: st.DrawFn) -> Target | None:
    return draw(
        st.sampled_from(
            [
                job(),
                job(),
                job(),
                None,
                paused_job(),
                paused_job(by="User", reason="PausedByUser"),
                paused_job(reason="NobodyKnows"),
                job(suspended=True),
                job(suspended=True, restore_unreadable="version 9"),
                replace(paused_job(), suspended=False),
            ]
        )
    )


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    if not draw(OFTEN_TRUE):
        return draw(st.sampled_from([[], [unreadable_policy()]]))
    spec: dict[str, object] = {"mode": draw(st.sampled_from(["Enforce", "Enforce", "Observe"]))}
    if draw(st.booleans()):
        spec["limits"] = {"minimumRunSeconds": draw(st.sampled_from([0, 1800, 7200])), "pausesPerWorkloadPerDay": 3}
    if draw(st.booleans()):
        spec["overrides"] = {"neverPause": draw(st.sampled_from(["Allowed", "Denied"])), "maxKeepSeconds": 600}
    return [policy(spec=spec, idle=draw(st.sampled_from([SHORT_IDLE, SHORT_IDLE, None])))]


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    target, ready_for = draw(targets()), draw(st.sampled_from([30, 700, 2400, 7100]))
    it: Workload = workload(
        target=target,
        accelerators=1,
        intent=draw(intents()),
        memory=draw(memories()),
        checkpoint=draw(st.sampled_from([Checkpoint("Periodic", 900), Checkpoint()])),
    )
    runs = target is not None and not target.suspended
    seen = state(
        it,
        pods={it.key: (running_pod(ready_for),) if runs else ()},
        policies=draw(policies()),
        namespaces={
            "vision": Namespace("vision", protected=not draw(OFTEN_TRUE), never_pause=not draw(OFTEN_TRUE)),
        },
        breaker=Breaker(open_until=draw(st.sampled_from([None, None, NOW + 600]))),
        unfresh=draw(st.sampled_from(["", "", "", "pods have not been listed yet"])),
    )
    return snapshot(
        seen,
        book_of(draw(HISTORIES), ready_for),
        metrics=healthy(up=draw(OFTEN_TRUE), reaches_back_to=draw(st.sampled_from([NOW - 86400, NOW - 600]))),
        options=settings(enforcement=draw(OFTEN_TRUE), safety=Safety(60, 10, 30)),
    )


def idle_pauses(decision: Decision) -> list[Action]:
    return [
        action
        for action in decision.actions
        if action.verb is Verb.Pause and action.by is Actor.Policy and not action.observed
    ]


@given(worlds())
@profile(max_examples=400, deadline=None)
def test_no_pause_by_policy_that_any_rule_forbids(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    for _ in idle_pauses(decision):
        situation, judgement = decision.ruled.situation, decision.judgement
        [governing] = world.cluster.policies
        assert governing.spec is not None
        assert governing.spec.mode == "Enforce"
        assert world.settings.enforcement
        assert world.metrics.up
        assert not world.cluster.unfresh
        assert judgement.verdict in IDLE_VERDICTS
        assert judgement.idle_since is not None
        assert NOW - judgement.idle_since >= IDLE
        assert not situation.protected
        assert situation.word.wish is Wish.Nothing
        assert situation.target is not None
        assert not situation.target.suspended
        assert situation.workload.checkpoint.mode != "None"
        warned_at = situation.workload.memory.warned_at
        assert warned_at is not None
        assert NOW - warned_at >= WARN
        assert warned_at >= judgement.idle_since
        assert judgement.newest_common_sample_at is not None
        assert judgement.newest_common_sample_at > warned_at
        assert world.cluster.breaker.open_until is None


@given(worlds())
@profile(max_examples=100, deadline=None)
def test_a_human_who_wants_it_to_run_is_never_paused(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    if decision.ruled.situation.word.wish in {Wish.Run, Wish.Keep}:
        assert Verb.Pause not in {action.verb for action in decision.actions}


@given(worlds())
@profile(max_examples=150, deadline=None)
def test_one_disruptive_action_at_most(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    assert len(decision.actions) <= 1


@given(worlds())
@profile(max_examples=100, deadline=None)
def test_the_same_snapshot_gives_the_same_plan(world: Snapshot) -> None:
    first, second = plan(world), plan(world)
    assert first == second
    for one, other in zip(first.decisions, second.decisions, strict=True):
        assert workload_status(one, done=frozenset()) == workload_status(other, done=frozenset())


@given(worlds())
@profile(max_examples=150, deadline=None)
def test_a_stored_original_is_never_replaced(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    target = decision.ruled.situation.target
    if target is not None and target.suspended:
        assert not {action.verb for action in decision.actions} & {Verb.Pause, Verb.Create}
    if target is not None and target.restore is not None and not target.suspended:
        assert not idle_pauses(decision)


@given(worlds())
@profile(max_examples=150, deadline=None)
def test_what_somebody_else_suspended_starts_only_by_a_humans_word(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    target = decision.ruled.situation.target
    if target is not None and target.suspended and target.restore is None:
        resumes = [action for action in decision.actions if action.verb is Verb.Resume]
        assert all(decision.ruled.situation.word.wish is Wish.Run for _ in resumes)


@given(worlds())
@profile(max_examples=150, deadline=None)
def test_every_decision_can_be_told(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    status = workload_status(decision, done=frozenset(action.verb for action in decision.actions))
    assert fingerprint(status)
    assert [it["type"] for it in status["conditions"]] == [
        "Accepted",
        "Succeeded",
        "Running",
        "Idle",
        "Paused",
        "WithinBudget",
        "Priced",
        "DeadlineAtRisk",
    ]
    names = [check["name"] for check in status["checks"]]
    assert len(names) == len(set(names))
    assert decision.message


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True), st.integers(0, 5), st.data())
@profile(max_examples=100, deadline=None)
def test_no_more_pauses_than_the_fleet_allows(names: list[int], per_hour: int, data: st.DataObject) -> None:
    works = [
        workload(f"job-{number:02}", accelerators=1, memory=Memory(warned_at=NOW - 400))
        for number in data.draw(st.permutations(names))
    ]
    book = evidence()
    pods = {it.key: (pod(f"{it.key.name}-0", accelerators=1),) for it in works}
    for holders in pods.values():
        for at in range(0, 2400, 30):
            sample(book, holders[0], NOW - at, busy=at > 1500)
    options = settings(safety=Safety(per_hour, 0, 0))
    planned = plan(snapshot(state(*works, pods=pods), book, options=options))
    pauses = [decision.workload.name for decision in planned.decisions if idle_pauses(decision)]
    assert len(pauses) == min(len(works), per_hour or len(works))
    assert pauses == sorted(pauses)
