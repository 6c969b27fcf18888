"""`make demo CLUSTER=kind` with stand-ins for docker, kind, kubectl and helm: which steps, in which order, which words.

A stand-in writes down how it was called and does nothing. What a real engine does is not tested anywhere yet.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from e2e.demo.kind import manifests
from e2e.demo.kind.cluster import AUDIT_LOG, CONFIG, KindCluster, Wishes, remove_leftover
from e2e.demo.kind.images import EXPORTER, entries, write_exporter_context
from e2e.demo.kind.tools import find_tools
from e2e.demo.state import World
from e2e.plane import PlaneError
from e2e.plane.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
WISHES = Wishes(
    values={"enforcement": {"enabled": True}},
    nodes=2,
    speedup=60,
    work="vision",
    user="ada@example.com",
    roles=("edit", "ebbtide-edit"),
)
STAND_IN = """#!/bin/sh
name=${0##*/}
said="$name $*"
printf '%s\\n' "$said" >> "$STAND_IN_CALLS"
if [ -n "$STAND_IN_REFUSES" ]; then
  case "$said" in "$STAND_IN_REFUSES"*) echo "stand-in: no" >&2; exit 3;; esac
fi
case "$said" in
  "kind create cluster"*)
    [ -n "$STAND_IN_SLOW" ] && exec sleep 600
    while [ $# -gt 1 ]; do [ "$1" = --kubeconfig ] && cp "$STAND_IN_KUBECONFIG" "$2"; shift; done ;;
  "kind get clusters") echo "$STAND_IN_CLUSTERS" ;;
  "kubectl get certificatesigningrequest"*) printf 'c2lnbmVk' ;;
  "kubectl create token"*) echo abc.def ;;
  "kubectl port-forward"*|"kubectl logs"*|"docker exec"*) exec sleep 60 ;;
  *" -f -") cat > /dev/null ;;
esac
"""
KUBECONFIG = {
    "clusters": [{"name": "kind", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "Y2E="}}],
    "users": [{"name": "kind", "user": {"client-certificate-data": "Yw==", "client-key-data": "aw=="}}],
    "contexts": [{"name": "kind", "context": {"cluster": "kind", "user": "kind"}}],
    "current-context": "kind",
}
STEPS = [
    "kind delete cluster --name ebbtide-demo",
    "kind create cluster --name ebbtide-demo",
    "kubectl create namespace vision",
    "docker build --tag ebbtide:demo",
    "docker build --build-arg IMAGE=ebbtide:demo --tag ebbtide-exporter:demo",
    "kind load docker-image ebbtide:demo --name ebbtide-demo",
    "kind load docker-image ebbtide-exporter:demo --name ebbtide-demo",
    "kubectl apply -f https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok.yaml",
    "kubectl wait --for=condition=Established crd/stages.kwok.x-k8s.io",
    "kubectl apply -f https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/stage-fast.yaml",
    f"kubectl apply -f {ROOT}/e2e/plane/stages.yaml",
    "kubectl rollout status deployment/kwok-controller --namespace kube-system",
    "kubectl apply -f -",
    "kubectl wait --for=condition=Ready node/gpu-0 node/gpu-1",
    "kubectl apply -f -",
    "kubectl create token gpu-metrics-exporter --namespace monitoring",
    "kubectl apply -f -",
    "kubectl rollout status deployment/prometheus --namespace monitoring",
    "helm upgrade --install ebbtide",
    "kubectl rollout status deployment/ebbtide --namespace ebbtide-system",
    "kubectl create -f -",
    "kubectl certificate approve ada",
    "kubectl get certificatesigningrequest ada",
    "kubectl create rolebinding ada-edit --clusterrole=edit --user=ada@example.com --namespace vision",
    "kubectl create rolebinding ada-ebbtide-edit --clusterrole=ebbtide-edit --user=ada@example.com --namespace vision",
]
CONNECTIONS = {
    "kubectl logs --follow deployment/ebbtide --namespace ebbtide-system",
    f"docker exec ebbtide-demo-control-plane tail --lines=+1 --follow=name {AUDIT_LOG}",
    "kubectl port-forward service/prometheus",
    "kubectl port-forward deployment/ebbtide",
}


class StandIns:
    """The four programs in PATH, and what they were asked."""

    def __init__(self, folder, monkeypatch):
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._log = folder / "calls"
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
        for name in ("docker", "kind", "kubectl", "helm"):
            (self.bin / name).write_text(STAND_IN)
            (self.bin / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{self.bin}{os.pathsep}/usr/bin:/bin")
        monkeypatch.setenv("STAND_IN_CALLS", str(self._log))
        monkeypatch.setenv("STAND_IN_KUBECONFIG", str(kubeconfig))

    def calls(self):
        return self._log.read_text().splitlines() if self._log.exists() else []

    def since_info(self):
        """Without the question whether the engine answers."""
        return [call for call in self.calls() if call != "docker info"]


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    return StandIns(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def _nothing_built(monkeypatch, tmp_path):
    monkeypatch.setenv("EBBTIDE_CACHE", str(tmp_path / "cache"))


def cluster(tmp_path, **options):
    return KindCluster(tmp_path / "kind", find_tools(), WISHES, **options)


def begins(calls, steps):
    return len(calls) == len(steps) and all(call.startswith(step) for call, step in zip(calls, steps, strict=True))


def test_everything_is_started_in_order_and_deleted_at_the_end(tmp_path, stand_ins):
    told = []
    with cluster(tmp_path, tell=told.append) as it:
        wait_until(lambda: len(stand_ins.since_info()) == len(STEPS) + len(CONNECTIONS), "connections", 10)
        calls = stand_ins.since_info()
        assert begins(calls[: len(STEPS)], STEPS), calls
        assert all(any(call.startswith(one) for call in calls[len(STEPS) :]) for one in CONNECTIONS)
        it.require_alive()
    assert stand_ins.calls()[-1] == "kind delete cluster --name ebbtide-demo"
    assert told == [
        "a kind cluster of three nodes (minutes the first time)",
        "the images of Ebbtide and of the GPU metrics exporter (docker build)",
        "KWOK and 2 GPU nodes",
        "GPU metrics exporter and Prometheus",
        "the chart, by Helm",
        "connections to the cluster",
    ]


def test_the_story_finds_its_files_and_addresses(tmp_path, stand_ins):
    with cluster(tmp_path) as it:
        world = it.addresses(World(pid=1, phase="", cluster="kind"))
    assert Path(world.workdir, "pki", "ca.crt").read_text() == "ca"
    person = yaml.safe_load(Path(world.user_kubeconfig).read_text())
    assert person["users"][0]["user"]["client-certificate-data"] == "c2lnbmVk"
    assert person["contexts"][0]["context"]["namespace"] == "vision"
    assert Path(world.audit_log).exists()
    assert Path(world.operator_log).exists()
    assert world.programs == str(stand_ins.bin)


def test_the_chart_gets_the_image_prometheus_and_nodes_that_run(tmp_path, stand_ins):
    with cluster(tmp_path):
        values = yaml.safe_load((tmp_path / "kind" / "values.yaml").read_text())
    assert values["image"] == {"repository": "ebbtide", "tag": "demo", "pullPolicy": "Never"}
    assert values["metrics"]["prometheusUrl"] == "http://prometheus.monitoring:9090"
    assert values["nodeSelector"] == {"e2e.ebbtide.dev/node": "real"}
    assert values["enforcement"] == {"enabled": True}
    assert values["tickSeconds"] == 1


@pytest.mark.parametrize(
    "step",
    [
        "kind create cluster",
        "docker build",
        "kind load",
        "kubectl apply -f https",
        "kubectl rollout",
        "helm upgrade",
        "kubectl certificate",
    ],
)
def test_a_step_that_fails_is_named_with_its_last_lines_and_nothing_stays(tmp_path, stand_ins, monkeypatch, step):
    monkeypatch.setenv("STAND_IN_REFUSES", step)
    with pytest.raises(PlaneError) as failed:
        cluster(tmp_path).start()
    assert str(failed.value).startswith(f"`{step}")
    assert str(failed.value).endswith("ended with status 3. Its last lines:\n  stand-in: no")
    assert stand_ins.calls()[-1] == "kind delete cluster --name ebbtide-demo"


def test_what_failed_first_is_told_when_deleting_fails_as_well(tmp_path, stand_ins, monkeypatch):
    monkeypatch.setenv("STAND_IN_REFUSES", "kind ")
    with pytest.raises(PlaneError, match=r"^`kind delete cluster"):
        cluster(tmp_path).start()


def test_a_start_that_is_to_stop_ends_at_once(tmp_path, stand_ins, monkeypatch):
    monkeypatch.setenv("STAND_IN_SLOW", "yes")  # it would take longer than any test may
    creating = "kind create cluster"
    with pytest.raises(PlaneError, match=r"^`kind create cluster --name` was stopped$"):
        cluster(tmp_path, stopping=lambda: any(it.startswith(creating) for it in stand_ins.calls())).start()
    assert stand_ins.calls()[-1] == "kind delete cluster --name ebbtide-demo"


def test_a_connection_that_ends_is_noticed(tmp_path, stand_ins):
    with cluster(tmp_path) as it:
        it._parts[0].kill()
        with pytest.raises(PlaneError, match="operator ended with status -9"):
            it.require_alive()


@pytest.mark.parametrize("name", ["docker", "kind", "kubectl", "helm"])
def test_a_missing_program_is_named_with_the_remedy(stand_ins, monkeypatch, name):
    (stand_ins.bin / name).unlink()
    monkeypatch.setenv("PATH", str(stand_ins.bin))
    with pytest.raises(PlaneError) as refused:
        find_tools()
    text = str(refused.value)
    assert f"and {name} is not in PATH: install it (https://" in text
    assert text.endswith("or run `make demo`, which needs no Docker.")
    assert "\n" not in text


def test_an_engine_that_does_not_answer_is_told_in_one_sentence(stand_ins, monkeypatch):
    monkeypatch.setenv("STAND_IN_REFUSES", "docker info")
    with pytest.raises(PlaneError) as refused:
        find_tools()
    assert str(refused.value) == (
        "Docker's engine does not answer (`docker info`: stand-in: no): start it, "
        "or run `make demo`, which needs no Docker."
    )


def test_the_cluster_of_a_demo_that_was_killed_is_found_and_deleted(stand_ins, monkeypatch):
    monkeypatch.setenv("STAND_IN_CLUSTERS", "kind other")
    assert not remove_leftover(find_tools())
    monkeypatch.setenv("STAND_IN_CLUSTERS", "kind ebbtide-demo")
    assert remove_leftover(find_tools())
    assert stand_ins.calls()[-1] == "kind delete cluster --name ebbtide-demo"


def test_the_command_says_what_is_missing_without_a_traceback(stand_ins):
    (stand_ins.bin / "kind").unlink()
    words = [sys.executable, "-m", "e2e.demo", "kind"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "The demo failed: `make demo CLUSTER=kind` needs docker, kind, kubectl, helm, and kind is not" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


# -- files ---------------------------------------------------------------------------------------------------------


def test_the_cluster_has_the_audit_log_and_nodes_that_run_containers():
    document = yaml.safe_load(CONFIG.read_text())
    control, *workers = document["nodes"]
    patch = yaml.safe_load(control["kubeadmConfigPatches"][0])
    server = patch["apiServer"]
    assert server["extraArgs"]["audit-log-path"] == AUDIT_LOG
    (mount,) = control["extraMounts"]
    assert (ROOT / mount["hostPath"]).is_file()
    assert server["extraArgs"]["audit-policy-file"] == mount["containerPath"]
    assert {str(Path(it)) for it in (AUDIT_LOG, mount["containerPath"])} == {
        f"{volume['mountPath']}/{'audit.log' if 'log' in volume['name'] else 'audit.yaml'}"
        for volume in server["extraVolumes"]
    }
    assert workers
    assert all(it["labels"] == manifests.REAL_NODES for it in workers)
    assert "Untested" in CONFIG.read_text()


def test_pods_that_must_run_stay_off_the_simulated_nodes():
    documents = list(yaml.safe_load_all(manifests.metrics("kubeconfig", 60)))
    (pod,) = [it["spec"]["template"]["spec"] for it in documents if it["kind"] == "Deployment"]
    assert pod["nodeSelector"] == manifests.REAL_NODES
    nodes = list(yaml.safe_load_all(manifests.gpu_nodes(4)))
    assert [it["metadata"]["name"] for it in nodes] == ["gpu-0", "gpu-1", "gpu-2", "gpu-3"]
    assert not any(manifests.REAL_NODES.items() <= it["metadata"]["labels"].items() for it in nodes)


def test_prometheus_scrapes_the_exporter_of_its_pod_and_shows_it_as_the_local_one_does():
    documents = {it["kind"]: it for it in yaml.safe_load_all(manifests.metrics("kubeconfig", 60))}
    config = yaml.safe_load(documents["ConfigMap"]["data"]["prometheus.yml"])
    (job,) = config["scrape_configs"]
    exporter, prometheus = documents["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:9400"]
    assert "--port=9400" in exporter["args"]
    assert exporter["image"] == EXPORTER
    assert prometheus["image"].endswith(":v3.14.0")
    assert "honor_labels" not in job


def test_the_exporters_image_is_built_with_the_python_of_ebbtides():
    def argument(file, name):
        (found,) = [it for it in file.read_text().splitlines() if it.startswith(f"ARG {name}=")]
        return found.partition("=")[2]

    own = ROOT / "e2e" / "demo" / "kind" / "exporter.Dockerfile"
    assert argument(own, "BUILD_IMAGE") == argument(ROOT / "Dockerfile", "BASE_IMAGE")


def test_the_exporters_context_has_what_it_imports_and_its_locked_packages(tmp_path):
    context = tmp_path / "context"
    write_exporter_context(context)
    words = [sys.executable, "-m", "e2e.exporter", "--help"]
    bare = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, cwd=context, capture_output=True, text=True, check=False, env=bare)
    assert done.returncode == 0, done.stderr
    assert "dcgm-exporter for simulated nodes" in done.stdout
    packages = [line for line in (context / "requirements.txt").read_text().splitlines() if "==" in line]
    assert [line.partition("==")[0] for line in packages] == ["cffi", "cryptography", "pycparser"]
    assert not list(context.rglob("tests"))


def test_entries_of_a_lock_file_keep_their_hashes_and_no_others():
    locked = "a==1 \\\n    --hash=sha256:1\n    # via b\nab==2 \\\n    --hash=sha256:2\nc==3 \\\n    --hash=sha256:3\n"
    assert entries(locked, ("a", "c")) == ("a==1 \\\n    --hash=sha256:1\n    # via b\nc==3 \\\n    --hash=sha256:3\n")
