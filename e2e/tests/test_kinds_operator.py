"""The installed operator and work of other systems: found when it is installed, judged, paused, given back, released.

Real: control plane, chart, operator, metrics, CRD of the PyTorchJob. By hand: its pod, for the training operator does
not run here, so nothing takes the pod away when the PyTorchJob is suspended. The Volcano Job has a minimal CRD of ours.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e import foreign_crds
from e2e.installation import SERVICE_ACCOUNT, Document, Installation, cost_policy, namespace
from e2e.plane import PlaneError
from e2e.requirements_guard import require
from ebbtide.objects.pointer import look
from tests.kinds import BY_KIND, container

pytestmark = pytest.mark.plane

LAB = "lab"
RESTORE = "ebbtide.dev/restore"
IDLE = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
APPEARS_SECONDS = 160.0
"""Kinds are looked for once a minute, and its devices work for 80 s, so that some of it is seen."""
TRAIN = BY_KIND["PyTorchJob"]
VOLCANO = BY_KIND["VolcanoJob"]


class World:
    def __init__(self, it: Installation) -> None:
        self.it, self.plane = it, it.plane

    def get(self, kind: str, name: str = "work") -> Document:
        sample = BY_KIND[kind]
        return self._find(f"/apis/{sample.api_version}/namespaces/{LAB}/{sample.plural}/{name}")

    def told(self, name: str) -> Document:
        """Status of an AdoptedWorkload; empty while it has none."""
        found = self._find(f"/apis/ebbtide.dev/v1alpha1/namespaces/{LAB}/adoptedworkloads/{name}")
        return dict(found.get("status") or {})

    def reason(self, name: str) -> str:
        conditions = self.told(name).get("conditions", ())
        return next((it["reason"] for it in conditions if it["type"] == "Succeeded"), "")

    def _find(self, path: str) -> Document:
        found: Document = self.plane.api.send("GET", path, check=False)
        return {} if found.get("kind", "Status") == "Status" else found

    def wait_lever(self, value: object, seconds: float = 60.0) -> Document:
        return self.it.wait(
            f"the lever at {value}",
            lambda: found if look(found := self.get("PyTorchJob"), TRAIN.lever) == value else None,
            seconds,
        )

    def restore(self) -> Document:
        text = self.get("PyTorchJob")["metadata"].get("annotations", {}).get(RESTORE)
        return json.loads(text) if text else {}

    def reference(self, kind: str) -> Document:
        found, sample = self.get(kind), BY_KIND[kind]
        known = {"apiVersion": sample.api_version, "kind": sample.own_kind, "name": "work"}
        return {**known, "uid": found["metadata"]["uid"], "controller": True}


@pytest.fixture(scope="module")
def world(install: Callable[..., Installation]) -> World:
    it = install(values={"enforcement": {"enabled": True}}, nodes=1)
    found = World(it)
    it.apply(namespace(LAB))
    it.plane.wait_default_service_account(LAB)
    it.apply(cost_policy(LAB, IDLE))
    try:
        foreign_crds.install(it.plane, "PyTorchJob", "VolcanoJob")
    except LookupError as missing:
        require("plane", str(missing))
    for sample in (TRAIN, VOLCANO):
        it.apply(sample.manifest(namespace=LAB, annotations={"ebbtide.dev/checkpoint": "Periodic:900"}))
        pod: dict[str, Any] = {"containers": [container(1)], "nodeName": "gpu-0"}
        meta = {
            "name": sample.kind.lower(),
            "namespace": LAB,
            "annotations": {"e2e.ebbtide.dev/activity": "busy:80 idle"},
            "ownerReferences": [found.reference(sample.kind)],
        }
        it.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod})
    return found


def test_what_is_installed_while_the_operator_runs_is_judged_and_paused(world: World) -> None:
    paused = world.wait_lever(True, APPEARS_SECONDS)
    restore = world.restore()
    assert (restore["kind"], restore["by"], restore["reason"]) == ("PyTorchJob", "Policy", "GPUIdle")
    assert restore["fields"] == [{"path": TRAIN.lever, "set": True}]
    assert paused["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] == 3
    writes = world.plane.audit().writes(
        user=SERVICE_ACCOUNT, resource="pytorchjobs", subresource="", namespace=LAB, succeeded=True
    )
    [pause] = [it for it in writes if "spec" in it.body]
    assert set(pause.body["metadata"]["annotations"]) == {RESTORE}
    told = world.it.wait(
        "its status", lambda: found if (found := world.told("pytorchjob.kubeflow.org-work")).get("pause") else None
    )
    assert told["pause"]["reason"] == "GPUIdle"


def test_people_see_it_and_speak_about_it(world: World) -> None:
    listed = world.it.ebbtide("list", "-n", LAB)
    assert "PyTorchJob" in listed
    assert "VolcanoJob" in listed
    assert "GPUIdle" in world.it.ebbtide("explain", "pytorchjob.kubeflow.org/work", "-n", LAB)
    assert "to run until" in world.it.ebbtide("resume", "pytorchjobs/work", "-n", LAB, "--for", "1h")
    running = world.wait_lever(look({}, "/x"))
    assert "runPolicy" not in running["spec"], "exactly as its owner wrote it"
    world.it.ebbtide("pause", "pytorchjob/work", "-n", LAB)
    world.wait_lever(True)
    assert world.restore()["by"] == "User"


def test_what_has_no_lever_is_told_of_with_its_reason_and_never_written(world: World) -> None:
    name = "job.batch.volcano.sh-work"
    world.it.wait("UnsupportedKind", lambda: world.reason(name) == "UnsupportedKind")
    page = world.it.ebbtide("explain", "volcanojob/work", "-n", LAB)
    assert "another object (Command)" in page
    with pytest.raises(PlaneError, match="volcanojob/work is reported only"):
        world.it.ebbtide("pause", "job.batch.volcano.sh/work", "-n", LAB)
    found = world.plane.audit().writes(user=SERVICE_ACCOUNT, namespace=LAB, resource="jobs", succeeded=True)
    assert [it for it in found if it.group == "batch.volcano.sh"] == []


def test_release_starts_it_again(world: World) -> None:
    assert "1 released" in world.it.ebbtide("release", "-n", LAB)
    world.wait_lever(look({}, "/x"), 10)
    assert world.restore() == {}
