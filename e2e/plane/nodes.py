"""Simulated GPU nodes as a cloud would label them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FAKE_NODE = {"kwok.x-k8s.io/node": "fake"}
GPU = "nvidia.com/gpu"
GPU_TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class NodeShape:
    """What a node looks like. `capacity` is karpenter's word: on-demand, spot or reserved."""

    gpus: int = 8
    instance_type: str = "p5.48xlarge"
    capacity: str = "on-demand"
    region: str = "us-east-1"
    product: str = "NVIDIA-H100-80GB-HBM3"
    tainted: bool = False
    cpu: str = "192"
    memory: str = "2000Gi"
    labels: Mapping[str, str] = field(default_factory=dict)


def node(name: str, shape: NodeShape) -> dict[str, Any]:
    """The manifest. KWOK's node-initialize stage keeps the allocatable resources it finds."""
    resources = {"cpu": shape.cpu, "memory": shape.memory, "pods": "250"}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": shape.instance_type,
        "topology.kubernetes.io/region": shape.region,
        "topology.kubernetes.io/zone": f"{shape.region}a",
        "karpenter.sh/capacity-type": shape.capacity,
    }
    if shape.gpus:
        resources[GPU] = str(shape.gpus)
        labels |= {"nvidia.com/gpu.product": shape.product, "nvidia.com/gpu.count": str(shape.gpus)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**labels, **shape.labels}, "annotations": dict(FAKE_NODE)},
        "spec": {"taints": [GPU_TAINT]} if shape.tainted else {},
        "status": {"allocatable": resources, "capacity": resources},
    }


def is_ready(document: Mapping[str, Any]) -> bool:
    """Ready, and freed of the taint that a new node carries until the node controller has seen that."""
    conditions = document.get("status", {}).get("conditions", [])
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    taints = document.get("spec", {}).get("taints", [])
    return ready and not any(taint["key"].startswith("node.kubernetes.io/") for taint in taints)
