"""The API server in memory answers as a real one does, as far as the operator can tell."""

from typing import Any

import pytest

from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import COST_POLICIES, EVENTS, JOBS, SERVICES, TRAINING_JOBS
from ebbtide.sim.api_server import SimulatedApiServer, delete_with_owned
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.identity import Identity, identity_of
from ebbtide.sim.json_merge import merged, without
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.scenario import ApiState
from tests.unit.sim.sim_world import job, policy, training_job

OURS = "ebbtide"


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(SimulatedClock(1_772_438_400.0))


@pytest.fixture
def api(store: ObjectStore) -> SimulatedApiServer:
    return SimulatedApiServer(store)


async def test_versions_rise_and_generations_follow_the_spec(store: ObjectStore, api: SimulatedApiServer) -> None:
    made = store.create(job())
    patched = await api.merge_patch(JOBS, "ml", "j", {"spec": {"suspend": True}}, manager=OURS)
    labelled = await api.merge_patch(JOBS, "ml", "j", {"metadata": {"labels": {"a": "b"}}}, manager=OURS)
    versions = [int(it["metadata"]["resourceVersion"]) for it in (made, patched, labelled)]
    assert versions == sorted(set(versions))
    assert [it["metadata"]["generation"] for it in (made, patched, labelled)] == [1, 2, 2]
    assert {it["metadata"]["uid"] for it in (made, patched, labelled)} == {made["metadata"]["uid"]}


async def test_a_patch_that_says_nothing_new_writes_nothing(store: ObjectStore, api: SimulatedApiServer) -> None:
    made = store.create(job(suspend=True))
    same = await api.merge_patch(JOBS, "ml", "j", {"spec": {"suspend": True}}, manager=OURS)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_patch_on_another_version_is_a_conflict(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(job())
    body = {"metadata": {"resourceVersion": "0"}, "spec": {"suspend": True}}
    with pytest.raises(ApiError) as refused:
        await api.merge_patch(JOBS, "ml", "j", body, manager=OURS)
    assert (refused.value.status, refused.value.reason) == (409, "Conflict")
    with pytest.raises(ApiError) as refused:
        await api.apply(JOBS, "ml", "j", body | {"status": {}}, manager=OURS, subresource="status")
    assert refused.value.status == 409


async def test_a_name_is_given_once(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(job())
    with pytest.raises(ApiError) as refused:
        await api.create(JOBS, "ml", job(), manager=OURS)
    assert refused.value.already_exists


async def test_what_no_pod_could_run_is_refused(api: SimulatedApiServer) -> None:
    broken = job()
    broken["spec"]["template"]["spec"]["containers"] = []
    with pytest.raises(ApiError) as refused:
        await api.create(JOBS, "ml", broken, manager=OURS)
    assert refused.value.status == 422
    assert "spec.template.spec.containers: needs at least one container" in refused.value.message


async def test_what_was_applied_and_is_said_no_more_is_removed(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(policy())
    for status in ({"selected": 1, "idle": 2, "deep": {"a": 1, "b": 2}}, {"selected": 3, "deep": {"b": 2}}):
        await api.apply(COST_POLICIES, "ml", "p", {"status": status}, manager="s", subresource="status")
    found = await api.get(COST_POLICIES, "ml", "p")
    assert found["status"] == {"selected": 3, "deep": {"b": 2}}
    assert found["metadata"]["generation"] == 1


async def test_a_status_of_nothing_is_not_found(api: SimulatedApiServer) -> None:
    with pytest.raises(ApiError) as refused:
        await api.apply(COST_POLICIES, "ml", "p", {"status": {}}, manager="s", subresource="status")
    assert refused.value.not_found


async def test_a_patch_of_the_object_leaves_its_status_alone(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(job() | {"status": {"active": 1}})
    await api.merge_patch(JOBS, "ml", "j", {"status": {"active": 5}, "spec": {"suspend": True}}, manager=OURS)
    assert (await api.get(JOBS, "ml", "j"))["status"] == {"active": 1}


def test_what_is_deleted_takes_along_what_it_owns_but_not_what_others_own_too(store: ObjectStore) -> None:
    top, other = store.create(training_job()), store.create(training_job("u"))
    owned = [
        {"apiVersion": "x/v1", "kind": "TrainingJob", "name": it, "uid": one["metadata"]["uid"]}
        for it, one in (("t", top), ("u", other))
    ]
    mine = store.create(job("mine", metadata={"ownerReferences": owned[:1]}))
    below = {"apiVersion": "batch/v1", "kind": "Job", "name": "mine", "uid": mine["metadata"]["uid"]}
    store.create(job("below", metadata={"ownerReferences": [below]}))
    store.create(job("both", metadata={"ownerReferences": owned}))
    delete_with_owned(store, identity_of(top))
    assert [it.name for it in store.within("ml")] == ["u", "both"]


async def test_a_uid_protects_a_successor(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(job())
    with pytest.raises(ApiError) as refused:
        await api.delete(JOBS, "ml", "j", uid="another")
    assert refused.value.status == 409
    await api.delete(JOBS, "ml", "j")
    assert store.get(Identity("batch", "Job", "ml", "j")) is None


def test_uids_are_made_from_names_and_never_again(store: ObjectStore) -> None:
    first = store.create(job())["metadata"]["uid"]
    store.remove(Identity("batch", "Job", "ml", "j"))
    second = store.create(job())["metadata"]["uid"]
    again = ObjectStore(SimulatedClock(0.0)).create(job())["metadata"]["uid"]
    assert first == again != second


@pytest.mark.parametrize(("state", "status"), [(ApiState.Forbidden, 403), (ApiState.Unavailable, 503)])
async def test_faults_refuse_every_kind_of_write(
    store: ObjectStore, api: SimulatedApiServer, state: ApiState, status: int
) -> None:
    store.create(policy())
    api.state = state
    writes: list[Any] = [
        api.create(SERVICES, "ml", {"metadata": {"name": "s"}}, manager=OURS),
        api.apply(COST_POLICIES, "ml", "p", {"status": {}}, manager="s", subresource="status"),
        api.merge_patch(COST_POLICIES, "ml", "p", {}, manager=OURS),
        api.delete(COST_POLICIES, "ml", "p"),
        api.create(EVENTS, "ml", {"metadata": {"name": "e"}}, manager=OURS),
    ]
    for write in writes:
        with pytest.raises(ApiError) as refused:
            await write
        assert refused.value.status == status
    assert api.events == []


async def test_one_conflict_is_one(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(policy())
    api.state = ApiState.Conflict
    with pytest.raises(ApiError):
        await api.merge_patch(COST_POLICIES, "ml", "p", {}, manager=OURS)
    await api.merge_patch(COST_POLICIES, "ml", "p", {}, manager=OURS)


async def test_what_was_given_away_does_not_change_any_more(store: ObjectStore, api: SimulatedApiServer) -> None:
    store.create(training_job())
    before = await api.get(TRAINING_JOBS, "ml", "t")
    await api.merge_patch(TRAINING_JOBS, "ml", "t", {"spec": {"suspend": True}}, manager=OURS)
    assert "suspend" not in before["spec"]


def test_merging_and_taking_away() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]}) == {
        "a": {"c": 2, "e": 3},
        "d": [2],
    }
    assert merged({"a": 1}, {"a": {"b": {"c": None}}}) == {"a": {"b": {}}}
    assert without({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {}) == {"a": {"c": 2}}
    assert without({"a": {"b": 1}}, {"a": {"b": 1}}, {}) == {}
