"""Kubeflow PaddleJob: spec.runPolicy.suspend."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

PADDLE_JOB: Final = kind(WorkloadKind.PaddleJob, "paddlejobs", "paddleReplicaSpecs")
