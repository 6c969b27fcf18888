"""One object of every kind as people write it, with what Ebbtide must read in it. Used by unit and e2e tests."""

from dataclasses import dataclass, field
from typing import Any, Final

from ebbtide.objects.pointer import ABSENT

Document = dict[str, Any]
GPU: Final = "nvidia.com/gpu"


@dataclass(frozen=True)
class Sample:
    """A manifest without metadata, and what is true of it."""

    kind: str
    """As policies name it."""
    api_version: str
    own_kind: str
    plural: str
    spec: Document
    gpus: int
    workers: int
    lever: str = ""
    """JSON pointer; empty: reported only."""
    was: Any = ABSENT
    """What stands there before a pause, as the API server stores the manifest."""
    stop: Any = True
    """What stands there during one; None: the moment of the pause."""
    ended: Document = field(default_factory=dict)
    """A status at its good end."""
    annotations: Document = field(default_factory=dict)

    def manifest(self, name: str = "work", **metadata: Any) -> Document:
        meta = {"name": name, "annotations": {**self.annotations, **metadata.pop("annotations", {})}, **metadata}
        return {"apiVersion": self.api_version, "kind": self.own_kind, "metadata": meta, "spec": self.spec}


def container(gpus: int, name: str = "main") -> Document:
    limits = {"resources": {"limits": {GPU: gpus}}} if gpus else {}
    return {"name": name, "image": "registry.example/x:1", **limits}


def template(gpus: int, name: str = "main", **spec: Any) -> Document:
    return {"metadata": {"labels": {"app": "work"}}, "spec": {"containers": [container(gpus, name)], **spec}}


_NEVER: Final = {"restartPolicy": "Never"}
_AT: Final = "2026-11-22T16:00:00Z"


def _true(condition: str) -> Document:
    return {"conditions": [{"type": condition, "status": "True", "lastTransitionTime": _AT}]}


_COMPLETE: Final = _true("Complete")
_SUCCEEDED: Final = {**_true("Succeeded"), "completionTime": _AT}


def _roles(kind: str, plural: str, roles: str, first: str, name: str) -> Sample:
    spec = {
        roles: {
            first: {"replicas": 1, "restartPolicy": "Never", "template": template(2, name)},
            "Worker": {"replicas": 3, "restartPolicy": "Never", "template": template(2, name)},
        }
    }
    return Sample(kind, "kubeflow.org/v1", kind, plural, spec, 8, 4, "/spec/runPolicy/suspend", ended=_SUCCEEDED)


def _ray_cluster() -> Document:
    head = {"rayStartParams": {}, "template": template(0, "ray-head")}
    group = {"groupName": "gpu", "replicas": 2, "minReplicas": 0, "maxReplicas": 4, "rayStartParams": {}}
    return {"headGroupSpec": head, "workerGroupSpecs": [{**group, "template": template(4, "ray-worker")}]}


SELECTOR: Final = {"matchLabels": {"app": "work"}}
SAMPLES: Final = (
    Sample("Job", "batch/v1", "Job", "jobs", {"parallelism": 2, "completions": 2, "template": template(1, **_NEVER)},
           2, 2, "/spec/suspend", False, ended=_COMPLETE),
    Sample("CronJob", "batch/v1", "CronJob", "cronjobs",
           {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template(1, **_NEVER)}}},
           1, 1, "/spec/suspend", False),
    Sample("JobSet", "jobset.x-k8s.io/v1alpha2", "JobSet", "jobsets",
           {"replicatedJobs": [{"name": "w", "replicas": 2, "template": {"spec": {
               "parallelism": 2, "completions": 2, "template": template(4, **_NEVER)}}}]},
           16, 4, "/spec/suspend",
           ended=_true("Completed")),
    Sample("TrainJob", "trainer.kubeflow.org/v1alpha1", "TrainJob", "trainjobs",
           {"runtimeRef": {"name": "torch"}, "trainer": {"numNodes": 2, "resourcesPerNode": {"limits": {GPU: 8}}}},
           16, 2, "/spec/suspend", False, ended=_COMPLETE),
    _roles("PyTorchJob", "pytorchjobs", "pytorchReplicaSpecs", "Master", "pytorch"),
    _roles("MPIJob", "mpijobs", "mpiReplicaSpecs", "Launcher", "mpi"),
    _roles("TFJob", "tfjobs", "tfReplicaSpecs", "Chief", "tensorflow"),
    _roles("XGBoostJob", "xgboostjobs", "xgbReplicaSpecs", "Master", "xgboost"),
    _roles("PaddleJob", "paddlejobs", "paddleReplicaSpecs", "Master", "paddle"),
    Sample("JAXJob", "kubeflow.org/v1", "JAXJob", "jaxjobs",
           {"jaxReplicaSpecs": {"Worker": {"replicas": 4, "restartPolicy": "Never", "template": template(2, "jax")}}},
           8, 4, "/spec/runPolicy/suspend", ended=_SUCCEEDED),
    Sample("RayJob", "ray.io/v1", "RayJob", "rayjobs",
           {"entrypoint": "python x.py", "shutdownAfterJobFinishes": True, "rayClusterSpec": _ray_cluster()},
           8, 3, "/spec/suspend",
           ended={"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED", "endTime": "2026-11-22T16:00:00Z"}),
    Sample("RayCluster", "ray.io/v1", "RayCluster", "rayclusters", _ray_cluster(), 8, 3, "/spec/suspend"),
    Sample("Workflow", "argoproj.io/v1alpha1", "Workflow", "workflows",
           {"entrypoint": "main", "templates": [{"name": "main", "container": container(2)},
                                                {"name": "after", "script": {**container(0), "source": "x"}}]},
           2, 2, "/spec/suspend", ended={"phase": "Succeeded", "finishedAt": "2026-11-22T16:00:00Z"}),
    Sample("VolcanoJob", "batch.volcano.sh/v1alpha1", "Job", "jobs",
           {"minAvailable": 2, "tasks": [{"name": "w", "replicas": 2, "template": template(4)}]}, 8, 2,
           ended={"state": {"phase": "Completed", "lastTransitionTime": "2026-11-22T16:00:00Z"}}),
    Sample("Deployment", "apps/v1", "Deployment", "deployments",
           {"replicas": 3, "selector": SELECTOR, "template": template(2)}, 6, 3, "/spec/replicas", 3, 0),
    Sample("StatefulSet", "apps/v1", "StatefulSet", "statefulsets",
           {"replicas": 3, "serviceName": "work", "selector": SELECTOR, "template": template(2)},
           6, 3, "/spec/replicas", 3, 0),
    Sample("LeaderWorkerSet", "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "leaderworkersets",
           {"replicas": 2, "leaderWorkerTemplate": {
               "size": 4, "leaderTemplate": template(1, "leader"), "workerTemplate": template(8, "worker")}},
           50, 8, "/spec/replicas", 2, 0),
    Sample("InferenceService", "serving.kserve.io/v1beta1", "InferenceService", "inferenceservices",
           {"predictor": {"minReplicas": 2, "model": {
               "modelFormat": {"name": "huggingface"}, "resources": {"limits": {GPU: "1"}}}}},
           2, 2, "/metadata/annotations/serving.kserve.io~1stop", stop="true"),
    Sample("ScaledObject", "keda.sh/v1alpha1", "ScaledObject", "scaledobjects",
           {"scaleTargetRef": {"name": "work"}, "minReplicaCount": 1,
            "triggers": [{"type": "cron", "metadata": {
                "timezone": "Europe/Berlin", "start": "0 6 * * *", "end": "0 20 * * *", "desiredReplicas": "2"}}]},
           0, 0, "/metadata/annotations/autoscaling.keda.sh~1paused-replicas", "3", "0",
           annotations={"autoscaling.keda.sh/paused-replicas": "3"}),
    Sample("Notebook", "kubeflow.org/v1", "Notebook", "notebooks",
           {"template": {"spec": {"containers": [container(1)]}}}, 1, 1,
           "/metadata/annotations/kubeflow-resource-stopped", stop=None),
    Sample("Workspace", "kubeflow.org/v1beta1", "Workspace", "workspaces",
           {"kind": "jupyterlab", "podTemplate": {"options": {"imageConfig": "a", "podConfig": "gpu"}}},
           0, 0, "/spec/paused"),
    Sample("Pod", "v1", "Pod", "pods", {"containers": [container(2)]}, 2, 1),
)  # fmt: skip
BY_KIND: Final = {one.kind: one for one in SAMPLES}
