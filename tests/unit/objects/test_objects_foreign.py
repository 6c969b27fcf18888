"""Jobs and Deployments of others: what is read of them, and which of them a tick looks at."""

import json
from typing import Any

import pytest

from ebbtide.core.workload import Checkpoint, Intent, KindClass, Pod, StatusObject, Workload
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.views_adopted import Record, decode_adopted
from ebbtide.objects.views_deployment import ReplicaSetStore, decode_deployment, decode_replica_set
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_pod import decode_pod
from ebbtide.objects.views_policy import decode_cluster_policy, decode_policy

NOW = 1_795_365_436.0
DAY = 86_400.0
GPU = {"resources": {"limits": {"nvidia.com/gpu": 2}}}
CPU = {"resources": {"requests": {"cpu": "1"}}}
RESTORE = {
    "v": 1,
    "kind": "Deployment",
    "name": "web",
    "at": "2026-11-22T16:37:16Z",
    "by": "Policy",
    "policy": "CostPolicy/batch",
    "reason": "GPUIdle",
    "fields": [{"path": "/spec/replicas", "was": 4, "set": 0}],
}
JOB_SET = {"uid": "js", "kind": "JobSet", "name": "big", "apiVersion": "jobset.x-k8s.io/v1alpha2", "controller": True}
CRON_JOB = {"uid": "cj", "kind": "CronJob", "name": "nightly", "apiVersion": "batch/v1", "controller": True}
OURS = {"uid": "tj", "kind": "TrainingJob", "name": "a", "apiVersion": "ebbtide.dev/v1alpha1", "controller": True}


def meta(name: str, uid: str, **more: Any) -> dict[str, Any]:
    annotations = {f"ebbtide.dev/{key}": value for key, value in more.pop("words", {}).items()}
    known = {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": "7", "annotations": annotations}
    return {**known, "creationTimestamp": "2026-11-22T10:00:00Z", **more}


def deployment(
    replicas: int | None = 4, *, container: Any = None, volumes: Any = (), uid: str = "d", spec: Any = None, **more: Any
) -> Workload:
    template = {"spec": {"containers": [{"name": "c", **(GPU if container is None else container)}]}}
    template["spec"]["volumes"] = list(volumes)
    count = {} if replicas is None else {"replicas": replicas}
    document = {
        "metadata": meta("web", uid, **more),
        "spec": {**count, "template": template, **(spec or {})},
        "status": {"replicas": replicas or 0, "readyReplicas": 1},
    }
    return decode_deployment(json.dumps(document).encode())[1]


def job(uid: str = "j", *, container: Any = None, finished: str = "", spec: Any = None, **more: Any) -> Any:
    template = {"spec": {"containers": [{"name": "c", **(GPU if container is None else container)}]}}
    ended = [{"type": "Complete", "status": "True", "lastTransitionTime": finished}] if finished else []
    document = {
        "metadata": meta("train", uid, **more),
        "spec": {"template": template, **(spec or {})},
        "status": {"conditions": ended, "completionTime": finished or None},
    }
    return decode_job(json.dumps(document).encode())[1]


def record(target: str, kind: str = "Deployment", name: str = "web", **more: Any) -> Record:
    version = {"Deployment": "apps/v1", "Job": "batch/v1"}[kind]
    known = {
        "metadata": {"name": f"{kind.lower()}-{name}", "namespace": "ns", "uid": f"a-{target}", "generation": 1,
                     "resourceVersion": "9", **more},
        "spec": {"targetRef": {"apiVersion": version, "kind": kind, "name": name, "uid": target}},
        "status": {"observedSpec": "abc", "idle": {"warnedAt": "2026-11-22T16:00:00Z"}},
    }  # fmt: skip
    return decode_adopted(json.dumps(known).encode())[1]


def pod(name: str, owner: str) -> Pod:
    owners = [{"uid": owner, "kind": "ReplicaSet", "controller": True}]
    document = {"metadata": {**meta(name, name), "ownerReferences": owners}, "spec": {"containers": [GPU]}}
    return decode_pod(json.dumps(document).encode())[1]


def policy(kind: str = "CostPolicy", **spec: Any) -> Any:
    document = {"metadata": {"name": "p", "namespace": "ns", "uid": "p"}, "spec": {"selector": {}, **spec}}
    decode = decode_policy if kind == "CostPolicy" else decode_cluster_policy
    return decode(json.dumps(document).encode())[1]


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_deployment_serves_and_needs_no_checkpoint() -> None:
    found = deployment(labels={"tier": "web"})
    assert (str(found.key), found.uid) == ("ns/Deployment/web", "d")
    assert (found.kind_class, found.checkpoint) == (KindClass.Serving, Checkpoint("Stateless"))
    assert (found.workers, found.accelerators, found.accelerator_resource) == (4, 8, "nvidia.com/gpu")
    assert (found.labels, found.status_object, found.adopted) == ((("tier", "web"),), None, True)
    target = found.target
    assert target is not None
    assert (target.suspended, target.active, target.ready, target.api_version) == (False, 4, 1, "apps/v1")


def test_a_deployment_without_a_number_has_one_replica() -> None:
    assert deployment(None).workers == 1


def test_a_deployment_at_zero_is_stopped_and_still_needs_its_devices() -> None:
    by_others = deployment(0)
    assert by_others.target is not None
    assert (by_others.target.suspended, by_others.workers, by_others.accelerators) == (True, 0, 2)
    ours = deployment(0, words={"restore": json.dumps(RESTORE)})
    assert ours.target is not None
    assert ours.target.restore is not None
    assert (ours.workers, ours.accelerators) == (4, 8)


@pytest.mark.parametrize(
    ("said", "scratch"), [({}, True), ({"checkpoint": "Stateless"}, False), ({"checkpoint": "Sometimes"}, True)]
)
def test_an_empty_dir_counts_unless_its_owner_says_otherwise(said: dict[str, str], scratch: bool) -> None:
    assert deployment(volumes=[{"name": "x", "emptyDir": {}}], words=said).scratch is scratch
    assert not deployment(volumes=[{"name": "x", "configMap": {"name": "y"}}], words=said).scratch


def test_a_job_runs_to_completion_and_has_no_checkpoint_unless_it_says_so() -> None:
    found = job().foreign
    assert (found.kind_class, found.checkpoint, found.workers) == (KindClass.RunToCompletion, Checkpoint(), 1)
    assert job(words={"checkpoint": "Periodic:900"}).foreign.checkpoint == Checkpoint("Periodic", interval_seconds=900)
    assert job(words={"checkpoint": "OnSignal:120"}).foreign.checkpoint == Checkpoint("OnSignal", grace_seconds=120)
    assert job(words={"deadline": "2026-11-24T06:00:00Z"}).foreign.deadline == 1_795_500_000.0
    assert job(labels={"kueue.x-k8s.io/queue-name": "research"}).foreign.queue == "research"


@pytest.mark.parametrize(
    ("spec", "workers"),
    [({}, 1), ({"parallelism": 4}, 4), ({"parallelism": 4, "completions": 3}, 3), ({"parallelism": 0}, 0)],
)
def test_a_job_s_gang_is_as_large_as_the_pods_that_may_run_at_once(spec: dict[str, int], workers: int) -> None:
    found = job(spec=spec).foreign
    assert (found.workers, found.accelerators) == (workers, 2 * max(1, workers))


def test_the_job_of_one_of_our_kinds_is_no_workload_of_its_own() -> None:
    assert job(ownerReferences=[OURS]).foreign is None


def test_below_a_controller_that_we_do_not_know_work_is_only_reported() -> None:
    assert job(ownerReferences=[CRON_JOB]).foreign.unsupported == ""
    stranger = {**JOB_SET, "kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"}
    said = "controlled by Rollout big, which Ebbtide does not know how to pause: reported only"
    assert job(ownerReferences=[stranger]).foreign.unsupported == said
    gone = "controlled by JobSet big, which is not there: reported only"
    assert job(ownerReferences=[JOB_SET]).foreign.unsupported == gone
    assert deployment(ownerReferences=[stranger]).unsupported == said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"checkpoint": "Periodic"}, "annotation ebbtide.dev/checkpoint 'Periodic' cannot be read: write None, "),
        ({"checkpoint": "Periodic:0"}, "'Periodic:0' cannot be read"),
        ({"checkpoint": "OnSignal:soon"}, "'OnSignal:soon' cannot be read"),
        ({"deadline": "tomorrow"}, "annotation ebbtide.dev/deadline 'tomorrow' cannot be read"),
        ({"expected-seconds": "1h"}, "annotation ebbtide.dev/expected-seconds '1h' cannot be read: write whole"),
        ({"interruptible": "yes"}, "annotation ebbtide.dev/interruptible 'yes' cannot be read: write \"true\""),
        ({"allow-resize": "1"}, "annotation ebbtide.dev/allow-resize '1' cannot be read"),
        ({"policy": "Policy/x"}, "annotation ebbtide.dev/policy 'Policy/x' cannot be read"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_ignored_and_said(words: dict[str, str], sentence: str) -> None:
    found = job(words=words).foreign
    assert len(found.intent.invalid) == 1
    assert sentence in found.intent.invalid[0]
    assert (found.checkpoint, found.deadline, found.expected_seconds) == (Checkpoint(), None, None)


def test_all_that_a_workload_may_say_is_read_without_complaint() -> None:
    words = {
        "checkpoint": "None", "deadline": "2026-11-24T06:00:00Z", "expected-seconds": "3600", "interruptible": "true",
        "policy": "ClusterCostPolicy/fleet", "allow-resize": "false", "owner": "ada@example.com", "request-series": "x",
        "checkpointed-at": "2026-11-22T16:00:00Z",
    }  # fmt: skip
    found = job(words=words).foreign
    assert found.intent == Intent(policy_name="ClusterCostPolicy/fleet")
    assert found.checkpointed_at == 1_795_363_200.0
    assert (found.deadline, found.expected_seconds) == (1_795_500_000.0, 3600)


def test_how_long_its_pods_get_to_save_is_read() -> None:
    assert job().foreign.stop_grace_seconds == 30
    template = {"template": {"spec": {"containers": [], "terminationGracePeriodSeconds": 300}}}
    assert job(spec=template).foreign.stop_grace_seconds == 300


def test_a_deadline_is_for_work_that_ends() -> None:
    found = deployment(words={"deadline": "2026-11-24T06:00:00Z"})
    assert found.deadline is None
    assert "runs to completion" in found.intent.invalid[0]


def test_the_hash_of_a_spec_does_not_see_the_lever() -> None:
    assert deployment(4).spec_hash == deployment(0).spec_hash != ""
    assert deployment(4).spec_hash != deployment(4, spec={"minReadySeconds": 5}).spec_hash
    assert job().foreign.spec_hash == job(spec={"suspend": True}).foreign.spec_hash
    assert job().foreign.spec_hash != job(spec={"parallelism": 2}).foreign.spec_hash


@pytest.mark.parametrize(
    ("spec", "words", "held"),
    [
        ({"suspend": True}, {"hold": "true"}, True),
        ({"suspend": True}, {}, False),
        ({"suspend": False}, {"hold": "true"}, False),
        ({"suspend": True}, {"hold": "false"}, False),
        (
            {"suspend": True},
            {"hold": "true", "restore": json.dumps({**RESTORE, "kind": "Job", "name": "train"})},
            False,
        ),
    ],
    ids=["held", "a user's", "started", "not true", "paused by us since"],
)
def test_what_is_held_before_its_first_start(spec: dict[str, Any], words: dict[str, str], held: bool) -> None:
    assert job(spec=spec, words=words).target.held is held


# -- joining ------------------------------------------------------------------------------------------------------


def inventory(now: float = NOW) -> tuple[Inventory, list[str]]:
    woken: list[str] = []
    return Inventory(lambda: now, lambda: woken.append("!")), woken


def test_an_adopted_workload_lends_its_memory_to_its_target() -> None:
    seen, _ = inventory()
    seen.deployments.put("d", deployment())
    [alone] = seen.state().workloads
    assert (alone.status_object, alone.memory.warned_at) == (None, None)
    seen.adopted.put("a-d", record("d"))
    [told] = seen.state().workloads
    assert told.status_object == StatusObject("AdoptedWorkload", "deployment-web", "a-d", "9")
    assert (told.memory.warned_at, told.memory.spec_hash, told.generation) == (1_795_363_200.0, "abc", 1)
    assert seen.state().workloads[0] is told, "unchanged: the same object again"
    seen.adopted.remove("a-d", None)
    assert seen.state().workloads[0].status_object is None


def misnamed() -> Record:
    """Somebody else's writing: its name is not that of its target."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other", "uid": "d"}
    document = {"metadata": {"name": "deployment-web", "uid": "x"}, "spec": {"targetRef": reference}}
    return decode_adopted(json.dumps(document).encode())[1]


@pytest.mark.parametrize(
    "stranger",
    [record("another"), misnamed(), record("d", deletionTimestamp="2026-11-22T16:00:00Z")],
    ids=["of a predecessor", "of another object by its name", "being deleted"],
)
def test_what_is_about_something_else_is_not_used(stranger: Record) -> None:
    seen, _ = inventory()
    seen.deployments.put("d", deployment())
    seen.adopted.put("a", stranger)
    assert seen.state().workloads[0].status_object is None


def test_pods_of_all_its_replica_sets_are_a_deployments() -> None:
    seen, _ = inventory()
    seen.deployments.put("d", deployment())
    for name in ("rs1", "rs2"):
        owner = {"uid": "d", "kind": "Deployment", "controller": True}
        document = {"metadata": {**meta(name, name), "ownerReferences": [owner]}}
        seen.replica_sets.put(*decode_replica_set(json.dumps(document).encode()))
        seen.pods.put(f"{name}-p", pod(f"{name}-p", name))
    seen.pods.put("other", pod("other", "rs3"))
    state = seen.state()
    assert [one.name for one in state.pods[state.workloads[0].key]] == ["rs1-p", "rs2-p"]


def test_replica_sets_come_and_go() -> None:
    store = ReplicaSetStore()
    store.replace({"a": "d", "b": "d", "c": "e", "free": ""}, None)
    assert (store.of("d"), store.of("e"), store.of("")) == (("a", "b"), ("c",), ())
    store.remove("a", None)
    store.put("c", "d")
    assert (store.of("d"), store.of("e")) == (("b", "c"), ())
    store.remove("b", None)
    store.remove("c", None)
    assert store.of("d") == ()


CANDIDATES: dict[str, tuple[dict[str, Any], bool]] = {
    "it holds accelerators": ({}, True),
    "it holds none": ({"container": CPU}, False),
    "a human stopped it": ({"container": CPU, "words": {"override": "Paused"}}, True),
    "it names a policy": ({"container": CPU, "words": {"policy": "batch"}}, True),
    "paused by us": ({"container": CPU, "replicas": 0, "words": {"restore": json.dumps(RESTORE)}}, True),
    "a restore that cannot be read": ({"container": CPU, "words": {"restore": "?"}}, True),
    "only a label of who pays": ({"container": CPU, "labels": {"ebbtide.dev/team": "x"}}, False),
}


@pytest.mark.parametrize("case", CANDIDATES.values(), ids=CANDIDATES)
def test_a_tick_looks_at_what_may_concern_it(case: tuple[dict[str, Any], bool]) -> None:
    changes, looked_at = case
    seen, woken = inventory()
    seen.deployments.put("d", deployment(**changes))
    assert bool(seen.state().workloads) is looked_at
    assert bool(woken) is looked_at


@pytest.mark.parametrize("kind", ["CostPolicy", "ClusterCostPolicy"])
def test_a_policy_for_all_workloads_has_all_of_them_looked_at(kind: str) -> None:
    seen, _ = inventory()
    seen.deployments.put("d", deployment(container=CPU))
    store = seen.policies if kind == "CostPolicy" else seen.cluster_policies
    store.put("p", policy(kind))
    assert seen.state().workloads == []
    store.put("p", policy(kind, include="AllWorkloads"))
    assert [it.key.name for it in seen.state().workloads] == ["web"]
    assert [it.kind for it in seen.state().policies] == [kind]


def test_what_was_told_of_before_is_looked_at_whatever_it_is() -> None:
    seen, _ = inventory()
    seen.deployments.put("d", deployment(container=CPU))
    seen.adopted.put("a", record("d"))
    assert len(seen.state().workloads) == 1


def test_a_job_that_ended_long_ago_is_looked_at_only_while_something_is_told_of_it() -> None:
    ended = "2026-11-21T16:00:00Z"
    seen, _ = inventory(1_795_276_800.0 + DAY)
    seen.jobs.put("j", job(finished=ended))
    assert len(seen.state().workloads) == 1
    late, _ = inventory(1_795_276_800.0 + DAY + 1)
    late.jobs.put("j", job(finished=ended))
    assert late.state().workloads == []
    late.adopted.put("a", record("j", "Job", "train"))
    assert len(late.state().workloads) == 1


def test_people_are_served_soon_and_a_status_of_ours_wakes_nobody() -> None:
    seen, woken = inventory()
    seen.jobs.put("j", job())
    seen.adopted.put("a", record("j", "Job", "train"))
    assert len(woken) == 2, "a new workload, and an object that can carry its status"
    seen.jobs.put("j", job(resourceVersion="8"))
    seen.adopted.put("a", record("j", "Job", "train", resourceVersion="10"))
    seen.jobs.put("x", job("x", ownerReferences=[OURS]))
    assert len(woken) == 2
    seen.jobs.put("j", job(words={"override": "Paused"}))
    seen.jobs.put("j", job(words={"override": "Paused"}, spec={"suspend": True}))
    assert len(woken) == 4


def test_an_object_is_found_again_by_uid_whatever_its_kind() -> None:
    seen, _ = inventory()
    seen.jobs.put("j", job())
    seen.jobs.put("own", job("own", ownerReferences=[OURS]))
    seen.deployments.put("d", deployment())
    assert {uid: bool(seen.workload(uid)) for uid in ("j", "d", "own", "?")} == {
        "j": True, "d": True, "own": False, "?": False,
    }  # fmt: skip
    seen.adopted.put("a", record("d"))
    seen.cluster_policies.put("p", policy("ClusterCostPolicy"))
    assert seen.has("AdoptedWorkload", "a")
    assert seen.has("ClusterCostPolicy", "p")
    assert seen.policy("p") is not None
