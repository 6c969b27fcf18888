"""Kinds of other systems in scenarios: the operator's own levers, on pods that the file lists or the world makes."""

import pytest

from tests.unit.sim.sim_world import IDLE, acts, busy, catalog, deployment, hold, node, play, policy, ref

BY_DEVICES = {**IDLE, "afterSeconds": 1800, "serving": "DevicesOnly"}


def test_a_stateful_set_is_scaled_to_zero_and_comes_back_as_it_was() -> None:
    made = deployment("db", replicas=2, metadata={"labels": {"tier": "x"}})
    sets = {**made, "kind": "StatefulSet", "spec": {**made["spec"], "serviceName": "db"}}
    running = {"metadata": {"name": "db", "namespace": "ml", "annotations": {"ebbtide.dev/override": "Running"}}}
    found = play(
        node(),
        catalog(),
        policy(idle=BY_DEVICES),
        sets,
        activity=[busy("db", "80x9 0x200", "StatefulSet")],
        events=[{"at": 3000, "apply": {"apiVersion": "apps/v1", "kind": "StatefulSet"} | running}],
        expect=[
            {"at": 2940, "workload": ref("db", "StatefulSet"), "paused": True, "replicas": 0},
            {"at": 3120, "workload": ref("db", "StatefulSet"), "paused": False, "replicas": 2},
        ],
    )
    hold(found)
    assert [it[1] for it in acts(found, "Pause", "Resume")] == ["Pause", "Resume"]


@pytest.mark.parametrize(("kind", "api_version"), [("RayCluster", "ray.io/v1"), ("PyTorchJob", "kubeflow.org/v1")])
def test_what_owns_listed_pods_is_paused_by_its_own_lever(kind: str, api_version: str) -> None:
    meta = {
        "name": "gang",
        "namespace": "ml",
        "uid": "gang-uid",
        "annotations": {"ebbtide.dev/checkpoint": "Periodic:60"},
    }
    owner = {"apiVersion": api_version, "kind": kind, "name": "gang", "uid": "gang-uid", "controller": True}
    limits = {"limits": {"nvidia.com/gpu": 1}}
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"gang-{at}", "namespace": "ml", "ownerReferences": [owner]},
            "spec": {"containers": [{"name": "c", "image": "x", "resources": limits}]},
        }
        for at in range(2)
    ]
    found = play(
        node(),
        catalog(),
        policy(idle=BY_DEVICES),
        {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": {}},
        *pods,
        activity=[busy("gang", "80x9 0x200", kind)],
        expect=[{"at": 3000, "workload": ref("gang", kind), "paused": True, "running": False, "reason": "GPUIdle"}],
    )
    hold(found)


def test_a_pod_without_an_owner_is_told_of_and_left_alone() -> None:
    limits = {"limits": {"nvidia.com/gpu": 1}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": "ml"},
        "spec": {"containers": [{"name": "c", "image": "x", "resources": limits}]},
    }
    found = play(node(), catalog(), policy(idle=BY_DEVICES), pod, activity=[busy("bare", "80x9 0x200", "Pod")])
    assert acts(found, "Pause", "Warn") == []
