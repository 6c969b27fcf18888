"""What the executor sends, asks and answers. The API server is a stand-in; what it would accept is tested in e2e."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.intent import Intent
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Workload, WorkloadKey
from ebbtide.objects.executor import Executor
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.scaled_object import SCALED_OBJECT
from ebbtide.objects.queueing import entry_decoder, queued
from ebbtide.objects.scaling import whole
from ebbtide.objects.views_deployment import decode_deployment
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_kind import decoder
from ebbtide.objects.views_meta import rfc3339
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.objects.writing import CrashPoint, Gate, NotLeaderError, TokenBucket
from ebbtide.ports import EventNote, OutcomeKind, StatusWrite
from tests.cluster_stand_in import Asked, StandIn, running
from tests.kinds import BY_KIND

NOW = 1795365436.0
KEY = WorkloadKey("ns", "TrainingJob", "a")
OWNER = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "TrainingJob", "name": "a", "uid": "tj", "controller": True}
TRAINING_JOB = {
    "apiVersion": "ebbtide.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "a", "namespace": "ns", "uid": "tj", "resourceVersion": "5"},
    "spec": {"workers": 2, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
}


RESTORE = json.dumps(
    {
        "v": 1,
        "kind": "Job",
        "name": "a",
        "at": "2026-11-22T16:37:16Z",
        "by": "Policy",
        "policy": "",
        "reason": "GPUIdle",
        "fields": [{"path": "/spec/suspend", "was": False, "set": True}],
    }
)


class Leader:
    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def may_write(self) -> bool:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def job(version: str = "7", *, suspend: bool = False, owners: Any = (OWNER,), **metadata: Any) -> dict[str, Any]:
    meta = {"name": "a", "namespace": "ns", "uid": "job", "resourceVersion": version, "ownerReferences": list(owners)}
    return {"kind": "Job", "apiVersion": "batch/v1", "metadata": {**meta, **metadata}, "spec": {"suspend": suspend}}


def workload(target: dict[str, Any] | None = None) -> Workload:
    seed = decode_training_job(json.dumps(TRAINING_JOB).encode())[1]
    if target is None:
        return seed
    return replace(seed, target=decode_job(json.dumps(target).encode())[1].target)


def action(verb: Verb, **more: Any) -> Action:
    return Action(verb, KEY, Reason.GPUIdle, "m", policy="CostPolicy/p", **more)


@asynccontextmanager
async def executing(stand_in: StandIn, folder: Path, leader: Leader | None = None) -> AsyncIterator[Executor]:
    async with running(stand_in, folder) as client:
        yield Executor(
            client,
            leader or Leader(True),
            lease_namespace="ops",
            lease_name="lease",
            clock=lambda: NOW,
            crash=CrashPoint(),
            instance="me",
        )


def gets(asked: Asked) -> bool:
    return asked.method == "GET"


def of_job(asked: Asked) -> bool:
    return asked.method == "GET" and "/jobs/" in asked.path


def ours(**metadata: Any) -> StandIn:
    """A stand-in that knows the TrainingJob, as the decision saw it but for `metadata`."""
    stand_in = StandIn()
    there = {**TRAINING_JOB, "metadata": {**TRAINING_JOB["metadata"], **metadata}}
    stand_in.answer(200, there, when=lambda asked: asked.method == "GET" and "/trainingjobs/" in asked.path)
    return stand_in


def writes(stand_in: StandIn) -> list[Asked]:
    return [one for one in stand_in.asked if one.method != "GET"]


async def test_an_observed_action_makes_no_call(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with executing(stand_in, tmp_path, Leader(False)) as executor:
        outcome = await executor.execute(action(Verb.Pause, observed=True), workload(job()))
    assert (outcome.kind, stand_in.asked) == (OutcomeKind.Observed, [])


@pytest.mark.parametrize("verb", list(Verb))
async def test_who_does_not_lead_writes_nothing(tmp_path: Path, verb: Verb) -> None:
    stand_in = StandIn()
    async with executing(stand_in, tmp_path, Leader(False)) as executor:
        assert (await executor.execute(action(verb), workload(job()))).kind is OutcomeKind.NotLeader
        assert (await executor.write_breaker(NOW)).kind is OutcomeKind.NotLeader
    assert writes(stand_in) == []


async def test_leadership_is_asked_again_at_the_last_moment(tmp_path: Path) -> None:
    stand_in = ours()
    stand_in.answer(200, job(), when=of_job)
    async with executing(stand_in, tmp_path, Leader(True, False)) as executor:
        assert (await executor.execute(action(Verb.Pause), workload(job()))).kind is OutcomeKind.NotLeader
    assert writes(stand_in) == []


async def test_a_pause_is_exactly_one_write(tmp_path: Path) -> None:
    stand_in = ours()
    stand_in.answer(200, job(), when=of_job)
    stand_in.answer(200, job("8", suspend=True))
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.execute(action(Verb.Pause), workload(job()))
        assert (outcome.kind, executor.writes) == (OutcomeKind.Done, 1)
    (patch,) = writes(stand_in)
    stored = json.loads(patch.body["metadata"]["annotations"]["ebbtide.dev/restore"])
    assert rfc3339(outcome.at or 0) == stored["at"], "by which its Event is named"
    assert patch.query == {"fieldManager": "ebbtide"}
    assert patch.body["spec"] == {"suspend": True}
    assert patch.body["metadata"]["resourceVersion"] == "7"
    assert json.loads(patch.body["metadata"]["annotations"]["ebbtide.dev/restore"])["reason"] == "GPUIdle"


@pytest.mark.parametrize(
    ("name", "there", "want"),
    [
        ("changed since the decision", job("8"), "changed since it was seen"),
        ("replaced by another", {**job(), "metadata": {**job()["metadata"], "uid": "other"}}, "was replaced"),
    ],
)
async def test_what_is_not_as_the_decision_saw_it_is_planned_again(
    tmp_path: Path, name: str, there: Any, want: str
) -> None:
    stand_in = ours()
    stand_in.answer(200, there, when=of_job)
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.execute(action(Verb.Pause), workload(job()))
    assert outcome.kind is OutcomeKind.Conflict, name
    assert want in outcome.message
    assert writes(stand_in) == []


@pytest.mark.parametrize(
    ("status", "want"),
    [
        *((404, OutcomeKind.Conflict), (409, OutcomeKind.Conflict), (403, OutcomeKind.Denied)),
        *((422, OutcomeKind.Rejected), (400, OutcomeKind.Rejected), (429, OutcomeKind.RateLimited)),
        *((401, OutcomeKind.Denied), (500, OutcomeKind.Failed), (503, OutcomeKind.Failed)),
    ],
)
async def test_every_refusal_is_an_outcome_with_its_sentence(tmp_path: Path, status: int, want: OutcomeKind) -> None:
    stand_in = ours()
    stand_in.answer(200, job(), when=of_job)
    stand_in.refuse(status, "Reason", "the server's own sentence")
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.execute(action(Verb.Pause), workload(job()))
    assert (outcome.kind, outcome.message) == (want, "the server's own sentence")


async def test_a_server_that_is_gone_is_an_outcome_too(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with executing(stand_in, tmp_path) as executor:
        executor._client._api.configuration.host = "http://127.0.0.1:9"
        outcome = await executor.execute(action(Verb.Create), workload())
    assert outcome.kind is OutcomeKind.Failed
    assert "cannot reach the API server" in outcome.message


@pytest.mark.parametrize(
    ("there", "want"),
    [
        ({"resourceVersion": "6"}, OutcomeKind.Done),
        ({"annotations": {"ebbtide.dev/keep-until": "2099-01-01T00:00:00Z"}}, OutcomeKind.Conflict),
        ({"generation": 2}, OutcomeKind.Conflict),
        ({"uid": "another"}, OutcomeKind.Conflict),
        ({"deletionTimestamp": "2026-11-22T16:37:16Z"}, OutcomeKind.Conflict),
    ],
)
async def test_a_word_that_no_watch_told_of_is_heard_before_a_pause(
    tmp_path: Path, there: dict[str, Any], want: OutcomeKind
) -> None:
    stand_in = ours(**there)
    stand_in.answer(200, job(), when=of_job)
    stand_in.answer(200, job("8", suspend=True))
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Pause), workload(job()))).kind is want
    assert len(writes(stand_in)) == (want is OutcomeKind.Done)


@pytest.mark.parametrize(
    ("there", "by", "asked", "want"),
    [
        ({}, Actor.Policy, "", OutcomeKind.Done),
        ({"keep-until": "2099-01-01T00:00:00Z"}, Actor.Policy, "", OutcomeKind.Done),
        ({"override": "Paused", "override-until": "2026-01-01T00:00:00Z"}, Actor.Policy, "", OutcomeKind.Done),
        ({"override": "Paused"}, Actor.Policy, "", OutcomeKind.Conflict),
        ({}, Actor.User, "", OutcomeKind.Done),
        ({"override": "Paused"}, Actor.User, "", OutcomeKind.Conflict),
        ({"override": "Paused"}, Actor.User, "Running", OutcomeKind.Done),
    ],
    ids=[
        "nothing new",
        "a veto starts and stops nothing",
        "a stop that is over",
        "a stop",
        "the end of a human's pause",
        "the end of a human's pause that he has prolonged",
        "by a human's name",
    ],
)
async def test_a_stop_that_no_watch_told_of_is_heard_before_what_nobody_asks_for_starts(
    tmp_path: Path, there: dict[str, str], by: Actor, asked: str, want: OutcomeKind
) -> None:
    stand_in = ours(annotations={f"ebbtide.dev/{key}": value for key, value in there.items()})
    paused = job(suspend=True, annotations={"ebbtide.dev/restore": RESTORE})
    stand_in.answer(200, paused, when=of_job)
    stand_in.answer(200, job("8"))
    async with executing(stand_in, tmp_path) as executor:
        seen = replace(workload(paused), intent=Intent(override=asked, override_until=NOW + 60))
        assert (await executor.execute(action(Verb.Resume, by=by), seen)).kind is want
    assert len(writes(stand_in)) == (want is OutcomeKind.Done)


async def test_after_the_start_of_a_users_job_its_fields_are_given_up(tmp_path: Path) -> None:
    restore = {"ebbtide.dev/restore": RESTORE}
    paused = job(suspend=True, owners=(), annotations=restore)
    fields = [{"manager": "kubectl"}, {"manager": "ebbtide"}]
    stand_in = ours()
    stand_in.answer(200, paused, when=gets)
    stand_in.answer(200, job("8", owners=(), managedFields=fields))
    stand_in.refuse(409, "Conflict", "the Job controller was faster")
    stand_in.answer(200, job("9", owners=(), managedFields=fields), when=gets)
    stand_in.refuse(500, "InternalError", "no luck today")
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.execute(action(Verb.Resume), workload(paused))
    start, give_up, again = writes(stand_in)
    assert outcome.kind is OutcomeKind.Done, "what happens to the second patch does not undo the first"
    assert start.body["spec"] == {"suspend": False}
    assert give_up.body == {"metadata": {"resourceVersion": "8", "managedFields": [{"manager": "kubectl"}]}}
    assert again.body == {"metadata": {"resourceVersion": "9", "managedFields": [{"manager": "kubectl"}]}}


async def test_a_job_of_ours_keeps_our_fields(tmp_path: Path) -> None:
    held = job(suspend=True)
    stand_in = ours()
    stand_in.answer(200, held, when=gets)
    stand_in.answer(200, job("8", managedFields=[{"manager": "ebbtide"}]))
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Start), workload(held))).kind is OutcomeKind.Done
    assert len(writes(stand_in)) == 1


async def test_a_job_that_somebody_suspended_starts_only_for_a_human(tmp_path: Path) -> None:
    theirs = job(suspend=True, owners=())
    for by, want in ((Actor.Policy, OutcomeKind.Unchanged), (Actor.User, OutcomeKind.Done)):
        stand_in = ours()
        stand_in.answer(200, theirs, when=gets)
        stand_in.answer(200, job("8", owners=()))
        async with executing(stand_in, tmp_path) as executor:
            assert (await executor.execute(action(Verb.Resume, by=by), workload(theirs))).kind is want


async def test_create_makes_the_service_first_and_both_strictly(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, TRAINING_JOB, when=gets)
    stand_in.answer(201, {})
    stand_in.answer(201, {})
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Create), workload())).kind is OutcomeKind.Done
    assert [one.path.rsplit("/", 1)[1] for one in writes(stand_in)] == ["services", "jobs"]
    assert all(one.query["fieldValidation"] == "Strict" for one in writes(stand_in))


@pytest.mark.parametrize(
    ("name", "owners", "want"),
    [("ours", [OWNER], OutcomeKind.Unchanged), ("a stranger's", [], OutcomeKind.NameConflict)],
)
async def test_a_name_that_is_taken(tmp_path: Path, name: str, owners: Any, want: OutcomeKind) -> None:
    stand_in = StandIn()
    stand_in.answer(200, TRAINING_JOB, when=gets)
    stand_in.answer(201, {}, when=lambda asked: asked.path.endswith("services"))
    stand_in.refuse(409, "AlreadyExists", 'jobs "a" already exists', when=lambda asked: asked.method == "POST")
    stand_in.answer(200, job(owners=owners), when=gets)
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.execute(action(Verb.Create), workload())
    assert outcome.kind is want, name
    assert want is OutcomeKind.Unchanged or outcome.message.startswith("a Job named a exists")


async def test_a_training_job_that_was_replaced_gets_no_job(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {**TRAINING_JOB, "metadata": {**TRAINING_JOB["metadata"], "uid": "new"}}, when=gets)
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Create), workload())).kind is OutcomeKind.Conflict
    assert writes(stand_in) == []


async def test_a_training_job_whose_spec_was_edited_meanwhile_gets_no_job(tmp_path: Path) -> None:
    stand_in = StandIn()
    edited = {**TRAINING_JOB, "metadata": {**TRAINING_JOB["metadata"], "generation": 2}}
    stand_in.answer(200, edited, when=gets)
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Create), workload())).kind is OutcomeKind.Conflict
    assert writes(stand_in) == []


async def test_status_goes_to_the_subresource_under_its_own_manager(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {})
    async with executing(stand_in, tmp_path) as executor:
        await executor.write_status(StatusWrite("PriceCatalog", "", "main", "u", {"conditions": []}))
    (apply,) = writes(stand_in)
    assert apply.path == "/apis/ebbtide.dev/v1alpha1/pricecatalogs/main/status"
    assert apply.query == {"fieldManager": "ebbtide-status", "force": "true"}
    assert apply.body["status"] == {"conditions": []}


async def test_the_breaker_is_an_annotation_of_the_lease(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {})
    async with executing(stand_in, tmp_path) as executor:
        await executor.write_breaker(NOW)
    (patch,) = writes(stand_in)
    assert patch.path == "/apis/coordination.k8s.io/v1/namespaces/ops/leases/lease"
    assert patch.body == {"metadata": {"annotations": {"ebbtide.dev/breaker-until": "2026-11-22T16:37:16Z"}}}


async def test_an_event_is_said_once_and_again_after_it_failed(tmp_path: Path) -> None:
    note = EventNote(KEY, "tj", "Warning", "GPUIdle", "Warn", "é" * 1000)
    stand_in = StandIn()
    stand_in.refuse(500, "InternalError", "not now")
    stand_in.answer(201, {})
    async with executing(stand_in, tmp_path) as executor:
        kinds = [(await executor.publish(note)).kind for _ in range(3)]
    assert kinds == [OutcomeKind.Failed, OutcomeKind.Done, OutcomeKind.Unchanged]
    body = writes(stand_in)[1].body
    assert (body["reason"], body["action"], body["type"], body["reportingInstance"]) == (
        "GPUIdle",
        "Warn",
        "Warning",
        "me",
    )
    assert body["regarding"]["apiVersion"] == "ebbtide.dev/v1alpha1"
    assert len(body["note"].encode()) <= 1024
    assert body["note"].endswith("…")


async def test_an_event_that_cannot_be_made_keeps_nobody_from_going_on(tmp_path: Path) -> None:
    note = EventNote(KEY, "tj", "Warning", "GPUIdle", "Pause", "half of a pair: \ud800")
    stand_in = StandIn()
    async with executing(stand_in, tmp_path) as executor:
        outcome = await executor.publish(note)
    assert (outcome.kind, writes(stand_in)) == (OutcomeKind.Failed, [])


async def test_two_processes_that_tell_the_same_of_an_object_give_one_event(tmp_path: Path) -> None:
    note = EventNote(KEY, "tj", "Warning", "GPUIdle", "Pause", "paused", identity="1763829436")
    stand_in = StandIn()
    stand_in.answer(201, {})
    stand_in.refuse(409, "AlreadyExists", "there is one")
    stand_in.answer(201, {})
    kinds = []
    for one in (note, replace(note, message="in other words"), replace(note, identity="1763829437")):
        async with executing(stand_in, tmp_path) as executor:
            kinds.append((await executor.publish(one)).kind)
    assert kinds == [OutcomeKind.Done, OutcomeKind.Unchanged, OutcomeKind.Done]
    names = [write.body["metadata"]["name"] for write in writes(stand_in)]
    assert names[0] == names[1] != names[2]
    assert all(name.startswith(f"{KEY.name}.") for name in names)


# -- the gate -------------------------------------------------------------------------------------------------------


async def test_the_bucket_lets_a_burst_through_and_then_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    monkeypatch.setattr("ebbtide.objects.writing.asyncio.sleep", sleep)
    bucket = TokenBucket(per_second=20, burst=3, clock=lambda: now[0])
    for _ in range(5):
        await bucket.take()
    assert slept == [0.05, 0.1], "the fourth waits one twentieth of a second, the fifth two"
    now[0] = 100.0
    await bucket.take()
    assert len(slept) == 2


async def test_leadership_lost_while_waiting_stops_the_write() -> None:
    gate = Gate(Leader(False), TokenBucket(), CrashPoint())
    with pytest.raises(NotLeaderError):
        await gate.send(lambda: pytest.fail("must not be sent"))
    assert gate.sent == 0


@pytest.mark.parametrize("text", ["x", "1", "1:during", ":before", "-1:after"])
def test_a_crash_point_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write NUMBER:before or NUMBER:after"):
        CrashPoint.from_environment({"EBBTIDE_CRASH_AT": text})
    assert CrashPoint.from_environment({}) == CrashPoint()


class TestThroughKueue:
    """Kueue's Workload bears the lever, and the Job the human's word."""

    ENTRY: Final = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": "entry", "namespace": "ns", "uid": "entry", "resourceVersion": "9"},
        "spec": {"active": True},
    }

    def entry(self, *, active: bool) -> dict[str, Any]:
        """Paused by a policy where it is not active."""
        fields = [{"path": "/spec/active", "was": True, "set": False}]
        restore = {**json.loads(RESTORE), "kind": "Workload", "name": "entry", "fields": fields}
        words = {} if active else {"annotations": {"ebbtide.dev/restore": json.dumps(restore)}}
        return {**self.ENTRY, "metadata": {**self.ENTRY["metadata"], **words}, "spec": {"active": active}}

    def queued(self, *, active: bool = True) -> Workload:
        own = decode_job(json.dumps(job(owners=())).encode())[1].foreign
        entry = entry_decoder(KUEUE_WORKLOAD.resource)(json.dumps(self.entry(active=active)).encode())[1]
        return queued(own, entry)

    def stand_in(self, own: dict[str, Any], *, active: bool = True) -> StandIn:
        found, entry = StandIn(), self.entry(active=active)
        found.answer(200, own, when=of_job)
        found.answer(200, entry, when=lambda asked: asked.method == "GET" and "/workloads/" in asked.path)
        found.answer(200, entry, when=lambda asked: asked.method == "PATCH")
        return found

    async def test_it_is_paused_by_one_patch_of_the_workload(self, tmp_path: Path) -> None:
        stand_in = self.stand_in(job(owners=()))
        async with executing(stand_in, tmp_path) as executor:
            assert (await executor.execute(action(Verb.Pause), self.queued())).kind is OutcomeKind.Done
        [patch] = writes(stand_in)
        assert patch.path.endswith("/workloads/entry")
        assert patch.body["spec"] == {"active": False}

    @pytest.mark.parametrize("verb", [Verb.Pause, Verb.Resume])
    @pytest.mark.parametrize(
        "changes", [{"version": "8", "annotations": {"ebbtide.dev/override": "Running"}}, {"uid": "another"}]
    )
    async def test_a_word_on_the_job_that_no_watch_told_of_is_heard_first(
        self, tmp_path: Path, verb: Verb, changes: dict[str, Any]
    ) -> None:
        stand_in = self.stand_in(job(owners=(), **changes))
        async with executing(stand_in, tmp_path) as executor:
            outcome = await executor.execute(action(verb), self.queued())
        assert outcome.kind is OutcomeKind.Conflict
        assert outcome.message.startswith("Job a ")
        assert writes(stand_in) == []

    @pytest.mark.parametrize(("override", "started"), [("Running", True), ("Paused", False), ("", False)])
    async def test_the_end_of_a_users_pause_is_asked_for_and_his_word_to_run_is_not(
        self, tmp_path: Path, override: str, started: bool
    ) -> None:
        """He prolonged it, and no watch told; a person who wants it to run waits for no watch."""
        stand_in = self.stand_in(job("8", owners=()), active=False)
        until = NOW - 1 if override == "Paused" else NOW + 1
        seen = replace(self.queued(active=False), intent=Intent(override=override, override_until=until))
        async with executing(stand_in, tmp_path) as executor:
            outcome = await executor.execute(action(Verb.Resume, by=Actor.User), seen)
        assert (outcome.kind is OutcomeKind.Done) is started
        assert bool(writes(stand_in)) is started

    async def test_of_a_training_job_its_own_object_tells_and_not_the_job_whose_pods_start(
        self, tmp_path: Path
    ) -> None:
        own = workload(job())
        seen = replace(own, itself=own.target, target=self.queued().target)
        for version, kind in (("5", OutcomeKind.Done), ("6", OutcomeKind.Conflict)):
            stand_in = self.stand_in(job("8"))
            changed = {"annotations": {"ebbtide.dev/never-pause": "true"}} if version == "6" else {}
            there = {**TRAINING_JOB, "metadata": {**TRAINING_JOB["metadata"], "resourceVersion": version, **changed}}
            stand_in.answer(200, there, when=lambda asked: asked.method == "GET" and "/trainingjobs/" in asked.path)
            async with executing(stand_in, tmp_path) as executor:
                assert (await executor.execute(action(Verb.Pause), seen)).kind is kind


@pytest.mark.parametrize(("version", "kind"), [("7", OutcomeKind.Done), ("8", OutcomeKind.Conflict)])
async def test_a_veto_on_what_keda_scales_is_heard_although_no_watch_told(
    tmp_path: Path, version: str, kind: OutcomeKind
) -> None:
    """The ScaledObject bears the lever, and people speak on the Deployment as well."""
    scaler = BY_KIND["ScaledObject"].manifest("scaler")
    scaler["metadata"] |= {"namespace": "ns", "uid": "scaler", "resourceVersion": "9"}
    scaled = BY_KIND["Deployment"].manifest("work")
    scaled["metadata"] |= {"namespace": "ns", "uid": "work", "resourceVersion": "7"}
    seed = decoder(SCALED_OBJECT, SCALED_OBJECT.resource)(json.dumps(scaler).encode())[1]
    seen = whole(seed, decode_deployment(json.dumps(scaled).encode())[1])
    stand_in = StandIn()
    now = {**scaled, "metadata": {**scaled["metadata"], "resourceVersion": version}}
    stand_in.answer(200, now, when=lambda asked: asked.method == "GET" and "/deployments/" in asked.path)
    stand_in.answer(200, scaler, when=lambda asked: "/scaledobjects/" in asked.path)
    async with executing(stand_in, tmp_path) as executor:
        assert (await executor.execute(action(Verb.Pause), seen)).kind is kind
    assert bool(writes(stand_in)) is (kind is OutcomeKind.Done)
