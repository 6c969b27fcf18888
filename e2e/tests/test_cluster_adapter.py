"""The cluster adapter against a real API server, with the operator's own permissions and nothing more.

That these are enough is the first half of acceptance test 25; a kind that is denied is in `test_kinds.py`.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from e2e.plane import Plane
from e2e.plane.audit import service_account
from ebbtide.cluster import rbac
from ebbtide.cluster.client import Client, connect
from ebbtide.cluster.preflight import missing_for_operator, preflight
from ebbtide.cluster.stores import Stores
from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Attribution, Target, Workload, WorkloadKey
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.executor import Executor
from ebbtide.objects.resources import JOBS
from ebbtide.objects.training_job import MASTER_ADDRESS
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_pod import PodStore
from ebbtide.ports import EventNote, Outcome, OutcomeKind, StatusWrite

pytestmark = pytest.mark.plane

OPERATIONS = "adapter-operator"
ACCOUNT = "operator"
USER = service_account(OPERATIONS, ACCOUNT)
RESTORE = "ebbtide.dev/restore"


class Leader:
    def may_write(self) -> bool:
        return True


@pytest.fixture(scope="module")
def operator(crds: Plane) -> Path:
    """A kubeconfig with exactly the permissions of the generated rules."""
    crds.create_namespace(OPERATIONS)
    crds.kubectl("create", "serviceaccount", ACCOUNT, "-n", OPERATIONS)
    rules = {name: [row.rule() for row in rows] for name, rows in rbac.FILES.items()}
    crds.apply(
        *_bound(
            "ClusterRole", [*rules["cluster-rules.yaml"], *(rules[f"kind-{kind}-rules.yaml"][0] for kind in rbac.KINDS)]
        ),
        *_bound("Role", rules["namespace-rules.yaml"]),
        json.dumps(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": rbac.LEASE_NAME, "namespace": OPERATIONS},
            }
        ),
    )
    return crds.service_account_kubeconfig(OPERATIONS, ACCOUNT)


def _bound(kind: str, rules: list[dict[str, Any]]) -> list[str]:
    group, meta = "rbac.authorization.k8s.io", {"name": OPERATIONS, "namespace": OPERATIONS}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": OPERATIONS}
    role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "rules": rules}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": f"{kind}Binding",
        "metadata": meta,
        "roleRef": {"apiGroup": group, "kind": kind, "name": OPERATIONS},
        "subjects": [subject],
    }
    return [json.dumps(role), json.dumps(binding)]


@dataclass
class Adapter:
    """The adapter as main.py builds it."""

    client: Client
    stores: Stores
    executor: Executor
    cluster: KubernetesCluster

    @property
    def pods(self) -> PodStore:
        return self.stores.inventory.pods

    def workload(self, namespace: str, name: str = "train") -> Workload | None:
        key = WorkloadKey(namespace, "TrainingJob", name)
        return next((one for one in self.stores.state().workloads if one.key == key), None)

    def target(self, namespace: str, name: str = "train") -> Target | None:
        found = self.workload(namespace, name)
        return found.target if found else None

    def decision(self, namespace: str) -> Any:
        """The part of a decision that the adapter reads: who pays."""
        found = self.workload(namespace)
        return SimpleNamespace(attribution=found.attribution if found else Attribution())

    async def act(self, verb: Verb, namespace: str, **more: Any) -> Outcome:
        """As ticks do it: a conflict is planned again on what is there then."""
        key = WorkloadKey(namespace, "TrainingJob", "train")
        action = Action(verb, key, more.pop("reason", Reason.GPUIdle), "m", policy="CostPolicy/batch", **more)
        for _ in range(40):
            await self.cluster.observe()
            outcome = await self.cluster.execute(self.decision(namespace), action)
            if outcome.kind is not OutcomeKind.Conflict:
                return outcome
            await asyncio.sleep(0.1)
        return outcome


@asynccontextmanager
async def adapter(kubeconfig: Path) -> AsyncIterator[Adapter]:
    lease: Any = {"lease_namespace": OPERATIONS, "lease_name": rbac.LEASE_NAME}
    async with await connect(kubeconfig=str(kubeconfig), user_agent="adapter-test") as client:
        stores = Stores(client, **lease)
        executor = Executor(client, Leader(), **lease)
        task = asyncio.create_task(stores.run())
        try:
            await asyncio.wait_for(stores.wait_synced(), 20)
            yield Adapter(client, stores, executor, KubernetesCluster(stores.inventory, executor, stores.unfresh))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def eventually(holds: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never happened: {what}"
        await asyncio.sleep(0.05)


def training_job(namespace: str, *, limits: Any = None, **spec: Any) -> str:
    resources = {"limits": limits or {"nvidia.com/gpu": 1}}
    container = {"name": "train", "image": "example.invalid/train", "resources": resources}
    template = spec.pop("template", {"spec": {"containers": [container]}})
    return json.dumps(
        {
            "apiVersion": "ebbtide.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "train", "namespace": namespace, "labels": {"tier": "batch"}},
            "spec": {**spec, "template": template},
        }
    )


def stored(plane: Plane, kind: str, namespace: str, name: str = "train") -> dict[str, Any]:
    said = plane.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields").stdout
    found: dict[str, Any] = json.loads(said)
    return found


def essence(document: dict[str, Any]) -> dict[str, Any]:
    """Everything a user wrote or could have written."""
    meta = document["metadata"]
    return {"spec": document["spec"], "labels": meta.get("labels"), "annotations": meta.get("annotations")}


# -- reading --------------------------------------------------------------------------------------------------------


async def test_the_stores_show_what_is_there_and_follow_it(crds: Plane, operator: Path, namespace: str) -> None:
    policy = {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "CostPolicy",
        "metadata": {"name": "batch", "namespace": namespace},
        "spec": {"selector": {}, "idle": {"afterSeconds": 3600}},
    }
    catalog = {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "PriceCatalog",
        "metadata": {"name": namespace},
        "spec": {"currency": "USD"},
    }
    crds.apply(training_job(namespace, workers=2), json.dumps(policy), json.dumps(catalog))
    async with adapter(operator) as there:
        state = await there.cluster.observe()
        assert state.unfresh == ""
        assert {"gpu-0", "gpu-1", "gpu-2", "gpu-3"} <= set(state.nodes)
        assert state.nodes["gpu-0"].accelerators == 8
        assert namespace in state.namespaces
        (seen,) = [one for one in state.policies if one.namespace == namespace]
        assert seen.spec is not None
        assert seen.spec.idle is not None
        assert [one.spec is not None for one in state.catalogs if one.name == namespace] == [True]
        found = there.workload(namespace)
        assert found is not None
        assert (found.workers, found.accelerators, found.labels) == (2, 2, (("tier", "batch"),))
        crds.kubectl("annotate", "tjob", "train", "-n", namespace, "ebbtide.dev/never-pause=true")
        crds.kubectl("annotate", "namespace", namespace, "ebbtide.dev/protected=true")
        await eventually(
            lambda: (it := there.workload(namespace)) and it.intent.never_pause, "the annotation of the TrainingJob"
        )
        await eventually(
            lambda: there.stores.state().namespaces[namespace].protected, "the annotation of the namespace"
        )
        crds.kubectl("delete", "tjob", "train", "-n", namespace)
        crds.kubectl("delete", "pricecat", namespace)
        await eventually(lambda: there.workload(namespace) is None, "the deletion")


async def test_the_operator_may_read_what_it_checks_at_its_start(operator: Path) -> None:
    async with await connect(kubeconfig=str(operator)) as client:
        assert await missing_for_operator(client) == []
        findings = await preflight(client, namespace=OPERATIONS)
    assert [one for one in findings if not one.ok] == []


async def test_stores_come_back_after_the_api_server_was_killed(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(training_job(namespace))
    async with adapter(operator) as there:
        assert there.workload(namespace) is not None
        crds.restart("kube-apiserver", kill=True)
        crds.kubectl("delete", "tjob", "train", "-n", namespace)
        await eventually(lambda: there.workload(namespace) is None, "the deletion")
        await eventually(lambda: there.stores.unfresh() == "" and not there.stores.problems, "all stores fresh")


# -- creating -------------------------------------------------------------------------------------------------------


async def test_the_job_of_a_gang_is_accepted_and_carries_everything(
    crds: Plane, operator: Path, namespace: str
) -> None:
    crds.apply(
        training_job(
            namespace,
            workers=2,
            retries=3,
            checkpoint={"mode": "OnSignal", "graceSeconds": 120},
            attribution={"team": "vision & co", "project": "catalog"},
        )
    )
    async with adapter(operator) as there:
        assert (await there.act(Verb.Create, namespace)).kind is OutcomeKind.Done
        await eventually(lambda: there.target(namespace), "the Job in the store")
        target = there.target(namespace)
        assert target is not None
        await eventually(lambda: len(there.pods.owned_by(target.uid)) == 2, "the pods in the store")
        await eventually(
            lambda: all(pod.ready_since and pod.node for pod in there.pods.owned_by(target.uid)),
            "Ready pods",
        )
        (pod, _) = there.pods.owned_by(target.uid)
        assert pod.attribution.team == "vision & co"
        assert (pod.accelerators, pod.accelerator_resource) == (1, "nvidia.com/gpu")
        again = await there.executor.execute(_action(Verb.Create, namespace), _known(there, namespace))
        assert again.kind is OutcomeKind.Unchanged
    job, service = stored(crds, "job", namespace), stored(crds, "service", namespace)
    spec, pod_spec = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert (spec["backoffLimit"], spec["podReplacementPolicy"], spec["suspend"]) == (3, "Failed", False)
    assert spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
    assert (pod_spec["subdomain"], pod_spec["terminationGracePeriodSeconds"]) == ("train", 150)
    assert pod_spec["containers"][0]["env"] == [{"name": MASTER_ADDRESS, "value": "train-0.train"}]
    assert service["spec"]["clusterIP"] == "None"
    for one in (job["metadata"], service["metadata"], spec["template"]["metadata"]):
        assert one["labels"]["ebbtide.dev/team"] == "vision-co"
        assert one["labels"]["ebbtide.dev/workload"] == "TrainingJob.train"
        assert one["annotations"]["ebbtide.dev/team"] == "vision & co"
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"], owner["blockOwnerDeletion"]) == ("TrainingJob", True, True)
    created = crds.audit().wait_for(2, user=USER, verb="create", namespace=namespace, succeeded=True)
    assert [one.resource for one in created] == ["services", "jobs"]


async def test_a_template_that_the_api_server_refuses_is_said_in_its_words(
    crds: Plane, operator: Path, namespace: str
) -> None:
    crds.apply(training_job(namespace, limits={"nvidia.com/gpu": "half"}))
    async with adapter(operator) as there:
        outcome = await there.act(Verb.Create, namespace)
    assert outcome.kind is OutcomeKind.Rejected
    assert "quantities must match the regular expression" in outcome.message


async def test_a_typing_error_in_the_template_is_refused_not_dropped(
    crds: Plane, operator: Path, namespace: str
) -> None:
    template = {"spec": {"containers": [{"name": "train", "image": "i"}], "nodeSelectr": {"a": "b"}}}
    crds.apply(training_job(namespace, template=template))
    async with adapter(operator) as there:
        outcome = await there.act(Verb.Create, namespace)
    assert outcome.kind is OutcomeKind.Rejected
    assert 'unknown field "spec.template.spec.nodeSelectr"' in outcome.message


async def test_a_strangers_job_of_that_name_is_left_alone(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(user_job(namespace), training_job(namespace))
    before = stored(crds, "job", namespace)
    async with adapter(operator) as there:
        assert _known(there, namespace).foreign_target
        outcome = await there.executor.execute(_action(Verb.Create, namespace), _known(there, namespace))
    assert outcome.kind is OutcomeKind.NameConflict
    assert outcome.message.startswith("a Job named train exists and is not ours")
    assert essence(stored(crds, "job", namespace)) == essence(before)


@pytest.mark.parametrize("point", ["1:before", "1:after", "2:before", "2:after"])
def test_killed_at_any_write_of_a_create_there_is_one_job_in_the_end(
    crds: Plane, operator: Path, namespace: str, point: str
) -> None:
    crds.apply(training_job(namespace, workers=2))
    program = (
        "import asyncio, sys; from pathlib import Path; from e2e.tests import test_cluster_adapter as it\n"
        "asyncio.run(it.create_once(Path(sys.argv[1]), sys.argv[2]))"
    )
    arguments = [sys.executable, "-c", program, str(operator), namespace]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(arguments, env={**environment, "EBBTIDE_CRASH_AT": point}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    subprocess.run(arguments, env=environment, check=True)
    created = crds.audit().wait_for(2, user=USER, verb="create", namespace=namespace, succeeded=True)
    assert sorted((one.resource, one.name) for one in created) == [("jobs", "train"), ("services", "train")]


async def create_once(kubeconfig: Path, namespace: str) -> None:
    """Run in a process of its own, which a crash point may kill."""
    async with adapter(kubeconfig) as there:
        outcome = await there.executor.execute(_action(Verb.Create, namespace), _known(there, namespace))
        assert outcome.kind in {OutcomeKind.Done, OutcomeKind.Unchanged}, outcome


# -- pause and resume -----------------------------------------------------------------------------------------------


async def test_pause_and_resume_are_one_patch_each_and_leave_no_trace(
    crds: Plane, operator: Path, namespace: str
) -> None:
    crds.apply(training_job(namespace, workers=2))
    async with adapter(operator) as there:
        await there.act(Verb.Create, namespace)
        await eventually(lambda: (it := there.target(namespace)) and it.active == 2, "running pods")
        uid = _target(there, namespace).uid
        await eventually(lambda: all(pod.ready_since for pod in there.pods.owned_by(uid)), "Ready pods")
        before = stored(crds, "job", namespace)
        mark = crds.audit().mark()

        assert (await there.act(Verb.Pause, namespace)).kind is OutcomeKind.Done
        await eventually(lambda: _target(there, namespace).suspended, "the pause in the store")
        restore = _target(there, namespace).restore
        assert restore is not None
        assert (restore.by, restore.reason, restore.policy) == ("Policy", "GPUIdle", "CostPolicy/batch")
        await eventually(lambda: not there.pods.owned_by(uid), "the end of the pods")
        ended = [one for one in there.pods.take_ended() if one.pod.owner_uid == uid]
        assert len(ended) == 2
        assert all(one.certain and one.pod.accelerators == 1 for one in ended)
        assert (await there.act(Verb.Pause, namespace)).kind is OutcomeKind.Unchanged

        assert (await there.act(Verb.Resume, namespace)).kind is OutcomeKind.Done
        await eventually(lambda: not _target(there, namespace).suspended, "the resume in the store")
        await eventually(lambda: len(there.pods.owned_by(uid)) == 2, "new pods")
    after = stored(crds, "job", namespace)
    assert essence(after) == essence(before)
    patches = crds.audit(mark).wait_for(2, user=USER, resource="jobs", namespace=namespace, succeeded=True)
    assert [one.body["spec"] for one in patches] == [{"suspend": True}, {"suspend": False}]
    assert all("resourceVersion" in one.body["metadata"] for one in patches)


async def test_a_job_created_held_starts_by_restoring_it(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(training_job(namespace))
    async with adapter(operator) as there:
        held = await there.act(Verb.Create, namespace, suspended=True, by=Actor.User, reason=Reason.PausedByUser)
        assert held.kind is OutcomeKind.Done
        await eventually(lambda: there.target(namespace), "the Job in the store")
        assert _target(there, namespace).suspended
        assert _target(there, namespace).restore is not None
        assert (await there.act(Verb.Resume, namespace)).kind is OutcomeKind.Done
        await eventually(lambda: (it := there.target(namespace)) and it.active == 1, "a running pod")
    assert RESTORE not in stored(crds, "job", namespace)["metadata"].get("annotations", {})


async def test_what_a_user_edited_while_it_was_paused_stays(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(training_job(namespace))
    async with adapter(operator) as there:
        await there.act(Verb.Create, namespace)
        await eventually(lambda: (it := there.target(namespace)) and it.active == 1, "a running pod")
        assert (await there.act(Verb.Pause, namespace)).kind is OutcomeKind.Done
        restore = json.loads(stored(crds, "job", namespace)["metadata"]["annotations"][RESTORE])
        restore["fields"].append({"path": "/spec/parallelism", "was": 1, "set": 0})
        crds.kubectl("annotate", "job", "train", "-n", namespace, "--overwrite", f"{RESTORE}={json.dumps(restore)}")
        outcome = await there.act(Verb.Resume, namespace)
    assert outcome.kind is OutcomeKind.Done
    assert outcome.message == "RestoreSkipped: /spec/parallelism changed while it was stopped and stays as it is"
    job = stored(crds, "job", namespace)
    assert (job["spec"]["suspend"], job["spec"]["parallelism"]) == (False, 1)
    assert RESTORE not in job["metadata"].get("annotations", {})


def user_job(namespace: str, **spec: Any) -> str:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "example.invalid/own"}]}
    return json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "train", "namespace": namespace},
            "spec": {"suspend": False, **spec, "template": {"spec": pod}},
        }
    )


async def test_after_pause_and_resume_a_user_applies_their_own_job_without_conflict(
    crds: Plane, operator: Path, namespace: str
) -> None:
    manifest = user_job(namespace)
    crds.kubectl("apply", "--server-side", "-f", "-", input=manifest)
    async with adapter(operator) as there:
        before = await _settled(there, namespace)
        for verb in (Verb.Pause, Verb.Resume):
            outcome = await _on_users_job(there, namespace, verb)
            assert outcome.kind is OutcomeKind.Done, outcome
    after = stored(crds, "job", namespace)
    assert essence(after) == essence(before)
    assert "ebbtide" not in {one["manager"] for one in after["metadata"]["managedFields"]}
    crds.kubectl("apply", "--server-side", "-f", "-", input=manifest)
    crds.kubectl("apply", "--server-side", "-f", "-", input=user_job(namespace, suspend=True))


async def _settled(there: Adapter, namespace: str) -> dict[str, Any]:
    """The Job once its controller has seen it."""
    for _ in range(100):
        job = await there.client.get(JOBS, namespace, "train")
        if job.get("status", {}).get("ready") is not None:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError("the Job controller never saw the Job")


async def _on_users_job(there: Adapter, namespace: str, verb: Verb) -> Outcome:
    """An adopted Job: its target is the user's own object."""
    for _ in range(40):
        found = decode_job(json.dumps(await there.client.get(JOBS, namespace, "train")).encode())[1].foreign
        assert found is not None
        outcome = await there.executor.execute(_action(verb, namespace), found)
        if outcome.kind is not OutcomeKind.Conflict:
            return outcome
        await asyncio.sleep(0.1)
    return outcome


# -- telling --------------------------------------------------------------------------------------------------------


async def test_status_events_and_the_breaker_arrive(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(training_job(namespace))
    async with adapter(operator) as there:
        found = _known(there, namespace)
        condition = {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "GPUIdle",
            "message": "idle",
            "lastTransitionTime": "2026-11-22T16:37:16Z",
            "observedGeneration": 1,
        }
        status = {"gpus": 1, "conditions": [condition]}
        write = StatusWrite("TrainingJob", namespace, "train", found.uid, status)
        assert (await there.cluster.write_status(write)).kind is OutcomeKind.Done
        await eventually(lambda: _known(there, namespace).memory.conditions, "the status in the store")
        version = stored(crds, "tjob", namespace)["metadata"]["resourceVersion"]
        assert (await there.cluster.write_status(write)).kind is OutcomeKind.Done
        assert stored(crds, "tjob", namespace)["metadata"]["resourceVersion"] == version, (
            "the same again changes nothing"
        )
        note = EventNote(found.key, found.uid, "Warning", "GPUIdle", "Warn", "idle for an hour")
        assert [(await there.cluster.publish(note)).kind for _ in range(2)] == [OutcomeKind.Done, OutcomeKind.Unchanged]
        until = time.time() + 3600
        assert (await there.cluster.write_breaker(until)).kind is OutcomeKind.Done
        await eventually(lambda: there.stores.state().breaker.open_until == int(until), "the breaker in the store")
    assert "GPUIdle" in crds.kubectl("get", "tjob", "train", "-n", namespace).stdout
    assert "idle for an hour" in crds.kubectl("describe", "tjob", "train", "-n", namespace).stdout


async def test_a_permission_that_is_missing_is_an_outcome(crds: Plane, operator: Path, namespace: str) -> None:
    crds.apply(training_job(namespace))
    reader = crds.user_kubeconfig("only-reads")
    role = f"gets-{namespace}"
    crds.kubectl("create", "clusterrole", role, "--verb=get", "--resource=trainingjobs.ebbtide.dev")
    crds.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", "--user=only-reads")
    async with adapter(operator) as there:
        found = _known(there, namespace)
    async with await connect(kubeconfig=str(reader)) as client:
        executor = Executor(client, Leader(), lease_namespace=OPERATIONS, lease_name=rbac.LEASE_NAME)
        outcome = await executor.execute(_action(Verb.Create, namespace), found)
    assert outcome.kind is OutcomeKind.Denied
    assert 'cannot create resource "jobs"' in outcome.message


def _action(verb: Verb, namespace: str) -> Action:
    key = WorkloadKey(namespace, "TrainingJob", "train")
    return Action(verb, key, Reason.GPUIdle, "m", policy="CostPolicy/batch")


def _known(there: Adapter, namespace: str) -> Workload:
    found = there.workload(namespace)
    assert found is not None
    return found


def _target(there: Adapter, namespace: str) -> Target:
    found = there.target(namespace)
    assert found is not None
    return found
