"""Addresses of the API resources that Ebbtide reads or writes."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from ebbtide.api.labels import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API server serves it."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    metadata_only: bool = False
    """Read without spec and status: asked for as PartialObjectMetadata."""

    @property
    def api_version(self) -> str:
        """As in manifests: group/version, or only the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """As kubectl and CRDs name it: jobs.batch, pods."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def served_as(self, api_version: str) -> "Resource":
        """The same in the version of that apiVersion."""
        version = api_version.rpartition("/")[2]
        return self if version == self.version else replace(self, version=version)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path; without a namespace all namespaces, without a name the collection."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = ["namespaces", namespace] if self.namespaced and namespace else []
        parts = [*scope, self.plural, *([name] if name else []), *([subresource] if subresource else [])]
        return "/".join([root, *(quote(part, safe="") for part in parts)])


PODS: Final = Resource("", "v1", "pods", "Pod")
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICES: Final = Resource("", "v1", "services", "Service")
PERSISTENT_VOLUME_CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet", metadata_only=True)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
TRAINING_JOBS: Final = Resource(GROUP, VERSION, "trainingjobs", "TrainingJob")
COST_POLICIES: Final = Resource(GROUP, VERSION, "costpolicies", "CostPolicy")
CLUSTER_COST_POLICIES: Final = Resource(GROUP, VERSION, "clustercostpolicies", "ClusterCostPolicy", namespaced=False)
ADOPTED_WORKLOADS: Final = Resource(GROUP, VERSION, "adoptedworkloads", "AdoptedWorkload")
PRICE_CATALOGS: Final = Resource(GROUP, VERSION, "pricecatalogs", "PriceCatalog", namespaced=False)

OWN: Final = (TRAINING_JOBS, COST_POLICIES, CLUSTER_COST_POLICIES, ADOPTED_WORKLOADS, PRICE_CATALOGS)
"""Kinds defined by Ebbtide's CRDs."""

BY_KIND: Final = {resource.kind: resource for resource in (*OWN, JOBS, DEPLOYMENTS, PODS, SERVICES, NODES, NAMESPACES)}
