"""Everything that a cluster with Ebbtide has, on one machine: control plane, GPU nodes, metrics, chart, operator."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import requests
import yaml

from e2e.operator_process import OperatorProcess
from e2e.plane import Plane, PlaneError
from e2e.plane.audit import service_account
from e2e.plane.lifetime import Lifetime
from e2e.plane.prometheus import Prometheus
from e2e.plane.waiting import wait_until

CHART: Final = str(Path(__file__).resolve().parents[1] / "charts" / "ebbtide")
NAMESPACE: Final = "ebbtide-system"
RELEASE: Final = "ebbtide"
SERVICE_ACCOUNT: Final = service_account(NAMESPACE, RELEASE)
SECOND_BY_SECOND: Final = {"metrics": {"sampleIntervalSeconds": 1}, "tickSeconds": 1}
"""Chart values for the exporter's one-second scrapes; the chart's own are 30 seconds each."""
ALONE: Final = {"replicas": 1, "leaderElection": {"enabled": False}}
"""Chart values: one that is killed and started again need not wait until its predecessor's Lease has run out."""
_API = "/apis/ebbtide.dev/v1alpha1"
_LOG_LINES = 12

Document = dict[str, Any]
T = TypeVar("T")


class Installation(Lifetime):
    """A plane with the chart installed by Helm and the operator of its Deployment running; use it in a `with`.

    `where` is a folder for a plane of its own, or a plane that runs already and is not stopped with it. `values` are
    chart values on top of `SECOND_BY_SECOND` and the address of Prometheus. `tell` hears what is being started. The
    operator runs with the ServiceAccount's token and what the rendered Deployment says.
    """

    def __init__(
        self,
        where: Path | Plane,
        *,
        values: Mapping[str, Any] | None = None,
        nodes: int = 4,
        speedup: float = 60.0,
        scrape_seconds: int = 1,
        honor_labels: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.plane = where if isinstance(where, Plane) else Plane(where)
        self._owns_plane = not isinstance(where, Plane)
        self._values = dict(values or {})
        self._nodes, self._speedup, self._honor_labels = nodes, speedup, honor_labels
        self._scrape_seconds = scrape_seconds
        self._tell = tell
        self._operator: OperatorProcess | None = None
        self._parts: list[str] = []
        self._seen: dict[str, Document] = {}

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Starts everything and waits until the operator is ready. Raises PlaneError naming the part that failed."""
        try:
            self.install()
            self._tell("the operator of the chart's Deployment")
            self.run_operator()
        except BaseException:
            self.stop()
            raise
        self._parts = self.plane.parts.alive()
        return self

    def install(self) -> Self:
        """Everything but the operator. Raises PlaneError naming the part that failed."""
        plane = self.plane
        if self._owns_plane:
            self._tell("etcd, API server, controllers, scheduler and KWOK")
            plane.start()
        self._tell(f"{self._nodes} GPU nodes")
        plane.add_gpu_nodes(self._nodes)
        self._tell("GPU metrics exporter and Prometheus")
        plane.start_exporter(speedup=self._speedup)
        plane.start_prometheus(scrape_seconds=self._scrape_seconds, honor_labels=self._honor_labels)
        self._tell("the chart, by Helm")
        self._helm(self._values)
        plane.kubectl(
            "wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=ebbtide", "--timeout=60s"
        )
        return self

    def run_operator(self, *, ready: bool = True, **options: Any) -> OperatorProcess:
        """A new process as the Deployment says, with the options of `OperatorProcess`; the one before must have ended.

        It is returned at once without `ready`, else when it is ready.
        """
        self._operator = OperatorProcess.from_deployment(self.plane, NAMESPACE, RELEASE, **options)
        self._operator.start()
        if ready:
            self._operator.wait_ready()
        return self._operator

    def stop(self) -> None:
        """Stops every part in reverse order and waits; of a plane that ran before only the operator. Safe twice."""
        if self._owns_plane:
            self.plane.stop()
        elif self._operator is not None:
            self._operator.stop()

    def upgrade(self, values: Mapping[str, Any]) -> None:
        """`helm upgrade` to these values and none of before, and the new Deployment's operator in place of the old."""
        self._helm(values)
        self.operator.stop()
        self.run_operator()

    def require_alive(self) -> None:
        """Raises PlaneError with the last log lines of the first part that has ended."""
        alive = self.plane.parts.alive()
        for name in self._parts:
            if name not in alive:
                part = self.plane.parts[name]
                raise part.failure(f"ended with status {part.returncode}")

    def _helm(self, values: Mapping[str, Any]) -> None:
        file = self.plane.workdir / "values.yaml"
        metrics = {"prometheusUrl": self.prometheus.url, "sampleIntervalSeconds": self._scrape_seconds}
        base = merged(SECOND_BY_SECOND, {"metrics": metrics})
        file.write_text(yaml.safe_dump(merged(base, values)), encoding="utf-8")
        words = ["--namespace", NAMESPACE, "--create-namespace", "--values", str(file)]
        self.plane.helm("upgrade", "--install", RELEASE, CHART, *words)

    # -- parts --------------------------------------------------------------------------------------------------

    @property
    def operator(self) -> OperatorProcess:
        """The operator that was started last."""
        if self._operator is None:
            raise PlaneError("the operator was not started")
        return self._operator

    @property
    def prometheus(self) -> Prometheus:
        return self.plane.prometheus

    # -- as people do -------------------------------------------------------------------------------------------

    def apply(self, *manifests: str | Mapping[str, Any], kubeconfig: Path | None = None) -> str:
        """`kubectl apply` of YAML texts or documents; returns what kubectl said."""
        texts = [it if isinstance(it, str) else yaml.safe_dump(dict(it)) for it in manifests]
        return self.plane.apply(*texts, kubeconfig=kubeconfig)

    def person(self, name: str, namespace: str, *roles: str) -> Path:
        """A kubeconfig for a person who has these cluster roles in the namespace and nothing else."""
        for role in roles:
            binding = f"{name.partition('@')[0]}-{role}"
            self.plane.kubectl(
                "create", "rolebinding", binding, "-n", namespace, f"--clusterrole={role}", f"--user={name}"
            )
        return self.plane.user_kubeconfig(name, namespace=namespace)

    def ebbtide(self, *words: str, kubeconfig: Path | None = None) -> str:
        """What `kubectl ebbtide …` prints. Raises PlaneError with its message when it fails."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("kubectl-ebbtide")), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(kubeconfig or self.plane.kubeconfig), "COLUMNS": "120"},
        )
        if done.returncode != 0:
            raise PlaneError(f"ebbtide {' '.join(words)}: exit {done.returncode}\n{done.stderr}{done.stdout}".strip())
        return done.stdout

    # -- looking ------------------------------------------------------------------------------------------------

    def training_job(self, name: str, namespace: str) -> Document:
        """The TrainingJob as stored; empty where there is none."""
        found = self._find(f"{_API}/namespaces/{namespace}/trainingjobs/{name}")
        self._seen[f"{namespace}/{name}"] = found.get("status") or {}
        return found

    def status(self, name: str, namespace: str) -> Document:
        """Status of a TrainingJob; empty before the operator wrote it."""
        return self.training_job(name, namespace).get("status") or {}

    def condition(self, name: str, namespace: str, kind: str) -> Document:
        """One condition of a TrainingJob; empty while it has none of that type."""
        conditions = self.status(name, namespace).get("conditions") or []
        return next((it for it in conditions if it["type"] == kind), {})

    def job(self, name: str, namespace: str) -> Document:
        """The Job as stored; empty where there is none."""
        return self._find(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}")

    def _find(self, path: str) -> Document:
        found: Document = self.plane.api.send("GET", path, check=False)
        if found["kind"] != "Status":
            return found
        if found["code"] != requests.codes.not_found:
            raise PlaneError(f"GET {path}: {found['code']} {found['message']}")
        return {}

    def pods(self, name: str, namespace: str) -> list[Document]:
        """Every pod of the Job that is still there."""
        selector = f"labelSelector=batch.kubernetes.io/job-name={name}"
        return list(self.plane.api.items(f"/api/v1/namespaces/{namespace}/pods?{selector}"))

    def events(self, name: str, namespace: str) -> list[Document]:
        """Events about a TrainingJob in the order in which they happened."""
        found = self.plane.api.items(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        about = (it for it in found if (it["regarding"]["kind"], it["regarding"]["name"]) == ("TrainingJob", name))
        return sorted(about, key=lambda it: str(it["eventTime"]))

    def wait(self, what: str, probe: Callable[[], T | None], seconds: float = 60.0) -> T:
        """The first truthy answer of `probe`.

        Raises PlaneError with the statuses that were looked at and the operator's last log lines.
        """
        self._seen.clear()
        try:
            return wait_until(probe, what, seconds, every_seconds=0.2)
        except PlaneError as error:
            seen = "".join(f"\n{name}: {json.dumps(status, indent=1)}" for name, status in self._seen.items())
            log = f"\noperator:\n{self._operator.logs(_LOG_LINES)}" if self._operator else ""
            raise PlaneError(f"{error}{seen}{log}") from error


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Both mappings, and where both have a mapping, those merged; else `over` wins."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        result[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return result


# -- manifests ----------------------------------------------------------------------------------------------------


def namespace(name: str, **labels: str) -> Document:
    """A Namespace; `labels` are ebbtide.dev labels."""
    marks = {f"ebbtide.dev/{key}": value for key, value in labels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks}}


def cost_policy(where: str, idle: Mapping[str, Any], *, mode: str = "Enforce", name: str = "batch") -> Document:
    """A CostPolicy that selects everything in its namespace."""
    spec = {"mode": mode, "selector": {}, "idle": dict(idle)}
    return _ours("CostPolicy", {"name": name, "namespace": where}, spec)


def training_job(
    name: str,
    where: str,
    activity: str,
    *,
    gpus: int = 1,
    checkpoint: bool = True,
    annotations: Mapping[str, str] | None = None,
    pod: Mapping[str, Any] | None = None,
    pod_annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Document:
    """A TrainingJob whose devices do what `activity` says (e2e/exporter/activity.py).

    `annotations` are ebbtide.dev annotations, `pod` is merged into the pod spec, other words are fields of spec.
    """
    container = {
        "name": "train",
        "image": "registry.example/train:7",
        "resources": {"limits": {"nvidia.com/gpu": gpus}},
    }
    template = {
        "metadata": {"annotations": {"e2e.ebbtide.dev/activity": activity, **(pod_annotations or {})}},
        "spec": merged({"containers": [container]}, pod or {}),
    }
    kept = {"checkpoint": {"mode": "Periodic", "intervalSeconds": 900}} if checkpoint else {}
    marks = {f"ebbtide.dev/{key}": value for key, value in (annotations or {}).items()}
    metadata = {"name": name, "namespace": where, "annotations": marks}
    return _ours("TrainingJob", metadata, {**kept, **spec, "template": template})


def _ours(kind: str, metadata: Document, spec: Document) -> Document:
    return {"apiVersion": "ebbtide.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
