"""Work that runs through Kueue, with Kueue itself: paused by its Workload, given back to its queue.

Acceptance test 18.

Kueue's manager runs with its own manifests, rights and webhooks (e2e/plane/kueue.py). JobSet has its real CRD and no
controller here: what that would make is made by hand, and says so.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e import foreign_crds
from e2e.binaries.cache import binaries_dir, kueue_program
from e2e.installation import SERVICE_ACCOUNT, Document, Installation, merged, namespace, training_job
from e2e.plane import AuditWrite, Plane
from e2e.plane import kueue as kueue_part
from e2e.plane.kueue import Kueue
from e2e.requirements_guard import require
from e2e.tests.test_adoption import BY_DEVICES, RESTORE, World, deployment, job, policy, restore_of

pytestmark = pytest.mark.plane

LAB: Final = "lab"
QUEUE: Final = "kueue.x-k8s.io/queue-name"
_API: Final = "/apis/kueue.x-k8s.io/v1beta2"
GPUS: Final = 16
"""Quota; the plane has twice as many."""


def queues() -> Iterator[Document]:
    for name, gpus in (("all", GPUS), ("full", 1), ("narrow", 1)):
        kind = {"apiVersion": "kueue.x-k8s.io/v1beta2"}
        flavor = {"name": f"{name}-nodes", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": gpus}]}
        groups = [{"coveredResources": ["nvidia.com/gpu"], "flavors": [flavor]}]
        yield {**kind, "kind": "ResourceFlavor", "metadata": {"name": flavor["name"]}, "spec": _WHERE}
        spec = {"namespaceSelector": {}, "resourceGroups": groups}
        yield {**kind, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": spec}
        meta = {"name": name, "namespace": LAB}
        yield {**kind, "kind": "LocalQueue", "metadata": meta, "spec": {"clusterQueue": name}}


_WHERE: Final = {"nodeLabels": {"node.kubernetes.io/instance-type": "p5.48xlarge"}}
"""Kueue writes it into the job itself, which is no edit of its user's."""


def through(document: Document, queue: str = "all") -> Document:
    """The same, put into a queue."""
    return merged(document, {"metadata": {"labels": {QUEUE: queue}}})


def job_set() -> Document:
    template = {"spec": job("made", LAB)["spec"]}
    spec = {"replicatedJobs": [{"name": "workers", "replicas": 1, "template": template}]}
    meta = {"name": "set", "namespace": LAB, "annotations": {"ebbtide.dev/checkpoint": "Periodic:900"}}
    return through({"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": meta, "spec": spec})


def beside(name: str, validation: str, queue: str = "all") -> Document:
    """A TrainingJob that steps aside for a Job."""
    during = {"kind": "Job", "name": validation}
    return training_job(name, LAB, "busy:1", queue={"name": queue}, pauseDuring=during)


def validation(name: str) -> Document:
    """On CPUs and without a queue; it lives until it is deleted."""
    container = {"name": "main", "image": "registry.example/evaluate:1", "resources": {"limits": {"cpu": "1"}}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": name, "namespace": LAB}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}


class Lab(World):
    """How people and tests look at work in a queue."""

    def entry(self, kind: str, name: str) -> Document:
        """Kueue's Workload of that object; empty where there is none."""
        for found in self.plane.api.items(f"{_API}/namespaces/{LAB}/workloads"):
            owners = found["metadata"].get("ownerReferences") or ()
            if any((it["kind"], it["name"]) == (kind, name) and it.get("controller") for it in owners):
                return dict(found)
        return {}

    def is_admitted(self, kind: str, name: str) -> bool:
        conditions = self.entry(kind, name).get("status", {}).get("conditions", ())
        return any((it["type"], it["status"]) == ("Admitted", "True") for it in conditions)

    def wait_inactive(self, kind: str, name: str) -> Document:
        """Kueue's Workload with the lever pulled and the original on it."""

        def pulled() -> Document | None:
            found = self.entry(kind, name)
            return found if found and found["spec"]["active"] is False and restore_of(found) else None

        return self.it.wait(f"a pause of {kind} {name}", pulled, 90)

    def wait_active(self, kind: str, name: str) -> Document:
        def free() -> Document | None:
            found = self.entry(kind, name)
            return found if found and found["spec"]["active"] is True and not restore_of(found) else None

        return self.it.wait(f"{kind} {name} in its queue again", free)

    def condition(self, kind: str, name: str, of: str) -> tuple[str, str]:
        conditions = self.adopted(kind, name, LAB).get("status", {}).get("conditions", ())
        return next(((it["status"], it["reason"]) for it in conditions if it["type"] == of), ("", ""))

    def wait_condition(self, kind: str, name: str, of: str, status: str, reason: str) -> None:
        said = f"{of}={status}, {reason} of {kind} {name}"
        self.it.wait(said, lambda: self.condition(kind, name, of) == (status, reason), 60)

    def wait_told(self, name: str, of: str, status: str, reason: str) -> str:
        """What a condition of a TrainingJob says."""

        def told() -> str | None:
            found = self.it.condition(name, LAB, of)
            return str(found["message"]) if (found.get("status"), found.get("reason")) == (status, reason) else None

        return self.it.wait(f"{of}={status}, {reason} of TrainingJob {name}", told)

    def moves(self, name: str) -> list[bool]:
        """How the operator moved spec.active of the Workload of a Job, in order."""
        writes = self.ours("workloads", self.entry("Job", name)["metadata"]["name"])
        return [it.body["spec"]["active"] for it in writes if "active" in (it.body.get("spec") or {})]

    def end(self, *jobs: str) -> None:
        self.plane.kubectl("delete", "job", *jobs, "-n", LAB)

    def wait_pods(self, name: str, count: int) -> None:
        self.it.wait(f"{count} pods of {name}", lambda: len(self.pods(name, LAB)) == count, 60)

    def edit(self, name: str, change: Document) -> None:
        """A template can be edited once Kueue has put back what it wrote into it and no pod counts any more."""
        words = ("patch", "job", name, "-n", LAB, "--type=merge", "-p", json.dumps(change))
        self.it.wait("an edit", lambda: self.plane.kubectl(*words, check=False).returncode == 0, 30)

    def ours(self, resource: str, name: str = "") -> list[AuditWrite]:
        """Accepted changes by the operator."""
        log = self.plane.audit().writes(
            user=SERVICE_ACCOUNT, resource=resource, subresource="", namespace=LAB, name=name or None, succeeded=True
        )
        return list(log)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    program = kueue_program()
    if binaries_dir() is None or program is None:
        require("plane", "the control plane's programs or Kueue are not built; run `make binaries`")
    with Plane(tmp_path_factory.mktemp("kueue")) as plane:
        foreign_crds.install(plane, "JobSet")
        plane.create_namespace(LAB)
        Kueue(plane, program, ("batch/job", "pod", "deployment", "jobset.x-k8s.io/jobset")).start()
        values = {"enforcement": {"enabled": True}, "safety": {"idleShareJumpPercent": 0}}
        with Installation(plane, values=values) as it:
            found = Lab(it)
            it.apply(namespace(LAB), policy(LAB, BY_DEVICES), *queues())
            for document in work():
                it.apply(document)
            yield found


def work() -> Iterator[Document]:
    yield through(job("train", LAB))
    yield through(job("replaced", LAB))
    yield through(job("released", LAB))
    yield through(job("first", LAB, "busy:1"), "full")
    yield through(job("second", LAB), "full")
    yield through(deployment("web", LAB))
    yield training_job("mine", LAB, "busy:1", queue={"name": "all"})
    yield job_set()


def test_an_idle_job_is_paused_by_its_workload_with_the_original_in_the_same_patch(lab: Lab) -> None:
    paused = lab.wait_inactive("Job", "train")
    restore = restore_of(paused)
    assert (restore["kind"], restore["name"]) == ("Workload", paused["metadata"]["name"])
    assert restore["fields"] == [{"path": "/spec/active", "was": True, "set": False}]
    [pull] = [it for it in lab.ours("workloads", paused["metadata"]["name"]) if "spec" in it.body]
    assert pull.body["spec"] == {"active": False}
    assert RESTORE in pull.body["metadata"]["annotations"]
    lab.wait_pods("train", 0)
    lab.it.wait("Kueue to suspend the Job", lambda: lab.get("Job", "train", LAB)["spec"]["suspend"], 20)
    lab.wait_condition("Job", "train", "Paused", "True", "GPUIdle")
    lab.it.wait("its Event", lambda: ("Pause", "GPUIdle") in lab.said("Job", "train", LAB), 10)


def test_an_edit_while_it_is_deactivated_does_not_start_it(lab: Lab) -> None:
    lab.wait_inactive("Job", "train")
    lab.wait_pods("train", 0)
    selector = {"spec": {"template": {"spec": {"nodeSelector": {"pool": "a"}}}}}
    for edit in (selector, {"metadata": {"labels": {"edited": "yes"}}}, {"spec": {"suspend": False}}):
        lab.edit("train", edit)
    lab.it.wait("Kueue to have suspended it again", lambda: lab.get("Job", "train", LAB)["spec"]["suspend"], 20)
    lab.wait_pods("train", 0)
    assert restore_of(lab.wait_inactive("Job", "train"))["reason"] == "GPUIdle"
    lab.wait_condition("Job", "train", "Paused", "True", "GPUIdle")
    back = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
    lab.edit("train", back)


def test_what_waits_in_a_queue_is_not_paused_and_says_so(lab: Lab) -> None:
    lab.it.wait("the first to be admitted", lambda: lab.is_admitted("Job", "first"), 30)
    lab.wait_condition("Job", "second", "Running", "False", "QueueWaiting")
    assert lab.condition("Job", "second", "Paused") == ("False", "Running")
    assert lab.reason("Job", "second", LAB) == "QueueWaiting"
    assert lab.ours("workloads", lab.entry("Job", "second")["metadata"]["name"]) == []


def test_a_resume_waits_for_admission(lab: Lab) -> None:
    """Its place has been taken meanwhile: the second runs as the first is paused by its user."""
    lab.it.wait("the first to be admitted", lambda: lab.is_admitted("Job", "first"), 30)
    lab.annotate("Job", "first", "ebbtide.dev/override=Paused", where=LAB)
    assert restore_of(lab.wait_inactive("Job", "first"))["by"] == "User"
    lab.it.wait("the second to be admitted", lambda: lab.is_admitted("Job", "second"), 30)
    lab.annotate("Job", "first", "ebbtide.dev/override=Running", where=LAB)
    lab.wait_active("Job", "first")
    lab.wait_condition("Job", "first", "Running", "False", "QueueWaiting")
    assert lab.condition("Job", "first", "Paused") == ("False", "Running")
    lab.plane.kubectl("delete", "job", "second", "-n", LAB)
    lab.wait_condition("Job", "first", "Running", "True", "Running")
    assert lab.is_admitted("Job", "first")


def test_a_training_job_s_own_switch_moves_the_workload(lab: Lab) -> None:
    lab.it.wait("its admission", lambda: lab.is_admitted("Job", "mine"), 30)
    lab.plane.kubectl("patch", "tjob", "mine", "-n", LAB, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    lab.wait_inactive("Job", "mine")
    lab.it.wait("its status", lambda: lab.it.condition("mine", LAB, "Paused").get("reason") == "PausedByUser")
    lab.plane.kubectl("patch", "tjob", "mine", "-n", LAB, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    lab.wait_active("Job", "mine")
    lab.it.wait("it to run", lambda: lab.it.condition("mine", LAB, "Running").get("status") == "True")


def test_a_workload_that_is_deleted_while_it_is_paused_was_resumed_by_its_user(lab: Lab) -> None:
    """Kueue makes another one, active, and nothing on it says that there was a pause."""
    paused = lab.wait_inactive("Job", "replaced")
    lab.wait_condition("Job", "replaced", "Paused", "True", "GPUIdle")
    lab.plane.kubectl("delete", "workload.kueue.x-k8s.io", paused["metadata"]["name"], "-n", LAB, "--wait=false")
    lab.it.wait("another one", lambda: lab.entry("Job", "replaced").get("spec", {}).get("active"), 30)
    lab.wait_reason("Job", "replaced", "ResumedByUser", LAB)
    pause: Any = lab.adopted("Job", "replaced", LAB)["status"]["pause"]
    assert pause["reverts"] == 1
    lab.it.wait("it to run", lambda: lab.is_admitted("Job", "replaced"), 30)


def test_a_child_follows_the_workload_of_its_parent(lab: Lab) -> None:
    """The JobSet's controller does not run here: its Job is made by hand, with the owner reference that it writes."""
    lab.it.wait("its admission", lambda: lab.is_admitted("JobSet", "set"), 30)
    path = f"/apis/jobset.x-k8s.io/v1alpha2/namespaces/{LAB}/jobsets/set"
    parent = lab.plane.api.get(path)
    reference = {key: parent[key] for key in ("apiVersion", "kind")} | {
        "name": "set", "uid": parent["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    lab.it.apply(job("set-workers-0", LAB, ownerReferences=[reference]))
    lab.wait_pods("set-workers-0", 1)
    lab.wait_inactive("JobSet", "set")
    lab.wait_pods("set-workers-0", 0)
    assert lab.entry("Job", "set-workers-0") == {}
    assert lab.ours("jobs", "set-workers-0") == []
    assert [it for it in lab.ours("jobsets", "set") if "spec" in it.body] == []


def test_a_server_is_stopped_by_its_replicas_and_queues_again(lab: Lab) -> None:
    paused = lab.wait_paused("Deployment", "web", LAB)
    assert restore_of(paused)["fields"] == [{"path": "/spec/replicas", "was": 1, "set": 0}]
    lab.wait_pods("web", 0)
    lab.annotate("Deployment", "web", "ebbtide.dev/override=Running", where=LAB)
    assert lab.wait_own("Deployment", "web", LAB)["spec"]["replicas"] == 1
    lab.wait_condition("Deployment", "web", "Running", "True", "Running")


def test_beside_a_validation_its_workload_is_inactive_and_between_two_it_is_admitted(lab: Lab) -> None:
    lab.it.apply(beside("aside", "evaluate"))
    for _ in range(2):
        lab.wait_told("aside", "Running", "True", "Running")
        assert lab.is_admitted("Job", "aside")
        lab.it.apply(validation("evaluate"))
        restore = restore_of(lab.wait_inactive("Job", "aside"))
        assert (restore["reason"], restore["kind"]) == ("PausedDuring", "Workload")
        assert restore["fields"] == [{"path": "/spec/active", "was": True, "set": False}]
        lab.wait_pods("aside", 0)
        assert lab.wait_told("aside", "Paused", "True", "PausedDuring") == "Job evaluate runs"
        lab.it.wait("Kueue to suspend its Job", lambda: lab.get("Job", "aside", LAB)["spec"]["suspend"], 20)
        lab.end("evaluate")
        lab.wait_active("Job", "aside")
    lab.wait_told("aside", "Running", "True", "Running")
    assert lab.moves("aside") == [False, True, False, True]


def test_a_validation_that_waits_in_the_same_queue_gets_the_place(lab: Lab) -> None:
    """The queue has room for one, and the training was there first: Kueue alone would let it keep its place."""
    lab.it.apply(beside("yields", "check", "narrow"))
    lab.wait_told("yields", "Running", "True", "Running")
    soon = {"metadata": {"annotations": {"e2e.ebbtide.dev/complete-after": "3s"}}}
    lab.it.apply(through(merged(job("check", LAB, "busy:1"), {"spec": {"template": soon}}), "narrow"))
    lab.it.wait("its end", lambda: lab.get("Job", "check", LAB).get("status", {}).get("succeeded") == 1)
    lab.wait_active("Job", "yields")
    lab.wait_told("yields", "Running", "True", "Running")
    assert lab.moves("yields") == [False, True]


def test_what_waits_in_its_queue_is_left_waiting_and_stopped_when_it_is_admitted(lab: Lab) -> None:
    """The test before this one has left the only place taken."""
    lab.it.apply(beside("patient", "survey", "narrow"))
    lab.wait_told("patient", "Running", "False", "QueueWaiting")
    lab.it.apply(validation("survey"))
    lab.it.apply(beside("unborn", "survey"))
    said = lab.wait_told("unborn", "Paused", "True", "PausedDuring")
    assert said == "Job survey runs: it is not put into queue all before that ends"
    assert lab.it.job("unborn", LAB) == {}
    assert lab.moves("patient") == []
    lab.plane.kubectl("delete", "tjob", "yields", "-n", LAB)
    assert restore_of(lab.wait_inactive("Job", "patient"))["reason"] == "PausedDuring"
    lab.end("survey")
    for name in ("patient", "unborn"):
        lab.wait_told(name, "Running", "True", "Running")
        assert lab.is_admitted("Job", name)
    assert lab.moves("patient") == [False, True]


def test_release_gives_back_what_runs_through_kueue(lab: Lab) -> None:
    lab.wait_inactive("Job", "released")
    said = lab.it.ebbtide("release", "-n", LAB, "--dry-run")
    assert "job/released" in said
    lab.it.operator.stop()
    lab.it.ebbtide("release", "-n", LAB)
    lab.wait_active("Job", "released")
    assert lab.get("Job", "released", LAB)["metadata"]["annotations"]["ebbtide.dev/override"] == "Running"
    lab.it.wait("it to run", lambda: lab.is_admitted("Job", "released"), 30)
    lab.it.run_operator()


def test_the_operator_never_wrote_spec_suspend(lab: Lab) -> None:
    """And of Kueue's objects only the lever. What a create sent the log shows with the API server's defaults."""
    jobs = lab.ours("jobs")
    assert {it.name for it in jobs if it.verb == "create"} <= {"mine", "aside", "yields", "patient", "unborn"}
    patched = [it for it in jobs if it.verb != "create"]
    assert [(it.name, it.body["spec"]) for it in patched if "suspend" in (it.body.get("spec") or {})] == []
    entries = lab.ours("workloads")
    assert entries
    for write in entries:
        assert set(write.body.get("spec", {})) <= {"active"}
        assert set(write.body["metadata"]) <= {"annotations", "resourceVersion", "managedFields"}
    by_kueue = lab.plane.audit().writes(user=kueue_part.USER, resource="jobs", namespace=LAB, succeeded=True)
    assert any("suspend" in (it.body or {}).get("spec", {}) for it in by_kueue)
