"""What a tick looks at: TrainingJobs joined with their Jobs and pods, and how fresh it is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ebbtide.cluster.client import Client
from ebbtide.cluster.stores import FRESH_SECONDS, Stores
from ebbtide.core.action import Action, Verb
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Intent, Pod, Workload
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.executor import Executor
from ebbtide.objects.views_job import OwnedJob, decode_job
from ebbtide.objects.views_pod import decode_pod
from ebbtide.objects.views_policy import decode_policy
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.ports import OutcomeKind, StatusWrite
from tests.cluster_stand_in import StandIn, running

NOW = 1_800_000_000.0


def executor(client: Client) -> Executor:
    return Executor(client, Leader(), lease_namespace="ops", lease_name="lease")


def workload(name: str, uid: str) -> Workload:
    spec = {"template": {"spec": {"containers": [{"name": "c"}]}}}
    document = {"metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": "1"}, "spec": spec}
    return decode_training_job(json.dumps(document).encode())[1]


def job(name: str, uid: str, owner: str = "", kind: str = "TrainingJob", version: str = "1") -> OwnedJob:
    owners = [{"uid": owner, "kind": kind, "apiVersion": "ebbtide.dev/v1alpha1", "controller": True}] if owner else []
    meta = {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": version, "ownerReferences": owners}
    return decode_job(json.dumps({"metadata": meta, "spec": {}}).encode())[1]


def pod(uid: str, owner: str) -> Pod:
    owners = [{"uid": owner, "kind": "Job", "controller": True}]
    meta = {"name": uid, "namespace": "ns", "uid": uid, "resourceVersion": "1", "ownerReferences": owners}
    return decode_pod(json.dumps({"metadata": meta, "spec": {}}).encode())[1]


def stores(client: Any = None, now: list[float] | None = None) -> Stores:
    clock = now or [NOW]
    return Stores(client or Client.__new__(Client), lease_namespace="ops", lease_name="lease", clock=lambda: clock[0])


def test_a_job_with_our_uid_is_the_target_and_its_pods_are_the_workloads() -> None:
    found = stores()
    found.inventory.training_jobs.put("tj", workload("a", "tj"))
    found.inventory.jobs.put("job", job("a", "job", owner="tj"))
    found.inventory.pods.put("p1", pod("p1", "job"))
    found.inventory.pods.put("p2", pod("p2", "somebody"))
    state = found.state()
    (one,) = state.workloads
    assert one.target is not None
    assert one.target.uid == "job"
    assert [each.uid for each in state.pods[one.key]] == ["p1"]


def test_a_job_of_that_name_without_our_uid_is_foreign() -> None:
    for stranger in (job("a", "job"), job("a", "job", owner="x", kind="CronJob")):
        found = stores()
        found.inventory.training_jobs.put("tj", workload("a", "tj"))
        found.inventory.jobs.put("job", stranger)
        (one,) = found.state().workloads
        assert one.foreign_target
        assert one.target is None


def test_the_job_of_a_deleted_predecessor_is_neither_ours_nor_foreign() -> None:
    found = stores()
    found.inventory.training_jobs.put("tj", workload("a", "tj"))
    found.inventory.jobs.put("job", job("a", "job", owner="predecessor"))
    (one,) = found.state().workloads
    assert (one.target, one.foreign_target) == (None, False)


def test_a_joined_workload_follows_every_change_of_both_sides() -> None:
    found = stores()
    found.inventory.training_jobs.put("tj", workload("a", "tj"))
    assert found.state().workloads[0].target is None
    found.inventory.jobs.put("job", job("a", "job", owner="tj"))
    first = found.state().workloads[0]
    assert found.state().workloads[0] is first, "unchanged: the same object again"
    found.inventory.training_jobs.put("tj", replace(workload("a", "tj"), generation=2))
    second = found.state().workloads[0]
    assert (second.generation, second.target is not None) == (2, True)
    found.inventory.jobs.remove("job", None)
    assert found.state().workloads[0].target is None
    found.inventory.training_jobs.remove("tj", None)
    assert found.state().workloads == []


def test_a_store_that_was_never_listed_or_is_too_old_is_said() -> None:
    now = [NOW]
    found = stores(now=now)
    assert found.state().unfresh == "pods have not been listed yet"
    for reflector in found.reflectors:
        reflector._synced.set()
        reflector.last_heard_at = NOW
    assert found.state().unfresh == ""
    now[0] = NOW + FRESH_SECONDS + 1
    found.reflectors[0].last_heard_at = now[0]
    found.reflectors[1].problem = "cannot read jobs.batch: the connection broke"
    assert found.state().unfresh == (
        "nothing heard of jobs.batch for 301 s: cannot read jobs.batch: the connection broke"
    )


class Leader:
    def may_write(self) -> bool:
        return True


async def test_what_its_owner_changed_since_the_decision_is_left_alone(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with running(stand_in, tmp_path) as client:
        found = stores(client)
        cluster = KubernetesCluster(
            found.inventory, Executor(client, Leader(), lease_namespace="ops", lease_name="lease")
        )
        found.inventory.training_jobs.put("tj", workload("a", "tj"))
        found.inventory.jobs.put("job", job("a", "job", owner="tj"))
        state = await cluster.observe()
        action = Action(Verb.Pause, state.workloads[0].key, Reason.GPUIdle, "m")
        found.inventory.training_jobs.put("tj", replace(workload("a", "tj"), intent=Intent(keep_until=NOW)))
        outcome = await cluster.execute(None, action)  # type: ignore[arg-type]  # the adapter looks at the action
        assert outcome.kind is OutcomeKind.Conflict
        assert "its owner changed it since this was decided" in outcome.message
        gone = await cluster.write_status(StatusWrite("TrainingJob", "ns", "a", "another-uid", {}))
        assert gone.kind is OutcomeKind.Conflict
    assert stand_in.asked == []


async def test_a_pause_whose_rules_were_edited_meanwhile_is_planned_again(tmp_path: Path) -> None:
    stand_in = StandIn()
    async with running(stand_in, tmp_path) as client:
        found = stores(client)
        cluster = KubernetesCluster(
            found.inventory, Executor(client, Leader(), lease_namespace="ops", lease_name="lease")
        )
        found.inventory.training_jobs.put("tj", workload("a", "tj"))
        found.inventory.jobs.put("job", job("a", "job", owner="tj"))
        found.inventory.policies.put("pol", rules(1))
        state = await cluster.observe()
        action = Action(Verb.Pause, state.workloads[0].key, Reason.GPUIdle, "m", policy="CostPolicy/batch")
        found.inventory.policies.put("pol", rules(2))
        edited = await cluster.execute(None, action)  # type: ignore[arg-type]  # the adapter looks at the action
        found.inventory.policies.remove("pol", None)
        removed = await cluster.execute(None, action)  # type: ignore[arg-type]
        found.inventory.policies.put("pol", rules(1))
        found.inventory.training_jobs.put("tj", replace(workload("a", "tj"), labels=(("tier", "other"),)))
        relabelled = await cluster.execute(None, action)  # type: ignore[arg-type]
    assert {edited.kind, removed.kind, relabelled.kind} == {OutcomeKind.Conflict}
    assert "CostPolicy/batch changed" in edited.message
    assert "CostPolicy/batch changed" in removed.message
    assert "its labels changed" in relabelled.message
    assert stand_in.asked == []


def rules(generation: int) -> Policy:
    spec = {"selector": {}, "idle": {}}
    meta = {"name": "batch", "namespace": "ns", "uid": "pol", "resourceVersion": "1", "generation": generation}
    return decode_policy(json.dumps({"metadata": meta, "spec": spec}).encode())[1]


def test_what_has_not_changed_is_not_joined_again() -> None:
    found = stores()
    found.inventory.training_jobs.replace({f"tj{n}": workload(f"a{n}", f"tj{n}") for n in range(50)}, None)
    found.inventory.jobs.replace({f"j{n}": job(f"a{n}", f"j{n}", owner=f"tj{n}") for n in range(50)}, None)
    found.inventory.pods.replace(
        {f"p{n}": replace(PROTOTYPE, uid=f"p{n}", owner_uid=f"j{n % 50}") for n in range(500)}, None
    )
    before = {it.key: it for it in found.state().workloads}
    found.inventory.jobs.put("j7", job("a7", "j7", owner="tj7", version="2"))
    state = found.state()
    assert sum(len(pods) for pods in state.pods.values()) == 500
    assert [it.key.name for it in state.workloads if it is not before[it.key]] == ["a7"]


PROTOTYPE = pod("p", "j")
