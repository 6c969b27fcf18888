"""The servers that the story asks and acts through: the API server, Prometheus, and the two command lines."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from e2e.demo.state import World
from e2e.demo.world import WORK
from e2e.plane.api import Api

Document = dict[str, Any]
_WINDOW = "8s"
_MIB_IN_GIB = 1024


class StoryError(Exception):
    """The story did not go as it must; a sentence says where it stopped."""


@dataclass(frozen=True, slots=True)
class Use:
    """What Prometheus knows of a workload's devices: means and peak over the last seconds, and the last memory."""

    devices: int
    mean: float
    peak: float
    held_gib: float
    watts: float
    unused_seconds: float
    """Since the last sample of work on any of them; 0 where none is known."""


class Servers:
    """Reads as the administrator; acts as the administrator or as the user, by kubectl and kubectl ebbtide only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._api = Api(Path(world.admin_kubeconfig), Path(world.workdir) / "pki")
        self._prometheus = requests.Session()
        self._prometheus.trust_env = False

    # -- the API server -----------------------------------------------------------------------------------------

    def version(self) -> str:
        return str(self._api.get("/version")["gitVersion"])

    def nodes(self) -> list[Document]:
        return list(self._api.items("/api/v1/nodes"))

    def policy(self, name: str) -> Document:
        return self._document(f"/apis/ebbtide.dev/v1alpha1/namespaces/{WORK}/costpolicies/{name}")

    def training_jobs(self) -> list[Document]:
        return list(self._api.items(f"/apis/ebbtide.dev/v1alpha1/namespaces/{WORK}/trainingjobs"))

    def status(self, name: str) -> Document:
        path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{WORK}/trainingjobs/{name}"
        found: Document = self._document(path).get("status") or {}
        return found

    def job(self, name: str) -> Document:
        return self._document(f"/apis/batch/v1/namespaces/{WORK}/jobs/{name}")

    def pods(self, name: str) -> list[Document]:
        return list(
            self._api.items(f"/api/v1/namespaces/{WORK}/pods?labelSelector=batch.kubernetes.io/job-name={name}")
        )

    def events(self) -> list[Document]:
        """Events about TrainingJobs in the order in which they happened."""
        found = self._api.items(f"/apis/events.k8s.io/v1/namespaces/{WORK}/events")
        return sorted((it for it in found if it["regarding"]["kind"] == "TrainingJob"), key=lambda it: it["eventTime"])

    def _document(self, path: str) -> Document:
        found: Document = self._api.get(path)
        return found

    # -- Prometheus ---------------------------------------------------------------------------------------------

    def prometheus_version(self) -> str:
        return str(self._ask("status/buildinfo", {})["version"])

    def use(self, name: str) -> Use | None:
        """None while Prometheus has no series of the workload."""
        where = f'{{exported_namespace="{WORK}",exported_pod=~"{name}-.+"}}'
        util, held, power = (f"DCGM_FI_DEV_{it}{where}" for it in ("GPU_UTIL", "FB_USED", "POWER_USAGE"))
        expressions = (
            f"count({util})",
            f"avg(avg_over_time({util}[{_WINDOW}]))",
            f"max(max_over_time({util}[{_WINDOW}]))",
            f"avg({held})",
            f"sum(avg_over_time({power}[{_WINDOW}]))",
            f"time() - max(max_over_time(timestamp({util} > 0)[5m:1s]))",
        )
        values = [self._number(it) for it in expressions]
        if values[0] is None:
            return None
        devices, mean, peak, mib, watts, unused = (it or 0.0 for it in values)
        return Use(round(devices), mean, peak, mib / _MIB_IN_GIB, watts, unused)

    def _number(self, expression: str) -> float | None:
        result = self._ask("query", {"query": expression})["result"]
        return float(result[0]["value"][1]) if result else None

    def _ask(self, name: str, parameters: dict[str, str]) -> Document:
        answer = self._prometheus.get(f"{self._world.prometheus_url}/api/v1/{name}", params=parameters, timeout=10)
        data: Document = answer.json()["data"]
        return data

    # -- command lines ------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, text: str | None = None) -> str:
        return self._run([str(Path(self._world.programs) / "kubectl"), *words], text)

    def ebbtide(self, *words: str, user: bool = False) -> str:
        program = str(Path(sys.executable).with_name("kubectl-ebbtide"))
        return self._run([program, *words, "-n", WORK], user=user)

    def _run(self, argv: list[str], text: str | None = None, *, user: bool = False) -> str:
        kubeconfig = self._world.user_kubeconfig if user else self._world.admin_kubeconfig
        done = subprocess.run(
            argv,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": kubeconfig},
        )
        if done.returncode != 0:
            raise StoryError(f"{Path(argv[0]).name} {' '.join(argv[1:])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
