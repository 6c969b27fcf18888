"""A kind cluster with everything that the demo's local control plane has, and the connections to it."""

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import yaml

from e2e.demo.kind import manifests
from e2e.demo.kind.images import EBBTIDE, EXPORTER, ROOT, build_images
from e2e.demo.kind.person import write_person
from e2e.demo.kind.tools import Runner, Tools
from e2e.demo.state import World
from e2e.installation import CHART, NAMESPACE, RELEASE, SECOND_BY_SECOND, merged
from e2e.plane.errors import PlaneError
from e2e.plane.kubeconfig import Access, read_kubeconfig, write_kubeconfig
from e2e.plane.lifetime import Lifetime
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard

NAME: Final = "ebbtide-demo"
CONFIG: Final = ROOT / "e2e" / "kind.yaml"
CONTROL_PLANE: Final = f"{NAME}-control-plane"
AUDIT_LOG: Final = "/var/log/kubernetes/audit.log"
_IN_CLUSTER: Final = "https://kubernetes.default.svc"
_PATIENCE: Final = "--timeout=300s"
"""The images of the nodes, KWOK and Prometheus come over the network the first time."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the cluster is to have: chart values, simulated nodes, and a user with cluster roles in one namespace."""

    values: Mapping[str, Any]
    nodes: int
    speedup: float
    work: str
    user: str
    roles: tuple[str, ...]


class KindCluster(Lifetime):
    """Created, filled and connected by `start`, deleted by `stop`; use it in a `with`.

    `tell` hears what is being started, `stopping` ends a start early.
    """

    def __init__(
        self,
        workdir: Path,
        tools: Tools,
        wishes: Wishes,
        *,
        tell: Callable[[str], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workdir, self._tools, self._wishes = workdir, tools, wishes
        self._tell = tell
        self.kubeconfig = workdir / "kubeconfig.yaml"
        environment = {"KUBECONFIG": str(self.kubeconfig)}
        self._runner = Runner(ROOT, environment, stopping)
        self._last_runner = Runner(ROOT, environment)
        self._guard = Guard()
        self._parts: list[Component] = []
        self._prometheus_port, self._operator_port = free_ports(2)

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Raises PlaneError with the last lines of the program that failed."""
        self._workdir.mkdir(parents=True, exist_ok=True)
        try:
            self._create()
            self._load_images()
            self._simulate_nodes()
            self._measure()
            self._install()
            self._admit_person()
            self._connect()
        except BaseException:
            # What failed first is what matters; a cluster that stays is deleted by the next demo.
            with suppress(PlaneError):
                self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends the connections and deletes the cluster; safe to call twice."""
        for part in reversed(self._parts):
            part.stop()
        self._guard.close()
        delete(self._last_runner, self._tools)

    def require_alive(self) -> None:
        """Raises PlaneError with the last lines of the first connection that has ended."""
        for part in self._parts:
            if not part.alive:
                raise part.failure(f"ended with status {part.returncode}")

    def addresses(self, world: World) -> World:
        """Where the story finds everything."""
        return replace(
            world,
            workdir=str(self._workdir),
            admin_kubeconfig=str(self.kubeconfig),
            user_kubeconfig=str(self._workdir / "person.yaml"),
            prometheus_url=f"http://{HOST}:{self._prometheus_port}",
            operator_url=f"http://{HOST}:{self._operator_port}",
            audit_log=str(self._log("audit")),
            operator_log=str(self._log("operator")),
            programs=str(Path(self._tools.kubectl).parent),
        )

    # -- steps --------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        self._tell("a kind cluster of three nodes (minutes the first time)")
        delete(self._runner, self._tools)
        words = ["--name", NAME, "--config", str(CONFIG), "--kubeconfig", str(self.kubeconfig), "--wait", "120s"]
        self._runner.run(self._tools.kind, "create", "cluster", *words)
        authority = self._workdir / "pki" / "ca.crt"
        authority.parent.mkdir(exist_ok=True)
        authority.write_bytes(base64.b64decode(self._access().authority))
        self.kubectl("create", "namespace", self._wishes.work)

    def _load_images(self) -> None:
        self._tell("the images of Ebbtide and of the GPU metrics exporter (docker build)")
        build_images(self._runner, self._tools, self._workdir / "exporter")
        for image in (EBBTIDE, EXPORTER):
            self._runner.run(self._tools.kind, "load", "docker-image", image, "--name", NAME)

    def _simulate_nodes(self) -> None:
        """KWOK runs before there is a node on which it could only pretend to run."""
        count = self._wishes.nodes
        self._tell(f"KWOK and {count} GPU nodes")
        controller, stages = manifests.kwok_urls()
        self.kubectl("apply", "-f", controller)
        self.kubectl("wait", "--for=condition=Established", "crd/stages.kwok.x-k8s.io", _PATIENCE)
        self.kubectl("apply", "-f", stages)
        self.kubectl("apply", "-f", str(manifests.STAGES))
        self._rollout("kwok-controller", "kube-system")
        self.kubectl("apply", "-f", "-", text=manifests.gpu_nodes(count))
        names = [f"node/gpu-{number}" for number in range(count)]
        self.kubectl("wait", "--for=condition=Ready", *names, _PATIENCE)

    def _measure(self) -> None:
        self._tell("GPU metrics exporter and Prometheus")
        self.kubectl("apply", "-f", "-", text=manifests.reader())
        words = ("create", "token", manifests.READER, "--namespace", manifests.MONITORING, "--duration=24h")
        access = Access(_IN_CLUSTER, self._access().authority, token=self.kubectl(*words).strip())
        file = write_kubeconfig(self._workdir / "exporter.yaml", access)
        text = manifests.metrics(file.read_text(encoding="utf-8"), self._wishes.speedup)
        self.kubectl("apply", "-f", "-", text=text)
        self._rollout(manifests.PROMETHEUS, manifests.MONITORING)

    def _install(self) -> None:
        self._tell("the chart, by Helm")
        repository, _, tag = EBBTIDE.partition(":")
        own = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "metrics": {"prometheusUrl": manifests.PROMETHEUS_URL},
            "nodeSelector": manifests.REAL_NODES,
        }
        file = self._workdir / "values.yaml"
        file.write_text(yaml.safe_dump(merged(merged(SECOND_BY_SECOND, own), self._wishes.values)), encoding="utf-8")
        words = ["--namespace", NAMESPACE, "--create-namespace", "--values", str(file)]
        self._runner.run(self._tools.helm, "upgrade", "--install", RELEASE, CHART, *words)
        self._rollout(RELEASE, NAMESPACE)

    def _admit_person(self) -> None:
        user, work = self._wishes.user, self._wishes.work
        write_person(self.kubectl, self._access(), user, work, self._workdir / "person.yaml")
        for role in self._wishes.roles:
            words = (f"{user.partition('@')[0]}-{role}", f"--clusterrole={role}", f"--user={user}")
            self.kubectl("create", "rolebinding", *words, "--namespace", work)

    def _connect(self) -> None:
        """Held as long as the demo runs: two ports, the operator's log and the audit log."""
        self._tell("connections to the cluster")
        kubectl, patience = self._tools.kubectl, "--pod-running-timeout=1m"
        operator = f"deployment/{RELEASE}"
        self._hold("operator", kubectl, "logs", "--follow", operator, "--namespace", NAMESPACE)
        # From the first line on: what was written before counts as well.
        self._hold("audit", self._tools.docker, "exec", CONTROL_PLANE, "tail", "--lines=+1", "--follow=name", AUDIT_LOG)
        for target, namespace, port, there in (
            (f"service/{manifests.PROMETHEUS}", manifests.MONITORING, self._prometheus_port, 9090),
            (operator, NAMESPACE, self._operator_port, 8080),
        ):
            words = (target, f"{port}:{there}", "--address", HOST, "--namespace", namespace, patience)
            self._hold(f"port-forward-{there}", kubectl, "port-forward", *words)

    # -- ways ---------------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """As the administrator."""
        return self._runner.run(self._tools.kubectl, *words, text=text)

    def _rollout(self, name: str, namespace: str) -> None:
        self.kubectl("rollout", "status", f"deployment/{name}", "--namespace", namespace, _PATIENCE)

    def _access(self) -> Access:
        return read_kubeconfig(self.kubeconfig)

    def _hold(self, name: str, *argv: str) -> None:
        part = Component(name, argv, self._log(name), self._guard, env={"KUBECONFIG": str(self.kubeconfig)})
        self._parts.append(part)
        part.start()

    def _log(self, name: str) -> Path:
        return self._workdir / "logs" / f"{name}.log"


def delete(runner: Runner, tools: Tools) -> None:
    """Deletes the demo's cluster; one that is not there is as good."""
    runner.run(tools.kind, "delete", "cluster", "--name", NAME)


def remove_leftover(tools: Tools) -> bool:
    """Deletes a cluster whose demo was killed; False when there is none."""
    runner = Runner(ROOT, {})
    if NAME not in runner.run(tools.kind, "get", "clusters").split():
        return False
    delete(runner, tools)
    return True
