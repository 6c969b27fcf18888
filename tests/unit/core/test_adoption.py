"""Work of others: what is told of it, who moves its lever, and what is done for it on the side."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.action import Action, Verb
from ebbtide.core.adoption import ROUND
from ebbtide.core.decision import Decision
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Policy
from ebbtide.core.status import workload_status
from ebbtide.core.workload import Attempts, Attribution, Intent, Memory, Namespace, Workload
from tests.adopted import (
    DEVICES_ONLY,
    TOLD,
    cluster_policy,
    deployment,
    foreign_job,
    paused_deployment,
    stored,
    web,
)
from tests.builders import (
    HOUR,
    NOW,
    accepted,
    decide,
    job,
    pause_record,
    pod,
    policy,
    restore,
    snapshot,
    state,
    verbs,
    workload,
)

NOBODY: tuple[Policy, ...] = ()
LAXER = policy(idle=DEVICES_ONLY)
RUN, STOP = Intent(override="Running", override_until=NOW + HOUR), Intent(override="Paused")
PAYS = {"attribution": {"defaults": {"team": "vision", "costCenter": "cc 104"}}}


def decisions(*works: Workload, **cluster: Any) -> tuple[Decision, ...]:
    return plan(snapshot(state(*works, **cluster))).decisions


def done(decision: Decision, verb: Verb) -> Action:
    [found] = [action for action in decision.actions if action.verb is verb]
    return found


# -- what is told -------------------------------------------------------------------------------------------------

SHOWN: dict[str, tuple[Workload, Iterable[Policy] | None, bool]] = {
    "selected": (web(status_object=None), None, True),
    "selected by one of the cluster": (web(status_object=None), [cluster_policy()], True),
    "not selected": (web(status_object=None), NOBODY, False),
    "not selected, and told of before": (web(), NOBODY, True),
    "a policy is named, but there is none": (
        web(status_object=None, intent=Intent(policy_name="CostPolicy/x")),
        NOBODY,
        True,
    ),
    "a human stopped it": (web(status_object=None, intent=STOP), NOBODY, True),
    "a human wants it to run": (web(status_object=None, intent=RUN), NOBODY, True),
    "a human vetoed": (web(status_object=None, intent=Intent(keep_until=NOW + HOUR)), NOBODY, True),
    "a veto that is over": (web(status_object=None, intent=Intent(keep_until=NOW - HOUR)), NOBODY, False),
    "never to be paused": (web(status_object=None, intent=Intent(never_pause=True)), NOBODY, True),
    "an annotation that cannot be read": (web(status_object=None, intent=Intent(invalid=("x",))), NOBODY, True),
    "paused by us": (web(paused_deployment(), status_object=None), NOBODY, True),
    "held before its first start": (
        foreign_job(job("train", suspended=True, held=True), status_object=None),
        NOBODY,
        True,
    ),
    "a copy of a restore": (web(deployment(restore_misplaced="belongs to x"), status_object=None), NOBODY, True),
    "our own kinds, always": (workload(), NOBODY, True),
}


@pytest.mark.parametrize("case", SHOWN.values(), ids=SHOWN)
def test_work_of_others_is_told_of_where_somebody_wants_it(
    case: tuple[Workload, Iterable[Policy] | None, bool],
) -> None:
    it, policies, shown = case
    found = decisions(it, policies=policies)
    assert bool(found) is shown


def test_a_namespace_that_is_never_paused_is_no_word_about_each_of_its_objects() -> None:
    quiet = {"vision": Namespace("vision", never_pause=True)}
    assert decisions(web(status_object=None), policies=NOBODY, namespaces=quiet) == ()


# -- its AdoptedWorkload ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["Observe", "Enforce"])
def test_an_object_that_carries_its_status_is_created_whatever_the_mode(mode: str) -> None:
    decision = decide(web(status_object=None), policies=[policy(spec={"mode": mode})])
    adopt = done(decision, Verb.Adopt)
    assert (adopt.observed, adopt.workload) == (False, web().key)
    assert verbs(decide(web(), policies=[policy(spec={"mode": mode})])) == []


def test_it_stays_a_day_after_the_end_and_is_not_made_again() -> None:
    def ended(seconds: float, **more: Any) -> Workload:
        finished = job("train", finished=Reason.JobCompleted, finished_at=NOW - seconds, active=0)
        return foreign_job(finished, **more)

    assert verbs(decide(ended(24 * HOUR))) == []
    late = decide(ended(24 * HOUR + 1))
    assert [(action.verb, action.reason) for action in late.actions] == [(Verb.Discard, Reason.JobCompleted)]
    assert verbs(decide(ended(24 * HOUR + 1, status_object=None))) == []
    assert verbs(decide(ended(HOUR, status_object=None))) == [Verb.Adopt]


@pytest.mark.parametrize(
    ("it", "wanted"),
    [
        (web(), [Verb.Discard]),
        (web(intent=Intent(never_pause=True)), []),
        (web(paused_deployment()), [Verb.Resume]),
        (web(memory=Memory(pause=pause_record())), []),
        (web(memory=Memory(pause=pause_record(ended_at=NOW - 59))), []),
        (web(memory=Memory(pause=pause_record(ended_at=NOW - 60))), [Verb.Discard]),
        (web(memory=Memory(override_until=NOW + HOUR, override_request="Lever")), []),
    ],
    ids=[
        "nothing of ours is left",
        "a human's word stands on it",
        "paused by us: resumed first",
        "status does not tell yet that the pause is over",
        "resumed a moment ago: it counts among the resumes of this minute",
        "resumed a minute ago",
        "a human moved the lever, and that still holds",
    ],
)
def test_it_goes_when_no_policy_selects_the_work_any_more(it: Workload, wanted: list[Verb]) -> None:
    assert verbs(decide(it, policies=NOBODY)) == wanted


def test_a_fleet_is_adopted_in_rounds_so_that_nobody_waits_for_it() -> None:
    fleet = [web(deployment(name=f"web-{number:03}"), status_object=None) for number in range(ROUND + 5)]
    urgent = web(deployment(name="zzz"), status_object=None, intent=STOP)
    found = decisions(*fleet, urgent)
    adopted = [decision for decision in found if Verb.Adopt in verbs(decision)]
    assert len(adopted) == ROUND
    assert verbs(found[-1]) == [Verb.Pause], "a human's word does not wait for its turn"


# -- labels -------------------------------------------------------------------------------------------------------


def labels_of(it: Workload, **spec: Any) -> list[Action]:
    decision = decide(it, policies=[policy(spec={**PAYS, **spec})])
    return [action for action in decision.actions if action.verb is Verb.Label]


def test_labels_that_are_missing_are_written_where_the_policy_acts() -> None:
    [label] = labels_of(web())
    assert "ebbtide.dev/team, ebbtide.dev/cost-center" in label.message
    assert (label.pods, label.observed) == ((), False)


BORNE = (("ebbtide.dev/cost-center", "x"), ("ebbtide.dev/team", "y"), ("tier", "batch"))
UNLABELLED: dict[str, tuple[Workload, dict[str, Any]]] = {
    "Observe": (web(), {"mode": "Observe"}),
    "not at all": (web(), {"attribution": {**PAYS["attribution"], "write": "None"}}),
    "labels that are there, whatever they say": (web(labels=BORNE), {}),
    "nobody says who pays": (web(), {"attribution": {}}),
    "its controller is foreign": (web(unsupported="controlled by X"), {}),
    "never to be paused: report only": (web(intent=Intent(never_pause=True)), {}),
    "it has ended": (foreign_job(job("train", finished=Reason.JobFailed, finished_at=NOW - 60)), {}),
    "one of ours, which bears them from its creation": (workload(), {}),
    "nothing carries its status yet": (web(status_object=None), {}),
}


@pytest.mark.parametrize("case", UNLABELLED.values(), ids=UNLABELLED)
def test_nothing_is_labelled(case: tuple[Workload, dict[str, Any]]) -> None:
    it, spec = case
    assert labels_of(it, **spec) == []


def test_protected_namespaces_are_not_labelled() -> None:
    shelter = {"vision": Namespace("vision", protected=True)}
    decision = decide(web(), policies=[policy(spec=PAYS)], namespaces=shelter)
    assert verbs(decision) == []


def test_pods_are_labelled_where_policy_and_chart_say_so() -> None:
    pods = (
        pod("web-1"),
        pod("web-2", attribution=Attribution(team="other", cost_center="cc 104")),
        pod("web-3", deleting=True),
    )
    everywhere = {"attribution": {**PAYS["attribution"], "write": "ObjectsAndPods"}}

    def pods_of(it: Workload, *, granted: bool) -> list[tuple[str, ...]]:
        seen = state(it, pods={it.key: pods}, policies=[policy(spec=everywhere)])
        options = replace(snapshot(seen).settings, write_pods=granted)
        [decision] = plan(snapshot(seen, options=options)).decisions
        return [action.pods for action in decision.actions if action.verb is Verb.Label]

    assert pods_of(web(), granted=True) == [("web-1",)]
    assert pods_of(web(labels=BORNE), granted=True) == [("web-1",)], "only its pods lack them"
    assert pods_of(web(), granted=False) == [()]


TEAM = "cost-center,team"
"""How what PAYS gives is named in status."""


def labelling(count: int, *, ago: float = 60.0, request: str = TEAM, respecified: bool = False) -> Memory:
    spec = "another" if respecified else "5ca1ab1e"
    return Memory(labelling=Attempts(request, count, NOW - ago), conditions=(accepted(),), spec_hash=spec)


def counted(decision: Decision) -> tuple[str, int] | None:
    """status.labelling, had everything succeeded."""
    found = workload_status(decision, done=frozenset(action.verb for action in decision.actions)).get("labelling")
    return (found["request"], found["count"]) if found else None


def test_labels_that_are_taken_off_are_written_three_times_and_then_left_off_for_a_day() -> None:
    def paid(memory: Memory) -> Decision:
        return decide(web(memory=memory), policies=[policy(spec=PAYS)])

    first, second, third = paid(Memory(conditions=(accepted(),))), paid(labelling(1)), paid(labelling(2))
    assert [counted(it) for it in (first, second, third)] == [(TEAM, 1), (TEAM, 2), (TEAM, 3)]
    assert [done(it, Verb.Label).reason for it in (first, second)] == [Reason.Accepted] * 2
    told = done(third, Verb.Label)
    assert told.reason is Reason.ConflictingController
    assert "were taken off 2 times: written once more, and left off for a day if they go again" in told.message
    left = paid(labelling(3))
    assert Verb.Label not in verbs(left)
    assert counted(left) == (TEAM, 3), "so it is remembered"
    assert counted(paid(labelling(3, ago=24 * HOUR))) == (TEAM, 1)


def test_other_labels_and_another_spec_are_no_part_of_that_fight() -> None:
    for memory in (labelling(3, request="team"), labelling(3, respecified=True)):
        decision = decide(web(memory=memory), policies=[policy(spec=PAYS)])
        assert counted(decision) == (TEAM, 1)


def test_what_could_not_be_written_is_not_counted() -> None:
    decision = decide(web(memory=labelling(1)), policies=[policy(spec=PAYS)])
    assert workload_status(decision, done=frozenset())["labelling"]["count"] == 1


def test_pods_that_are_new_are_labelled_without_end_and_those_that_lost_their_labels_are_not() -> None:
    everywhere = {"attribution": {**PAYS["attribution"], "write": "ObjectsAndPods"}}

    def of(memory: Memory, created_at: float) -> Decision:
        it = web(labels=BORNE, memory=memory)
        seen = state(it, pods={it.key: (pod("web-1", created_at=created_at),)}, policies=[policy(spec=everywhere)])
        [decision] = plan(snapshot(seen, options=replace(snapshot(seen).settings, write_pods=True))).decisions
        return decision

    assert counted(of(labelling(2, ago=60), NOW - 30)) == (TEAM, 2)
    assert counted(of(labelling(2, ago=60), NOW - 61)) == (TEAM, 2), "it may not have been seen then"
    assert counted(of(labelling(2, ago=60), NOW - 90)) == (TEAM, 3)
    assert Verb.Label not in verbs(of(labelling(3, ago=60), NOW - 30)), "who strips the old ones strips it too"


# -- who moved the lever ------------------------------------------------------------------------------------------

OPEN = Memory(pause=pause_record(), conditions=(accepted(),), spec_hash="5ca1ab1e")
OVER = replace(OPEN, pause=pause_record(ended_at=NOW - 600))
LATER = replace(OPEN, pause=pause_record(since=NOW - 600))
EARLIER = stored(at=NOW - 2 * HOUR)

MOVED: dict[str, tuple[Workload, Reason, list[str]]] = {
    "somebody scaled up what we had paused": (
        web(deployment(6, restore=stored()), memory=OPEN),
        Reason.ResumedByUser,
        ["Forget"],
    ),
    "the same, and its status is lost": (web(deployment(6, restore=stored())), Reason.ResumedByUser, ["Forget"]),
    "a rollout brought back the restore of a pause that is over": (
        web(deployment(4, restore=stored()), memory=OVER),
        Reason.RestoreStale,
        ["Forget"],
    ),
    "the same, and somebody scaled it to zero": (
        web(paused_deployment(), memory=OVER),
        Reason.RestoreStale,
        ["Forget"],
    ),
    "a rollout and a start while another pause lasted": (
        web(deployment(4, restore=EARLIER), memory=LATER),
        Reason.RestoreStale,
        ["Forget"],
    ),
    "a rollout while another pause lasts: the old original is all there is": (
        web(deployment(0, restore=EARLIER), memory=LATER, intent=Intent()),
        Reason.GPUIdle,
        [],
    ),
    "a pause that a crash left untold is younger than the last one that was told": (
        web(paused_deployment(at=NOW - 300), memory=OVER),
        Reason.GPUIdle,
        [],
    ),
    "a restore of another object": (
        web(deployment(4, restore_misplaced="ebbtide.dev/restore belongs to Deployment/old, not to Deployment/web")),
        Reason.RestoreStale,
        ["Forget"],
    ),
    "a human who wants it back gets what any restore tells": (
        web(paused_deployment(), memory=OVER, intent=RUN),
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "somebody else scaled it to zero": (web(deployment(0)), Reason.PausedByUser, []),
    "the same, and a human wants it to run: nobody knows how many": (
        web(deployment(0), intent=RUN),
        Reason.PausedByUser,
        [],
    ),
    "a Job that somebody suspended starts when a human wants it to": (
        foreign_job(job("train", suspended=True), intent=RUN),
        Reason.ResumedByUser,
        ["Resume"],
    ),
    "a human stops it": (web(intent=STOP), Reason.PausedByUser, ["Pause"]),
    "a human's pause ends": (web(paused_deployment(by="User")), Reason.ResumedByUser, ["Resume"]),
    "held before its first start": (
        foreign_job(job("train", suspended=True, held=True)),
        Reason.Running,
        ["Start"],
    ),
    "held, and a human stops it": (
        foreign_job(job("train", suspended=True, held=True), intent=STOP),
        Reason.PausedByUser,
        [],
    ),
    "held, and Kueue has its lever": (
        foreign_job(job("train", suspended=True, held=True), queue="research"),
        Reason.QueueWaiting,
        [],
    ),
    "held below a controller that we do not know": (
        foreign_job(job("train", suspended=True, held=True), unsupported="controlled by JobSet x"),
        Reason.Running,
        ["Start"],
    ),
    "its controller is not known": (web(unsupported="controlled by Isvc x"), Reason.UnsupportedKind, []),
    "not known, and a human stops it": (
        web(unsupported="controlled by Isvc x", intent=STOP),
        Reason.UnsupportedKind,
        [],
    ),
    "its Job was suspended by a user": (foreign_job(job("train", suspended=True)), Reason.PausedByUser, []),
}


@pytest.mark.parametrize("case", MOVED.values(), ids=MOVED)
def test_who_moved_the_lever_decides(case: tuple[Workload, Reason, list[str]]) -> None:
    it, reason, actions = case
    decision = decide(it, policies=[LAXER])
    assert (decision.deciding, verbs(decision)) == (reason, actions)


@pytest.mark.parametrize("policies", [NOBODY, [policy(spec={"mode": "Observe"})]], ids=["no policy", "Observe"])
def test_what_was_held_starts_without_a_policy_and_in_observe(policies: Iterable[Policy]) -> None:
    decision = decide(foreign_job(job("train", suspended=True, held=True)), policies=policies)
    assert [(action.verb, action.observed) for action in decision.actions] == [(Verb.Start, False)]


def test_what_was_held_starts_in_a_protected_namespace_too() -> None:
    shelter = {"vision": Namespace("vision", protected=True)}
    held = foreign_job(job("train", suspended=True, held=True))
    assert verbs(decide(held, namespaces=shelter)) == [Verb.Start]


def test_a_restore_that_was_copied_gives_nobody_four_hours() -> None:
    found = decide(web(deployment(4, restore=stored()), memory=OVER), policies=[LAXER])
    assert found.override == (None, "")
    assert "the Deployment stays as it is" in found.message
    moved = decide(web(deployment(6, restore=stored()), memory=OPEN), policies=[LAXER])
    assert moved.override == (NOW + 4 * HOUR, "Lever")
    assert "the Deployment that Ebbtide had paused" in moved.message


def test_the_same_holds_for_the_job_of_a_training_job() -> None:
    target = replace(job(), restore=restore())
    assert decide(workload(target=target, memory=OVER)).deciding is Reason.RestoreStale
    assert decide(workload(target=target, memory=OPEN)).deciding is Reason.ResumedByUser


def test_the_sentence_for_a_deployment_at_zero_says_what_to_type() -> None:
    found = decide(web(deployment(0), intent=RUN), policies=[LAXER])
    assert "`kubectl scale deployment/web -n vision --replicas=N` starts it" in found.message


# -- idleness -----------------------------------------------------------------------------------------------------


def test_a_server_whose_requests_nobody_counts_is_warned_and_never_paused() -> None:
    warned = decide(web(), idle_for=960)
    assert verbs(warned) == [Verb.Warn]
    assert "not paused: it serves, and no series of its requests is known" in warned.actions[0].message
    memory = Memory(warned_at=NOW - 400, idle_since=NOW - 1300, conditions=(accepted(),))
    refused = decide(web(memory=memory), idle_for=1300)
    assert (refused.refused, verbs(refused)) == (Reason.NoRequestSignal, [])
    paused = decide(web(memory=memory), idle_for=1300, policies=[LAXER])
    assert verbs(paused) == [Verb.Pause]


def test_what_a_policy_paused_is_resumed_when_it_goes() -> None:
    for policies in (NOBODY, [policy(spec={"mode": "Observe"})], [policy(spec={"kinds": ["Job"]})]):
        decision = decide(web(paused_deployment(), memory=OPEN), policies=policies)
        assert (decision.deciding, verbs(decision)) == (Reason.PolicyRemoved, [Verb.Resume])


def test_pauses_that_were_undone_are_forgotten_when_the_spec_changes_and_not_by_our_own_patches() -> None:
    undone = replace(OVER, pause=pause_record(ended_at=NOW - 600, reverts=3), warned_at=NOW - 400)
    same = web(memory=undone, generation=1)
    assert decide(same, idle_for=1300, policies=[LAXER]).deciding is Reason.ConflictingController
    changed = replace(same, spec_hash="another")
    assert decide(changed, idle_for=1300, policies=[LAXER]).deciding is not Reason.ConflictingController


# -- status -------------------------------------------------------------------------------------------------------


def test_status_tells_the_spec_that_it_is_about_and_no_job_name() -> None:
    status = workload_status(decide(web()), done=frozenset())
    assert status["observedSpec"] == "5ca1ab1e"
    assert "jobName" not in status
    assert {it["type"] for it in status["conditions"]} >= {"Accepted", "Paused", "Running", "Idle"}
    own = workload_status(decide(workload()), done=frozenset())
    assert own["jobName"] == "resnet"
    assert "observedSpec" not in own


def test_a_paused_deployment_is_paused_and_not_running() -> None:
    status = workload_status(decide(web(paused_deployment(), memory=OPEN), policies=[LAXER]), done=frozenset())
    told = {it["type"]: (it["status"], it["reason"]) for it in status["conditions"]}
    assert told["Paused"] == ("True", "GPUIdle")
    assert told["Running"] == ("False", "GPUIdle")


def test_who_carries_the_status_of_a_workload() -> None:
    assert web().status_object == TOLD
    assert web().adopted
    assert not workload().adopted
