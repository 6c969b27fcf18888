"""What an object is called, and whose it is."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ebbtide.api.crd import KINDS

CLUSTER_SCOPED: Final = frozenset(
    {
        "Node", "Namespace", "PersistentVolume", "StorageClass", "PriorityClass", "ClusterRole", "ClusterRoleBinding",
        "CustomResourceDefinition", "ClusterQueue", "ResourceFlavor", "WorkloadPriorityClass", "RuntimeClass",
    }
) | {kind.definition.kind for kind in KINDS if kind.definition.scope == "Cluster"}  # fmt: skip


class Identity(NamedTuple):
    """Group without version, since all versions of a kind are the same objects."""

    group: str
    kind: str
    namespace: str
    """Empty for cluster-scoped kinds."""
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.namespace, self.kind, self.name) if part)


def group_of(api_version: str) -> str:
    """Empty for the core group."""
    group, slash, _ = api_version.rpartition("/")
    return group if slash else ""


def identity_of(document: Mapping[str, Any]) -> Identity:
    """Of a checked manifest or a stored object."""
    meta, kind = document["metadata"], document["kind"]
    return Identity(group_of(document["apiVersion"]), kind, meta.get("namespace", ""), meta["name"])


def controller_of(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The controlling owner reference."""
    return next((one for one in document["metadata"].get("ownerReferences") or () if one.get("controller")), None)
