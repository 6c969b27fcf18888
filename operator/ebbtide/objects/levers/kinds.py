"""Every kind of workload, each from its own file; the order is that of the `kinds` in policies."""

from collections.abc import Mapping
from typing import Final

from ebbtide.core.workload import Target
from ebbtide.objects.levers.cron_job import CRON_JOB
from ebbtide.objects.levers.deployment import DEPLOYMENT
from ebbtide.objects.levers.inference_service import INFERENCE_SERVICE
from ebbtide.objects.levers.jax_job import JAX_JOB
from ebbtide.objects.levers.job import JOB
from ebbtide.objects.levers.job_set import JOB_SET
from ebbtide.objects.levers.kind import Kind
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.levers.leader_worker_set import LEADER_WORKER_SET
from ebbtide.objects.levers.lever import Lever
from ebbtide.objects.levers.mpi_job import MPI_JOB
from ebbtide.objects.levers.notebook import NOTEBOOK
from ebbtide.objects.levers.paddle_job import PADDLE_JOB
from ebbtide.objects.levers.pod import POD
from ebbtide.objects.levers.pytorch_job import PYTORCH_JOB
from ebbtide.objects.levers.ray_cluster import RAY_CLUSTER
from ebbtide.objects.levers.ray_job import RAY_JOB
from ebbtide.objects.levers.scaled_object import SCALED_OBJECT
from ebbtide.objects.levers.stateful_set import STATEFUL_SET
from ebbtide.objects.levers.tf_job import TF_JOB
from ebbtide.objects.levers.train_job import TRAIN_JOB
from ebbtide.objects.levers.volcano_job import VOLCANO_JOB
from ebbtide.objects.levers.workflow import WORKFLOW
from ebbtide.objects.levers.workspace import WORKSPACE
from ebbtide.objects.levers.xgboost_job import XGBOOST_JOB
from ebbtide.objects.resources import BY_KIND, Resource

KINDS: Final = (
    JOB,
    CRON_JOB,
    JOB_SET,
    TRAIN_JOB,
    PYTORCH_JOB,
    MPI_JOB,
    TF_JOB,
    XGBOOST_JOB,
    PADDLE_JOB,
    JAX_JOB,
    RAY_JOB,
    RAY_CLUSTER,
    WORKFLOW,
    VOLCANO_JOB,
    DEPLOYMENT,
    STATEFUL_SET,
    LEADER_WORKER_SET,
    INFERENCE_SERVICE,
    SCALED_OBJECT,
    NOTEBOOK,
    WORKSPACE,
    POD,
)
"""Those that others create; TrainingJob and InferenceServer are ours."""

WATCHED_APART: Final = frozenset({JOB.name, DEPLOYMENT.name, POD.name})
"""Kinds that every fleet has, with views and stores of their own."""

OPTIONAL: Final = tuple(kind for kind in KINDS if kind.name not in WATCHED_APART)
"""Kinds that are looked for: what is not served costs nothing."""

LOOKED_FOR: Final = (*OPTIONAL, KUEUE_WORKLOAD)
"""Those, and what carries the lever of a workload without being one."""

BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}
"""By the name that policies and workloads bear."""

BY_OBJECT: Final[Mapping[tuple[str, str], Kind]] = {(kind.resource.group, kind.resource.kind): kind for kind in KINDS}
"""By API group and kind, as objects and owner references bear them."""

LEVERS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS if kind.stopped}
"""Kinds that can be stopped."""

CARRIERS: Final = (*LEVERS.values(), KUEUE_WORKLOAD)
"""Objects that may bear an original of ours."""


def kind_of(api_version: str, kind: str) -> Kind | None:
    """The kind of an object, in whatever version."""
    return BY_OBJECT.get((api_version.rpartition("/")[0], kind))


def resource_of(name: str) -> Resource | None:
    """Where the objects of a kind of workload are, or of one of ours."""
    known = BY_NAME.get(name)
    return known.resource if known is not None else BY_KIND.get(name)


def lever_of(target: Target) -> Lever | None:
    """What stops this very object; None: nothing does.

    The object that carries the lever need not be the workload: a kind that is stopped by another object gets its lever
    here, and that object as the `target` of the workload in the inventory.
    """
    if target.kind == KUEUE_WORKLOAD.resource.kind:
        return KUEUE_WORKLOAD
    found = kind_of(target.api_version, target.kind)
    return found if found is not None and found.stopped else None
