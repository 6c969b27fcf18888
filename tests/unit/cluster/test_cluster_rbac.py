"""The table of permissions, the chart's files made from it, and the checks at the start."""

from pathlib import Path

import pytest
import yaml

from ebbtide.cluster import rbac
from ebbtide.cluster.preflight import missing_for_operator, preflight
from ebbtide.objects.resources import OWN
from tests.cluster_stand_in import StandIn, running

SERVED = {"resources": [{"name": kind.plural + sub} for kind in OWN for sub in ("", "/status")]}


def test_the_charts_rules_are_those_of_the_table() -> None:
    assert rbac.differences(rbac.DEFAULT_DIRECTORY) == []


def test_generating_twice_changes_nothing_and_a_difference_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rbac.main([str(tmp_path)]) == 0
    assert rbac.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "cluster-rules.yaml").write_text("[]")
    (tmp_path / "view-rules.yaml").unlink()
    assert rbac.main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "cluster-rules.yaml differs" in said
    assert "view-rules.yaml is missing" in said


@pytest.mark.parametrize("name", list(rbac.FILES))
def test_no_rule_reaches_secrets_or_everything(name: str) -> None:
    for rule in yaml.safe_load(rbac.render()[name]):
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not words & {"*", "secrets", "configmaps", "pods/exec", "escalate", "impersonate", "bind"}


def test_the_operator_deletes_only_what_it_alone_writes_and_creates_no_lease() -> None:
    deletes = {row.resource for row in (*rbac.CLUSTER, *rbac.NAMESPACE) if any("delete" in verb for verb in row.verbs)}
    assert deletes == {"adoptedworkloads"}
    (lease,) = rbac.NAMESPACE
    assert lease.name == rbac.LEASE_NAME
    assert "create" not in lease.verbs


async def test_a_fit_cluster_passes_every_check(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {"gitVersion": "v1.36.4"}, when=lambda asked: asked.path == "/version")
    stand_in.answer(200, SERVED, when=lambda asked: asked.path == "/apis/ebbtide.dev/v1alpha1")
    async with running(stand_in, tmp_path) as client:
        findings = await preflight(client, namespace="ops")
    assert [one for one in findings if not one.ok] == []
    assert [one.name for one in findings if not one.name.startswith("CRD ")] == [
        "API server",
        "Lease ops/ebbtide-leader",
    ]


async def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.answer(200, {"gitVersion": "v1.36.4"}, when=lambda asked: asked.path == "/version")
    only = {"resources": [{"name": "trainingjobs"}, {"name": "trainingjobs/status"}]}
    stand_in.answer(200, only, when=lambda asked: asked.path == "/apis/ebbtide.dev/v1alpha1")
    stand_in.refuse(404, "NotFound", "no lease", when=lambda asked: "leases" in asked.path)
    async with running(stand_in, tmp_path) as client:
        findings = await preflight(client, namespace="ops")
    said = {one.name: one.message for one in findings if not one.ok}
    assert "CRD trainingjobs.ebbtide.dev" not in said
    assert "kubectl apply -f crds/" in said["CRD costpolicies.ebbtide.dev"]
    assert "install the chart" in said["Lease ops/ebbtide-leader"]


async def test_the_operator_does_not_start_without_api_server_or_kinds(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.refuse(503, "ServiceUnavailable", "starting up")
    async with running(stand_in, tmp_path) as client:
        assert await missing_for_operator(client) == ["API server: starting up"]
        stand_in.refuse(404, "NotFound", "no such group", when=lambda asked: asked.path.startswith("/apis/ebbtide"))
        missing = await missing_for_operator(client)
        stand_in.answer(200, SERVED, when=lambda asked: asked.path.startswith("/apis/ebbtide"))
        assert await missing_for_operator(client) == []
    assert [one.split(":")[0] for one in missing] == [f"CRD {kind.full_name}" for kind in OWN]


def test_people_read_what_is_told_of_other_work_and_only_the_operator_writes_it() -> None:
    [row] = [row for row in rbac.EDITORS if row.resource == "adoptedworkloads"]
    assert row.verbs == rbac.READ
    told = [row.verbs for row in rbac.CLUSTER if row.resource.startswith("adoptedworkloads")]
    assert told == [rbac.READ, ("patch",), ("create", "delete")]


def test_pods_and_volumes_are_patched_only_where_the_chart_allows_it() -> None:
    written = {row.resource for row in rbac.CLUSTER if "patch" in row.verbs}
    assert not written & {"pods", "persistentvolumeclaims", "deployments", "jobs"}
    assert {row.resource for row in rbac.WRITE_PODS} == {"pods", "persistentvolumeclaims"}
