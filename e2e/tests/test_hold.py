"""A new Job is held at admission by the chart's MutatingAdmissionPolicy, and the running operator starts it.

Real: the API server's admission, the chart's policy and binding, the operator with its ServiceAccount's rights.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from e2e.installation import SERVICE_ACCOUNT, Document, Installation, cost_policy, namespace
from e2e.plane import AuditWrite
from e2e.plane.waiting import wait_until

pytestmark = pytest.mark.plane

NS: Final = "queue"
HOLD: Final = "ebbtide.dev/hold"
IDLE: Final = {"afterSeconds": 60, "warnSeconds": 20, "graceSeconds": 5}
ADMIN: Final = "kubernetes-admin"


@pytest.fixture(scope="module")
def it(install: Callable[..., Installation]) -> Installation:
    """An enforcing installation with holdNew, and a namespace that asks for it; the policy is known when it returns."""
    found = install(values={"enforcement": {"enabled": True}, "holdNew": {"enabled": True}}, nodes=1)
    found.apply(namespace(NS, **{"hold-new": "true"}), cost_policy(NS, IDLE))
    found.plane.wait_default_service_account(NS)
    wait_until(lambda: HOLD in marks(dry_run(found)), "the policy to be in force", 60, every_seconds=0.5)
    return found


def job(name: str, **spec: Any) -> Document:
    """A Job as a user writes it: not suspended, and nothing of ours on it."""
    container = {"name": "main", "image": "registry.example/x:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    template: Document = {
        "metadata": {"annotations": {"e2e.ebbtide.dev/activity": "busy:1"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    metadata = {"name": name, "namespace": NS}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {**spec, "template": template}}


def dry_run(it: Installation) -> Document:
    words = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    created: Document = json.loads(it.plane.kubectl(*words, input=json.dumps(job("asked"))).stdout)
    return created


def marks(document: Document) -> Document:
    return document["metadata"].get("annotations") or {}


def writes(it: Installation, name: str) -> list[AuditWrite]:
    """Accepted changes of the Job itself by people and by Ebbtide, in order; its controller's are left out."""
    found = it.plane.audit().writes(resource="jobs", subresource="", namespace=NS, name=name, succeeded=True)
    return [one for one in found if one.user in {ADMIN, SERVICE_ACCOUNT}]


def started(it: Installation, name: str) -> Document | None:
    found = it.job(name, NS)
    return None if found["spec"].get("suspend") else found


def test_a_job_held_at_admission_is_started_by_the_operator(it: Installation) -> None:
    it.apply(job("train"))
    found = it.wait("the Job to be started", lambda: started(it, "train"))
    assert HOLD not in marks(found)
    it.wait("its pod to run", lambda: [one for one in it.pods("train", NS) if one["status"]["phase"] == "Running"])
    created, *ours = writes(it, "train")
    [start] = [one for one in ours if "spec" in one.body]
    assert {one.user for one in ours} == {SERVICE_ACCOUNT}
    assert (created.user, created.verb) == (ADMIN, "create")
    assert not created.body["spec"].get("suspend"), "its user asked for no suspension"
    assert (created.response["spec"]["suspend"], marks(created.response)[HOLD]) == (True, "true"), "admission did"
    assert (start.user, start.verb) == (SERVICE_ACCOUNT, "patch")
    assert start.body["spec"] == {"suspend": False}
    assert start.body["metadata"]["annotations"] == {HOLD: None}
    assert start.body["metadata"]["resourceVersion"], "decided from one version of it"
    assert (start.response["spec"]["suspend"], HOLD in marks(start.response)) == (False, False)


def test_a_job_that_its_user_suspended_is_not_held_and_stays_theirs(it: Installation) -> None:
    it.apply(job("later", suspend=True), job("now"))
    it.wait("the other Job to be started", lambda: started(it, "now"))
    assert it.job("later", NS)["spec"]["suspend"] is True
    assert HOLD not in marks(it.job("later", NS))
    assert [one.verb for one in writes(it, "later")] == ["create"]
