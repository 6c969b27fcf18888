"""The chart by the real Helm on a real API server: install, upgrade, uninstall, and what its roles allow."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.plane import Plane
from e2e.plane.api import Api
from e2e.plane.waiting import wait_until
from e2e.requirements_guard import require
from ebbtide.cluster import rbac
from ebbtide.cluster.rbac import EDIT, READ

pytestmark = pytest.mark.plane

CHART = Path(__file__).resolve().parents[2] / "charts" / "ebbtide"
SYSTEM = "ebbtide-system"
URL = "metrics.prometheusUrl=http://prometheus.monitoring:9090"
OURS = "app.kubernetes.io/part-of=ebbtide"
OWNER = "{{apiVersion: {version}, kind: {kind}, name: x, uid: 11111111-2222-3333-4444-555555555555, controller: true}}"
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


def get(plane: Plane, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plane.kubectl("get", *words, "-o", "json").stdout)
    return found


def may(plane: Plane, verb: str, resource: str, user: str, *more: str) -> bool:
    return plane.kubectl("auth", "can-i", verb, resource, f"--as={user}", *more, check=False).stdout.strip() == "yes"


def test_before_the_chart_is_installed_commands_say_how_to_install_it(bare: Plane) -> None:
    done = ebbtide(bare, "list")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: CRD trainingjobs.ebbtide.dev is not installed: "
        "helm upgrade --install ebbtide charts/ebbtide -n ebbtide-system --create-namespace "
        "--set image.repository=REGISTRY/ebbtide --set metrics.prometheusUrl=http://HOST:PORT\n"
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
    assert may(installed, "patch", "leases/ebbtide-leader", user, "-n", SYSTEM)
    for verb, resource in (
        ("get", "secrets"), ("create", "leases.coordination.k8s.io"), ("delete", "pods"), ("patch", "pods"),
        ("create", "pods/exec"), ("patch", "trainingjobs.ebbtide.dev"), ("delete", "namespaces"),
    ):  # fmt: skip
        assert not may(installed, verb, resource, user, "-n", SYSTEM), f"{verb} {resource}"


# -- the whole table of permissions -------------------------------------------------------------------------------

Right = tuple[str, str, str, str]
"""(group, resource with its subresource, name or nothing, verb)."""
EVERYBODY = "authorization.k8s.io", "authentication.k8s.io"
"""What every account may ask about itself."""
REVIEWS = "/apis/authorization.k8s.io/v1"
VERBS = (*READ, *EDIT)
FOREIGN = (
    ("", "secrets"), ("", "configmaps"), ("", "serviceaccounts"), ("", "serviceaccounts/token"), ("", "pods/exec"),
    ("", "pods/eviction"), ("", "pods/log"), ("", "nodes/proxy"), ("", "events"), ("apps", "daemonsets"),
    ("apps", "deployments/scale"), ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"), ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"), ("*", "*"),
)  # fmt: skip
"""Resources of which the table grants nothing, or one verb only."""


def of(*tables: Iterable[rbac.Permission]) -> set[Right]:
    return {(row.group, row.resource, row.name, verb) for rows in tables for row in rows for verb in row.verbs}


def granted(api: Api, namespace: str) -> set[Right]:
    """What the API server says that an account may do there, besides asking about itself."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    rules = api.post(f"{REVIEWS}/selfsubjectrulesreviews", body)["status"]["resourceRules"]
    return {
        (group, resource, name, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or ("",)
        for verb in rule["verbs"]
        if group not in EVERYBODY
    }


def allowed(plane: Plane, right: Right, user: str, namespace: str = "") -> bool:
    group, (resource, _, subresource), name, verb = right[0], right[1].partition("/"), right[2], right[3]
    asked = {"group": group, "resource": resource, "subresource": subresource, "name": name, "verb": verb}
    spec = {"user": user, "resourceAttributes": {**asked, "namespace": namespace}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return bool(plane.api.post(f"{REVIEWS}/subjectaccessreviews", body)["status"]["allowed"])


@pytest.fixture(scope="module")
def account(installed: Plane) -> Iterator[Api]:
    """The API server as the operator's ServiceAccount sees it."""
    api = Api(installed.service_account_kubeconfig(SYSTEM, "ebbtide"), installed.layout.pki)
    yield api
    api.close()


def test_the_chart_grants_exactly_the_table(account: Api) -> None:
    everywhere = of(rbac.CLUSTER, *rbac.KINDS.values())
    assert granted(account, "default") == everywhere
    assert granted(account, SYSTEM) == everywhere | of(rbac.NAMESPACE)


def test_each_row_is_allowed_and_every_other_verb_refused(installed: Plane) -> None:
    user = f"system:serviceaccount:{SYSTEM}:ebbtide"
    everywhere, here = of(rbac.CLUSTER, *rbac.KINDS.values()), of(rbac.NAMESPACE)
    assert {right for right in everywhere if not allowed(installed, right, user)} == set()
    assert {right for right in here if not allowed(installed, right, user, SYSTEM)} == set()
    known = {(group, resource) for group, resource, _, _ in everywhere | here}
    others = {(*one, "", verb) for one in (*known, *FOREIGN) for verb in (*VERBS, "*")} - everywhere
    assert len(others) > len(everywhere)
    assert {right for right in others if allowed(installed, right, user)} == set()
    lease = ("coordination.k8s.io", "leases", "another", "patch")
    assert not allowed(installed, lease, user, SYSTEM)
    assert not any(allowed(installed, right, user, "default") for right in here)


def test_values_of_the_chart_take_rights_away_and_add_those_on_pods(installed: Plane, account: Api) -> None:
    values = ("kinds.deployment=false", "kinds.pyTorchJob=false", "attribution.writePods=true")
    sets = [word for value in values for word in ("--set", value)]
    without = [rows for kind, rows in rbac.KINDS.items() if kind not in {"deployment", "pyTorchJob"}]
    installed.helm("upgrade", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL, *sets)
    try:
        want = of(rbac.CLUSTER, rbac.WRITE_PODS, *without)
        wait_until(lambda: granted(account, "default") == want, "the authorizer to know the new rules", 20)
    finally:
        installed.helm("upgrade", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL)
    everything = of(rbac.CLUSTER, *rbac.KINDS.values())
    wait_until(lambda: granted(account, "default") == everything, "the authorizer to know the old rules", 20)


@pytest.mark.parametrize(("role", "table"), [("ebbtide-view", rbac.VIEW), ("ebbtide-edit", rbac.EDITORS)])
def test_the_roles_of_people_grant_exactly_their_tables(
    installed: Plane, role: str, table: tuple[rbac.Permission, ...]
) -> None:
    installed.kubectl("create", "clusterrolebinding", f"only-{role}", f"--clusterrole={role}", f"--user=only-{role}")
    api = Api(installed.user_kubeconfig(f"only-{role}"), installed.layout.pki)
    wait_until(lambda: granted(api, "default"), "the binding to be known", 20)
    assert granted(api, "default") == of(table)
    api.close()


def test_who_may_view_a_namespace_may_view_ours_in_it(installed: Plane) -> None:
    installed.kubectl("create", "rolebinding", "vera", "-n", "default", "--clusterrole=view", "--user=vera")
    vera = installed.user_kubeconfig("vera", namespace="default")
    assert ebbtide(installed, "list", kubeconfig=vera).returncode == 0
    assert not may(installed, "create", "trainingjobs.ebbtide.dev", "vera", "-n", "default")


def test_people_who_view_see_what_is_told_of_adopted_work_and_nobody_writes_it(installed: Plane) -> None:
    installed.kubectl("create", "rolebinding", "viki", "-n", "default", "--clusterrole=view", "--user=viki")
    wait_until(
        lambda: may(installed, "list", "adoptedworkloads.ebbtide.dev", "viki", "-n", "default"), "aggregation", 20
    )
    assert not may(installed, "patch", "adoptedworkloads.ebbtide.dev", "viki", "-n", "default")


# -- new Jobs that wait -------------------------------------------------------------------------------------------

HELD = "held"
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}, namespace: {namespace}{meta}}}
spec: {{{spec}template: {{spec: {{restartPolicy: Never, containers: [{{name: main, image: registry.example/x:1}}]}}}}}}
"""


@pytest.fixture(scope="module")
def holding(installed: Plane) -> Iterator[Plane]:
    """The chart with holdNew, and a namespace that asks for it; waits until the API server knows the policy."""
    installed.helm("upgrade", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL, "--set", "holdNew.enabled=true")
    installed.create_namespace(HELD, {"ebbtide.dev/hold-new": "true"})
    wait_until(lambda: created(installed, "probe", dry_run=True)[0], "a Job being held", 30)
    yield installed
    installed.helm("upgrade", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL)
    wait_until(lambda: not created(installed, "probe", dry_run=True)[0], "a Job not being held", 30)


def created(
    plane: Plane, name: str, *, namespace: str = HELD, meta: str = "", spec: str = "", dry_run: bool = False
) -> tuple[bool, dict[str, str]]:
    """(is suspended, annotations) of a Job as the API server stored it."""
    manifest = JOB.format(name=name, namespace=namespace, meta=meta and f", {meta}", spec=spec and f"{spec}, ")
    words = ["--dry-run=server"] if dry_run else []
    done = plane.kubectl("create", "-f", "-", "-o", "json", *words, input=manifest)
    return of_job(json.loads(done.stdout))


def of_job(job: dict[str, Any]) -> tuple[bool, dict[str, str]]:
    return job["spec"].get("suspend") is True, job["metadata"].get("annotations") or {}


HOLD = {"ebbtide.dev/hold": "true"}


def test_a_new_job_is_created_suspended_and_marked(holding: Plane) -> None:
    assert created(holding, "plain") == (True, HOLD)
    assert created(holding, "noted", meta="annotations: {example.com/a: b}") == (True, {**HOLD, "example.com/a": "b"})


@pytest.mark.parametrize(
    ("name", "meta", "spec", "suspended"),
    [
        ("the-users", "", "suspend: true", True),
        ("queued", "labels: {kueue.x-k8s.io/queue-name: research}", "", False),
        ("never", "annotations: {ebbtide.dev/never-pause: 'true'}", "", False),
        ("kept", "annotations: {ebbtide.dev/keep-until: '2099-01-01T00:00:00Z'}", "", False),
        ("wanted", "annotations: {ebbtide.dev/override: Running}", "", False),
        ("set-s", f"ownerReferences: [{OWNER.format(version='jobset.x-k8s.io/v1alpha2', kind='JobSet')}]", "", False),
        ("ours", f"ownerReferences: [{OWNER.format(version='ebbtide.dev/v1alpha1', kind='TrainingJob')}]", "", False),
    ],
)
def test_who_else_decides_about_a_job_decides(holding: Plane, name: str, meta: str, spec: str, suspended: bool) -> None:
    found, annotations = created(holding, name, meta=meta, spec=spec)
    assert found is suspended
    assert "ebbtide.dev/hold" not in annotations


def test_jobs_elsewhere_and_in_protected_namespaces_start_at_once(holding: Plane) -> None:
    holding.create_namespace("free")
    holding.create_namespace("sheltered", {"ebbtide.dev/hold-new": "true", "ebbtide.dev/protected": "true"})
    holding.kubectl("label", "namespace", "kube-system", "ebbtide.dev/hold-new=true")
    for namespace in ("free", "sheltered", "kube-system"):
        assert created(holding, "plain", namespace=namespace) == (False, {})


def test_a_job_of_a_cronjob_waits_too(holding: Plane) -> None:
    image = ("--image=registry.example/x:1", "--schedule=0 0 1 1 *")
    holding.kubectl("create", "cronjob", "nightly", "-n", HELD, *image)
    holding.kubectl("create", "job", "nightly-1", "-n", HELD, "--from=cronjob/nightly")
    suspended, annotations = of_job(get(holding, "job", "nightly-1", "-n", HELD))
    assert suspended
    assert annotations["ebbtide.dev/hold"] == "true"


def test_an_edit_of_a_job_that_runs_is_no_creation(holding: Plane) -> None:
    holding.kubectl("patch", "job", "never", "-n", HELD, "--type=merge", "-p", '{"metadata":{"annotations":null}}')
    assert of_job(get(holding, "job", "never", "-n", HELD)) == (False, {})


def test_release_starts_what_waits(holding: Plane) -> None:
    created(holding, "waiting")
    done = ebbtide(holding, "release", "-n", HELD)
    assert "job/waiting in held: started, it was held before its start" in done.stderr
    suspended, annotations = of_job(get(holding, "job", "waiting", "-n", HELD))
    assert not suspended
    assert "ebbtide.dev/hold" not in annotations
    assert of_job(get(holding, "job", "the-users", "-n", HELD))[0]


# -- check --------------------------------------------------------------------------------------------------------


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
    # Its hook runs nothing here, and has a test of its own: test_release.py.
    installed.helm("uninstall", "ebbtide", "-n", SYSTEM, "--no-hooks")
    assert get(installed, "costpolicy", "kept", "-n", "default")
    for kind in ("deployment", "serviceaccount", "role"):
        assert get(installed, kind, "-n", SYSTEM, "-l", OURS)["items"] == []
    assert get(installed, "clusterrole", "-l", OURS)["items"] == []
    installed.helm("install", "ebbtide", str(CHART), "-n", SYSTEM, "--set", URL)  # it takes over what was kept
    assert get(installed, "costpolicy", "kept", "-n", "default")
