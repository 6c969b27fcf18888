"""The few answers of an API server that `check` asks for, in the shape of the real client."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbtide.cluster.client import Page
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import OWN, Resource

Object = dict[str, Any]


@dataclass
class FakeServer:
    deployments: list[Object] = field(default_factory=list)
    nodes: list[Object] = field(default_factory=list)
    catalogs: list[Object] = field(default_factory=list)
    denied: set[tuple[str, str]] = field(default_factory=set)
    """(resource, verb) that nobody may do."""
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    """Data by name."""
    host: str = "https://127.0.0.1:6443"

    async def get_path(self, path: str) -> Object:
        if path == "/version":
            return {"gitVersion": "v1.36.4"}
        return {"resources": [{"name": name} for kind in OWN for name in (kind.plural, f"{kind.plural}/status")]}

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        if resource.plural == "configmaps":
            return self._config_map(name)
        return {"kind": resource.kind, "metadata": {"name": name, "namespace": namespace}}

    def _config_map(self, name: str) -> Object:
        if ("configmaps", "get") in self.denied:
            raise ApiError(403, "Forbidden", "configmaps is forbidden")
        if name not in self.config_maps:
            raise ApiError(404, "NotFound", f'configmaps "{name}" not found')
        return {"metadata": {"name": name}, "data": self.config_maps[name]}

    async def list_pages(self, resource: Resource, **_: str) -> AsyncIterator[Page]:
        known = {"deployments": self.deployments, "nodes": self.nodes, "pricecatalogs": self.catalogs}
        yield Page(json.dumps({"items": known[resource.plural]}).encode(), "1")

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str) -> Object:
        wanted = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": (wanted["resource"], wanted["verb"]) not in self.denied}}


def deployment(prometheus_url: str, ready: int = 1, *, profiles: str = "") -> Object:
    """`profiles`: the ConfigMap of profiles, mounted as the chart does."""
    args = ["operator", f"--prometheus-url={prometheus_url}", "--enforcement"]
    spec = {"serviceAccountName": "tide", "containers": [{"args": args}]}
    if profiles:
        args.append("--profiles-file=/etc/ebbtide/profiles/profiles.yaml")
        spec["containers"][0]["volumeMounts"] = [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "profiles", "mountPath": "/etc/ebbtide/profiles", "readOnly": True},
        ]
        spec["volumes"] = [{"name": "tmp", "emptyDir": {}}, {"name": "profiles", "configMap": {"name": profiles}}]
    return {
        "metadata": {"name": "ebbtide", "namespace": "ebbtide-system"},
        "spec": {"replicas": 1, "template": {"spec": spec}},
        "status": {"readyReplicas": ready},
    }


def node(name: str, instance_type: str = "p5.48xlarge") -> Object:
    labels = {"node.kubernetes.io/instance-type": instance_type}
    meta = {"name": name, "uid": name, "resourceVersion": "1", "creationTimestamp": "2026-11-01T00:00:00Z"}
    return {"metadata": {**meta, "labels": labels}, "status": {"capacity": {"nvidia.com/gpu": "8", "cpu": "192"}}}


def catalog() -> Object:
    row = {
        "id": "p5", "match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "55.04",
        "effectiveFrom": "2026-07-01T00:00:00Z",
    }  # fmt: skip
    meta = {"name": "main", "uid": "main", "resourceVersion": "1", "creationTimestamp": "2026-11-01T00:00:00Z"}
    return {"metadata": meta, "spec": {"currency": "USD", "nodes": [row]}}
