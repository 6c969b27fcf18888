"""Whatever the state of the world: no pause by policy that any single rule forbids, and always the same plan."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from ebbtide.core.action import Action, Verb
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Decision
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.intent import NOTHING, Allowance, Wish, clock_floor, is_silent, remembered, word
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Safety
from ebbtide.core.slack import outlook_of
from ebbtide.core.snapshot import Policy, Snapshot
from ebbtide.core.status import fingerprint, workload_status
from ebbtide.core.workload import Accrued, Breaker, Checkpoint, Intent, Memory, Namespace, PauseRecord, Pod, Target
from tests.builders import (
    HOUR,
    NOW,
    accepted,
    catalog,
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


INTENTS = st.builds(
    Intent,
    suspend=st.booleans(),
    override=st.sampled_from(["", "Paused", "Running"]),
    override_until=MOMENTS,
    keep_until=MOMENTS,
    keep_malformed=st.booleans(),
    never_pause=st.booleans(),
    policy_name=st.sampled_from(["", "CostPolicy/batch", "CostPolicy/nobody"]),
    beside=st.sampled_from([None, ("Paused", None), ("Paused", NOW + 60), ("Running", None), ("Running", NOW + HOUR)]),
)
PAUSES = st.builds(
    PauseRecord,
    since=st.sampled_from([NOW - 60, NOW - HOUR, NOW - 30 * HOUR]),
    reason=st.sampled_from(["GPUIdle", "PausedByUser"]),
    by=st.sampled_from(["Policy", "User"]),
    count_today=st.integers(0, 5),
    reverts=st.integers(0, 4),
    ended_at=PAST,
)
TARGETS: st.SearchStrategy[Target | None] = st.sampled_from(
    [
        None,
        paused_job(),
        paused_job(by="User", reason="PausedByUser"),
        paused_job(reason="NobodyKnows"),
        job(suspended=True),
        job(suspended=True, restore_unreadable="version 9"),
        replace(paused_job(), suspended=False),
        job(finished=Reason.JobCompleted),
    ]
)
POLICIES: st.SearchStrategy[list[Policy]] = st.sampled_from(
    [
        [],
        [unreadable_policy()],
        [policy(idle=None)],
        [policy(spec={"mode": "Observe"})],
        [policy(spec={"limits": {"minimumRunSeconds": 0, "pausesPerWorkloadPerDay": 3}})],
        [policy(spec={"limits": {"minimumRunSeconds": 7200}})],
        [policy(spec={"overrides": {"neverPause": "Denied", "maxKeepSeconds": 600}})],
    ]
)
RIPE: dict[str, object] = {
    "history": History(1230, 0, frozenset()),
    "ready_for": 7100,
    "target": job(),
    "intent": Intent(),
    "warned_at": NOW - WARN,
    "pause": None,
    "override_until": None,
    "override_request": "",
    "would_be": None,
    "conditions": (accepted(),),
    "checkpoint": Checkpoint("Periodic", 900),
    "queue": "",
    "policies": [policy()],
    "protected": False,
    "never_pause": False,
    "open_until": None,
    "unfresh": "",
    "up": True,
    "reaches_back_to": NOW - 86_400,
    "enforcement": True,
    "deadline": None,
    "expected_seconds": 3600,
    "accrued": None,
    "warned_without": "",
    "during": "",
}
"""A world in which the pause is due."""
DISTURBED: dict[str, st.SearchStrategy[object]] = {
    "history": HISTORIES,
    "ready_for": st.sampled_from([10, 700, 2400]),
    "target": TARGETS,
    "intent": INTENTS,
    "warned_at": st.one_of(st.sampled_from([NOW - WARN + 10, NOW - WARN - 10, NOW - 1500]), PAST),
    "pause": PAUSES,
    "override_until": MOMENTS,
    "override_request": st.sampled_from(
        ["Running", "Running;Keep/5", f"Running={NOW + 600:.0f};Paused", "Lever", "Malformed", "NeverPause"]
    ),
    "would_be": st.sampled_from([("Warn", "GPUIdle", NOW - 400), ("Pause", "GPUIdle", NOW - 4000)]),
    "conditions": st.sampled_from([(), (accepted(2),)]),
    "checkpoint": st.just(Checkpoint()),
    "queue": st.sampled_from(["research", "waiting", "admitted"]),
    "policies": POLICIES,
    "protected": st.just(True),
    "never_pause": st.just(True),
    "open_until": st.just(NOW + 600),
    "unfresh": st.just("pods have not been listed yet"),
    "up": st.just(False),
    "reaches_back_to": st.just(NOW - 600),
    "enforcement": st.just(False),
    "deadline": st.sampled_from([NOW - 60, NOW + 60, NOW + 5400, NOW + 7200, NOW + 30 * HOUR]),
    "expected_seconds": st.sampled_from([None, 600]),
    "accrued": st.sampled_from([Accrued(NOW - 60, 300.0), Accrued(NOW - 600, 3500.0, 200.0)]),
    "warned_without": st.sampled_from(["NoCheckpoint", "GPUIdle"]),
    "during": st.just("Job evaluate runs"),
}


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """The ripe world with up to four things drawn otherwise."""
    names = draw(st.lists(st.sampled_from(sorted(DISTURBED)), max_size=4, unique=True))
    return world_of({**RIPE, **{name: draw(DISTURBED[name]) for name in names}})


def world_of(said: dict[str, Any]) -> Snapshot:
    target = said["target"]
    remembered = (
        *("warned_at", "warned_without", "pause", "override_until", "override_request", "would_be", "conditions"),
        "accrued",
    )
    it = workload(
        accelerators=1,
        memory=Memory(**{name: said[name] for name in remembered}),
        **{name: said[name] for name in ("target", "intent", "checkpoint", "deadline", "expected_seconds")},
        queue="research" if said["queue"] else "",
        itself=job() if target is not None and said["queue"] in {"waiting", "admitted"} else None,
        admitted=said["queue"] == "admitted",
        during=said["during"],
        pause_during=("Job", "evaluate") if said["during"] else None,
    )
    seen = state(
        it,
        pods={it.key: (running_pod(said["ready_for"]),) if target and not target.suspended else ()},
        policies=said["policies"],
        namespaces={"vision": Namespace("vision", said["protected"], said["never_pause"])},
        breaker=Breaker(open_until=said["open_until"]),
        unfresh=said["unfresh"],
    )
    return snapshot(
        seen,
        book_of(said["history"], said["ready_for"]),
        metrics=healthy(up=said["up"], reaches_back_to=said["reaches_back_to"]),
        options=settings(enforcement=said["enforcement"], safety=Safety(60, 10, 30)),
    )


def test_in_the_ripe_world_the_pause_is_due() -> None:
    [decision] = plan(world_of(RIPE)).decisions
    assert idle_pauses(decision)


def idle_pauses(decision: Decision) -> list[Action]:
    return [
        action
        for action in decision.actions
        if action.verb is Verb.Pause and action.reason in IDLE_REASONS and not action.observed
    ]


@given(worlds())
@profile(max_examples=300, deadline=None)
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
        assert not situation.workload.queue or situation.workload.admitted
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
        assert not situation.workload.memory.warned_without
        assert not situation.workload.during
        outlook = outlook_of(situation)
        assert outlook is None or outlook.forbids_pause(NOW) is None


@given(worlds())
@profile(max_examples=300, deadline=None)
def test_beside_another_object_it_is_stopped_only_where_nothing_is_lost_and_nobody_minds(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    for _ in (it for it in decision.actions if it.verb is Verb.Pause and it.reason is Reason.PausedDuring):
        situation = decision.ruled.situation
        assert situation.workload.during
        assert situation.word.wish is Wish.Nothing
        assert not situation.protected
        assert not world.cluster.unfresh
        assert not situation.workload.queue or situation.workload.admitted
        assert situation.workload.checkpoint.mode != "None"
        assert situation.target is not None
        assert not situation.target.suspended


@given(worlds())
@profile(max_examples=100, deadline=None)
def test_a_human_who_wants_it_to_run_is_never_paused(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    if decision.ruled.situation.word.wish in {Wish.Run, Wish.Keep}:
        assert Verb.Pause not in {action.verb for action in decision.actions}


@given(worlds())
@profile(max_examples=100, deadline=None)
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


PARTS = ("workloads", "pods", "namespaces", "policies", "nodes", "catalogs", "breaker", "unfresh")
"""Of a cluster: each may be what it was while the others change."""
ROW = {"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "50"}
PRICES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"catalogs": [catalog(ROW)]}, {"catalogs": [catalog(ROW, currency="EUR")]}, {"nodes": {}}]
)


@given(worlds(), worlds(), st.sets(st.sampled_from(PARTS)), st.tuples(PRICES, PRICES), st.booleans())
@profile(max_examples=300, deadline=None)
def test_what_an_earlier_plan_knew_decides_nothing(
    first: Snapshot, second: Snapshot, kept: set[str], prices: tuple[dict[str, Any], dict[str, Any]], same: bool
) -> None:
    first = replace(first, cluster=replace(first.cluster, **prices[0]))
    changed = {**prices[1], **{name: getattr(first.cluster, name) for name in kept}}
    second = replace(second, cluster=replace(second.cluster, **changed))
    second = replace(second, settings=first.settings if same else second.settings)
    alone, taken_over = plan(second), plan(second, plan(first).memo)
    assert taken_over == alone
    assert plan(second, taken_over.memo) == alone


@given(worlds(), worlds(), st.sampled_from([0, 30, 700, 1800, 4 * HOUR, 25 * HOUR]))
@profile(max_examples=300, deadline=None)
def test_an_unchanged_cluster_is_judged_anew_at_every_tick(first: Snapshot, second: Snapshot, later: int) -> None:
    second = replace(second, cluster=first.cluster, now=first.now + later)
    assert plan(second, plan(first).memo) == plan(second)


@given(INTENTS, st.one_of(st.none(), PAST), st.sampled_from(["", "Running", "Lever"]), st.booleans(), MOMENTS)
@profile(max_examples=300, deadline=None)
def test_where_nobody_spoke_there_is_no_word_at_any_time(
    intent: Intent, until: int | None, request: str, never: bool, at: int | None
) -> None:
    allowance, memory, now = Allowance(never), Memory(override_until=until, override_request=request), at or NOW
    if is_silent(intent, memory, allowance):
        said = word(intent, memory, now, allowance)
        assert (said, clock_floor(intent, memory, said, now)) == (NOTHING, None)
        assert remembered(intent, memory, said, None) == (None, "")


def test_most_of_a_fleet_is_silent() -> None:
    assert is_silent(Intent(), Memory())
    assert is_silent(Intent(policy_name="CostPolicy/batch"), Memory(warned_at=NOW))


@given(worlds())
@profile(max_examples=100, deadline=None)
def test_a_stored_original_is_never_replaced(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    target = decision.ruled.situation.target
    if target is not None and target.suspended:
        assert not {action.verb for action in decision.actions} & {Verb.Pause, Verb.Create}
    if target is not None and target.restore is not None and not target.suspended:
        assert not idle_pauses(decision)


@given(worlds())
@profile(max_examples=100, deadline=None)
def test_what_somebody_else_suspended_starts_only_by_a_humans_word(world: Snapshot) -> None:
    [decision] = plan(world).decisions
    target = decision.ruled.situation.target
    if target is not None and target.suspended and target.restore is None:
        resumes = [action for action in decision.actions if action.verb is Verb.Resume]
        assert all(decision.ruled.situation.word.wish is Wish.Run for _ in resumes)


@given(worlds())
@profile(max_examples=100, deadline=None)
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
