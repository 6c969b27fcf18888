"""Kubeflow XGBoostJob: spec.runPolicy.suspend."""

from typing import Final

from ebbtide.api.vocabulary import WorkloadKind
from ebbtide.objects.levers.replica_specs import kind

XGBOOST_JOB: Final = kind(WorkloadKind.XGBoostJob, "xgboostjobs", "xgbReplicaSpecs")
