"""The chart by the real Helm on a real API server: install, upgrade, uninstall, and what its roles allow."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.plane import Plane
from e2e.requirements_guard import require

pytestmark = pytest.mark.plane

CHART = Path(__file__).resolve().parents[2] / "charts" / "ebbtide"
SYSTEM = "ebbtide-system"
URL = "metrics.prometheusUrl=http://prometheus.monitoring:9090"
OURS = "app.kubernetes.io/part-of=ebbtide"
LEASE = ("lease", "ebbtide-leader", "-n", SYSTEM)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane of its own, without our definitions: uninstalling must not disturb other tests."""
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    with Plane(tmp_path_factory.mktemp("chart")) as running:
        running.add_gpu_nodes(2)
        yield running


@pytest.fixture(scope="module")
def installed(bare: Plane) -> Plane:
    """The chart as release `ebbtide`."""
    bare.helm("install", "ebbtide", str(CHART), "-n", SYSTEM, "--create-namespace", "--set", URL, "--wait=hookOnly")
    bare.kubectl("wait", "--for=condition=Established", "crd", "-l", OURS, "--timeout=30s")
    return bare


def ebbtide(plane: Plane, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("kubectl-ebbtide")
    done = subprocess.run(
        [program, *arguments, "--kubeconfig", str(kubeconfig or plane.kubeconfig)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def get(plane: Plane, *words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(plane.kubectl("get", *words, "-o", "json").stdout)
    return found


def may(plane: Plane, verb: str, resource: str, user: str, *more: str) -> bool:
    return plane.kubectl("auth", "can-i", verb, resource, f"--as={user}", *more, check=False).stdout.strip() == "yes"


def test_before_the_chart_is_installed_commands_say_how_to_install_it(bare: Plane) -> None:
    done = ebbtide(bare, "list")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: CRD trainingjobs.ebbtide.dev is not installed: "
        "helm upgrade --install ebbtide charts/ebbtide -n ebbtide-system --create-namespace "
        "--set metrics.prometheusUrl=http://HOST:PORT\n"
    )
    checked = ebbtide(bare, "check")
    assert checked.returncode == 1
    assert "FAIL  CRD trainingjobs.ebbtide.dev" in checked.stdout
    assert "ok    API server" in checked.stdout


def test_the_deployment_is_accepted_where_pods_must_be_restricted(installed: Plane) -> None:
    installed.kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted")
    installed.kubectl("rollout", "restart", "deployment/ebbtide", "-n", SYSTEM)
    installed.kubectl("rollout", "status", "deployment/ebbtide", "-n", SYSTEM, "--timeout=60s")


def test_an_upgrade_changes_what_was_asked_and_leaves_the_breaker_alone(installed: Plane) -> None:
    annotations = ("ebbtide.dev/breaker-until=2026-11-22T15:00:00Z", "ebbtide.dev/breaker-reset=2026-11-22T14:00:00Z")
    installed.kubectl("annotate", *LEASE, *annotations)
    installed.kubectl("patch", *LEASE, "--type=merge", "-p", '{"spec":{"holderIdentity":"me"}}')
    installed.helm("upgrade", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL, "--set", "tickSeconds=0.5")
    lease = json.loads(installed.kubectl("get", *LEASE, "-o", "json").stdout)
    kept = {key: value for key, value in lease["metadata"]["annotations"].items() if key.startswith("ebbtide.dev/")}
    assert kept == dict(one.split("=") for one in annotations)
    assert lease["spec"]["holderIdentity"] == "me"
    args = json.loads(installed.kubectl("get", "deployment", "ebbtide", "-n", SYSTEM, "-o", "json").stdout)
    assert "--tick-seconds=0.5" in args["spec"]["template"]["spec"]["containers"][0]["args"]


def test_resetting_the_breaker_writes_one_annotation(installed: Plane) -> None:
    before = json.loads(installed.kubectl("get", *LEASE, "-o", "json").stdout)
    mark = installed.audit().mark()
    assert ebbtide(installed, "resume", "--breaker").returncode == 0
    installed.audit(mark).wait_for(1, verb="patch", resource="leases", namespace=SYSTEM)
    after = json.loads(installed.kubectl("get", *LEASE, "-o", "json").stdout)
    was, now = before["metadata"].get("annotations", {}), after["metadata"]["annotations"]
    assert {key for key in now if now[key] != was.get(key)} == {"ebbtide.dev/breaker-reset"}
    assert after["spec"] == before["spec"]


def test_the_operator_may_do_its_work_and_nothing_else(installed: Plane) -> None:
    user = f"system:serviceaccount:{SYSTEM}:ebbtide"
    assert may(installed, "patch", "jobs.batch", user, "-n", "default")
    assert may(installed, "patch", "trainingjobs.ebbtide.dev", user, "--subresource=status", "-n", "default")
    assert may(installed, "update", "leases/ebbtide-leader", user, "-n", SYSTEM)
    for verb, resource in (
        ("get", "secrets"), ("create", "leases.coordination.k8s.io"), ("delete", "pods"), ("patch", "pods"),
        ("create", "pods/exec"), ("patch", "trainingjobs.ebbtide.dev"), ("delete", "namespaces"),
    ):  # fmt: skip
        assert not may(installed, verb, resource, user, "-n", SYSTEM), f"{verb} {resource}"


def test_who_may_view_a_namespace_may_view_ours_in_it(installed: Plane) -> None:
    installed.kubectl("create", "rolebinding", "vera", "-n", "default", "--clusterrole=view", "--user=vera")
    vera = installed.user_kubeconfig("vera", namespace="default")
    assert ebbtide(installed, "list", kubeconfig=vera).returncode == 0
    assert not may(installed, "create", "trainingjobs.ebbtide.dev", "vera", "-n", "default")


def test_check_finds_each_part_and_names_what_is_missing(installed: Plane) -> None:
    done = ebbtide(installed, "check")
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok    CRD costpolicies.ebbtide.dev") for line in lines)
    assert any(line.startswith("ok    permissions") and "holds all" in line for line in lines)
    assert any(line.startswith("ok    operator") and "only observes" in line for line in lines)
    unpriced = "2 of 2 accelerator nodes have no price in USD (gpu-0, gpu-1): there is no PriceCatalog; create one"
    assert unpriced in " ".join(done.stdout.split())
    assert any(line.startswith("skip  Prometheus") for line in lines), done.stdout
    assert done.returncode == 1


def test_check_says_which_right_the_operator_lost(installed: Plane) -> None:
    rules = json.loads(installed.kubectl("get", "clusterrole", "ebbtide", "-o", "json").stdout)["rules"]
    without = [rule for rule in rules if rule["resources"] != ["nodes"]]
    for wanted in (without, rules):
        installed.kubectl("patch", "clusterrole", "ebbtide", "--type=merge", "-p", json.dumps({"rules": wanted}))
        done = ebbtide(installed, "check", "-o", "json")
        found = [one for one in json.loads(done.stdout) if one["check"] == "permissions"]
        assert [one["result"] for one in found] == (["FAIL"] if wanted is without else ["ok"])
        if wanted is without:
            assert "ebbtide-system/ebbtide may not get, list, watch nodes, needed for: prices" in found[0]["message"]


def test_check_of_a_person_without_rights_says_what_it_could_not_look_at(installed: Plane) -> None:
    nobody = installed.user_kubeconfig("nobody")
    done = ebbtide(installed, "check", "-o", "json", kubeconfig=nobody)
    results = {one["check"]: one["result"] for one in json.loads(done.stdout)}
    assert (results["API server"], results["operator"], results["permissions"]) == ("ok", "skip", "skip")


def test_uninstalling_keeps_the_definitions_and_what_users_made(installed: Plane) -> None:
    policy = """
    apiVersion: ebbtide.dev/v1alpha1
    kind: CostPolicy
    metadata: {name: kept, namespace: default}
    spec: {selector: {}}
    """
    installed.apply(policy)
    installed.helm("uninstall", "ebbtide", "-n", SYSTEM)
    assert get(installed, "costpolicy", "kept", "-n", "default")
    for kind in ("deployment", "serviceaccount", "role"):
        assert get(installed, kind, "-n", SYSTEM, "-l", OURS)["items"] == []
    assert get(installed, "clusterrole", "-l", OURS)["items"] == []
    installed.helm("install", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL)  # it takes over what was kept
    assert get(installed, "costpolicy", "kept", "-n", "default")
