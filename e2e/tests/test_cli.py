"""`kubectl ebbtide` as a person runs it, against a real API server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.plane import Plane
from e2e.plane.waiting import wait_until

pytestmark = pytest.mark.plane

JOB = """
apiVersion: ebbtide.dev/v1alpha1
kind: TrainingJob
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  workers: 2
  checkpoint: {{mode: Periodic, intervalSeconds: 900}}
  template:
    spec:
      containers: [{{name: train, image: registry.example/train:7, resources: {{limits: {{nvidia.com/gpu: 2}}}}}}]
"""
POLICY = """
apiVersion: ebbtide.dev/v1alpha1
kind: CostPolicy
metadata: {{name: batch, namespace: {namespace}}}
spec: {{mode: Enforce, selector: {{}}, idle: {{afterSeconds: 1800, warnSeconds: 300}}}}
"""
STATUS = {
    "policy": {"kind": "CostPolicy", "name": "batch"},
    "verdict": {
        "value": "Idle", "reason": "GPUIdle", "message": "no device of 2 was busy for 25 min",
        "since": "2026-11-22T14:03:30Z", "asOf": "2026-11-22T14:03:30Z", "spanSeconds": 1500, "coveragePercent": 100,
        "peakPercent": 0, "families": ["utilisation", "power"],
        "devices": [{"id": "GPU-1", "pod": "train-0", "coveragePercent": 100, "peakPercent": 0, "powerWatts": 71}],
    },
    "checks": [{"name": "finished", "result": "Pass", "reason": "", "message": "The work has not finished yet."}],
    "gpus": 4, "capacityClass": "OnDemand", "cost": {"currency": "USD", "hourly": "27.52", "total": "-", "saved": "-"},
    "conditions": [{
        "type": "Succeeded", "status": "Unknown", "reason": "GPUIdle", "message": "no device was busy",
        "lastTransitionTime": "2026-11-22T14:03:30Z",
    }],
}  # fmt: skip


def run(kubeconfig: Path | str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The installed plugin, as another process."""
    program = Path(sys.executable).with_name("kubectl-ebbtide")
    done = subprocess.run(
        [program, *arguments, "--kubeconfig", str(kubeconfig)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def judged(crds: Plane, namespace: str) -> Plane:
    """A TrainingJob `train` with the status of an idle one, and its policy."""
    crds.apply(JOB.format(name="train", namespace=namespace), POLICY.format(namespace=namespace))
    crds.kubectl(
        "patch", "tjob", "train", "-n", namespace, "--subresource=status", "--type=merge", "-p",
        json.dumps({"status": STATUS}),
    )  # fmt: skip
    return crds


def person(plane: Plane, namespace: str, role: str, name: str = "erin") -> Path:
    """A person with one of the roles in the namespace, whose context names that namespace."""
    plane.kubectl("create", "rolebinding", name, "-n", namespace, f"--clusterrole={role}", f"--user={name}")
    return plane.user_kubeconfig(name, namespace=namespace)


def test_list_shows_what_the_status_says(judged: Plane, namespace: str) -> None:
    out = run(judged.kubeconfig, "list", "-n", namespace).stdout.splitlines()
    assert out[0].split() == ["NAME", "KIND", "VERDICT", "REASON", "GPUS", "CLASS", "COST/H", "TOTAL", "SAVED"]
    assert out[1].split() == ["train", "TrainingJob", "Idle", "GPUIdle", "4", "OnDemand", "27.52", "-", "-"]
    assert "train" in run(judged.kubeconfig, "list", "-A", "--idle").stdout
    assert run(judged.kubeconfig, "list", "-n", namespace, "--paused").stdout == ""


def test_list_follows_the_pages_of_the_api_server(crds: Plane, namespace: str) -> None:
    count = 501  # one more than a page
    crds.apply(*(JOB.format(name=f"train-{number}", namespace=namespace) for number in range(count)))
    assert len(run(crds.kubeconfig, "list", "-n", namespace, "-o", "name").stdout.split()) == count


def test_json_is_what_kubectl_gives(judged: Plane, namespace: str) -> None:
    ours = json.loads(run(judged.kubeconfig, "list", "-n", namespace, "-o", "json").stdout)
    theirs = json.loads(judged.kubectl("get", "tjob", "-n", namespace, "-o", "json").stdout)
    assert ours == theirs


def test_explain_reads_job_and_policy(judged: Plane, namespace: str) -> None:
    out = run(judged.kubeconfig, "explain", "tjob/train", "-n", namespace).stdout
    assert out.startswith(f"trainingjob/train in {namespace}: Idle (GPUIdle)\n")
    assert "CostPolicy/batch: mode Enforce; pause after 30 min idle, 2 h if never used; warning 5 min before" in out
    assert "27.52 USD an hour for 4 GPUs (OnDemand)" in out
    assert "✓ The work has not finished yet." in out
    assert f"kubectl ebbtide keep trainingjob/train -n {namespace} --for 4h" in out


def test_the_humans_word_is_one_patch_with_the_humans_own_rights(judged: Plane, namespace: str) -> None:
    judged.kubectl(
        "create", "clusterrole", f"edit-{namespace}", "--verb=get,patch", "--resource=trainingjobs.ebbtide.dev"
    )
    erin = person(judged, namespace, f"edit-{namespace}")
    mark = judged.audit().mark()
    run(erin, "pause", "tjob/train")
    run(erin, "resume", "tjob/train", "--for", "2h")
    run(erin, "keep", "tjob/train", "--for", "1d")
    patches = judged.audit(mark).wait_for(3, verb="patch", resource="trainingjobs", namespace=namespace)
    assert {(one.user, one.name, one.code) for one in patches} == {("erin", "train", 200)}
    words = [one.body["metadata"]["annotations"] for one in patches if one.body]
    assert words[0] == {"ebbtide.dev/override": "Paused", "ebbtide.dev/override-until": None}
    assert words[1]["ebbtide.dev/override"] == "Running"
    assert list(words[2]) == ["ebbtide.dev/keep-until"]
    stored = json.loads(
        judged.kubectl("get", "tjob", "train", "-n", namespace, "-o", "json", "--show-managed-fields").stdout
    )
    assert "kubectl-ebbtide" in {one["manager"] for one in stored["metadata"]["managedFields"]}
    assert stored["metadata"]["annotations"]["ebbtide.dev/override"] == "Running"
    judged.kubectl("delete", "clusterrole", f"edit-{namespace}")


def test_a_pause_removes_the_end_of_the_resume_before_it(judged: Plane, namespace: str) -> None:
    run(judged.kubeconfig, "resume", "tjob/train", "-n", namespace)
    run(judged.kubeconfig, "pause", "tjob/train", "-n", namespace)
    stored = json.loads(judged.kubectl("get", "tjob", "train", "-n", namespace, "-o", "json").stdout)
    assert stored["metadata"]["annotations"]["ebbtide.dev/override"] == "Paused"
    assert "ebbtide.dev/override-until" not in stored["metadata"]["annotations"]


WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: main, image: registry.example/web:1}}]}}
"""


@pytest.fixture
def adopted(judged: Plane, namespace: str) -> Plane:
    """Beside the TrainingJob a Deployment, and what the operator tells of it."""
    judged.apply(WEB.format(namespace=namespace))
    uid = judged.kubectl("get", "deployment", "web", "-n", namespace, "-o", "jsonpath={.metadata.uid}").stdout
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}
    told = {
        "apiVersion": "ebbtide.dev/v1alpha1",
        "kind": "AdoptedWorkload",
        "metadata": {"name": "deployment-web", "namespace": namespace},
        "spec": {"targetRef": target},
    }
    judged.apply(json.dumps(told))
    judged.kubectl(
        "patch", "adopted", "deployment-web", "-n", namespace, "--subresource=status", "--type=merge", "-p",
        json.dumps({"status": STATUS}),
    )  # fmt: skip
    return judged


def test_workloads_of_others_stand_in_the_same_table(adopted: Plane, namespace: str) -> None:
    out = run(adopted.kubeconfig, "list", "-n", namespace).stdout.splitlines()
    assert [line.split()[:3] for line in out[1:]] == [["train", "TrainingJob", "Idle"], ["web", "Deployment", "Idle"]]
    names = run(adopted.kubeconfig, "list", "-n", namespace, "-o", "name").stdout.split()
    assert names == ["trainingjob.ebbtide.dev/train", "deployment.apps/web"]
    page = run(adopted.kubeconfig, "explain", "deploy/web", "-n", namespace).stdout
    assert page.startswith(f"deployment/web in {namespace}: Idle (GPUIdle)\n")
    assert f"kubectl ebbtide keep deployment/web -n {namespace} --for 4h" in page


def test_a_word_about_a_deployment_needs_the_right_to_edit_deployments_and_no_other(
    adopted: Plane, namespace: str
) -> None:
    edits = f"deployments-{namespace}"
    adopted.kubectl("create", "clusterrole", edits, "--verb=get,patch", "--resource=deployments.apps")
    dora = person(adopted, namespace, edits, "dora")
    run(dora, "pause", "deployment.apps/web")
    run(dora, "keep", "deployments/web", "--for", "1d")
    found = adopted.kubectl("get", "deployment", "web", "-n", namespace, "-o", "json").stdout
    annotations = json.loads(found)["metadata"]["annotations"]
    assert annotations["ebbtide.dev/override"] == "Paused"
    assert "ebbtide.dev/keep-until" in annotations
    said = one_sentence(run(dora, "pause", "tjob/train", code=1))
    assert "Ask for the ClusterRole ebbtide-view" in said
    adopted.kubectl("delete", "clusterrole", edits)


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_who_may_not_read_is_told_which_role_to_ask_for(crds: Plane, namespace: str) -> None:
    stranger = crds.user_kubeconfig("mallory", namespace=namespace)
    said = one_sentence(run(stranger, "list", code=1))
    assert said.startswith("Error: You may not do this: ")
    assert 'User "mallory" cannot list resource "trainingjobs"' in said
    assert said.endswith("Ask for the ClusterRole ebbtide-view.\n")


def test_who_may_not_write_is_told_which_role_to_ask_for(judged: Plane, namespace: str) -> None:
    judged.kubectl("create", "clusterrole", f"read-{namespace}", "--verb=get", "--resource=trainingjobs.ebbtide.dev")
    reader = person(judged, namespace, f"read-{namespace}")
    said = one_sentence(run(reader, "pause", "tjob/train", code=1))
    assert said.endswith("Ask for the ClusterRole ebbtide-edit.\n")
    judged.kubectl("delete", "clusterrole", f"read-{namespace}")


def test_a_name_that_does_not_exist_is_said_with_its_namespace(crds: Plane, namespace: str) -> None:
    said = one_sentence(run(crds.kubeconfig, "explain", "tjob/nobody", "-n", namespace, code=1))
    assert said.startswith(f"Error: There is no TrainingJob nobody in namespace {namespace}.")


def test_credentials_that_are_not_accepted_are_called_so(plane: Plane, tmp_path: Path) -> None:
    config = json.loads(plane.kubectl("config", "view", "--raw", "-o", "json").stdout)
    for user in config["users"]:
        user["user"] = {"token": "no-such-token"}
    path = tmp_path / "config"
    path.write_text(json.dumps(config), encoding="utf-8")
    said = one_sentence(run(path, "list", code=1))
    assert said.startswith("Error: The API server does not accept these credentials")


def test_a_certificate_that_is_not_trusted_is_called_so(plane: Plane, tmp_path: Path) -> None:
    config = json.loads(plane.kubectl("config", "view", "--raw", "-o", "json").stdout)
    for cluster in config["clusters"]:
        cluster["cluster"].pop("certificate-authority-data", None)
        cluster["cluster"].pop("certificate-authority", None)
    path = tmp_path / "config"
    path.write_text(json.dumps(config), encoding="utf-8")
    assert "shows a certificate that is not trusted" in one_sentence(run(path, "list", code=1))


def test_a_cluster_that_is_down_is_named(plane: Plane, tmp_path: Path) -> None:
    config = json.loads(plane.kubectl("config", "view", "--raw", "-o", "json").stdout)
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "config"
    path.write_text(json.dumps(config), encoding="utf-8")
    said = one_sentence(run(path, "list", code=1))
    assert said.startswith("Error: Cannot reach the API server at https://127.0.0.1:9: ")
    assert "Is the cluster up, and is it the one you mean?" in said


GPU_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: train, namespace: {namespace}}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: main, image: example.invalid/train, resources: {{limits: {{nvidia.com/gpu: 2}}}}}}]
"""


def test_check_sees_metrics_flow_and_says_when_prometheus_is_gone(metrics: Plane, crds: Plane, namespace: str) -> None:
    crds.apply(GPU_JOB.format(namespace=namespace))
    crds.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.ready}=1", "job/train", "--timeout=20s")

    def message(name: str, url: str) -> str:
        done = run(crds.kubeconfig, "check", "-o", "json", "--prometheus-url", url, code=1)  # no operator is here
        found = [one for one in json.loads(done.stdout) if one["check"] == name]
        return " ".join(f"{one['result']}: {one['message']}" for one in found)

    url = metrics.prometheus.url
    wait_until(lambda: "held by a pod (label exported_pod)" in message("metrics", url), "series of the devices", 30)
    assert message("metrics", url).startswith("ok: ")
    assert message("Prometheus", "http://127.0.0.1:9").startswith(
        "FAIL: Prometheus at http://127.0.0.1:9 cannot be asked"
    )
