"""The plane itself: if these fail, no other end-to-end result means anything."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2e.plane import Plane, PlaneError
from e2e.plane.audit import service_account
from e2e.plane.waiting import wait_until

pytestmark = pytest.mark.plane

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: train, namespace: {namespace}}}
spec:
  suspend: {suspend}
  podReplacementPolicy: Failed
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: main, image: example.invalid/train, resources: {{limits: {{nvidia.com/gpu: 2}}}}}}]
"""


def pods(plane: Plane, namespace: str) -> list[dict[str, object]]:
    return list(plane.api.items(f"/api/v1/namespaces/{namespace}/pods"))


def test_nodes_are_ready_and_offer_gpus(plane: Plane) -> None:
    nodes = json.loads(plane.kubectl("get", "nodes", "-o", "json").stdout)["items"]
    assert {node["status"]["allocatable"]["nvidia.com/gpu"] for node in nodes} == {"8"}
    assert {node["metadata"]["labels"]["node.kubernetes.io/instance-type"] for node in nodes} == {"p5.48xlarge"}


def test_the_server_says_which_version_it_is(plane: Plane) -> None:
    version = json.loads(plane.kubectl("version", "-o", "json").stdout)
    assert version["serverVersion"]["gitVersion"].startswith("v1.")
    assert version["serverVersion"]["gitVersion"] == version["clientVersion"]["gitVersion"]


def test_a_suspended_job_gets_its_pod_when_unsuspended_and_the_audit_log_says_who_did_it(
    plane: Plane, namespace: str
) -> None:
    mark = plane.audit().mark()
    plane.apply(JOB.format(namespace=namespace, suspend="true"))
    plane.kubectl("wait", "-n", namespace, "--for=condition=Suspended", "job/train", "--timeout=20s")
    assert pods(plane, namespace) == []

    plane.kubectl("create", "serviceaccount", "robot", "-n", namespace)
    plane.kubectl(
        "create", "rolebinding", "robot", "-n", namespace, "--clusterrole=admin", f"--serviceaccount={namespace}:robot"
    )
    robot = plane.service_account_kubeconfig(namespace, "robot")
    plane.kubectl(
        "patch", "job/train", "-n", namespace, "--type=merge", "-p", '{"spec":{"suspend":false}}', kubeconfig=robot
    )
    plane.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.ready}=1", "job/train", "--timeout=20s")

    log = plane.audit(mark)
    (created,) = log.wait_for(1, verb="create", resource="jobs", namespace=namespace)
    assert created.user == "kubernetes-admin"
    assert created.name == "train"
    (patched,) = log.wait_for(1, verb="patch", resource="jobs", namespace=namespace, subresource="")
    assert patched.user == service_account(namespace, "robot")
    assert patched.body == {"spec": {"suspend": False}}
    assert patched.code == 200
    assert patched.at > created.at


def test_a_service_account_without_rights_is_refused(plane: Plane, namespace: str) -> None:
    kubeconfig = plane.service_account_kubeconfig(namespace, "default")
    with pytest.raises(PlaneError, match="cannot list resource"):
        plane.kubectl("get", "jobs", "-n", namespace, kubeconfig=kubeconfig)


def test_a_deleted_pod_of_a_job_ends_and_is_replaced(plane: Plane, namespace: str) -> None:
    plane.apply(JOB.format(namespace=namespace, suspend="false"))
    plane.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.ready}=1", "job/train", "--timeout=20s")
    plane.kubectl("delete", "pod", "-n", namespace, "--all", "--timeout=20s")
    plane.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.failed}=1", "job/train", "--timeout=20s")


def test_the_api_server_can_be_killed_and_keeps_its_port_and_its_objects(plane: Plane, namespace: str) -> None:
    plane.kubectl("create", "configmap", "kept", "-n", namespace)
    plane.restart("kube-apiserver", kill=True)
    assert plane.kubectl("get", "configmap", "kept", "-n", namespace, "-o", "name").stdout.strip() == "configmap/kept"


def test_helm_reads_the_cluster_version(plane: Plane, namespace: str) -> None:
    assert plane.helm("list", "-n", namespace, "-o", "json").stdout.strip() == "[]"


def test_a_part_that_cannot_start_is_named_with_its_log_and_nothing_stays(tmp_path: Path, plane: Plane) -> None:
    broken = Plane(tmp_path, api_server_args=["--no-such-flag"], binaries=plane.layout.binaries)
    with pytest.raises(PlaneError, match=r"(?s)kube-apiserver ended .*unknown flag: --no-such-flag"):
        broken.start()
    assert broken.parts.alive() == []


_SLEEPER = """
import sys, time
from pathlib import Path
from e2e.plane.process import Component, Guard
part = Component("sleeper", ["sleep", "600"], Path(sys.argv[1]), Guard())
part.start()
print(part.pid, flush=True)
time.sleep(600)
"""


def test_parts_die_with_the_process_that_started_them_even_when_it_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _SLEEPER, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child), "the child's end", 10)


def _is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
