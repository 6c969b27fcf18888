"""Kubeflow JAXJob: spec.runPolicy.suspend."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

JAX_JOB: Final = kind(WorkloadKind.JAXJob, "jaxjobs", "jaxReplicaSpecs")
