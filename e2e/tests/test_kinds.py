"""Every kind of workload on a real API server with the real CRDs: stopped by one patch and given back exactly.

What runs: the API server, the CRDs of the kinds' own makers (e2e/foreign_crds.py; three are minimal ones of our own),
and the operator's discovery, stores and writer with the rights of the generated rules. What does not: the controllers
of other systems. So the objects that those would make, down to a Job, StatefulSet, Deployment or pod, are made here by
hand with the owner references that they write, and nothing takes them away when the lever moves. That pods go and come
back is proven for the kinds of Kubernetes itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import uuid4

import pytest
import yaml

from e2e import foreign_crds
from e2e.plane import AuditWrite, Plane
from e2e.plane.audit import service_account
from e2e.plane.waiting import wait_until
from e2e.requirements_guard import require
from ebbtide.cluster import rbac
from ebbtide.cluster.client import connect
from ebbtide.cluster.stores import Stores
from ebbtide.core.action import Action, Verb
from ebbtide.core.reason import Reason
from ebbtide.core.workload import CLAIMS, Attribution, Workload
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.executor import Executor
from ebbtide.objects.levers.kinds import BY_NAME, LEVERS
from ebbtide.objects.pointer import ABSENT, look
from ebbtide.objects.register import adopted_workload
from ebbtide.ports import Outcome, OutcomeKind
from tests.kinds import BY_KIND, SAMPLES, Document, Sample, container

pytestmark = pytest.mark.plane

OPERATIONS: Final = "kinds-operator"
ACCOUNT: Final = "operator"
USER: Final = service_account(OPERATIONS, ACCOUNT)
OWNER: Final = "platform"
RESTORE: Final = "ebbtide.dev/restore"
BETWEEN: Final = {
    "TrainJob": ("JobSet", "Job"),
    "JobSet": ("Job",),
    "RayJob": ("RayCluster",),
    "LeaderWorkerSet": ("StatefulSet",),
    "InferenceService": ("Deployment",),
    "Notebook": ("StatefulSet",),
    "Workspace": ("StatefulSet",),
    "CronJob": (),
}
"""What the kind's controller would put between it and its pods; nothing: its pods are its own."""
RUN_BY_KUBERNETES: Final = frozenset({"Job", "Deployment", "StatefulSet"})
"""Kinds whose pods real controllers make here and take away."""


@pytest.fixture(scope="module")
def kinds(crds: Plane) -> Plane:
    """The plane with every kind installed."""
    try:
        foreign_crds.install(crds, *foreign_crds.names())
    except LookupError as missing:
        require("plane", str(missing))
    return crds


@pytest.fixture(scope="module")
def operator(kinds: Plane) -> Path:
    """A kubeconfig with exactly the permissions of the generated rules."""
    kinds.create_namespace(OPERATIONS)
    kinds.kubectl("create", "serviceaccount", ACCOUNT, "-n", OPERATIONS)
    rows = (*rbac.CLUSTER, *(row for chosen in rbac.KINDS.values() for row in chosen))
    group, meta = "rbac.authorization.k8s.io", {"name": OPERATIONS, "namespace": OPERATIONS}
    for kind, rules in (("ClusterRole", rows), ("Role", rbac.NAMESPACE)):
        role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "rules": [row.rule() for row in rules]}
        reference = {"apiGroup": group, "kind": kind, "name": OPERATIONS}
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": OPERATIONS}
        binding = {**role, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]}
        binding.pop("rules")
        kinds.apply(json.dumps(role), json.dumps(binding))
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    kinds.apply(json.dumps({**lease, "metadata": {"name": rbac.LEASE_NAME, "namespace": OPERATIONS}}))
    return kinds.service_account_kubeconfig(OPERATIONS, ACCOUNT)


class Leader:
    def may_write(self) -> bool:
        return True


@dataclass
class Adapter:
    """The operator's stores and writer as main.py builds them."""

    stores: Stores
    cluster: KubernetesCluster

    def find(self, where: str, kind: str, name: str = "work") -> Workload | None:
        found = (it for it in self.stores.state().workloads if it.key.namespace == where)
        return next((it for it in found if (it.key.kind, it.key.name) == (kind, name)), None)

    def pods(self, where: str, kind: str) -> list[str]:
        found = self.stores.state().pods.items()
        return sorted(pod.name for key, pods in found if (key.namespace, key.kind) == (where, kind) for pod in pods)

    async def act(self, verb: Verb, where: str, kind: str, name: str = "work") -> Outcome:
        """As ticks do it: a conflict is planned again on what is there then."""
        for _ in range(60):
            await self.cluster.observe()
            found = self.find(where, kind, name)
            if found is not None:
                action = Action(verb, found.key, Reason.GPUIdle, "m", policy="CostPolicy/batch")
                decision: Any = SimpleNamespace(attribution=Attribution())
                outcome = await self.cluster.execute(decision, action)
                if outcome.kind is not OutcomeKind.Conflict:
                    return outcome
            await asyncio.sleep(0.1)
        raise AssertionError(f"{verb} of {kind} {name} met conflicts for six seconds, or it was never seen")


@asynccontextmanager
async def adapter(kubeconfig: Path) -> AsyncIterator[Adapter]:
    lease: Any = {"lease_namespace": OPERATIONS, "lease_name": rbac.LEASE_NAME}
    async with await connect(kubeconfig=str(kubeconfig), user_agent="kinds-test") as client:
        stores = Stores(client, **lease, look_seconds=0.5)
        executor = Executor(client, Leader(), **lease)
        task = asyncio.create_task(stores.run())
        try:
            await asyncio.wait_for(stores.wait_synced(), 30)
            yield Adapter(stores, KubernetesCluster(stores.inventory, executor, stores.unfresh))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def eventually(holds: Callable[[], object], _: str, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - what is waited for happens on an API server
            await asyncio.sleep(0.1)


class Person:
    """Whose work it is."""

    def __init__(self, plane: Plane, where: str, sample: Sample) -> None:
        self.plane, self.where, self.sample = plane, where, sample
        self.path = self._path(sample)

    def _path(self, sample: Sample, name: str = "work") -> str:
        root = f"/apis/{sample.api_version}" if "/" in sample.api_version else f"/api/{sample.api_version}"
        return f"{root}/namespaces/{self.where}/{sample.plural}/{name}"

    def apply(self, document: Document) -> str:
        """Server-side, without force: a conflict fails."""
        words = ("apply", "--server-side", f"--field-manager={OWNER}", "-n", self.where, "-f", "-")
        return self.plane.kubectl(*words, input=yaml.safe_dump(document)).stdout

    def get(self) -> Document:
        found: Document = self.plane.api.get(self.path)
        return found

    def shown(self) -> Document:
        """All that people wrote and the API server added to it."""
        found = self.get()
        meta = found["metadata"]
        written = {key: dict(meta.get(key, {})) for key in ("labels", "annotations")}
        written["annotations"].pop("deployment.kubernetes.io/revision", None)  # its controller counts
        return {"spec": found["spec"], **written}

    def below(self) -> int:
        """What its controllers would make: objects between, and a pod; how many pods there will be.

        From a StatefulSet or Deployment on real controllers make them.
        """
        above, between = self.get(), BETWEEN.get(self.sample.kind, ())
        for kind in between:
            above = self._made(kind, "work-below", above)
        if between[-1:] == ("StatefulSet",) and self.sample.kind == "LeaderWorkerSet":
            path = f"/api/v1/namespaces/{self.where}/pods/work-below-0"
            leader = wait_until(lambda: self._there(path), "the leader's pod", 30)
            self._made("StatefulSet", "work-workers", leader)
            return 2
        if between[-1:] not in {("StatefulSet",), ("Deployment",)}:
            spec = {"containers": [container(1)], "nodeName": "gpu-0"}
            meta = {"name": "hand-made", "ownerReferences": [_reference(above)]}
            self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        return 1

    def _made(self, kind: str, name: str, above: Document) -> Document:
        middle = BY_KIND[kind]
        made = middle.manifest(name, ownerReferences=[_reference(above)])
        if kind == "Job":
            made["spec"] = {**made["spec"], "suspend": True}  # else its own controller makes pods too
        if kind in RUN_BY_KUBERNETES - {"Job"}:
            template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container(1)]}}
            selector = {"matchLabels": {"app": name}}
            made["spec"] = {**made["spec"], "replicas": 1, "selector": selector, "template": template}
        self.apply(made)
        found: Document = self.plane.api.get(self._path(middle, name))
        return found

    def _there(self, path: str) -> Document | None:
        found: Document = self.plane.api.send("GET", path, check=False)
        return None if found["kind"] == "Status" else found

    def ours(self) -> list[AuditWrite]:
        """Accepted writes of the operator to the object, in order."""
        found = self.plane.audit().writes(
            user=USER, resource=self.sample.plural, subresource="", namespace=self.where, name="work", succeeded=True
        )
        group = self.sample.api_version.rpartition("/")[0]
        return [it for it in found if it.group == group]


def _reference(document: Document) -> Document:
    meta = document["metadata"]
    known = {"apiVersion": document["apiVersion"], "kind": document["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**known, "controller": True}


def managers(document: Document) -> set[str]:
    return {it["manager"] for it in document["metadata"].get("managedFields") or ()}


def tier(sample: Sample) -> str:
    return f"{sample.kind} (own minimal CRD)" if foreign_crds.is_own(sample.kind) else sample.kind


# -- one of each --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.lever], ids=tier)
async def test_one_patch_stops_it_and_one_gives_it_back(
    operator: Path, kinds: Plane, namespace: str, sample: Sample
) -> None:
    person = Person(kinds, namespace, sample)
    if sample.kind == "ScaledObject":
        person.apply(BY_KIND["Deployment"].manifest())
    # What nobody knows to need accelerators is looked at only where somebody speaks of it.
    words = {} if sample.gpus else {"ebbtide.dev/policy": "batch"}
    person.apply(sample.manifest(labels={"tier": "batch"}, annotations=words))
    before = person.shown()
    assert look({"spec": before["spec"], "metadata": before}, sample.lever) == sample.was
    async with adapter(operator) as ours:
        await eventually(lambda: ours.find(namespace, sample.kind), "it is seen")
        assert (await ours.act(Verb.Pause, namespace, sample.kind)).kind is OutcomeKind.Done
        paused = person.get()
        assert (await ours.act(Verb.Pause, namespace, sample.kind)).kind is OutcomeKind.Unchanged
        assert (await ours.act(Verb.Resume, namespace, sample.kind)).kind is OutcomeKind.Done
    restore = json.loads(paused["metadata"]["annotations"][RESTORE])
    [field] = restore["fields"]
    stop = restore["at"] if sample.stop is None else sample.stop
    assert field == {"path": sample.lever, **({} if sample.was is ABSENT else {"was": sample.was}), "set": stop}
    assert (restore["kind"], restore["name"]) == (sample.own_kind, "work")
    assert look(paused, sample.lever) == stop
    assert person.shown() == before, "exactly what its people wrote"
    assert managers(person.get()) & {"ebbtide"} == set()
    pause, resume, *given_up = kinds.audit().wait_for(
        2, user=USER, resource=sample.plural, subresource="", namespace=namespace, name="work", succeeded=True
    )
    assert (pause.verb, pause.body["metadata"]["annotations"].keys() >= {RESTORE}) == ("patch", True)
    assert look(pause.body, sample.lever) == stop, "the lever and the original in one patch"
    assert resume.body["metadata"]["annotations"][RESTORE] is None
    assert all(set(it.body) == {"metadata"} for it in given_up)
    assert len(given_up) <= 1
    person.apply(sample.manifest(labels={"tier": "gold"}, annotations=words))
    assert person.get()["metadata"]["labels"]["tier"] == "gold"


@pytest.mark.parametrize("sample", [it for it in SAMPLES if it.kind not in {"Pod", "ScaledObject"}], ids=tier)
async def test_its_pods_are_found_through_the_whole_chain(
    operator: Path, kinds: Plane, namespace: str, sample: Sample
) -> None:
    person = Person(kinds, namespace, sample)
    person.apply(sample.manifest())
    async with adapter(operator) as ours:
        if sample.kind in RUN_BY_KUBERNETES:
            await eventually(lambda: len(ours.pods(namespace, sample.kind)) == sample.workers, "its own pods")
            assert (await ours.act(Verb.Pause, namespace, sample.kind)).kind is OutcomeKind.Done
            await eventually(lambda: ours.pods(namespace, sample.kind) == [], "they go", 60)
            assert (await ours.act(Verb.Resume, namespace, sample.kind)).kind is OutcomeKind.Done
            await eventually(lambda: len(ours.pods(namespace, sample.kind)) == sample.workers, "they come back")
        elif sample.kind == "CronJob":
            kinds.kubectl("create", "job", "now", "--from=cronjob/work", "-n", namespace)
            await eventually(lambda: len(ours.pods(namespace, "Job")) == 1, "a Job of its own")
            assert ours.pods(namespace, "CronJob") == []
        else:
            count = await asyncio.to_thread(person.below)
            await eventually(lambda: len(ours.pods(namespace, sample.kind)) == count, "through the chain")
            found = {it.key.kind for it in ours.stores.state().workloads if it.key.namespace == namespace}
            assert found == {sample.kind}, "one workload, whatever lies between"


async def test_pods_of_a_knative_revision_are_the_inference_service_s(
    operator: Path, kinds: Plane, namespace: str
) -> None:
    """KServe in Knative mode; the Revision is no more than the name of an owner here, as Knative is not installed."""
    person = Person(kinds, namespace, BY_KIND["InferenceService"])
    person.apply(person.sample.manifest())
    revision = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "name": "work-1", "uid": str(uuid4())}
    marks = {"ownerReferences": [{**revision, "controller": True}]}
    labels = {"serving.kserve.io/inferenceservice": "work"}
    async with adapter(operator) as ours:
        person.apply(BY_KIND["Deployment"].manifest("work-1-deployment", labels=labels, **marks))
        await eventually(lambda: len(ours.pods(namespace, "InferenceService")) == 3, "its pods")
        found = [it for it in ours.stores.state().workloads if it.key.namespace == namespace]
        assert [(it.key.kind, it.unsupported) for it in found] == [("InferenceService", "")]


async def test_what_claims_devices_through_dra_is_known_to_need_some(
    operator: Path, kinds: Plane, namespace: str
) -> None:
    """No driver runs here, so its pod waits for its claim; what it asks for is what any such pod asks for."""
    asks = {"containers": [{"name": "main", "image": "x:1", "resources": {"claims": [{"name": "gpu"}]}}]}
    claim = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}], "restartPolicy": "Never"}
    body = {"template": {"spec": {**asks, **claim}}}
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": body}
    Person(kinds, namespace, BY_KIND["Job"]).apply(made)
    async with adapter(operator) as ours:
        await eventually(lambda: len(ours.pods(namespace, "Job")) == 1, "its pod")
        found = ours.find(namespace, "Job")
        assert found is not None
        [pod] = ours.stores.state().pods[found.key]
        assert (found.accelerators, found.accelerated) == (0, True)
        assert (pod.accelerators, pod.accelerator_resource) == (0, CLAIMS)


async def test_when_a_notebook_was_used_is_heard_as_its_controller_writes_it(
    operator: Path, kinds: Plane, namespace: str
) -> None:
    """P20: the annotation on an object that an API server serves."""
    sample = BY_KIND["Notebook"]
    Person(kinds, namespace, sample).apply(sample.manifest())

    def is_active_at(at: float | None) -> bool:
        found = ours.find(namespace, sample.kind)
        return found is not None and found.active_at == at

    async with adapter(operator) as ours:
        await eventually(partial(is_active_at, None), "it is seen, and says nothing")
        for said, at in (("2026-11-22T16:37:16Z", 1_795_365_436.0), ("2026-11-22T16:38:16Z", 1_795_365_496.0)):
            word = f"notebooks.kubeflow.org/last-activity={said}"
            kinds.kubectl("annotate", "--overwrite", "notebooks/work", word, "-n", namespace)
            await eventually(partial(is_active_at, at), "what its controller wrote")


async def test_a_scaled_object_is_the_workload_of_what_it_scales(operator: Path, kinds: Plane, namespace: str) -> None:
    person = Person(kinds, namespace, BY_KIND["ScaledObject"])
    person.apply(BY_KIND["Deployment"].manifest())
    async with adapter(operator) as ours:
        await eventually(lambda: len(ours.pods(namespace, "Deployment")) == 3, "its pods")
        person.apply(BY_KIND["ScaledObject"].manifest())
        await eventually(lambda: len(ours.pods(namespace, "ScaledObject")) == 3, "they are the ScaledObject's")
        assert ours.find(namespace, "Deployment") is None
        assert (await ours.act(Verb.Pause, namespace, "ScaledObject")).kind is OutcomeKind.Done
        assert (await ours.act(Verb.Resume, namespace, "ScaledObject")).kind is OutcomeKind.Done
    writes = kinds.audit().writes(user=USER, resource="deployments", namespace=namespace, succeeded=True)
    assert list(writes) == [], "what KEDA scales is never touched itself"


# -- report only --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [it for it in SAMPLES if not it.lever], ids=tier)
async def test_what_has_no_lever_is_told_of_and_never_written(
    operator: Path, kinds: Plane, namespace: str, sample: Sample
) -> None:
    person = Person(kinds, namespace, sample)
    person.apply(sample.manifest(annotations={"ebbtide.dev/override": "Paused"}))
    async with adapter(operator) as ours:
        await eventually(lambda: ours.find(namespace, sample.kind), "it is seen")
        found = ours.find(namespace, sample.kind)
        assert found is not None
        assert found.target is not None
        assert found.unsupported_reason is Reason.UnsupportedKind
        assert found.unsupported == f"{BY_NAME[sample.kind].unsupported}: reported only"
        assert (await ours.act(Verb.Adopt, namespace, sample.kind)).kind is OutcomeKind.Done
        outcome = await ours.act(Verb.Pause, namespace, sample.kind)
        assert (outcome.kind, "has no lever" in outcome.message) == (OutcomeKind.Rejected, True)
    name = adopted_workload(found.target)["metadata"]["name"]
    told = kinds.api.get(f"/apis/ebbtide.dev/v1alpha1/namespaces/{namespace}/adoptedworkloads/{name}")
    assert told["spec"]["targetRef"]["kind"] == sample.own_kind
    assert person.ours() == []


# -- kinds come and go, rights too --------------------------------------------------------------------------------


async def test_a_kind_may_be_taken_away_and_installed_again(operator: Path, kinds: Plane, namespace: str) -> None:
    sample = BY_KIND["Workspace"]
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workspaces.kubeflow.org"
    person = Person(kinds, namespace, sample)
    words = {"ebbtide.dev/override": "Running"}
    person.apply(sample.manifest(annotations=words))
    person.apply(BY_KIND["Deployment"].manifest())
    async with adapter(operator) as ours:
        await eventually(lambda: ours.find(namespace, "Workspace"), "it is there")
        kinds.api.delete(path)
        await eventually(lambda: "Workspace" not in ours.stores.inventory.kinds, "the kind is gone", 60)
        assert ours.find(namespace, "Workspace") is None
        assert (ours.stores.problems, ours.stores.unfresh()) == ((), "")
        assert ours.find(namespace, "Deployment") is not None
        await eventually(lambda: kinds.api.send("GET", path, check=False).get("code") == 404, "its CRD is gone", 60)
        foreign_crds.install(kinds, "Workspace")
        await eventually(lambda: "Workspace" in ours.stores.inventory.kinds, "the kind is back", 60)
        await asyncio.to_thread(person.apply, sample.manifest(annotations=words))
        await eventually(lambda: ours.find(namespace, "Workspace"), "and its objects")


@pytest.mark.usefixtures("operator")
async def test_a_kind_that_may_not_be_read_or_written_harms_nobody(kinds: Plane, namespace: str) -> None:
    """A ServiceAccount without any right to TFJobs and without patch on PaddleJobs."""
    kinds.kubectl("create", "serviceaccount", "poor", "-n", namespace)
    rows = [row for row in rbac.CLUSTER if row.resource != "tfjobs"]
    rows += [row for name, chosen in rbac.KINDS.items() if name not in {"tfJob", "paddleJob"} for row in chosen]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": namespace}}
    kinds.apply(json.dumps({**role, "rules": [row.rule() for row in rows]}))
    subject = f"--serviceaccount={namespace}:poor"
    kinds.kubectl("create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", subject)
    kinds.kubectl("create", "rolebinding", namespace, "-n", OPERATIONS, f"--role={OPERATIONS}", subject)
    for kind in ("TFJob", "PaddleJob", "JAXJob"):
        Person(kinds, namespace, BY_KIND[kind]).apply(BY_KIND[kind].manifest())
    Person(kinds, namespace, BY_KIND["TFJob"]).below()
    pod = "hand-made"
    async with adapter(kinds.service_account_kubeconfig(namespace, "poor")) as ours:
        await eventually(lambda: ours.find(namespace, "Pod", pod), "its pod is told of")
        unread = ours.find(namespace, "Pod", pod)
        assert unread is not None
        assert unread.unsupported_reason is Reason.PermissionDenied
        assert "not allowed to list and watch tfjobs.kubeflow.org" in unread.unsupported
        assert ours.find(namespace, "TFJob") is None
        assert ours.stores.unfresh() == ""
        assert (await ours.act(Verb.Pause, namespace, "PaddleJob")).kind is OutcomeKind.Denied
        assert (await ours.act(Verb.Pause, namespace, "JAXJob")).kind is OutcomeKind.Done
        assert (await ours.act(Verb.Resume, namespace, "JAXJob")).kind is OutcomeKind.Done
    kinds.kubectl("delete", "clusterrolebinding", namespace)


def test_every_kind_with_a_lever_was_tried() -> None:
    assert {it.kind for it in SAMPLES if it.lever} == set(LEVERS)
