"""`ebbtide release` and the chart's pre-delete hook on a real control plane: nothing stays paused.

Of acceptance test 16: the operator is uninstalled while work is paused.

Real: API server, controllers, Helm and its hook, the hook's rights, arguments and token. A stand-in: no kubelet runs
here, so the hook's container is a local process started from the Job that Helm created, and its pod is told to end well
once the process has (e2e/hook_process.py). The operator is such a process as well (e2e/operator_process.py).
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import yaml

from e2e.hook_process import HookProcess
from e2e.installation import (
    CHART,
    NAMESPACE,
    RELEASE,
    SERVICE_ACCOUNT,
    Document,
    Installation,
    cost_policy,
    namespace,
    training_job,
)
from e2e.plane.waiting import wait_until

pytestmark = pytest.mark.plane

NS: Final = "vision"
IDLE: Final = {
    "afterSeconds": 8,
    "warnSeconds": 2,
    "graceSeconds": 1,
    "neverUsedAfterSeconds": 8,
    "withoutCheckpoint": "Pause",
    "serving": "DevicesOnly",
}
PATIENCE: Final = 8 + 1 + 4
"""After so many seconds an operator that acts has paused what is idle: idle time, grace, and a few ticks."""
RESTORE: Final = "ebbtide.dev/restore"
REPLICAS: Final = 2
HOOK: Final = "ebbtide-release"


@pytest.fixture(scope="module")
def it(install: Callable[..., Installation]) -> Installation:
    """An enforcing installation in which a policy and a human have paused work."""
    installed = install(values={"enforcement": {"enabled": True}}, nodes=2)
    installed.apply(namespace(NS), cost_policy(NS, IDLE))
    installed.plane.wait_default_service_account(NS)
    installed.apply(
        training_job("idle", NS, "idle"),
        training_job("busy", NS, "busy:1"),
        training_job("stopped", NS, "busy:1", annotations={"override": "Paused"}),
        training_job("switched", NS, "busy:1", suspend=True),
        adopted("Job", "batch"),
    )
    apply_web(installed, REPLICAS)
    wait_paused(installed, "idle", "stopped", "switched", "batch", "web")
    return installed


def apply_web(it: Installation, replicas: int) -> None:
    """As its owner does, by server-side apply: refused where somebody else owns a field."""
    manifest = json.dumps(adopted("Deployment", "web", replicas=replicas))
    it.plane.kubectl("apply", "--server-side", "--field-manager=owner", "-f", "-", input=manifest)


def adopted(kind: str, name: str, **spec: Any) -> Document:
    """Idle work of a user: a Job, or a Deployment."""
    container = {"name": "main", "image": "registry.example/x:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    labels = {"app": name}
    template: Document = {
        "metadata": {"labels": labels, "annotations": {"e2e.ebbtide.dev/activity": "idle"}},
        "spec": {"containers": [container]},
    }
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
    selector = {"selector": {"matchLabels": labels}} if kind == "Deployment" else {}
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NS},
        "spec": {**selector, **spec, "template": template},
    }


def wait_paused(it: Installation, *names: str) -> None:
    it.wait(f"{', '.join(names)} paused", lambda: paused(it) >= set(names), 90)


def paused(it: Installation) -> set[str]:
    """Every Job and Deployment in the cluster that Ebbtide has stopped."""
    api = it.plane.api
    found = [
        *(one for one in api.items("/apis/batch/v1/jobs") if one["spec"].get("suspend")),
        *(one for one in api.items("/apis/apps/v1/deployments") if one["spec"]["replicas"] == 0),
    ]
    return {one["metadata"]["name"] for one in found if RESTORE in (one["metadata"].get("annotations") or {})}


def web(it: Installation) -> Document:
    found: Document = it.plane.api.get(f"/apis/apps/v1/namespaces/{NS}/deployments/web")
    return found


def hook_objects(it: Installation) -> list[Document]:
    text = it.plane.helm("get", "hooks", RELEASE, "-n", NAMESPACE).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def test_release_starts_everything_and_the_operator_does_not_stop_it_again(it: Installation) -> None:
    dry = it.ebbtide("release", "-n", NS, "--dry-run")
    assert "4 would be released. Nothing was changed." in dry
    assert paused(it) == {"idle", "stopped", "switched", "batch", "web"}
    assert it.ebbtide("release", "-n", NS) == "4 released, 1 left to their owners.\n"
    assert paused(it) == {"switched"}
    assert web(it)["spec"]["replicas"] == REPLICAS
    time.sleep(PATIENCE)
    assert paused(it) == {"switched"}
    reason = it.condition("idle", NS, "Succeeded").get("reason")
    assert reason == "ResumedByUser"
    assert ("Resume", "Released") in [(one["action"], one["reason"]) for one in it.events("idle", NS)]


@pytest.fixture
def paused_again(it: Installation) -> None:
    """What was released is paused once more, and one more has become idle a moment ago."""
    for word in ("tjob/idle", "job/batch", "deployment/web"):
        it.plane.kubectl(
            "annotate", word, "-n", NS, "ebbtide.dev/override-", "ebbtide.dev/override-until-", "--overwrite"
        )
    it.plane.kubectl(
        "annotate", "tjob", "stopped", "-n", NS, "ebbtide.dev/override=Paused", "ebbtide.dev/override-until-",
        "--overwrite",
    )  # fmt: skip
    wait_paused(it, "idle", "stopped", "batch", "web")
    it.apply(training_job("late", NS, "idle"))


@pytest.mark.usefixtures("paused_again")
def test_uninstalling_leaves_nothing_paused(it: Installation) -> None:
    plane = it.plane
    with ThreadPoolExecutor(1) as other:
        uninstalled = other.submit(plane.helm, "uninstall", RELEASE, "-n", NAMESPACE, "--timeout", "3m")
        path = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/{HOOK}"
        wait_until(lambda: plane.api.answers(path), "the hook's Job", 30)
        hook = HookProcess(plane, plane.api.get(path)).start()
        assert hook.component.wait_ended() == 0, hook.logs()
        assert "no operator acts any more" in hook.logs()
        assert paused(it) == {"switched"}
        time.sleep(PATIENCE)  # Helm takes its time: meanwhile the operator still runs
        assert not uninstalled.done()
        assert paused(it) == {"switched"}, it.operator.logs()
        wait_until(lambda: plane.kubectl("get", "pod", "-n", NAMESPACE, "-l", f"job-name={HOOK}").stdout, "its pod", 10)
        hook.complete_pod()
        uninstalled.result(timeout=120)
    it.operator.stop()
    assert paused(it) == {"switched"}
    assert web(it)["spec"]["replicas"] == REPLICAS
    apply_web(it, 3)
    assert web(it)["spec"]["replicas"] == 3
    left = plane.kubectl(
        "get", "deployment,serviceaccount,role,rolebinding,job,lease", "-n", NAMESPACE, "-o", "name",
        "-l", "app.kubernetes.io/part-of=ebbtide",
    )  # fmt: skip
    assert left.stdout == ""
    assert plane.kubectl("get", "clusterrole", "-l", "app.kubernetes.io/part-of=ebbtide", "-o", "name").stdout == ""
    by = {one.user for one in plane.audit().writes(resource="jobs", name="idle", verb="patch", succeeded=True)}
    assert by == {SERVICE_ACCOUNT, SERVICE_ACCOUNT + "-release", "kubernetes-admin"}


def test_without_hooks_the_hooks_own_command_and_rights_do_the_same(it: Installation) -> None:
    plane = it.plane
    plane.helm("install", RELEASE, CHART, "-n", NAMESPACE, "--set", "metrics.prometheusUrl=http://nowhere:9090")
    plane.apply(json.dumps(adopted_job("plain", was=False)), json.dumps(adopted_job("held")))
    rights = [one for one in hook_objects(it) if one["kind"] != "Job"]
    (job,) = [one for one in hook_objects(it) if one["kind"] == "Job"]
    it.apply(*rights)
    hook = HookProcess(plane, job, "hook-again").start()
    assert hook.component.wait_ended() == 0, hook.logs()
    plane.helm("uninstall", RELEASE, "-n", NAMESPACE, "--no-hooks")
    assert paused(it) == {"switched"}
    for name in ("plain", "held"):
        found = it.job(name, NS)
        assert found["spec"]["suspend"] is False
        marks = set(found["metadata"]["annotations"])
        assert not {RESTORE, "ebbtide.dev/hold"} & marks
        managers = plane.kubectl("get", "job", name, "-n", NS, "-o", "json", "--show-managed-fields").stdout
        assert "ebbtide" not in {one["manager"] for one in json.loads(managers)["metadata"]["managedFields"]}


def adopted_job(name: str, **field: Any) -> Document:
    """A Job of a user as the operator leaves it paused, or, without a field, as it was held at admission."""
    note = {"v": 1, "kind": "Job", "name": name, "at": "2026-11-22T12:00:00Z", "by": "Policy", "policy": "CostPolicy/x"}
    original = {**note, "reason": "GPUIdle", "fields": [{"path": "/spec/suspend", **field, "set": True}]}
    marks = {RESTORE: json.dumps(original)} if field else {"ebbtide.dev/hold": "true"}
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/x:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NS, "annotations": marks},
        "spec": {"suspend": True, "template": {"spec": pod}},
    }
