"""Kueue's own manager beside a plane: its manifests, its ServiceAccount, its webhooks.

The manifests are those of the Go module at the version that was built (`config/default`), read where Go keeps it and
applied as they stand, but for what a machine without containers cannot have: the Deployment, and Services that lead to
its pods. The API server reaches the webhooks through an ExternalName Service of the same name, so that the certificates
are the ones that Kueue makes for itself. A kubelet would mount their Secret; `_mount` does.
"""

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.binaries.families import KUEUE
from e2e.plane.errors import PlaneError
from e2e.plane.plane import Plane
from e2e.plane.ports import HOST, accepts, free_ports
from e2e.plane.process import Component
from e2e.plane.waiting import wait_until

NAME: Final = KUEUE.name
NAMESPACE: Final = "kueue-system"
SERVICE_ACCOUNT: Final = "kueue-controller-manager"
USER: Final = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
"""Who it is in the audit log."""
_SECRET: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets/kueue-webhook-server-cert"
_SERVICE: Final = "kueue-webhook-service"
_LEFT_OUT: Final = frozenset({"Deployment", "Service", "APIService", "ConfigMap"})
_READY_SECONDS: Final = 60.0

Document = dict[str, Any]


class Kueue:
    """A running manager. `frameworks` are integrations by the names of its configuration file.

    Those of kinds that others define (`jobset.x-k8s.io/jobset`) need their CRDs before it starts.
    """

    def __init__(self, plane: Plane, program: Path, frameworks: Sequence[str] = ("batch/job", "pod")) -> None:
        self._plane, self._program, self._frameworks = plane, program, tuple(frameworks)
        self._folder = plane.workdir / NAME
        self._certificates = self._folder / "certificates"
        self._webhook_port, self._health_port = free_ports(2)

    @property
    def component(self) -> Component:
        return self._plane.parts[NAME]

    def start(self) -> "Kueue":
        """Installs and starts it, and waits until its webhooks answer. Raises PlaneError with its last log lines."""
        self._certificates.mkdir(parents=True, exist_ok=True)
        self._install()
        kubeconfig = self._plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
        argv = [str(self._program), f"--config={self._configuration()}", f"--kubeconfig={kubeconfig}"]
        component = self._plane.run(NAME, argv)
        component.wait_ready(self._mount, _READY_SECONDS)
        component.wait_ready(lambda: accepts(self._webhook_port), _READY_SECONDS)
        wait_until(self._answers, "an answer of Kueue's webhooks", _READY_SECONDS)
        return self

    def stop(self) -> None:
        self.component.stop()

    def _install(self) -> None:
        documents = list(_manifests(self._plane, self._webhook_port))
        file = self._folder / "manifests.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}), encoding="utf-8")
        self._plane.kubectl("apply", "--server-side", "-f", str(file))
        served = "/apis/kueue.x-k8s.io/v1beta2/workloads"
        wait_until(lambda: self._plane.api.answers(served), "Kueue's kinds being served", 30)

    def _configuration(self) -> Path:
        wanted = {
            "apiVersion": "config.kueue.x-k8s.io/v1beta2",
            "kind": "Configuration",
            "health": {"healthProbeBindAddress": f"{HOST}:{self._health_port}"},
            "metrics": {"bindAddress": "0"},
            "webhook": {"host": HOST, "port": self._webhook_port, "certDir": str(self._certificates)},
            "leaderElection": {"leaderElect": False},
            "integrations": {"frameworks": list(self._frameworks)},
            # It would serve an aggregated API on a port and in a folder that cannot be chosen.
            "featureGates": {"VisibilityOnDemand": False},
        }
        file = self._folder / "configuration.yaml"
        file.write_text(yaml.safe_dump(wanted), encoding="utf-8")
        return file

    def _mount(self) -> bool:
        """Lays the Secret's files where the kubelet would have mounted them; False while it is empty."""
        data = self._plane.api.get(_SECRET).get("data") or {}
        for name in ("ca.crt", "tls.key", "tls.crt"):
            if name in data:
                (self._certificates / name).write_bytes(base64.b64decode(data[name]))
        return "tls.crt" in data

    def _answers(self) -> bool:
        """A dry run that passes its webhooks; they refuse connections for a moment after the port is open."""
        flavor = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "probe"}}
        path = "/apis/kueue.x-k8s.io/v1beta2/resourceflavors?dryRun=All"
        return bool(self._plane.api.send("POST", path, flavor, check=False)["kind"] == "ResourceFlavor")


def _manifests(plane: Plane, port: int) -> Iterator[Document]:
    """What its own overlay gives, with the port of the webhooks in it."""
    text = plane.kubectl("kustomize", str(module_folder() / "config" / "default")).stdout
    for document in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if document["kind"] not in _LEFT_OUT:
            yield _reachable(document, port)
    spec = {"type": "ExternalName", "externalName": HOST}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": _SERVICE, "namespace": NAMESPACE}, "spec": spec}


def _reachable(document: Document, port: int) -> Document:
    """The same, with the port wherever a webhook's Service is named. An ExternalName has no port of its own."""
    conversion = document.get("spec", {}).get("conversion") or {}
    for webhook in [*document.get("webhooks", ()), *([conversion["webhook"]] if "webhook" in conversion else [])]:
        webhook["clientConfig"]["service"]["port"] = port
    return document


def module_folder() -> Path:
    """Where Go keeps the module that was built; it is downloaded where that is gone. Raises PlaneError."""
    asked = subprocess.run(
        ["go", "mod", "download", "-json", KUEUE.module], cwd=KUEUE.folder, capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        raise PlaneError(f"`go mod download {KUEUE.module}` in {KUEUE.folder}: {asked.stderr.strip() or asked.stdout}")
    return Path(json.loads(asked.stdout)["Dir"])
