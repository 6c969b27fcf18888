"""Nodes and namespaces."""

import sys
from collections.abc import Mapping
from typing import Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.core.workload import Namespace, Node
from ebbtide.objects.document import Json
from ebbtide.objects.quantity import amount, is_accelerator
from ebbtide.objects.views_meta import ObjectMeta, frozen, says_true

NOISE: Final = "feature.node.kubernetes.io/"
"""Node feature discovery writes a hundred labels per node about the CPU; prices and placement match others."""


class _NodeStatus(msgspec.Struct, gc=False):
    capacity: dict[str, str] | None = None
    allocatable: dict[str, str] | None = None


class _Node(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    status: _NodeStatus | None = None


class _Namespace(msgspec.Struct, gc=False):
    metadata: ObjectMeta


_NODE: Final = msgspec.json.Decoder(_Node)
_NAMESPACE: Final = msgspec.json.Decoder(_Namespace)


def decode_node(raw: Json) -> tuple[str, Node]:
    """One node. Its price is for all it has, so capacity counts, not what is left for pods."""
    seen = _NODE.decode(raw)
    status = seen.status or _NodeStatus()
    has = status.capacity or status.allocatable or {}
    labels = {key: value for key, value in (seen.metadata.labels or {}).items() if not key.startswith(NOISE)}
    return seen.metadata.uid, Node(
        name=sys.intern(seen.metadata.name),
        labels=frozen(labels),
        accelerators=int(sum(amount(has, name) for name in has if is_accelerator(name))),
        cpu=amount(has, "cpu"),
        memory_bytes=int(amount(has, "memory")),
        shares_devices=_shares_devices(labels),
    )


def _shares_devices(labels: Mapping[str, str]) -> bool:
    """As GPU feature discovery and GKE tell of time-slicing and MPS."""
    replicas = labels.get("nvidia.com/gpu.replicas", "")
    return (
        (replicas.isascii() and replicas.isdigit() and int(replicas) > 1)
        or labels.get("nvidia.com/gpu.product", "").endswith("-SHARED")
        or labels.get("nvidia.com/gpu.sharing-strategy", "none") not in _EXCLUSIVE
        or labels.get("cloud.google.com/gke-gpu-sharing-strategy", "") not in _EXCLUSIVE
    )


_EXCLUSIVE: Final = frozenset({"", "none"})


def decode_namespace(raw: Json) -> tuple[str, Namespace]:
    """One namespace. What protects may stand as label or as annotation."""
    meta = _NAMESPACE.decode(raw).metadata
    return meta.uid, Namespace(
        name=sys.intern(meta.name),
        protected=says_true(meta, keys.PROTECTED),
        never_pause=says_true(meta, keys.NEVER_PAUSE),
        labels=frozen(meta.labels),
    )
