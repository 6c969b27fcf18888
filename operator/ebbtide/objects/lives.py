"""Whether the object that `spec.pauseDuring` names lives: it exists, has not ended, and nothing holds it back.

A Job that waits in a queue of Kueue's lives, as one lives whose pods wait for a node: what steps aside for it may be
what it waits for.
"""

from dataclasses import replace
from typing import Final

from ebbtide.core.workload import Target, Workload
from ebbtide.objects.queueing import QueueStore
from ebbtide.objects.resources import DEPLOYMENTS, JOBS, TRAINING_JOBS
from ebbtide.objects.store import Store
from ebbtide.objects.views_job import JobStore

CRON_JOB: Final = "CronJob"
KINDS: Final = (JOBS.kind, CRON_JOB, TRAINING_JOBS.kind, DEPLOYMENTS.kind)
_RUNS: Final = "runs"
_ENDED: Final = frozenset({"True", "False"})
"""Values of the condition Succeeded of work that has ended."""


class Lives:
    """Looks into the stores of the kinds that are watched."""

    def __init__(
        self, jobs: JobStore, training_jobs: Store[Workload], deployments: Store[Workload], queue: QueueStore
    ) -> None:
        self._jobs, self._training_jobs, self._deployments, self._queue = jobs, training_jobs, deployments, queue

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
        how = self._how(workload.key.namespace, kind, name)
        return (f"{kind} {name} {how}" if how else ""), ""

    def _how(self, namespace: str, kind: str, name: str) -> str:
        """What it does while it lives; empty where it does not."""
        if kind == JOBS.kind:
            job = self._jobs.named(namespace, name)
            return self._of(job.target) if job is not None else ""
        if kind == CRON_JOB:
            return self._of_runs(namespace, name)
        if kind == TRAINING_JOBS.kind:
            return self._of_training_job(self._find(self._training_jobs, namespace, name))
        found = self._find(self._deployments, namespace, name)
        return self._of(found.target) if found is not None and found.target is not None else ""

    def _of_runs(self, namespace: str, name: str) -> str:
        """Of a CronJob: its Jobs bear its name, a dash and the minute that they are for."""
        runs = (
            self._of(job.target)
            for job in self._jobs.values()
            if job.controller_kind == CRON_JOB
            and job.target.namespace == namespace
            and job.target.name.rpartition("-")[0] == name
            and job.target.name.rpartition("-")[2].isdigit()
        )
        return next(filter(None, runs), "")

    def _of_training_job(self, found: Workload | None) -> str:
        """One whose Job is not created yet is about to run, unless somebody or something holds it back."""
        if found is None or found.intent.suspend or found.invalid is not None:
            return ""
        if any(it.type == "Succeeded" and it.status in _ENDED for it in found.memory.conditions):
            return ""
        job = self._jobs.named(found.key.namespace, found.key.name)
        if job is not None:
            return self._of(job.target)
        return "" if self._is_held_back(found) else _RUNS

    def _is_held_back(self, found: Workload) -> bool:
        """A human, a refused template or a name that is taken, or what it waits for itself."""
        refused = any(it.type == "Accepted" and it.status == "False" for it in found.memory.conditions)
        waits = found.pause_during is not None and bool(self._told(found)[0])
        return found.intent.override == "Paused" or refused or waits

    def _leads_back(self, workload: Workload) -> bool:
        """Work that waits for each other would stop and start each other for ever."""
        seen: set[str] = set()
        at: Workload | None = workload
        while at is not None:
            if at.uid in seen:
                return True
            seen.add(at.uid)
            at = self._named_work(at)
        return False

    def _named_work(self, workload: Workload) -> Workload | None:
        """The TrainingJob that it names, by its own name or by its Job's, which is the same."""
        if workload.pause_during is None or workload.pause_during[0] not in {TRAINING_JOBS.kind, JOBS.kind}:
            return None
        kind, name = workload.pause_during
        found = self._find(self._training_jobs, workload.key.namespace, name)
        job = self._jobs.named(workload.key.namespace, name) if kind == JOBS.kind else None
        is_its_own = found is not None and (job is None or job.controller_uid == found.uid)
        return found if is_its_own else None

    @staticmethod
    def _find(store: Store[Workload], namespace: str, name: str) -> Workload | None:
        found = (it for it in store.values() if it.key.name == name and it.key.namespace == namespace)
        return next(found, None)

    def _of(self, target: Target) -> str:
        """What Kueue itself has suspended waits, unless somebody deactivated it."""
        if target.finished is not None:
            return ""
        if not target.suspended:
            return _RUNS
        entry = self._queue.of(target.uid)
        waits = entry is not None and not entry.lever.suspended and entry.lever.finished is None
        return f"waits in queue {entry.queue}" if entry is not None and waits else ""
