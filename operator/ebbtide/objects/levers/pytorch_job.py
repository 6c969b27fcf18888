"""Kubeflow PyTorchJob: spec.runPolicy.suspend."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

PYTORCH_JOB: Final = kind(WorkloadKind.PyTorchJob, "pytorchjobs", "pytorchReplicaSpecs")
