"""Kubeflow TFJob: spec.runPolicy.suspend."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

TF_JOB: Final = kind(WorkloadKind.TFJob, "tfjobs", "tfReplicaSpecs")
