"""A fleet of 5,000 TrainingJobs and 50,000 one-GPU pods, as the API server and Prometheus would show it.

Everything follows from the index of a job, pod or device, so that two server processes agree without talking.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

POLICY = "batch"
IDLE_EVERY = 5
"""Every fifth job is idle; the others are busy."""
PATTERNS = 64
"""Courses of values that devices follow; alike devices of a fleet differ less than that."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """How large, and since when it runs (seconds since the epoch)."""

    jobs: int = 5000
    workers: int = 10
    namespaces: int = 50
    gpus_per_node: int = 8
    since: float = 0.0

    @property
    def pods(self) -> int:
        return self.jobs * self.workers

    @property
    def nodes(self) -> int:
        return -(-self.pods // self.gpus_per_node)

    # -- names --------------------------------------------------------------------------------------------------

    def namespace(self, job: int) -> str:
        return f"team-{job % self.namespaces:02d}"

    def job_name(self, job: int) -> str:
        return f"train-{job:05d}"

    def pod_name(self, pod: int) -> str:
        job, worker = divmod(pod, self.workers)
        return f"{self.job_name(job)}-{worker}-{pod * 2654435761 % 0xFFFFF:05x}"

    def node_name(self, node: int) -> str:
        return f"ip-10-{node >> 8}-{node & 255}-7.eu-central-1.compute.internal"

    @staticmethod
    def uid(kind: int, index: int) -> str:
        return f"{index * 2654435761 % (1 << 32):08x}-{kind:04x}-4000-8000-{index:012x}"

    def device_uuid(self, pod: int) -> str:
        return f"GPU-{self.uid(0xD, pod)}"

    def is_idle(self, pod: int) -> bool:
        return pod // self.workers % IDLE_EVERY == 0

    def pattern(self, pod: int) -> int:
        """Idle devices follow the even half of the patterns, busy ones the odd half."""
        half = pod * 40503 % (PATTERNS // 2)
        return 2 * half if self.is_idle(pod) else 2 * half + 1

    # -- objects ------------------------------------------------------------------------------------------------

    @property
    def stamp(self) -> str:
        return datetime.fromtimestamp(int(self.since), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _meta(self, kind: int, index: int, name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
        scope = {"namespace": namespace} if namespace else {}
        return {
            "name": name,
            **scope,
            "uid": self.uid(kind, index),
            "resourceVersion": "1000",
            "creationTimestamp": self.stamp,
            **more,
        }

    def _owner(self, kind: int, job: int, group: str, kind_name: str) -> list[dict[str, Any]]:
        return [
            {
                "apiVersion": group,
                "kind": kind_name,
                "name": self.job_name(job),
                "uid": self.uid(kind, job),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]

    def training_job(self, job: int) -> dict[str, Any]:
        name = self.job_name(job)
        return {
            "apiVersion": "ebbtide.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": self._meta(
                1, job, name, self.namespace(job), generation=1, labels={"tier": "batch", "app": "training"}
            ),
            "spec": {
                "workers": self.workers,
                "checkpoint": {"mode": "None"} if job % IDLE_EVERY == 0 else _PERIODIC,
                "attribution": {"team": self.namespace(job), "project": f"project-{job % 200}", "model": "resnet50"},
                "interruptible": False,
                "resize": "Denied",
                "retries": 6,
                "restartScope": "Gang",
                "suspend": False,
                "template": {"spec": {"restartPolicy": "Never", "containers": [_CONTAINER]}},
            },
        }

    def job(self, job: int) -> dict[str, Any]:
        name = self.job_name(job)
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self._meta(
                2,
                job,
                name,
                self.namespace(job),
                generation=1,
                labels={"ebbtide.dev/workload": f"TrainingJob.{name}", "ebbtide.dev/team": self.namespace(job)},
                ownerReferences=self._owner(1, job, "ebbtide.dev/v1alpha1", "TrainingJob"),
                managedFields=[_MANAGED],
            ),
            "spec": {
                "suspend": False,
                "completions": self.workers,
                "parallelism": self.workers,
                "completionMode": "Indexed",
                "backoffLimit": 6,
                "podReplacementPolicy": "Failed",
                "template": {"metadata": {"labels": {}}, "spec": {"containers": [_CONTAINER]}},
            },
            "status": {"active": self.workers, "ready": self.workers, "startTime": self.stamp},
        }

    def node(self, node: int) -> dict[str, Any]:
        name = self.node_name(node)
        resources = {"cpu": "192", "memory": "2097152Mi", "pods": "250", "nvidia.com/gpu": str(self.gpus_per_node)}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": self._meta(
                3,
                node,
                name,
                labels={
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "node.kubernetes.io/instance-type": "p5.48xlarge",
                    "topology.kubernetes.io/region": "eu-central-1",
                    "topology.kubernetes.io/zone": "eu-central-1a",
                    "karpenter.sh/capacity-type": "on-demand",
                    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                    **{f"feature.node.kubernetes.io/cpu-cpuid.FEATURE{number}": "true" for number in range(40)},
                },
                managedFields=[_MANAGED],
            ),
            "spec": {"providerID": f"aws:///eu-central-1a/i-{node:017x}"},
            "status": {
                "capacity": resources,
                "allocatable": resources,
                "conditions": [_condition("Ready", self.stamp)],
                "images": [
                    {"names": [f"registry.example/image-{number}:1"], "sizeBytes": 10**9} for number in range(20)
                ],
            },
        }

    def pod(self, pod: int) -> dict[str, Any]:
        job, node = pod // self.workers, pod // self.gpus_per_node
        name, stamp = self.pod_name(pod), self.stamp
        return {
            "metadata": self._meta(
                4,
                pod,
                name,
                self.namespace(job),
                generateName=f"{self.job_name(job)}-{pod % self.workers}-",
                labels={
                    "batch.kubernetes.io/controller-uid": self.uid(2, job),
                    "batch.kubernetes.io/job-completion-index": str(pod % self.workers),
                    "batch.kubernetes.io/job-name": self.job_name(job),
                    "controller-uid": self.uid(2, job),
                    "job-name": self.job_name(job),
                    "ebbtide.dev/workload": f"TrainingJob.{self.job_name(job)}",
                    "ebbtide.dev/team": self.namespace(job),
                    "ebbtide.dev/project": f"project-{job % 200}",
                    "ebbtide.dev/model": "resnet50",
                },
                annotations={"batch.kubernetes.io/job-completion-index": str(pod % self.workers)},
                ownerReferences=self._owner(2, job, "batch/v1", "Job"),
                finalizers=["batch.kubernetes.io/job-tracking"],
                managedFields=[_MANAGED],
            ),
            "spec": {
                **_POD_SPEC,
                "nodeName": self.node_name(node),
                "hostname": f"{self.job_name(job)}-{pod % self.workers}",
                "subdomain": self.job_name(job),
            },
            "status": {
                "phase": "Running",
                "conditions": [
                    _condition(one, stamp)
                    for one in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
                ],
                "hostIP": "10.0.0.1",
                "podIP": f"10.{pod >> 16}.{pod >> 8 & 255}.{pod & 255}",
                "startTime": stamp,
                "qosClass": "Guaranteed",
                "containerStatuses": [
                    {
                        "name": "train",
                        "state": {"running": {"startedAt": stamp}},
                        "ready": True,
                        "restartCount": 0,
                        "image": "registry.example/train:7",
                        "imageID": "registry.example/train@sha256:" + "ab" * 32,
                        "containerID": "containerd://" + self.uid(5, pod) * 2,
                        "started": True,
                    }
                ],
            },
        }

    def namespace_object(self, index: int) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": self._meta(6, index, self.namespace(index), labels={"kubernetes.io/metadata.name": "x"}),
        }

    def policy(self, index: int, idle: dict[str, int]) -> dict[str, Any]:
        return {
            "apiVersion": "ebbtide.dev/v1alpha1",
            "kind": "CostPolicy",
            "metadata": self._meta(7, index, POLICY, self.namespace(index), generation=1),
            "spec": {
                "mode": "Enforce",
                "selector": {"matchLabels": {"tier": "batch"}},
                "include": "Accelerated",
                "priority": 0,
                "idle": {"action": "Pause", "withoutCheckpoint": "Notify", "busyAbovePercent": 5, **idle},
                "attribution": {"required": ["team"], "write": "Objects"},
            },
        }

    def catalog(self) -> dict[str, Any]:
        row = {
            "id": "p5-od",
            "match": {"instanceType": "p5.48xlarge", "capacityClass": "OnDemand"},
            "nodeHourly": "55.04",
            "effectiveFrom": "2026-01-01T00:00:00Z",
        }
        return {
            "apiVersion": "ebbtide.dev/v1alpha1",
            "kind": "PriceCatalog",
            "metadata": self._meta(8, 0, "main", generation=1),
            "spec": {
                "currency": "USD",
                "nodeSplit": {"mode": "Weights", "gpuPercent": 95, "cpuPercent": 3, "memoryPercent": 2},
                "nodes": [row],
            },
        }

    def lease(self, namespace: str, name: str) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": self._meta(9, 0, name, namespace),
            "spec": {},
        }


def _condition(kind: str, stamp: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": stamp}


_PERIODIC = {"mode": "Periodic", "intervalSeconds": 900}
_CONTAINER = {
    "name": "train",
    "image": "registry.example/train:7",
    "command": ["python", "-m", "train", "--config", "/config/train.yaml"],
    "env": [{"name": f"OPTION_{number}", "value": "a value of some length"} for number in range(8)],
    "resources": {
        "limits": {"cpu": "16", "memory": "128Gi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "16", "memory": "128Gi", "nvidia.com/gpu": "1"},
    },
    "volumeMounts": [
        {
            "name": "kube-api-access-x7k2p",
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    ],
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
_POD_SPEC = {
    "containers": [_CONTAINER],
    "volumes": [
        {
            "name": "kube-api-access-x7k2p",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ],
                "defaultMode": 420,
            },
        }
    ],
    "restartPolicy": "Never",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "tolerations": [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    ],
    "priority": 0,
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
}
_MANAGED = {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "apiVersion": "v1",
    "time": "2026-11-01T00:00:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {
        "f:metadata": {"f:labels": {f"f:label-{number}": {} for number in range(10)}, "f:ownerReferences": {".": {}}},
        "f:spec": {f"f:field{number}": {} for number in range(20)},
        "f:status": {"f:conditions": {f'k:{{"type":"C{number}"}}': {"f:status": {}} for number in range(5)}},
    },
}


def text(document: dict[str, Any]) -> str:
    """Compact JSON, as an API server sends it."""
    return json.dumps(document, separators=(",", ":"))
