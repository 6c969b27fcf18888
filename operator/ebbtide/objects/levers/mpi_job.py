"""Kubeflow MPIJob: spec.runPolicy.suspend. The training operator serves v1, the MPI operator v2beta1; both have it.

The MPI operator runs the launcher as a Job that the MPIJob controls, and the workers as pods of the MPIJob.
"""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

MPI_JOB: Final = kind(WorkloadKind.MPIJob, "mpijobs", "mpiReplicaSpecs", older=("v2beta1",))
