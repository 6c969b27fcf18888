"""Jobs and Deployments that others created, on a real control plane: judged, paused, given back exactly.

All work is applied at once, each for one test, so that their seconds pass together. Idle 12 s, warned 3 s before at the
latest, 2 s of grace. They are fewer than 20, from which number on the default safety limits would bite.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest
import yaml

from e2e.installation import SERVICE_ACCOUNT, Document, Installation, merged, namespace
from e2e.plane import AuditWrite

pytestmark = pytest.mark.plane

STUDIO, SHOP, LEFT, OBSERVED, WILD = "studio", "shop", "left", "observed", "wild"
SPACES: Final = (STUDIO, SHOP, LEFT, OBSERVED, WILD)
IDLE: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
BY_DEVICES: Final = {**IDLE, "serving": "DevicesOnly"}
RESTORE: Final = "ebbtide.dev/restore"
HOLD: Final = "ebbtide.dev/hold"
WORKS_THEN_IDLE: Final = "busy:6 idle"
OWNER: Final = "platform"
"""Field manager of the people's own server-side apply."""
RESOURCES: Final = {"Deployment": ("apps/v1", "deployments"), "Job": ("batch/v1", "jobs")}


def deployment(name: str, where: str, activity: str = WORKS_THEN_IDLE, *, replicas: int = 1, **more: Any) -> Document:
    """A Deployment as people write it, with one GPU a pod."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": _template(name, activity)}
    return _manifest("Deployment", name, where, spec, more)


def job(name: str, where: str, activity: str = WORKS_THEN_IDLE, **more: Any) -> Document:
    """A Job as people write it, with checkpoints unless `annotations` say otherwise."""
    more = {"annotations": {"ebbtide.dev/checkpoint": "Periodic:900"}, **more}
    template = merged(_template(name, activity), {"spec": {"restartPolicy": "Never"}})
    return _manifest("Job", name, where, {"template": template, **more.pop("spec", {})}, more)


def _template(name: str, activity: str) -> Document:
    container = {"name": "main", "image": "registry.example/x:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    metadata = {"labels": {"app": name}, "annotations": {"e2e.ebbtide.dev/activity": activity}}
    return {"metadata": metadata, "spec": {"containers": [container]}}


def _manifest(kind: str, name: str, where: str, spec: Document, metadata: Document) -> Document:
    meta = {"name": name, "namespace": where, **metadata}
    return {"apiVersion": RESOURCES[kind][0], "kind": kind, "metadata": meta, "spec": spec}


def policy(where: str, idle: Document, **spec: Any) -> Document:
    metadata = {"name": "batch", "namespace": where}
    wanted = {"mode": "Enforce", "selector": {}, "idle": idle, **spec}
    return {"apiVersion": "ebbtide.dev/v1alpha1", "kind": "CostPolicy", "metadata": metadata, "spec": wanted}


def fleet_policy() -> Document:
    """For the shops, as their own policies do not exist."""
    spec = {
        "mode": "Enforce",
        "selector": {},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHOP}},
        "idle": IDLE,
    }
    return {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "ClusterCostPolicy",
        "metadata": {"name": "fleet"},
        "spec": spec,
    }


def work() -> Iterator[Document]:
    """Every workload of this module, one for each story."""
    yield deployment("web", STUDIO, replicas=2)
    yield job("train", STUDIO)
    yield job("fragile", STUDIO, annotations={})
    yield deployment("scaled", STUDIO)
    yield deployment("undone", STUDIO, replicas=2)
    yield deployment("rolled-back", STUDIO, replicas=2)
    yield job("held", STUDIO, "busy:1", annotations={HOLD: "true"}, spec={"suspend": True})
    yield job("mistyped", STUDIO, "busy:1", annotations={"ebbtide.dev/checkpoint": "Sometimes"})
    yield deployment("served", SHOP)
    yield deployment("counted", SHOP, "busy:1", labels={"tier": "paid"})
    yield deployment("orphan", LEFT, replicas=3)
    yield deployment("looked-at", OBSERVED)
    yield job("looked-at", OBSERVED)
    yield deployment("nobodys", WILD, replicas=2)


class World:
    """The installation, and how people and tests look at work of others."""

    def __init__(self, it: Installation) -> None:
        self.it, self.plane = it, it.plane

    def get(self, kind: str, name: str, where: str = STUDIO) -> Document:
        version, plural = RESOURCES[kind]
        return self._find(f"/apis/{version}/namespaces/{where}/{plural}/{name}")

    def adopted(self, kind: str, name: str, where: str = STUDIO) -> Document:
        return self._find(f"/apis/ebbtide.dev/v1alpha1/namespaces/{where}/adoptedworkloads/{kind.lower()}-{name}")

    def _find(self, path: str) -> Document:
        found: Document = self.plane.api.send("GET", path, check=False)
        return {} if found["kind"] == "Status" else found

    def reason(self, kind: str, name: str, where: str = STUDIO) -> str:
        conditions = self.adopted(kind, name, where).get("status", {}).get("conditions", ())
        return next((it["reason"] for it in conditions if it["type"] == "Succeeded"), "")

    def wait_reason(self, kind: str, name: str, reason: str, where: str = STUDIO, seconds: float = 60) -> None:
        said = f"{kind} {name} being {reason}"
        self.it.wait(said, lambda: self.reason(kind, name, where) == reason, seconds)

    def wait_paused(self, kind: str, name: str, where: str = STUDIO, seconds: float = 60) -> Document:
        """Stopped with its original on it, and told: the object as it is then."""

        def told() -> Document | None:
            pause = self.adopted(kind, name, where).get("status", {}).get("pause") or {}
            found = self.get(kind, name, where)
            return found if pause and "endTime" not in pause and stopped(found) and restore_of(found) else None

        return self.it.wait(f"a pause of {kind} {name}", told, seconds)

    def wait_running(self, kind: str, name: str, where: str = STUDIO, seconds: float = 60) -> Document:
        """Not stopped, and nothing of ours on it but labels."""

        def runs() -> Document | None:
            found = self.get(kind, name, where)
            return found if found and not stopped(found) and not restore_of(found) else None

        return self.it.wait(f"{kind} {name} running", runs, seconds)

    def wait_own(self, kind: str, name: str, where: str = STUDIO) -> Document:
        """As `wait_running`, and we own nothing of it any more."""

        def free() -> Document | None:
            found = self.wait_running(kind, name, where)
            return found if "ebbtide" not in managers(found) else None

        return self.it.wait(f"{kind} {name} being its owner's", free, 20)

    def apply_as_owner(self, document: Document) -> str:
        """The owner's server-side apply, without force: a conflict fails."""
        text = yaml.safe_dump(document)
        return self.plane.kubectl("apply", "--server-side", f"--field-manager={OWNER}", "-f", "-", input=text).stdout

    def annotate(self, kind: str, name: str, *words: str, where: str = STUDIO) -> None:
        self.plane.kubectl("annotate", kind.lower(), name, "-n", where, "--overwrite", *words)

    def writes(self, kind: str, name: str, where: str = STUDIO) -> list[AuditWrite]:
        """Accepted changes of the object itself by the operator, in order."""
        plural = RESOURCES[kind][1]
        found = self.plane.audit().writes(
            user=SERVICE_ACCOUNT, resource=plural, subresource="", namespace=where, name=name, succeeded=True
        )
        return list(found)

    def levers(self, kind: str, name: str, where: str = STUDIO) -> list[Any]:
        """What the operator's patches set the lever to, in order."""
        field = "suspend" if kind == "Job" else "replicas"
        bodies = [it.body.get("spec", {}) for it in self.writes(kind, name, where)]
        return [body[field] for body in bodies if field in body]

    def said(self, kind: str, name: str, where: str = STUDIO) -> list[tuple[str, str]]:
        """(action, reason) of the Events about the object itself, in order."""
        found = self.plane.api.items(f"/apis/events.k8s.io/v1/namespaces/{where}/events")
        about = [it for it in found if (it["regarding"]["kind"], it["regarding"]["name"]) == (kind, name)]
        ours = [it for it in about if it.get("reportingController") == "ebbtide.dev/operator"]
        return [(it["action"], it["reason"]) for it in sorted(ours, key=lambda it: str(it["eventTime"]))]

    def pods(self, name: str, where: str) -> list[Document]:
        return list(self.plane.api.items(f"/api/v1/namespaces/{where}/pods?labelSelector=app={name}"))


def stopped(document: Document) -> bool:
    spec = document.get("spec", {})
    return spec.get("suspend") is True if document.get("kind") == "Job" else spec.get("replicas") == 0


def restore_of(document: Document) -> Document:
    text = document.get("metadata", {}).get("annotations", {}).get(RESTORE)
    return json.loads(text) if text else {}


def managers(document: Document) -> set[str]:
    return {it["manager"] for it in document["metadata"].get("managedFields") or ()}


@pytest.fixture(scope="module")
def world(install: Callable[..., Installation]) -> World:
    """Everything applied by its owners, by server-side apply."""
    it = install(values={"enforcement": {"enabled": True}, "attribution": {"writePods": True}})
    found = World(it)
    it.apply(*(namespace(one) for one in SPACES))
    for one in SPACES:
        it.plane.wait_default_service_account(one)
    pays = {"defaults": {"team": "studio", "costCenter": "cc 104"}}
    it.apply(
        policy(STUDIO, BY_DEVICES, attribution=pays),
        policy(LEFT, BY_DEVICES),
        policy(OBSERVED, BY_DEVICES, mode="Observe", attribution=pays),
        fleet_policy(),
        policy(SHOP, IDLE, selector={"matchLabels": {"tier": "paid"}}, attribution={**pays, "write": "ObjectsAndPods"}),
    )
    for document in work():
        found.apply_as_owner(document)
    # Its first ReplicaSet is never paused, so nothing is copied to it.
    it.plane.kubectl("set", "image", "deployment/rolled-back", "-n", STUDIO, "main=registry.example/x:2")
    return found


# -- what is told -------------------------------------------------------------------------------------------------


def test_selected_work_gets_an_object_that_tells_about_it(world: World) -> None:
    told = world.it.wait("a verdict", lambda: world.adopted("Deployment", "web").get("status", {}).get("verdict"))
    assert told["value"] in {"Starting", "Active", "Idle"}
    adopted, target = world.adopted("Deployment", "web"), world.get("Deployment", "web")
    identity = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": target["metadata"]["uid"]}
    assert adopted["spec"]["targetRef"] == identity
    [owner] = adopted["metadata"]["ownerReferences"]
    assert owner == identity
    world.it.wait("its devices", lambda: world.adopted("Deployment", "web")["status"].get("gpus") == 2)
    header, *rows = world.plane.kubectl("get", "adopted", "-n", STUDIO).stdout.splitlines()
    assert header.split() == ["NAME", "KIND", "VERDICT", "REASON", "GPUS", "CLASS", "COST/H", "TOTAL", "SAVED", "AGE"]
    assert any(row.split()[:2] == ["deployment-web", "Deployment"] for row in rows)


def test_work_that_no_policy_selects_is_not_told_of(world: World) -> None:
    world.it.wait("others to be told of", lambda: world.adopted("Deployment", "web"))
    assert not world.adopted("Deployment", "nobodys", WILD)
    assert not world.writes("Deployment", "nobodys", WILD)


def test_a_job_that_was_held_before_its_first_start_starts(world: World) -> None:
    found = world.wait_running("Job", "held")
    assert HOLD not in found["metadata"].get("annotations", {})
    [start] = [it for it in world.writes("Job", "held") if "spec" in it.body]
    assert start.body["spec"] == {"suspend": False}
    assert start.body["metadata"]["annotations"] == {HOLD: None}


def test_an_annotation_that_cannot_be_read_is_said(world: World) -> None:
    def accepted() -> Document | None:
        conditions = world.adopted("Job", "mistyped").get("status", {}).get("conditions", ())
        return next((it for it in conditions if it["type"] == "Accepted"), None)

    told = world.it.wait("its Accepted", accepted)
    assert (told["status"], told["reason"]) == ("True", "InvalidAnnotation")
    assert "write None, Periodic:SECONDS, OnSignal:SECONDS or Stateless" in told["message"]


# -- the pause ----------------------------------------------------------------------------------------------------


def test_an_idle_deployment_is_paused_with_its_original_in_the_same_patch(world: World) -> None:
    paused = world.wait_paused("Deployment", "web")
    restore = restore_of(paused)
    assert {key: restore[key] for key in ("v", "kind", "name", "by", "policy", "reason")} == {
        "v": 1, "kind": "Deployment", "name": "web", "by": "Policy", "policy": "CostPolicy/batch", "reason": "GPUIdle",
    }  # fmt: skip
    assert restore["fields"] == [{"path": "/spec/replicas", "was": 2, "set": 0}]
    [pause] = [it for it in world.writes("Deployment", "web") if "spec" in it.body]
    assert pause.body["spec"] == {"replicas": 0}
    assert RESTORE in pause.body["metadata"]["annotations"]
    world.it.wait("its pods to be gone", lambda: not world.pods("web", STUDIO))
    world.it.wait("its Events", lambda: ("Pause", "GPUIdle") in world.said("Deployment", "web"), 10)
    assert world.said("Deployment", "web") == [("Warn", "GPUIdle"), ("Pause", "GPUIdle")]


def test_a_human_gets_it_back_exactly_and_owns_all_of_it(world: World) -> None:
    world.wait_paused("Deployment", "web")
    world.annotate("Deployment", "web", "ebbtide.dev/override=Running")
    found = world.wait_own("Deployment", "web")
    assert found["spec"]["replicas"] == 2
    assert "serverside-applied" in world.apply_as_owner(deployment("web", STUDIO, replicas=2))
    after = world.get("Deployment", "web")
    assert after["spec"] == found["spec"]
    assert world.levers("Deployment", "web") == [0, 2]
    world.wait_reason("Deployment", "web", "ResumedByUser")


def test_an_idle_job_is_suspended_and_resumed(world: World) -> None:
    paused = world.wait_paused("Job", "train")
    assert restore_of(paused)["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}]
    world.annotate("Job", "train", "ebbtide.dev/override=Running")
    world.wait_own("Job", "train")
    assert "serverside-applied" in world.apply_as_owner(job("train", STUDIO))
    assert world.levers("Job", "train") == [True, False]


def test_a_job_without_checkpoint_is_warned_about_and_runs_on(world: World) -> None:
    world.wait_reason("Job", "fragile", "NoCheckpoint")
    assert world.levers("Job", "fragile") == []


def test_a_server_whose_requests_nobody_counts_is_never_paused(world: World) -> None:
    world.wait_reason("Deployment", "served", "NoRequestSignal", SHOP)
    assert world.adopted("Deployment", "served", SHOP)["status"]["policy"]["kind"] == "ClusterCostPolicy"
    assert world.writes("Deployment", "served", SHOP) == []


def test_a_policy_of_the_cluster_counts_what_it_governs(world: World) -> None:
    def selected() -> bool:
        policy = json.loads(world.plane.kubectl("get", "ccostpol", "fleet", "-o", "json").stdout)
        return bool(policy.get("status", {}).get("selected") == 1)

    world.it.wait("its counts, told at most once a minute", selected, 90)


# -- people in between --------------------------------------------------------------------------------------------


def test_a_human_who_scales_it_up_while_it_is_paused_keeps_what_they_set(world: World) -> None:
    """Acceptance test 15: it runs with what they set, and what was stored is never put over it."""
    world.wait_paused("Deployment", "scaled")
    world.plane.kubectl("scale", "deployment/scaled", "-n", STUDIO, "--replicas=3")
    found = world.wait_own("Deployment", "scaled")
    assert found["spec"]["replicas"] == 3
    world.wait_reason("Deployment", "scaled", "ResumedByUser")
    override = world.adopted("Deployment", "scaled")["status"]["override"]
    assert override["request"] == "Lever"
    assert world.levers("Deployment", "scaled") == [0]
    assert "serverside-applied" in world.apply_as_owner(deployment("scaled", STUDIO, replicas=3))


def test_a_restore_that_a_rollback_brings_back_is_removed_and_changes_nothing(world: World) -> None:
    world.wait_paused("Deployment", "undone")
    replica_sets = f"/apis/apps/v1/namespaces/{STUDIO}/replicasets?labelSelector=app=undone"
    world.it.wait(
        "the copy on its ReplicaSet",
        lambda: [it for it in world.plane.api.items(replica_sets) if RESTORE in it["metadata"]["annotations"]],
        20,
    )
    world.annotate("Deployment", "undone", "ebbtide.dev/override=Running")
    world.wait_own("Deployment", "undone")
    world.it.wait(
        "the end of the pause in status",
        lambda: world.adopted("Deployment", "undone")["status"].get("pause", {}).get("endTime"),
    )
    world.plane.kubectl("set", "image", "deployment/undone", "-n", STUDIO, "main=registry.example/x:2")
    world.it.wait("the second ReplicaSet", lambda: len(list(world.plane.api.items(replica_sets))) == 2, 20)
    world.plane.kubectl("rollout", "undo", "deployment/undone", "-n", STUDIO)
    forgotten = world.it.wait(
        "the removal",
        lambda: [it for it in world.writes("Deployment", "undone") if _forgets(it)],
        30,
    )
    assert "spec" not in forgotten[-1].body
    found = world.wait_own("Deployment", "undone")
    assert found["spec"]["replicas"] == 2
    world.it.wait("its Event", lambda: ("Forget", "RestoreStale") in world.said("Deployment", "undone"), 10)
    assert world.levers("Deployment", "undone") == [0, 2]


def test_a_rollback_during_a_pause_loses_nothing(world: World) -> None:
    """It replaces all annotations, the one with the original included; status has told it a second time."""
    name = "rolled-back"
    world.wait_paused("Deployment", name)
    world.it.wait(
        "the original in status",
        lambda: world.adopted("Deployment", name)["status"].get("pause", {}).get("original"),
    )
    world.plane.kubectl("rollout", "undo", f"deployment/{name}", "-n", STUDIO)
    bare = world.get("Deployment", name)
    assert stopped(bare)
    assert not restore_of(bare)
    world.annotate("Deployment", name, "ebbtide.dev/override=Running")
    found = world.wait_own("Deployment", name)
    assert found["spec"]["replicas"] == 2
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/x:1"


def _forgets(write: AuditWrite) -> bool:
    return write.body.get("metadata", {}).get("annotations", {}).get(RESTORE, "") is None and "spec" not in write.body


def test_a_human_s_word_is_obeyed_where_no_policy_reaches(world: World) -> None:
    world.annotate("Deployment", "nobodys", "ebbtide.dev/override=Paused", where=WILD)
    paused = world.wait_paused("Deployment", "nobodys", WILD)
    assert (restore_of(paused)["by"], restore_of(paused)["fields"][0]["was"]) == ("User", 2)
    world.annotate("Deployment", "nobodys", "ebbtide.dev/override-", where=WILD)
    assert world.wait_own("Deployment", "nobodys", WILD)["spec"]["replicas"] == 2


# -- labels, leaving, looking -------------------------------------------------------------------------------------


def test_who_pays_is_written_on_the_object_and_not_into_its_template(world: World) -> None:
    def labelled() -> Document | None:
        found = world.get("Deployment", "web")
        return found if "ebbtide.dev/team" in found["metadata"].get("labels", {}) else None

    found = world.it.wait("its labels", labelled)
    meta, template = found["metadata"], found["spec"]["template"]["metadata"]
    assert (meta["labels"]["ebbtide.dev/team"], meta["labels"]["ebbtide.dev/cost-center"]) == ("studio", "cc-104")
    assert meta["annotations"]["ebbtide.dev/cost-center"] == "cc 104"
    assert template["labels"] == {"app": "web"}
    labels = [it for it in world.writes("Deployment", "web") if "labels" in it.body.get("metadata", {})]
    assert len(labels) == 1


def test_pods_are_labelled_where_policy_and_chart_say_so_and_no_rollout_follows(world: World) -> None:
    wanted = {"ebbtide.dev/team": "studio", "ebbtide.dev/cost-center": "cc-104"}

    def labelled() -> Document | None:
        pods = world.pods("counted", SHOP)
        return pods[0] if len(pods) == 1 and wanted.items() <= pods[0]["metadata"]["labels"].items() else None

    pod = world.it.wait("the labels of its pod", labelled)
    assert "ebbtide" not in managers(pod)
    replica_sets = f"/apis/apps/v1/namespaces/{SHOP}/replicasets?labelSelector=app=counted"
    assert len(list(world.plane.api.items(replica_sets))) == 1
    assert "ebbtide.dev/team" not in world.pods("web", STUDIO)[0]["metadata"]["labels"], "Objects is the default"


def test_in_observe_nothing_of_the_user_s_objects_is_touched(world: World) -> None:
    def planned(kind: str) -> bool:
        would_be = world.adopted(kind, "looked-at", OBSERVED).get("status", {}).get("wouldBe") or {}
        return would_be.get("action") == "Pause"

    for kind in ("Deployment", "Job"):
        world.it.wait(f"the planned pause of the {kind}", partial(planned, kind))
        assert world.writes(kind, "looked-at", OBSERVED) == []


def test_what_a_policy_paused_comes_back_when_it_is_deleted(world: World) -> None:
    """Acceptance test 16, for work of others."""
    world.wait_paused("Deployment", "orphan", LEFT)
    world.plane.kubectl("delete", "costpolicy", "batch", "-n", LEFT)
    found = world.wait_own("Deployment", "orphan", LEFT)
    assert found["spec"]["replicas"] == 3
    world.it.wait("its Event", lambda: ("Resume", "PolicyRemoved") in world.said("Deployment", "orphan", LEFT), 10)
    left = f"/apis/ebbtide.dev/v1alpha1/namespaces/{LEFT}/adoptedworkloads"
    world.it.wait("its AdoptedWorkload to go", lambda: list(world.plane.api.items(left)) == [], 100)
    assert world.get("Deployment", "orphan", LEFT)["spec"]["replicas"] == 3


def test_an_object_created_anew_gets_an_object_of_its_own(world: World) -> None:
    before = world.adopted("Job", "mistyped")["spec"]["targetRef"]["uid"]
    world.plane.kubectl("delete", "job", "mistyped", "-n", STUDIO, "--wait")
    world.apply_as_owner(job("mistyped", STUDIO, "busy:1"))
    uid = world.get("Job", "mistyped")["metadata"]["uid"]
    assert uid != before
    world.it.wait(
        "the new one", lambda: world.adopted("Job", "mistyped").get("spec", {}).get("targetRef", {}).get("uid") == uid
    )


def test_the_operator_wrote_nothing_that_it_need_not(world: World) -> None:
    """Levers, restores, labels, fields given up: no other body was ever sent to an object of a user."""
    for kind, (_, plural) in RESOURCES.items():
        for write in world.plane.audit().writes(user=SERVICE_ACCOUNT, resource=plural, subresource="", succeeded=True):
            spec, meta = write.body.get("spec", {}), set(write.body["metadata"])
            assert set(spec) <= {"suspend" if kind == "Job" else "replicas"}
            assert meta <= {"annotations", "labels", "resourceVersion", "managedFields"}
