"""Whether the object that `spec.pauseDuring` names lives: it exists, has not ended, and nothing holds it back."""

from dataclasses import replace
from typing import Final

from ebbtide.core.workload import Target, Workload
from ebbtide.objects.resources import DEPLOYMENTS, JOBS, TRAINING_JOBS
from ebbtide.objects.store import Store
from ebbtide.objects.views_job import JobStore

CRON_JOB: Final = "CronJob"
KINDS: Final = (JOBS.kind, CRON_JOB, TRAINING_JOBS.kind, DEPLOYMENTS.kind)
_ENDED: Final = frozenset({"True", "False"})
"""Values of the condition Succeeded of work that has ended."""


class Lives:
    """Looks into the stores of the kinds that are watched."""

    def __init__(self, jobs: JobStore, training_jobs: Store[Workload], deployments: Store[Workload]) -> None:
        self._jobs, self._training_jobs, self._deployments = jobs, training_jobs, deployments

    def joined(self, workload: Workload) -> Workload:
        """The workload with what is known of the object that it names; the very same where nothing has changed."""
        during, unusable = self._told(workload)
        if (workload.during, workload.during_unusable) == (during, unusable):
            return workload
        return replace(workload, during=during, during_unusable=unusable)

    def _told(self, workload: Workload) -> tuple[str, str]:
        """(the sentence that says that it lives, why it cannot be followed)."""
        assert workload.pause_during is not None
        kind, name = workload.pause_during
        if kind not in KINDS:
            known = ", ".join(KINDS)
            return "", f"spec.pauseDuring names a {kind}, which this version does not watch: name one of {known}"
        if self._leads_back(workload):
            return "", f"spec.pauseDuring: {kind} {name} waits for this work in turn: neither is paused for the other"
        return (f"{kind} {name} runs" if self._lives(workload.key.namespace, kind, name) else ""), ""

    def _lives(self, namespace: str, kind: str, name: str) -> bool:
        if kind == JOBS.kind:
            job = self._jobs.named(namespace, name)
            return job is not None and _is_open(job.target)
        if kind == CRON_JOB:
            return self._some_run_lives(namespace, name)
        if kind == TRAINING_JOBS.kind:
            return self._training_job_lives(self._find(self._training_jobs, namespace, name))
        found = self._find(self._deployments, namespace, name)
        return found is not None and found.target is not None and _is_open(found.target)

    def _some_run_lives(self, namespace: str, name: str) -> bool:
        """Of a CronJob: its Jobs bear its name, a dash and the minute that they are for."""
        runs = (job for job in self._jobs.values() if job.controller_kind == CRON_JOB)
        return any(
            job.target.namespace == namespace
            and job.target.name.rpartition("-")[0] == name
            and job.target.name.rpartition("-")[2].isdigit()
            and _is_open(job.target)
            for job in runs
        )

    def _training_job_lives(self, found: Workload | None) -> bool:
        """One whose Job is not created yet is about to run."""
        if found is None or found.intent.suspend or found.invalid is not None:
            return False
        if any(it.type == "Succeeded" and it.status in _ENDED for it in found.memory.conditions):
            return False
        job = self._jobs.named(found.key.namespace, found.key.name)
        return job is None or _is_open(job.target)

    def _leads_back(self, workload: Workload) -> bool:
        """Work that waits for each other would stop and start each other for ever."""
        seen, at = {workload.uid}, workload
        while at.pause_during is not None and at.pause_during[0] == TRAINING_JOBS.kind:
            found = self._find(self._training_jobs, workload.key.namespace, at.pause_during[1])
            if found is None:
                return False
            if found.uid in seen:
                return True
            seen.add(found.uid)
            at = found
        return False

    @staticmethod
    def _find(store: Store[Workload], namespace: str, name: str) -> Workload | None:
        found = (it for it in store.values() if it.key.name == name and it.key.namespace == namespace)
        return next(found, None)


def _is_open(target: Target) -> bool:
    return not target.suspended and target.finished is None
