"""What the executor sends for work of others: the lever of a Deployment, AdoptedWorkloads, labels."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.original import FORGET_SECONDS, remembered, written
from ebbtide.core.reason import Reason
from ebbtide.core.workload import (
    Attribution,
    Memory,
    PauseRecord,
    RestoreField,
    StatusObject,
    Workload,
    WorkloadKey,
)
from ebbtide.objects.executor import Executor
from ebbtide.objects.labelling import claims
from ebbtide.objects.resources import REPLICA_SETS
from ebbtide.objects.views_deployment import decode_deployment
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.writing import CrashPoint
from ebbtide.ports import OutcomeKind
from tests.cluster_stand_in import Asked, StandIn, running

NOW = 1_795_365_436.0
KEY = WorkloadKey("ns", "Deployment", "web")
RESTORE = {
    "v": 1, "kind": "Deployment", "name": "web", "at": "2026-11-22T16:37:16Z", "by": "Policy",
    "policy": "CostPolicy/p", "reason": "GPUIdle", "fields": [{"path": "/spec/replicas", "was": 4, "set": 0}],
}  # fmt: skip
PAYS = Attribution(team="vision", cost_center="cc 104")
HERE = StatusObject("AdoptedWorkload", "deployment-web", "told")


class Leader:
    def may_write(self) -> bool:
        return True


def document(replicas: int = 4, version: str = "7", **meta: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "ns", "uid": "d", "resourceVersion": version, **meta}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": metadata,
            "spec": {"replicas": replicas, "template": {"spec": {"containers": []}}}}  # fmt: skip


def workload(seen: dict[str, Any] | None = None, **changes: Any) -> Workload:
    found = decode_deployment(json.dumps(seen or document()).encode())[1]
    return replace(found, attribution=PAYS, **changes)


def action(verb: Verb, **more: Any) -> Action:
    return Action(verb, KEY, Reason.GPUIdle, "m", policy="CostPolicy/p", **more)


@asynccontextmanager
async def executing(stand_in: StandIn, folder: Path) -> AsyncIterator[Executor]:
    async with running(stand_in, folder) as client:
        yield Executor(
            client, Leader(), lease_namespace="ops", lease_name="lease", clock=lambda: NOW, crash=CrashPoint()
        )


def reads(asked: Asked) -> bool:
    return asked.method == "GET"


def sent(stand_in: StandIn) -> list[Asked]:
    return [one for one in stand_in.asked if one.method != "GET"]


async def done(stand_in: StandIn, folder: Path, what: Action, to: Workload) -> OutcomeKind:
    async with executing(stand_in, folder) as executor:
        return (await executor.execute(what, to)).kind


# -- the lever ----------------------------------------------------------------------------------------------------


async def test_a_deployment_is_paused_by_one_patch_of_itself(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, document(), when=reads)
    stand_in.answer(200, document(0, annotations={"ebbtide.dev/restore": json.dumps(RESTORE)}))
    assert await done(stand_in, tmp_path, action(Verb.Pause), workload()) is OutcomeKind.Done
    [patch] = sent(stand_in)
    assert (patch.method, patch.path) == ("PATCH", "/apis/apps/v1/namespaces/ns/deployments/web")
    assert patch.headers["content-type"] == "application/merge-patch+json"
    assert patch.body["spec"] == {"replicas": 0}
    assert patch.body["metadata"]["resourceVersion"] == "7"
    assert json.loads(patch.body["metadata"]["annotations"]["ebbtide.dev/restore"]) == RESTORE


async def test_it_gets_its_number_back_and_is_its_owners_again(tmp_path: Path) -> None:
    paused = document(0, annotations={"ebbtide.dev/restore": json.dumps(RESTORE)})
    ours = [{"manager": "ebbtide"}, {"manager": "kubectl"}]
    stand_in = StandIn()
    stand_in.answer(200, paused, when=reads)
    stand_in.answer(200, document(4, "8", managedFields=ours))
    stand_in.answer(200, document(4, "9"))
    assert await done(stand_in, tmp_path, action(Verb.Resume), workload(paused)) is OutcomeKind.Done
    resume, given_up = sent(stand_in)
    assert resume.body["spec"] == {"replicas": 4}
    assert resume.body["metadata"]["annotations"] == {"ebbtide.dev/restore": None}
    assert given_up.body["metadata"]["managedFields"] == [{"manager": "kubectl"}]


async def test_what_lost_its_original_gets_back_what_status_remembers(tmp_path: Path) -> None:
    bare = document(0)
    seen = workload(bare)
    assert seen.target is not None
    pause = PauseRecord(NOW - 60, "GPUIdle", "Policy", original=written((RestoreField("/spec/replicas", 4, True, 0),)))
    known = remembered(seen.target, Memory(pause=pause, verdict_as_of=NOW), NOW)
    stand_in = StandIn()
    stand_in.answer(200, bare, when=reads)
    stand_in.answer(200, document(4, "8"))
    assert await done(stand_in, tmp_path, action(Verb.Resume), replace(seen, target=known)) is OutcomeKind.Done
    assert sent(stand_in)[0].body["spec"] == {"replicas": 4}


@pytest.mark.parametrize("by", list(Actor))
async def test_a_deployment_without_an_original_is_not_started(tmp_path: Path, by: Actor) -> None:
    stand_in = StandIn()
    stand_in.answer(200, document(0), when=reads)
    outcome = await done(stand_in, tmp_path, action(Verb.Resume, by=by), workload(document(0)))
    assert outcome in {OutcomeKind.Rejected, OutcomeKind.Unchanged}
    assert sent(stand_in) == []


async def test_what_was_held_starts_and_its_hold_goes_in_one_patch(tmp_path: Path) -> None:
    meta = {"name": "web", "namespace": "ns", "uid": "j", "resourceVersion": "7"}
    held = {"kind": "Job", "metadata": {**meta, "annotations": {"ebbtide.dev/hold": "true"}}, "spec": {"suspend": True}}
    found = decode_job(json.dumps(held).encode())[1].foreign
    assert found is not None
    stand_in = StandIn()
    stand_in.answer(200, held, when=reads)
    stand_in.answer(200, {**held, "metadata": {**meta, "resourceVersion": "8"}})
    assert await done(stand_in, tmp_path, action(Verb.Start), found) is OutcomeKind.Done
    [patch] = sent(stand_in)
    assert patch.body == {
        "metadata": {"resourceVersion": "7", "annotations": {"ebbtide.dev/hold": None}},
        "spec": {"suspend": False},
    }


# -- what status remembers ----------------------------------------------------------------------------------------

ORIGINAL = written((RestoreField("/spec/replicas", 4, True, 0),))
OPEN = PauseRecord(NOW - 60, "GPUIdle", "Policy", original=ORIGINAL)


def test_the_original_is_told_in_the_words_of_the_annotation() -> None:
    assert json.loads(ORIGINAL) == RESTORE["fields"]
    assert json.loads(written((RestoreField("/spec/suspend", None, False, True),))) == [
        {"path": "/spec/suspend", "set": True}
    ]


@pytest.mark.parametrize(
    ("target", "memory", "was"),
    [
        (document(0), Memory(pause=OPEN, verdict_as_of=NOW), 4),
        (document(2), Memory(pause=OPEN, verdict_as_of=NOW), None),
        (document(0), Memory(pause=replace(OPEN, ended_at=NOW), verdict_as_of=NOW), None),
        (document(0), Memory(pause=OPEN, verdict_as_of=NOW - FORGET_SECONDS - 1), None),
        (document(0), Memory(pause=OPEN), None),
        (document(0), Memory(pause=replace(OPEN, original="?"), verdict_as_of=NOW), None),
        (document(0), Memory(), None),
    ],
    ids=["lost", "started", "over", "told long ago", "never told", "not readable", "never paused"],
)
def test_status_helps_out_only_where_it_has_seen_the_whole_pause(
    target: dict[str, Any], memory: Memory, was: int | None
) -> None:
    seen = workload(target).target
    assert seen is not None
    found = remembered(seen, memory, NOW).restore
    assert (found.fields[0].was if found else None) == was


# -- AdoptedWorkloads ---------------------------------------------------------------------------------------------


async def test_an_adopted_workload_goes_with_its_target_and_holds_nothing_up(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(201, {})
    assert await done(stand_in, tmp_path, action(Verb.Adopt), workload()) is OutcomeKind.Done
    [create] = sent(stand_in)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d"}
    assert create.path == "/apis/ebbtide.dev/v1alpha1/namespaces/ns/adoptedworkloads"
    assert create.body["metadata"] == {"name": "deployment-web", "namespace": "ns", "ownerReferences": [target]}
    assert create.body["spec"] == {"targetRef": target}


async def test_one_that_is_there_is_kept_and_one_of_a_predecessor_makes_room(tmp_path: Path) -> None:
    def there(uid: str) -> StandIn:
        stand_in = StandIn()
        stand_in.refuse(409, "AlreadyExists", "there", when=lambda asked: asked.method == "POST")
        stand_in.answer(200, {"metadata": {"uid": "old"}, "spec": {"targetRef": {"uid": uid}}}, when=reads)
        stand_in.answer(200, {}, when=lambda asked: asked.method == "DELETE")
        return stand_in

    assert await done(there("d"), tmp_path, action(Verb.Adopt), workload()) is OutcomeKind.Unchanged
    stand_in = there("predecessor")
    assert await done(stand_in, tmp_path, action(Verb.Adopt), workload()) is OutcomeKind.Conflict
    assert sent(stand_in)[-1].body["preconditions"] == {"uid": "old"}


async def test_it_is_deleted_by_its_uid(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {})
    assert await done(stand_in, tmp_path, action(Verb.Discard), workload(status_object=HERE)) is OutcomeKind.Done
    [delete] = sent(stand_in)
    assert (delete.method, delete.body["preconditions"]) == ("DELETE", {"uid": "told"})
    assert delete.path.endswith("/adoptedworkloads/deployment-web")
    gone = StandIn()
    gone.refuse(404, "NotFound", "gone")
    assert await done(gone, tmp_path, action(Verb.Discard), workload(status_object=HERE)) is OutcomeKind.Unchanged


# -- labels -------------------------------------------------------------------------------------------------------


async def test_only_labels_that_are_missing_are_written(tmp_path: Path) -> None:
    stand_in = StandIn()
    theirs = {"ebbtide.dev/team": "theirs"}
    stand_in.answer(200, document(labels=theirs), when=reads)
    stand_in.answer(200, document(4, "8", managedFields=[{"manager": "ebbtide"}]))
    stand_in.answer(200, document(4, "9"))
    assert await done(stand_in, tmp_path, action(Verb.Label), workload(document(labels=theirs))) is OutcomeKind.Done
    label, given_up = sent(stand_in)
    assert label.body == {
        "metadata": {
            "resourceVersion": "7",
            "labels": {"ebbtide.dev/cost-center": "cc-104"},
            "annotations": {"ebbtide.dev/cost-center": "cc 104"},
        }
    }
    assert given_up.body["metadata"]["managedFields"] == []


async def test_pods_are_labelled_after_the_volumes_that_they_use(tmp_path: Path) -> None:
    labelled = {"ebbtide.dev/team": "vision", "ebbtide.dev/cost-center": "cc-104"}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "set"}}, {"name": "tmp", "ephemeral": {}}]

    def held(kind: str, name: str) -> dict[str, Any]:
        meta = {"name": name, "namespace": "ns", "resourceVersion": "3"}
        return {"kind": kind, "metadata": meta, "spec": {"volumes": volumes}}

    stand_in = StandIn()
    for path, body in {
        "deployments/web": document(labels=labelled),
        "pods/p1": held("Pod", "p1"),
        "persistentvolumeclaims/set": held("PersistentVolumeClaim", "set"),
    }.items():
        for _ in range(2):
            stand_in.answer(200, body, when=lambda asked, path=path: reads(asked) and asked.path.endswith(path))
    stand_in.refuse(404, "NotFound", "no claim", when=lambda asked: "p1-tmp" in asked.path)
    stand_in.refuse(404, "NotFound", "gone", when=lambda asked: asked.path.endswith("pods/gone"))
    for _ in range(2):
        stand_in.answer(200, held("Pod", "p1"), when=lambda asked: asked.method == "PATCH")
    what = action(Verb.Label, pods=("p1", "gone"))
    assert await done(stand_in, tmp_path, what, workload(document(labels=labelled))) is OutcomeKind.Done
    assert [one.path.rpartition("/ns/")[2] for one in sent(stand_in)] == ["persistentvolumeclaims/set", "pods/p1"]
    assert sent(stand_in)[1].body["metadata"]["labels"] == labelled


async def test_pods_that_bear_their_labels_by_now_are_no_write(tmp_path: Path) -> None:
    labelled = {"ebbtide.dev/team": "vision", "ebbtide.dev/cost-center": "cc-104"}
    stand_in = StandIn()
    stand_in.answer(200, document(labels=labelled), when=lambda asked: asked.path.endswith("deployments/web"))
    pod = {"kind": "Pod", "metadata": {"name": "p1", "namespace": "ns", "resourceVersion": "3", "labels": labelled}}
    stand_in.answer(200, pod, when=lambda asked: asked.path.endswith("pods/p1"))
    what = action(Verb.Label, pods=("p1",))
    assert await done(stand_in, tmp_path, what, workload(document(labels=labelled))) is OutcomeKind.Unchanged
    assert sent(stand_in) == []


def test_the_volumes_of_a_pod() -> None:
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "persistentVolumeClaim": {"claimName": "c"}}]
    found = claims({"metadata": {"name": "p"}, "spec": {"volumes": [*volumes, {"name": "d", "ephemeral": {}}]}})
    assert found == ["c", "p-d"]
    assert claims({"metadata": {"name": "p"}, "spec": {}}) == []


# -- reading metadata only ----------------------------------------------------------------------------------------


async def test_of_replica_sets_only_metadata_is_asked_for(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with running(stand_in, tmp_path) as client:
        async for _ in client.list_pages(REPLICA_SETS):
            pass
    [listed] = stand_in.asked
    assert listed.headers["accept"].startswith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
