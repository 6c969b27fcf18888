"""TrainingJob: work that runs to completion. Ebbtide creates a batch/v1 Job for it and owns that Job."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from pydantic import Field, Strict

from ebbtide.api.attribution import WorkAttribution
from ebbtide.api.fields import Flag, ObjectName, PositiveSeconds, Seconds, Timestamp
from ebbtide.api.model import ApiModel, Rule
from ebbtide.api.pod_template import PodTemplate
from ebbtide.api.resource import AGE, Column, Definition, Resource, condition_path
from ebbtide.api.training_job_status import TrainingJobStatus
from ebbtide.api.vocabulary import Permission, PolicyKind, WorkloadKind

MAX_NAME = 52
"""Leaves room for the index and suffix of indexed pods: 52 + "-9999" + "-abcde" is 63, the limit of a host name."""
MAX_WORKERS = 10_000


class CheckpointMode(StrEnum):
    """How the work survives being stopped."""

    NONE = "None"
    Periodic = "Periodic"
    OnSignal = "OnSignal"


class RestartScope(StrEnum):
    """What starts again when one worker fails."""

    Gang = "Gang"
    Pod = "Pod"


class Checkpoint(ApiModel):
    """How the work saves its progress; it decides whether the work may be paused."""

    rules: ClassVar = (
        Rule(
            "!has(self.mode) || self.mode != 'Periodic' || has(self.intervalSeconds)",
            "mode Periodic needs intervalSeconds: the time between two checkpoints, which is the most that can be lost",
            ".intervalSeconds",
            lambda it: it.mode is not CheckpointMode.Periodic or it.interval_seconds is not None,
        ),
        Rule(
            "!has(self.mode) || self.mode != 'OnSignal' || has(self.graceSeconds)",
            "mode OnSignal needs graceSeconds: the time from SIGTERM to the finished checkpoint",
            ".graceSeconds",
            lambda it: it.mode is not CheckpointMode.OnSignal or it.grace_seconds is not None,
        ),
    )

    mode: CheckpointMode = CheckpointMode.NONE
    """None: a stop loses all work. Periodic: a checkpoint every intervalSeconds. OnSignal: one on SIGTERM."""
    interval_seconds: PositiveSeconds | None = None
    """Periodic: at most this much work is lost, in seconds."""
    grace_seconds: PositiveSeconds | None = None
    """OnSignal: seconds from SIGTERM to the finished checkpoint; the pods get 30 more before they are killed."""


class PolicyRef(ApiModel):
    """Names the policy that governs, whatever its selector says."""

    kind: PolicyKind
    """CostPolicy (of the same namespace) or ClusterCostPolicy."""
    name: ObjectName
    """Name of the policy. One that is missing or not Accepted means: watch only."""


class Queue(ApiModel):
    """Run through Kueue."""

    name: ObjectName
    """Name of the LocalQueue in the same namespace."""
    priority_class_name: ObjectName | None = None
    """Kueue's WorkloadPriorityClass."""


class PauseDuring(ApiModel):
    """An object during whose run this work is paused."""

    kind: WorkloadKind
    """Kind of the object, in the same namespace: Job, CronJob, TrainingJob or Deployment; no other has effect."""
    name: ObjectName
    """Its name."""


class TrainingJobSpec(ApiModel):
    """What is to run, and what it allows."""

    rules: ClassVar = (
        Rule(
            "self.workers == oldSelf.workers",
            "workers cannot be changed: delete the TrainingJob and create it with the new number",
            ".workers",
        ),
        # For undeclared fields Kubernetes (seen in 1.36.4) compares their number and those in both objects, so one
        # swapped for another slips through. It changes nothing: the Job keeps the template it was created with.
        Rule(
            "self.template == oldSelf.template",
            "template cannot be changed: delete the TrainingJob and create it with the new template",
            ".template",
        ),
    )

    workers: Annotated[int, Strict(), Ge(1), Le(MAX_WORKERS)] = 1
    """Pods of the gang; they start and stop together. Cannot be changed."""
    expected_seconds: PositiveSeconds | None = None
    """How long the work takes on the hardware it requests, in seconds. Absent: nobody knows how long a pause may last,
    so work with a deadline is warned about and never paused for idleness (NoEstimate)."""
    deadline: Timestamp | None = None
    """Finish by this time, RFC 3339."""
    interruptible: Flag = False
    """true: may run on capacity that can be taken away (spot). Accepted; no effect yet."""
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    """How the work saves its progress. Absent: it does not, and policies treat it as lost when stopped."""
    attribution: WorkAttribution = Field(default_factory=WorkAttribution)
    """Who pays: becomes labels and annotations of everything created for this work."""
    policy_ref: PolicyRef | None = None
    """The policy that governs. Absent: the selectors of policies decide."""
    queue: Queue | None = None
    """Run through Kueue. Absent: without a queue."""
    resize: Permission = Permission.Denied
    """Allowed: right-sizing may change requests at a resume. Accepted; no effect yet."""
    pause_during: PauseDuring | None = None
    """Paused while that object runs, resumed when it ends."""
    retries: Annotated[int, Strict(), Ge(0), Le(1000)] = 6
    """Failed attempts that are tried again. Pods that are taken away (spot, drain) do not count."""
    restart_scope: RestartScope = RestartScope.Gang
    """What starts again when a worker fails: Gang (all workers) or Pod (that worker)."""
    suspend: Flag = False
    """Your own switch: true always keeps the work from running; false expresses no wish."""
    ttl_seconds_after_finished: Seconds | None = None
    """Remove the work this many seconds after it finished. Accepted; no effect yet. Finished work is kept."""
    template: PodTemplate
    """The pods, as in a Job. Accelerators are requested in containers[].resources.limits. Cannot be changed."""


class TrainingJob(Resource):
    """Work that runs to completion on accelerators.

    Ebbtide runs it as a Job, may pause it when the policy that governs it says so, and reports why and what that saves.
    """

    definition: ClassVar = Definition(
        kind="TrainingJob",
        plural="trainingjobs",
        singular="trainingjob",
        short_name="tjob",
        scope="Namespaced",
        columns=(
            Column("STATE", condition_path("Succeeded", "reason"), description="The deciding reason."),
            Column("GPUS", ".status.gpus", "integer", "Accelerators held now."),
            Column("CLASS", ".status.capacityClass", description="Kind of capacity; the last one used while paused."),
            Column("COST/H", ".status.cost.hourly", description="Cost of one hour now."),
            Column("TOTAL", ".status.cost.total", description="Cost so far; not counted yet."),
            Column("SAVED", ".status.cost.saved", description="Saved so far; not counted yet."),
            Column("DEADLINE", ".spec.deadline", description="To be finished by."),
            AGE,
        ),
    )

    rules: ClassVar = (
        Rule(
            f"size(self.metadata.name) <= {MAX_NAME}",
            f"the name of a TrainingJob has at most {MAX_NAME} characters, because the names of its pods add to it: "
            "write a shorter one",
            ".metadata.name",
            lambda it: len(it.metadata.name) <= MAX_NAME,
        ),
        Rule(
            "!self.metadata.name.contains('.')",
            "the name of a TrainingJob has no dot, because it becomes part of host names: write a dash instead",
            ".metadata.name",
            lambda it: "." not in it.metadata.name,
        ),
        Rule(
            "!has(self.spec.workers) || self.spec.workers == 1 || self.metadata.name.matches('^[a-z]')",
            "with more than one worker the name of a TrainingJob starts with a letter, because its Service has the "
            "same name",
            ".metadata.name",
            lambda it: it.spec.workers == 1 or bool(re.match("[a-z]", it.metadata.name)),
        ),
        Rule(
            "!has(self.spec.pauseDuring) || !(self.spec.pauseDuring.kind in ['TrainingJob', 'Job']) || "
            "self.spec.pauseDuring.name != self.metadata.name",
            "pauseDuring names this TrainingJob itself, or its Job: name another object",
            ".spec.pauseDuring",
            lambda it: not _names_itself(it),
        ),
    )

    spec: TrainingJobSpec
    """What is to run, and what it allows."""
    status: TrainingJobStatus = Field(default_factory=TrainingJobStatus)
    """What Ebbtide sees and does. Written by the operator only."""


def _names_itself(job: TrainingJob) -> bool:
    during = job.spec.pause_during
    own = {WorkloadKind.TrainingJob, WorkloadKind.Job}
    return during is not None and during.kind in own and during.name == job.metadata.name
