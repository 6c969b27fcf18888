"""One namespace of work under one policy, on an installation with hours scaled to seconds."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from e2e.installation import (
    ALONE,
    NAMESPACE,
    RELEASE,
    SERVICE_ACCOUNT,
    Document,
    Installation,
    cost_policy,
    training_job,
)
from e2e.operator_process import OperatorProcess
from e2e.plane import AuditWrite, Plane
from e2e.plane.waiting import wait_until

__all__ = ["NAMESPACE", "QUICK", "RELEASE", "RESTORE", "SERVICE_ACCOUNT", "Document", "Stage", "moment", "sleep_until"]

RESTORE: Final = "ebbtide.dev/restore"
UNLIMITED: Final = {
    "enforcement": {"enabled": True},
    "metrics": {"lookBackSeconds": 600},
    "safety": {"idlePausesPerHour": 0, "pausedPercentPerHour": 0, "idleShareJumpPercent": 0},
    **ALONE,
}
"""Chart values: policies act, and no fleet limit keeps a pause from coming when it is due."""
QUICK: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
"""An idle section in which a second stands for five minutes."""
_API: Final = "/apis/ebbtide.dev/v1alpha1"


class Stage:
    """Nothing runs before `install`, no operator before `start`. `where` and the numbers are as for an Installation."""

    def __init__(
        self, where: Plane | Path, namespace: str = "work", *, nodes: int = 0, scrape_seconds: int = 1
    ) -> None:
        self.installation = Installation(where, values=UNLIMITED, nodes=nodes, scrape_seconds=scrape_seconds)
        self.plane, self.namespace = self.installation.plane, namespace
        self._activity: dict[str, str] = {}

    @property
    def operator(self) -> OperatorProcess:
        """The operator that was started last."""
        return self.installation.operator

    def install(self) -> None:
        """Metrics, chart and namespace."""
        self.installation.install()
        self.plane.create_namespace(self.namespace)

    def start(self, *, ready: bool = True, **options: Any) -> OperatorProcess:
        """A new operator process, with the options of `OperatorProcess`; one that runs must have ended."""
        return self.installation.run_operator(ready=ready, **options)

    # -- work ---------------------------------------------------------------------------------------------------

    def set_policy(self, idle: Mapping[str, object] = QUICK, name: str = "batch") -> None:
        """An enforcing policy over everything in the namespace."""
        self._create("costpolicies", cost_policy(self.namespace, idle, name=name))

    def train(self, name: str, activity: str = "idle", **spec: Any) -> str:
        """A TrainingJob whose devices do what `activity` says; `spec` is as for `installation.training_job`."""
        self._create("trainingjobs", training_job(name, self.namespace, activity, **spec))
        return name

    def _create(self, plural: str, document: Mapping[str, object]) -> None:
        self.plane.api.post(f"{_API}/namespaces/{self.namespace}/{plural}", document)

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
        self.plane.api.delete(self.path(name))

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Annotations ebbtide.dev/KEY of the TrainingJob, as `kubectl ebbtide` writes them."""
        words = {f"ebbtide.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.plane.api.merge_patch(self.path(name), {"metadata": {"annotations": words}})

    def path(self, name: str) -> str:
        """Of a TrainingJob on the API server."""
        return f"{_API}/namespaces/{self.namespace}/trainingjobs/{name}"

    # -- looking ------------------------------------------------------------------------------------------------

    def status(self, name: str) -> Document:
        return self.installation.status(name, self.namespace)

    def statuses(self) -> dict[str, Document]:
        """Name to status of all TrainingJobs."""
        path = f"{_API}/namespaces/{self.namespace}/trainingjobs"
        return {one["metadata"]["name"]: (one.get("status") or {}) for one in self.plane.api.items(path)}

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Name to (verdict, reason) of all TrainingJobs."""
        found = {name: status.get("verdict") or {} for name, status in self.statuses().items()}
        return {name: (verdict.get("value", ""), verdict.get("reason", "")) for name, verdict in found.items()}

    def verdict(self, name: str) -> tuple[str, str]:
        return self.verdicts()[name]

    def job(self, name: str) -> Document:
        return self.installation.job(name, self.namespace)

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
