"""The generated CRDs on a real API server: what it accepts, what it refuses, and in which words."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.plane import Plane
from ebbtide.api.crd import KINDS, crd_name
from ebbtide.api.idle_section import IdleSection
from ebbtide.api.price_catalog import NodeSplit
from tests.unit.api.bad_manifests import (
    JULY,
    BadManifest,
    Manifest,
    bad_manifests,
    cost_policy,
    good_manifests,
    node_row,
    price_catalog,
    training_job,
)

pytestmark = pytest.mark.plane

CREATED = [bad for bad in bad_manifests() if bad.before is None]
CHANGED = [bad for bad in bad_manifests() if bad.before is not None]

STATUS = {
    "policy": {"kind": "CostPolicy", "name": "batch"},
    "jobName": "resnet",
    "verdict": {
        "value": "Idle",
        "reason": "GPUIdle",
        "message": "idle for 3600 s",
        "coveragePercent": 99,
        "families": ["utilisation", "power"],
        "devices": [{"id": "GPU-1", "pod": "resnet-0", "powerWatts": 71}, {"id": "GPU-1", "pod": "resnet-1"}],
    },
    "checks": [{"name": "Idle", "result": "Stop", "reason": "GPUIdle", "message": "idle for 3600 s"}],
    "pause": {"since": JULY, "endTime": JULY, "reason": "GPUIdle", "by": "Policy", "countToday": 1, "reverts": 0},
    "gpus": 8,
    "capacityClass": "Spot",
    "cost": {"currency": "USD", "hourly": "55.04", "total": "-", "saved": "-1.50", "asOf": JULY},
    "conditions": [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "GPUIdle",
            "message": "",
            "lastTransitionTime": JULY,
            "observedGeneration": 1,
        }
    ],
}


def placed(manifest: Manifest, namespace: str) -> Manifest:
    """The manifest in this namespace, where its kind has one."""
    metadata = manifest["metadata"]
    return manifest | {"metadata": metadata | {"namespace": namespace} if "namespace" in metadata else metadata}


def attempt(plane: Plane, verb: str, manifest: Manifest, *options: str) -> tuple[int, str]:
    """Exit status of kubectl, and what it said."""
    result = plane.kubectl(verb, *options, "-f", "-", input=json.dumps(manifest), check=False)
    return result.returncode, result.stdout + result.stderr


@contextmanager
def stored(plane: Plane, manifest: Manifest) -> Iterator[Manifest]:
    """The object as the API server stored it; deleted afterwards, since catalogs are seen by every test."""
    text = json.dumps(manifest)
    result = plane.kubectl("create", "-o", "json", "-f", "-", input=text)
    try:
        yield json.loads(result.stdout)
    finally:
        plane.kubectl("delete", "-f", "-", input=text)


def test_crds_are_structural_and_served(crds: Plane) -> None:
    for model in KINDS:
        crd = json.loads(crds.kubectl("get", "crd", crd_name(model), "-o", "json").stdout)
        conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("name", good_manifests())
def test_good_manifests_are_accepted(crds: Plane, namespace: str, name: str) -> None:
    status, said = attempt(crds, "create", placed(good_manifests()[name], namespace), "--dry-run=server")
    assert status == 0, said


@pytest.mark.parametrize("bad", CREATED, ids=lambda bad: bad.name)
def test_a_wrong_manifest_is_refused_with_the_remedy(crds: Plane, bad: BadManifest) -> None:
    status, said = attempt(crds, "create", bad.manifest, "--dry-run=server")
    assert status != 0
    assert bad.message in said


@pytest.mark.parametrize("bad", CHANGED, ids=lambda bad: bad.name)
def test_a_wrong_change_is_refused_with_the_remedy(crds: Plane, namespace: str, bad: BadManifest) -> None:
    assert bad.before is not None
    with stored(crds, placed(bad.before, namespace)):
        status, said = attempt(crds, "replace", placed(bad.manifest, namespace))
    assert status != 0
    assert bad.message in said


def test_the_end_of_every_row_of_the_largest_catalog_can_be_set(crds: Plane) -> None:
    """The rules of 512 rows fit the API server's cost budget at run time too."""
    catalog = price_catalog("ending", nodes=[node_row(id=f"row-{index}") for index in range(512)])
    ended = copy.deepcopy(catalog)
    for row in ended["spec"]["nodes"]:
        row["effectiveTo"] = JULY
    with stored(crds, catalog):
        assert attempt(crds, "replace", ended)[0] == 0


def test_the_api_server_fills_in_the_same_defaults(crds: Plane, namespace: str) -> None:
    with stored(crds, placed(cost_policy(idle={}), namespace)) as policy:
        assert policy["spec"]["idle"] == IdleSection().to_dict()
    with stored(crds, price_catalog("defaults", nodeSplit={})) as catalog:
        assert catalog["spec"]["nodeSplit"] == NodeSplit().to_dict()


def test_a_section_that_is_absent_stays_absent(crds: Plane, namespace: str) -> None:
    with stored(crds, placed(cost_policy(), namespace)) as policy:
        assert policy["spec"] == {"selector": {}, "mode": "Observe", "include": "Accelerated", "priority": 0}
    with stored(crds, placed(training_job(), namespace)) as job:
        assert "checkpoint" not in job["spec"]
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_any_field_of_a_pod_survives(crds: Plane, namespace: str) -> None:
    container = {"name": "train", "image": "a:7", "resources": {"limits": {"nvidia.com/gpu": 2}}}
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": "resnet"}},
        "spec": {"containers": [container], "nodeSelector": {"disk": "fast"}, "restartPolicy": "Never"},
    }
    with stored(crds, placed(training_job(template=template), namespace)) as job:
        assert job["spec"]["template"] == template


def test_status_is_stored_and_shown_in_the_columns(crds: Plane, namespace: str) -> None:
    job = training_job(deadline="2026-11-24T06:00:00Z")
    with stored(crds, placed(job, namespace)):
        patch = json.dumps({"status": STATUS})
        patch_options = ("--subresource=status", "--type=merge", "-p", patch, "-o", "json")
        result = crds.kubectl("patch", "tjob", "resnet", "-n", namespace, *patch_options)
        assert json.loads(result.stdout)["status"] == STATUS
        header, row = crds.kubectl("get", "tjob", "-n", namespace).stdout.splitlines()
    assert header.split() == ["NAME", "STATE", "GPUS", "CLASS", "COST/H", "TOTAL", "SAVED", "DEADLINE", "AGE"]
    assert row.split()[:-1] == ["resnet", "GPUIdle", "8", "Spot", "55.04", "-", "-1.50", "2026-11-24T06:00:00Z"]


def test_explain_says_what_a_field_does(crds: Plane) -> None:
    text = " ".join(crds.kubectl("explain", "costpol.spec.idle.afterSeconds").stdout.split())
    assert "Idle this long before a pause" in text
    assert "Default: 3600." in text
