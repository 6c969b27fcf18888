"""The control plane: etcd, API server, controller manager, scheduler and KWOK, started and stopped as one."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from e2e.binaries.cache import binaries_dir
from e2e.plane import commands
from e2e.plane.api import Api
from e2e.plane.audit import AuditLog
from e2e.plane.errors import PlaneError
from e2e.plane.exporter import Exporter
from e2e.plane.layout import Layout
from e2e.plane.lifetime import Lifetime
from e2e.plane.nodes import NodeShape, is_ready, node
from e2e.plane.parts import Parts
from e2e.plane.ports import accepts
from e2e.plane.process import Component
from e2e.plane.prometheus import Prometheus
from e2e.plane.waiting import wait_until

_ADMIN = "kubernetes-admin"
_CREATING_THREADS = 12


class Plane(Lifetime):
    """A real control plane on 127.0.0.1 whose files all lie in `workdir`; use it as a context manager.

    `api_server_args` are appended to the API server's command line, `feature_gates` (`HPAScaleToZero=true`) are for API
    server and controllers. With `emulated_version` (`1.33`) these and the scheduler behave as that release: its APIs
    and its features. `binaries` is the folder of the programs, by default what `make binaries` built.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        api_server_args: Sequence[str] = (),
        feature_gates: Sequence[str] = (),
        emulated_version: str = "",
        binaries: Path | None = None,
    ) -> None:
        found = binaries or binaries_dir()
        if found is None:
            raise PlaneError("The control plane's programs are not built yet: run `make binaries`.")
        self.workdir = workdir.absolute()
        self.layout = Layout(self.workdir, found)
        self.parts = Parts(self.layout)
        self.kubeconfig = self.layout.kubeconfig(_ADMIN, ("system:masters",))
        self.api = Api(self.kubeconfig, self.layout.pki)
        self._exporter: Exporter | None = None
        self._prometheus: Prometheus | None = None
        self._gates = tuple(f"--feature-gates={gate}" for gate in feature_gates)
        self._emulated = (f"--emulated-version={emulated_version}",) if emulated_version else ()
        self._api_server_args = (*api_server_args, *self._gates, *self._emulated)
        self.started_seconds = 0.0

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Starts every part and waits until pods can be created. Raises PlaneError naming the part that failed."""
        began = time.monotonic()
        try:
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        self.started_seconds = time.monotonic() - began
        return self

    def _start_parts(self) -> None:
        layout = self.layout
        self.run("etcd", commands.etcd(layout))
        self.wait_ready("etcd")
        api_server = self.run("kube-apiserver", commands.api_server(layout, self._api_server_args))
        # It drains for up to a minute while clients watch; what it answered is in etcd and in the audit log already.
        api_server.stop_seconds = 2.0
        self.wait_ready("kube-apiserver")
        self.run("kube-controller-manager", commands.controller_manager(layout, (*self._gates, *self._emulated)))
        self.run("kube-scheduler", commands.scheduler(layout, self._emulated))
        self.run("kwok", commands.kwok(layout))
        for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
            self.wait_ready(name)
        self.wait_default_service_account("default")

    def stop(self) -> None:
        """Stops every part in reverse order and waits; safe to call twice."""
        self.parts.stop()
        self.api.close()

    # -- parts --------------------------------------------------------------------------------------------------

    def run(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Component:
        """Starts another program as a part of this plane: logged, guarded, stopped with the rest."""
        return self.parts.run(name, argv, env)

    def wait_ready(self, name: str) -> None:
        """Waits for one part of the control plane."""
        ports = self.layout.ports
        probes = {
            "etcd": lambda: accepts(ports.etcd_client),
            "kube-apiserver": lambda: self.api.answers("/readyz"),
            "kube-controller-manager": lambda: accepts(ports.controller_manager),
            "kube-scheduler": lambda: accepts(ports.scheduler),
            "kwok": lambda: accepts(ports.kwok),
        }
        self.parts[name].wait_ready(probes[name])

    def restart(self, name: str, *, kill: bool = False) -> None:
        """Stops one part (SIGKILL with `kill`), starts it again on the same port and waits until it is ready."""
        self.halt(name, kill=kill)
        self.parts[name].start()
        self.wait_ready(name)

    def halt(self, name: str, *, kill: bool = False) -> None:
        """Stops one part and leaves it down; `restart` brings it back."""
        component = self.parts[name]
        component.kill() if kill else component.stop()

    @property
    def exporter(self) -> Exporter:
        """The GPU metrics exporter. Raises PlaneError before `start_exporter`."""
        if self._exporter is None:
            raise PlaneError("the exporter was not started")
        return self._exporter

    @property
    def prometheus(self) -> Prometheus:
        """The Prometheus that scrapes the exporter. Raises PlaneError before `start_prometheus`."""
        if self._prometheus is None:
            raise PlaneError("Prometheus was not started")
        return self._prometheus

    def start_exporter(self, *, speedup: float = 60.0) -> Exporter:
        """Starts the exporter; traces and profiles run `speedup` times as fast as they were recorded."""
        self._exporter = Exporter(self.parts, speedup=speedup)
        return self._exporter.start()

    def start_prometheus(self, *, scrape_seconds: float = 1.0, honor_labels: bool = False) -> Prometheus:
        """Starts Prometheus on the exporter, which must run, and waits for its first scrape."""
        self._prometheus = Prometheus(
            self.parts, self.exporter.address, scrape_seconds=scrape_seconds, honor_labels=honor_labels
        )
        return self._prometheus.start()

    def logs(self, component: str, tail: int = 20) -> str:
        """The last log lines of a part."""
        return self.parts[component].tail(tail)

    # -- clients ------------------------------------------------------------------------------------------------

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - subprocess.run's own word
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as the administrator or as the user of `kubeconfig`; a failure raises PlaneError."""
        cache = f"--cache-dir={self.workdir / 'kubectl-cache'}"
        return self._command("kubectl", [cache, *args], text=input, check=check, kubeconfig=kubeconfig)

    def helm(self, *args: str, check: bool = True, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs Helm with its caches in the work folder; a failure raises PlaneError."""
        home = self.workdir / "helm"
        env = {f"HELM_{part}_HOME": str(home / part.lower()) for part in ("CACHE", "CONFIG", "DATA")}
        return self._command("helm", list(args), env=env, check=check, kubeconfig=kubeconfig)

    def _command(
        self,
        program: str,
        args: list[str],
        *,
        check: bool,
        kubeconfig: Path | None,
        env: Mapping[str, str] | None = None,
        text: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.layout.program(program), *args],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(env or {}), "KUBECONFIG": str(kubeconfig or self.kubeconfig)},
        )
        if check and done.returncode != 0:
            raise PlaneError(f"{program} {' '.join(args)}: exit {done.returncode}\n{done.stderr}{done.stdout}".strip())
        return done

    def apply(self, *manifests: str, kubeconfig: Path | None = None) -> str:
        """`kubectl apply` of YAML texts; returns what kubectl said."""
        return self.kubectl("apply", "-f", "-", input="\n---\n".join(manifests), kubeconfig=kubeconfig).stdout

    def user_kubeconfig(self, user: str, groups: tuple[str, ...] = (), namespace: str = "default") -> Path:
        """A kubeconfig for a person: a client certificate with that name and those groups."""
        return self.layout.kubeconfig(user, groups, namespace)

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a real token of the ServiceAccount, good for a day."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration=24h").stdout.strip()
        return self.layout.token_kubeconfig(f"{namespace}.{name}", token, namespace)

    def audit(self, since: int = 0) -> AuditLog:
        """The audit log, from a mark of `AuditLog.mark` on."""
        return AuditLog(self.layout.audit_log, since)

    # -- objects ------------------------------------------------------------------------------------------------

    def wait_default_service_account(self, namespace: str) -> None:
        """Pods of a namespace are refused until its default ServiceAccount exists."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        what = f"default ServiceAccount of namespace {namespace} (kube-controller-manager)"
        wait_until(lambda: self.api.answers(path), what, 30)

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Creates a namespace and waits until pods are accepted in it."""
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        self.wait_default_service_account(name)
        return name

    def add_gpu_nodes(
        self,
        count: int,
        *,
        gpus: int = 8,
        instance_type: str = "p5.48xlarge",
        capacity: str = "on-demand",
        prefix: str = "gpu",
        region: str = "us-east-1",
        tainted: bool = False,
        labels: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Creates `count` nodes, `PREFIX-0` on, and waits until pods can be bound to them; returns their names."""
        shape = NodeShape(
            gpus=gpus,
            instance_type=instance_type,
            capacity=capacity,
            region=region,
            tainted=tainted,
            labels=dict(labels or {}),
        )
        names = [f"{prefix}-{index}" for index in range(count)]
        with ThreadPoolExecutor(_CREATING_THREADS) as threads:
            list(threads.map(lambda name: self.api.post("/api/v1/nodes", node(name, shape)), names))
        self.wait_nodes_ready(names)
        return names

    def wait_nodes_ready(self, names: Sequence[str], timeout_seconds: float = 30.0) -> None:
        """Waits until each of the nodes is Ready and free of the taints of a new node."""

        def all_ready() -> bool:
            ready = {one["metadata"]["name"] for one in self.api.items("/api/v1/nodes") if is_ready(one)}
            return ready.issuperset(names)

        wait_until(all_ready, f"nodes {', '.join(names[:3])}{'…' if len(names) > 3 else ''} Ready", timeout_seconds)
