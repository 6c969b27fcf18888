"""Ebbtide on a plane: chart by real Helm, exporter, Prometheus and operator, with hours scaled to seconds."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from e2e.operator_process import OperatorProcess
from e2e.plane import AuditWrite, Plane
from e2e.plane.audit import service_account
from e2e.plane.waiting import wait_until

CHART: Final = str(Path(__file__).resolve().parents[2] / "charts" / "ebbtide")
SYSTEM: Final = "ebbtide-system"
RELEASE: Final = "ebbtide"
SERVICE_ACCOUNT: Final = service_account(SYSTEM, RELEASE)
RESTORE: Final = "ebbtide.dev/restore"
NO_LIMITS: Final = {
    "safety.idlePausesPerHour": "0",
    "safety.pausedPercentPerHour": "0",
    "safety.idleShareJumpPercent": "0",
}
QUICK: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
"""An idle section in which a second stands for five minutes."""

Document = dict[str, Any]


class Stage:
    """One namespace of work under one policy. Nothing runs before `install`, no operator before `start`."""

    def __init__(self, plane: Plane, namespace: str = "work") -> None:
        self.plane, self.namespace = plane, namespace
        self._activity: dict[str, str] = {}
        self._operator: OperatorProcess | None = None

    @property
    def operator(self) -> OperatorProcess:
        """The operator that was started last."""
        assert self._operator is not None
        return self._operator

    def install(self, **values: str) -> None:
        """Metrics, chart and namespace. `values` are chart values, with `__` for a dot."""
        plane = self.plane
        plane.start_exporter()
        prometheus = plane.start_prometheus(scrape_seconds=1.0)
        chosen = {
            "metrics.prometheusUrl": prometheus.url,
            "metrics.sampleIntervalSeconds": "1",
            "metrics.lookBackSeconds": "600",
            "tickSeconds": "1",
            "enforcement.enabled": "true",
            **NO_LIMITS,
            **{key.replace("__", "."): value for key, value in values.items()},
        }
        words = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
        plane.helm("install", RELEASE, CHART, "--namespace", SYSTEM, "--create-namespace", *words)
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        plane.create_namespace(self.namespace)

    # -- the operator -------------------------------------------------------------------------------------------

    def start(self, *, ready: bool = True, **options: Any) -> OperatorProcess:
        """A new operator process as the Deployment says; one that runs must have ended."""
        self._operator = OperatorProcess.from_deployment(self.plane, SYSTEM, RELEASE, **options)
        self._operator.start()
        if ready:
            self._operator.wait_ready()
        return self._operator

    # -- work ---------------------------------------------------------------------------------------------------

    def set_policy(self, idle: Mapping[str, object] = QUICK, name: str = "batch") -> None:
        """An enforcing policy over everything in the namespace."""
        spec = {"mode": "Enforce", "selector": {}, "idle": dict(idle)}
        self._create("costpolicies", "CostPolicy", name, spec)

    def train(self, name: str, activity: str = "idle", *, gpus: int = 1, workers: int = 1) -> str:
        """A TrainingJob whose devices do what `activity` says."""
        limits = {"limits": {"nvidia.com/gpu": gpus}}
        container = {"name": "main", "image": "example.invalid/train", "resources": limits}
        template = {
            "metadata": {"annotations": {"e2e.ebbtide.dev/activity": activity}},
            "spec": {"containers": [container]},
        }
        checkpoint = {"mode": "Periodic", "intervalSeconds": 900}
        self._create("trainingjobs", "TrainingJob", name, _spec(template, checkpoint, workers))
        return name

    def _create(self, plural: str, kind: str, name: str, spec: Mapping[str, object]) -> None:
        document = {"apiVersion": "ebbtide.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.plane.api.post(f"/apis/ebbtide.dev/v1alpha1/namespaces/{self.namespace}/{plural}", document)

    def act(self, **activity: str | None) -> None:
        """Change what the pods of TrainingJobs do from now on; `_` stands for a dash, None gives back their own."""
        for name, text in activity.items():
            pattern = f"{self.namespace}/{name.replace('_', '-')}-*"
            if text is None:
                self._activity.pop(pattern, None)
            else:
                self._activity[pattern] = text
        self.plane.exporter.control(activity=dict(self._activity))

    def delete(self, name: str) -> None:
        """The TrainingJob, and with it everything it owns."""
        self.plane.api.delete(f"/apis/ebbtide.dev/v1alpha1/namespaces/{self.namespace}/trainingjobs/{name}")

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Annotations ebbtide.dev/KEY of the TrainingJob, as `kubectl ebbtide` writes them."""
        words = {f"ebbtide.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{self.namespace}/trainingjobs/{name}"
        self.plane.api.merge_patch(path, {"metadata": {"annotations": words}})

    # -- looking ------------------------------------------------------------------------------------------------

    def training_job(self, name: str) -> Document:
        found: Document = self.plane.api.get(
            f"/apis/ebbtide.dev/v1alpha1/namespaces/{self.namespace}/trainingjobs/{name}"
        )
        return found

    def status(self, name: str) -> Document:
        found: Document = self.training_job(name).get("status") or {}
        return found

    def statuses(self) -> dict[str, Document]:
        """Name to status of all TrainingJobs."""
        path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{self.namespace}/trainingjobs"
        return {one["metadata"]["name"]: (one.get("status") or {}) for one in self.plane.api.items(path)}

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Name to (verdict, reason) of all TrainingJobs."""
        found = {name: status.get("verdict") or {} for name, status in self.statuses().items()}
        return {name: (verdict.get("value", ""), verdict.get("reason", "")) for name, verdict in found.items()}

    def verdict(self, name: str) -> tuple[str, str]:
        return self.verdicts()[name]

    def job(self, name: str) -> Document:
        found: Document = self.plane.api.get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}")
        return found

    def suspended(self) -> set[str]:
        """Names of the Jobs that are suspended now."""
        jobs = self.plane.api.items(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")
        return {one["metadata"]["name"] for one in jobs if one["spec"].get("suspend")}

    def writes(self, since: int = 0, **filters: Any) -> list[AuditWrite]:
        """What the operator's ServiceAccount wrote, from an audit mark on."""
        return list(self.plane.audit(since).writes(user=SERVICE_ACCOUNT, **filters))

    def suspensions(self, name: str, *, to: bool) -> list[AuditWrite]:
        """Accepted PATCHes by anybody that set spec.suspend of the Job to `to`."""
        found = self.plane.audit().writes(
            verb="patch", resource="jobs", subresource="", namespace=self.namespace, name=name, succeeded=True
        )
        return [one for one in found if ((one.body or {}).get("spec") or {}).get("suspend") is to]

    # -- waiting ------------------------------------------------------------------------------------------------

    def wait_verdict(self, name: str, value: str, reasons: Sequence[str] = (), seconds: float = 60.0) -> None:
        """Until the status tells this verdict, and one of the reasons if any are given."""

        def told() -> bool:
            found, reason = self.verdict(name)
            return found == value and (not reasons or reason in reasons)

        what = f"verdict {value} {'/'.join(reasons)} of {name}"
        self._wait(what, told, seconds, lambda: str(self.status(name).get("verdict")))

    def wait_all(self, value: str, names: Sequence[str], seconds: float = 60.0) -> None:
        """Until the status of each tells this verdict."""

        def told() -> bool:
            found = self.verdicts()
            return all(found[name][0] == value for name in names)

        self._wait(f"verdict {value} of {len(names)} workloads", told, seconds, lambda: str(self.verdicts())[:500])

    def wait_warned(self, name: str, after: float = 0.0, seconds: float = 60.0) -> Document:
        """Until a warning later than `after` is in force; gives status.idle."""

        def warned() -> Document | None:
            idle: Document = self.status(name).get("idle") or {}
            return idle if "warnedAt" in idle and moment(idle["warnedAt"]) > after else None

        told: Document = self._wait(f"a warning of {name}", warned, seconds, lambda: str(self.verdict(name)))
        return told

    def wait_paused(self, *names: str, seconds: float = 60.0) -> None:
        """Until the Jobs are suspended and the status says so."""

        def paused() -> bool:
            if not self.suspended().issuperset(names):
                return False
            found = self.statuses()
            return all("since" in (found[name].get("pause") or {}) for name in names)

        self._wait(f"a pause of {', '.join(names)}", paused, seconds, lambda: str(self.verdicts()))

    def wait_running(self, name: str, seconds: float = 60.0) -> None:
        """Until the Job is not suspended and carries no original any more."""

        def runs() -> bool:
            job = self.job(name)
            return not job["spec"].get("suspend") and RESTORE not in (job["metadata"].get("annotations") or {})

        self._wait(f"{name} running again", runs, seconds, lambda: str(self.status(name).get("conditions")))

    def wait_ticks(self, count: int, seconds: float = 60.0) -> None:
        """Until the operator has finished so many more ticks."""
        end = self.ticks() + count
        self._wait(f"{count} ticks", lambda: self.ticks() >= end, seconds, lambda: self.operator.logs(5))

    def ticks(self) -> int:
        """Ticks that the operator has finished since its start."""
        lines = self.operator.metrics().splitlines()
        return int(float(next(line.split()[1] for line in lines if line.startswith("ebbtide_tick_seconds_count"))))

    def _wait(self, what: str, probe: Any, seconds: float, seen: Any) -> Any:
        def answer() -> Any:
            self.operator.require_alive()
            return probe()

        try:
            return wait_until(answer, what, seconds)
        except Exception as error:
            error.add_note(f"seen last: {seen()}")
            raise


def moment(stamp: str) -> float:
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(stamp).timestamp()


def sleep_until(at: float) -> None:
    """Real time has to pass here: what is waited for is a time, not an event."""
    time.sleep(max(0.0, at - time.time()))


def _spec(template: Document, checkpoint: Document, workers: int) -> Document:
    return {"workers": workers, "checkpoint": checkpoint, "template": template}
