"""CRDs of other systems, read from the Go modules that their makers publish; nothing of them is in this repository.

Where no module has one (Notebook, Workspace, Volcano Job) there is a minimal CRD of our own, which checks no more than
that the lever's field is what it should be: results with it say "own minimal CRD".
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.plane import Plane
from e2e.plane.waiting import wait_until

Document = dict[str, Any]
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Source:
    """One module, and where in it CRDs lie."""

    module: str
    folder: str


JOBSET: Final = Source("sigs.k8s.io/jobset@v0.11.0", "config/components/crd/bases")
LWS: Final = Source("sigs.k8s.io/lws@v0.8.0", "config/crd/bases")
KSERVE: Final = Source("github.com/kserve/kserve@v0.17.0", "config/crd/full")
TRAINER: Final = Source("github.com/kubeflow/trainer/v2@v2.2.0", "manifests/base/crds")
TRAINING: Final = Source("github.com/kubeflow/training-operator@v1.9.3", "manifests/base/crds")
RAY: Final = Source("github.com/ray-project/kuberay/ray-operator@v1.6.0", "config/crd/bases")
KEDA: Final = Source("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases")
ARGO: Final = Source("github.com/argoproj/argo-workflows/v3@v3.7.3", "manifests/base/crds/minimal")

MODULES: Final = {
    "JobSet": (JOBSET, "jobset.x-k8s.io_jobsets.yaml"),
    "LeaderWorkerSet": (LWS, "leaderworkerset.x-k8s.io_leaderworkersets.yaml"),
    "InferenceService": (KSERVE, "serving.kserve.io_inferenceservices.yaml"),
    "TrainJob": (TRAINER, "trainer.kubeflow.org_trainjobs.yaml"),
    "PyTorchJob": (TRAINING, "kubeflow.org_pytorchjobs.yaml"),
    "MPIJob": (TRAINING, "kubeflow.org_mpijobs.yaml"),
    "TFJob": (TRAINING, "kubeflow.org_tfjobs.yaml"),
    "XGBoostJob": (TRAINING, "kubeflow.org_xgboostjobs.yaml"),
    "PaddleJob": (TRAINING, "kubeflow.org_paddlejobs.yaml"),
    "JAXJob": (TRAINING, "kubeflow.org_jaxjobs.yaml"),
    "RayJob": (RAY, "ray.io_rayjobs.yaml"),
    "RayCluster": (RAY, "ray.io_rayclusters.yaml"),
    "ScaledObject": (KEDA, "keda.sh_scaledobjects.yaml"),
    "Workflow": (ARGO, "argoproj.io_workflows.yaml"),
}
"""Kind to the module and file that has its CRD. Argo's minimal one checks nothing; its full one is 3 MB."""

_BOOLEAN: Final = {"type": "boolean"}
MINIMAL: Final[dict[str, tuple[str, str, str, str, Document]]] = {
    "Notebook": ("kubeflow.org", "v1", "notebooks", "Notebook", {}),
    "Workspace": ("kubeflow.org", "v1beta1", "workspaces", "Workspace", {"paused": _BOOLEAN}),
    "VolcanoJob": ("batch.volcano.sh", "v1alpha1", "jobs", "Job", {}),
}
"""Kind to group, version, plural, own kind and the fields of its spec that are checked."""


def is_own(kind: str) -> bool:
    """Whether its CRD here is a minimal one of our own."""
    return kind in MINIMAL


def names() -> list[str]:
    """Every kind that needs a CRD."""
    return [*MODULES, *MINIMAL]


def crd(kind: str) -> Document:
    """The CustomResourceDefinition of that kind. LookupError, with a sentence, where the module cannot be had."""
    return _minimal(*MINIMAL[kind]) if kind in MINIMAL else _of_module(*MODULES[kind])


def install(plane: Plane, *kinds: str) -> None:
    """Create their CRDs and wait until they are served."""
    path, wanted = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", set()
    for kind in kinds:
        document = crd(kind)
        wanted.add(document["metadata"]["name"])
        answer = plane.api.send("POST", path, document, check=False)
        if answer.get("code") not in {None, 409}:
            raise LookupError(f"the CRD of {kind} is refused: {answer.get('message')}")

    def established() -> bool:
        return wanted <= {it["metadata"]["name"] for it in plane.api.items(path) if _is_established(it)}

    wait_until(established, f"CRDs of {', '.join(kinds)} to be served", 60)


def _is_established(document: Document) -> bool:
    conditions = document.get("status", {}).get("conditions") or ()
    return any((it["type"], it["status"]) == ("Established", "True") for it in conditions)


def _of_module(source: Source, file: str) -> Document:
    folder = _folder(source.module) / source.folder
    for path in sorted(folder.rglob(file)):
        # Two of them are megabytes: with libyaml a second each, without it ten.
        for found in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_LOADER):
            if isinstance(found, dict) and found.get("kind") == "CustomResourceDefinition":
                return _alone(found)
    raise LookupError(f"{source.module} has no CRD {source.folder}/{file}")


@cache
def _folder(module: str) -> Path:
    try:
        command = ["go", "mod", "download", "-json", module]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=300)
        return Path(json.loads(done.stdout)["Dir"])
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        raise LookupError(f"the Go module {module} cannot be had here: {error!r}") from error


def _alone(document: Document) -> Document:
    """Without conversion by a webhook that does not run here."""
    spec = {key: value for key, value in document["spec"].items() if key != "conversion"}
    meta = {"name": document["metadata"]["name"], "annotations": dict(_approved(document))}
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": meta, "spec": spec}


def _approved(document: Document) -> Iterator[tuple[str, str]]:
    """Groups under k8s.io are served only with this annotation."""
    for key, value in (document["metadata"].get("annotations") or {}).items():
        if key.startswith("api-approved.kubernetes.io"):
            yield key, value


def _minimal(group: str, version: str, plural: str, kind: str, fields: Document) -> Document:
    keeps = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": {**keeps, "properties": fields}, "status": keeps}}
    served = {"name": version, "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }
