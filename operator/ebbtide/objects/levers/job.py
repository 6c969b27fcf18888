"""batch/v1 Job: spec.suspend. Suspending deletes the pods with their grace period; finished indexes stay finished."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ebbtide.objects.resources import JOBS, Resource

SUSPEND = "/spec/suspend"


@dataclass(frozen=True, slots=True)
class JobLever:
    """The lever of Jobs, those of TrainingJobs included."""

    resource: Resource = JOBS
    stopped: Mapping[str, object] = field(default_factory=lambda: {SUSPEND: True})
    running: Mapping[str, object] = field(default_factory=lambda: {SUSPEND: False})

    def is_over(self, document: Mapping[str, Any]) -> bool:
        """Complete or Failed."""
        conditions = document.get("status", {}).get("conditions") or ()
        return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions)
