"""What is applied to the kind cluster beside the chart: KWOK's stages and nodes, the exporter, Prometheus."""

from pathlib import Path
from typing import Any, Final

import yaml

from e2e.binaries.families import FAMILIES
from e2e.demo.kind.images import EXPORTER
from e2e.plane.nodes import NodeShape, node
from e2e.plane.prometheus import JOB, TARGET_LABELS

MONITORING: Final = "monitoring"
PROMETHEUS: Final = "prometheus"
PROMETHEUS_URL: Final = f"http://{PROMETHEUS}.{MONITORING}:9090"
READER: Final = "gpu-metrics-exporter"
REAL_NODES: Final = {"e2e.ebbtide.dev/node": "real"}
"""The label of the nodes that run containers, as e2e/kind.yaml gives it."""
STAGES: Final = Path(__file__).resolve().parents[2] / "plane" / "stages.yaml"
_EXPORTER_PORT: Final = 9400
_KWOK: Final = "https://github.com/kubernetes-sigs/kwok/releases/download"
_NOBODY: Final = 65534

Document = dict[str, Any]


def kwok_urls() -> tuple[str, str]:
    """KWOK's controller, and its stages for nodes and pods; ours replace some of them."""
    version = next(it.version for it in FAMILIES if it.name == "kwok")
    return f"{_KWOK}/{version}/kwok.yaml", f"{_KWOK}/{version}/stage-fast.yaml"


def gpu_nodes(count: int) -> str:
    """The same simulated nodes as on the local control plane."""
    return yaml.safe_dump_all([node(f"gpu-{number}", NodeShape()) for number in range(count)])


def reader() -> str:
    """The exporter's account, which reads nodes and pods."""
    rules = [{"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list"]}]
    subject = {"kind": "ServiceAccount", "name": READER, "namespace": MONITORING}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": READER}
    rbac = "rbac.authorization.k8s.io/v1"
    return yaml.safe_dump_all(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}},
            _here("v1", "ServiceAccount", READER),
            {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": READER}, "rules": rules},
            {
                "apiVersion": rbac,
                "kind": "ClusterRoleBinding",
                "metadata": {"name": READER},
                "roleRef": role,
                "subjects": [subject],
            },
        ]
    )


def metrics(kubeconfig: str, speedup: float) -> str:
    """Exporter and Prometheus in one pod, so that the exporter listens on the loopback address as it does locally."""
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {
                "job_name": JOB,
                "static_configs": [{"targets": [f"127.0.0.1:{_EXPORTER_PORT}"], "labels": TARGET_LABELS}],
            }
        ],
    }
    return yaml.safe_dump_all(
        [
            _here("v1", "Secret", READER, stringData={"kubeconfig": kubeconfig}),
            _here("v1", "ConfigMap", PROMETHEUS, data={"prometheus.yml": yaml.safe_dump(config)}),
            _here("v1", "Service", PROMETHEUS, spec={"selector": {"app": PROMETHEUS}, "ports": [{"port": 9090}]}),
            _here("apps/v1", "Deployment", PROMETHEUS, spec=_deployment(speedup)),
        ]
    )


def _deployment(speedup: float) -> Document:
    labels = {"app": PROMETHEUS}
    volumes = [
        {"name": "kubeconfig", "secret": {"secretName": READER, "defaultMode": 0o440}},
        {"name": "config", "configMap": {"name": PROMETHEUS}},
        {"name": "data", "emptyDir": {}},
    ]
    pod = {
        "nodeSelector": REAL_NODES,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": _NOBODY, "fsGroup": _NOBODY},
        "containers": [_exporter(speedup), _prometheus()],
        "volumes": volumes,
    }
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}


def _exporter(speedup: float) -> Document:
    return {
        "name": "exporter",
        "image": EXPORTER,
        # It was loaded into the nodes and is nowhere else.
        "imagePullPolicy": "Never",
        "args": ["--kubeconfig=/etc/exporter/kubeconfig", f"--port={_EXPORTER_PORT}", f"--speedup={speedup:g}"],
        "volumeMounts": [{"name": "kubeconfig", "mountPath": "/etc/exporter", "readOnly": True}],
    }


def _prometheus() -> Document:
    version = next(it.release for it in FAMILIES if it.name == "prometheus")
    return {
        "name": "prometheus",
        "image": f"quay.io/prometheus/prometheus:v{version}",
        "args": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--scrape.discovery-reload-interval=1s",
        ],
        "ports": [{"containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus", "readOnly": True},
            {"name": "data", "mountPath": "/prometheus"},
        ],
    }


def _here(version: str, kind: str, name: str, **fields: Any) -> Document:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": MONITORING}, **fields}
