"""Whether the object that `spec.pauseDuring` names lives: it exists, has not ended, and nothing holds it back.

A Job that waits in a queue of Kueue's lives, as one lives whose pods wait for a node: what steps aside for it may be
what it waits for.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

from ebbtide.core.workload import Target, Workload
from ebbtide.objects.queueing import QueueStore
from ebbtide.objects.resources import DEPLOYMENTS, JOBS, TRAINING_JOBS
from ebbtide.objects.store import Store
from ebbtide.objects.views_job import JobStore

CRON_JOB: Final = "CronJob"
KINDS: Final = (JOBS.kind, CRON_JOB, TRAINING_JOBS.kind, DEPLOYMENTS.kind)
MOST_LINKS: Final = 16
"""So many TrainingJobs in a row may wait for each other. Each look at one walks the rest of its chain."""
_RUNS: Final = "runs"
_ENDED: Final = frozenset({"True", "False"})
"""Values of the condition Succeeded of work that has ended."""
_Named = Mapping[tuple[str, str], Workload]
"""Objects of one kind by namespace and name."""

_log = logging.getLogger(__name__)


class Lives:
    """Looks into the stores of the kinds that are watched, at one instant: an observation makes one of its own.

    Every object is looked at once, and an index of names is made when the first name is asked for.
    """

    def __init__(
        self, jobs: JobStore, training_jobs: Store[Workload], deployments: Store[Workload], queue: QueueStore
    ) -> None:
        self._jobs, self._training_jobs, self._deployments, self._queue = jobs, training_jobs, deployments, queue
        self._known: dict[str, tuple[str, str]] = {}

    def joined(self, workload: Workload) -> Workload:
        """The workload with what is known of the object that it names; the very same where nothing has changed."""
        during, unusable = self._told(workload)
        if (workload.during, workload.during_unusable) == (during, unusable):
            return workload
        return replace(workload, during=during, during_unusable=unusable)

    def _told(self, workload: Workload) -> tuple[str, str]:
        """(the sentence that says that it lives, why it cannot be followed)."""
        known = self._known.get(workload.uid)
        if known is None:
            known = self._known[workload.uid] = self._looked_up(workload)
        return known

    def _looked_up(self, workload: Workload) -> tuple[str, str]:
        try:
            return self._found(workload)
        except Exception:  # noqa: BLE001 - a mistake of ours about one must not keep all others from being seen
            _log.exception("%s: spec.pauseDuring could not be followed; it is taken for unusable", workload.key)
            return "", "spec.pauseDuring could not be followed, by a mistake of Ebbtide's own: see the operator's log"

    def _found(self, workload: Workload) -> tuple[str, str]:
        assert workload.pause_during is not None
        kind, name = workload.pause_during
        if kind not in KINDS:
            known = ", ".join(KINDS)
            return "", f"spec.pauseDuring names a {kind}, which this version does not watch: name one of {known}"
        if why := self._unusable(workload):
            return "", f"spec.pauseDuring: {kind} {name} {why}"
        how = self._how(workload.key.namespace, kind, name)
        return (f"{kind} {name} {how}" if how else ""), ""

    def _how(self, namespace: str, kind: str, name: str) -> str:
        """What it does while it lives; empty where it does not."""
        if kind == JOBS.kind:
            job = self._jobs.named(namespace, name)
            return self._of(job.target) if job is not None else ""
        if kind == CRON_JOB:
            return self._runs.get((namespace, name), "")
        if kind == TRAINING_JOBS.kind:
            return self._of_training_job(self._trainings.get((namespace, name)))
        found = self._servers.get((namespace, name))
        return self._of(found.target) if found is not None and found.target is not None else ""

    @cached_property
    def _trainings(self) -> _Named:
        return _by_name(self._training_jobs)

    @cached_property
    def _servers(self) -> _Named:
        return _by_name(self._deployments)

    @cached_property
    def _runs(self) -> Mapping[tuple[str, str], str]:
        """What the runs of every CronJob do: Jobs that bear its name, a dash and the minute that they are for."""
        found: dict[tuple[str, str], str] = {}
        for job in self._jobs.values():
            name, _, minute = job.target.name.rpartition("-")
            if job.controller_kind == CRON_JOB and minute.isdigit() and (how := self._of(job.target)):
                found.setdefault((job.target.namespace, name), how)
        return found

    def _of_training_job(self, found: Workload | None) -> str:
        """One whose Job is not created yet is about to run, unless somebody or something holds it back."""
        if found is None or found.intent.suspend or found.invalid is not None or _has_ended(found):
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

    def _unusable(self, workload: Workload) -> str:
        """Work that waits for each other would stop and start each other for ever. What has ended waits no more."""
        seen = {workload.uid}
        at = self._named_work(workload)
        while at is not None and not _has_ended(at):
            if at.uid in seen:
                return "waits for this work in turn: neither is paused for the other"
            if len(seen) > MOST_LINKS:
                return f"waits in turn, and more than {MOST_LINKS} in a row are not followed: name one further on"
            seen.add(at.uid)
            at = self._named_work(at)
        return ""

    def _named_work(self, workload: Workload) -> Workload | None:
        """The TrainingJob that it names, by its own name or by its Job's, which is the same."""
        if workload.pause_during is None or workload.pause_during[0] not in {TRAINING_JOBS.kind, JOBS.kind}:
            return None
        kind, name = workload.pause_during
        job = self._jobs.named(workload.key.namespace, name) if kind == JOBS.kind else None
        if job is None:
            return self._trainings.get((workload.key.namespace, name))
        found = self._training_jobs.get(job.controller_uid) if job.controller_kind == TRAINING_JOBS.kind else None
        return found if found is not None and found.key.name == name else None

    def _of(self, target: Target) -> str:
        """What Kueue itself has suspended waits, unless somebody deactivated it."""
        if target.finished is not None:
            return ""
        if not target.suspended:
            return _RUNS
        entry = self._queue.of(target.uid)
        waits = entry is not None and not entry.lever.suspended and entry.lever.finished is None
        return f"waits in queue {entry.queue}" if entry is not None and waits else ""


def _by_name(store: Store[Workload]) -> _Named:
    return {(it.key.namespace, it.key.name): it for it in store.values()}


def _has_ended(training_job: Workload) -> bool:
    return any(it.type == "Succeeded" and it.status in _ENDED for it in training_job.memory.conditions)
