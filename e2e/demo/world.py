"""The demo's world: control plane, GPU nodes, exporter, Prometheus, chart and operator, held by one process."""

import os
import shutil
import signal
import threading
from dataclasses import replace

from e2e.demo import state
from e2e.demo.replay import SPEEDUP
from e2e.demo.state import World
from e2e.operator_process import OperatorProcess
from e2e.plane import Plane

NAMESPACE = "ebbtide-system"
NODES = 4
USER = "ada@example.com"
CHART = "charts/ebbtide"


def chart_values(prometheus_url: str) -> list[str]:
    """One-second samples and ticks, because an hour passes in a minute; enforcement on, which is off by default."""
    values = {
        "metrics.prometheusUrl": prometheus_url,
        "metrics.sampleIntervalSeconds": "1",
        "tickSeconds": "1",
        "enforcement.enabled": "true",
    }
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def serve() -> int:
    """Start everything, tell the state file, and hold it until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    world = World(pid=os.getpid(), phase="control plane")
    state.write(world)
    workdir = state.folder() / "plane"
    shutil.rmtree(workdir, ignore_errors=True)
    plane = Plane(workdir)
    operator: OperatorProcess | None = None
    try:
        operator = _start(plane, world)
        while not stop.wait(0.5):
            operator.require_alive()
    except Exception as error:  # noqa: BLE001 - whatever fails is told to the person in front of the screen
        state.write(replace(world, phase=f"failed: {error}"))
        return 1
    finally:
        if operator is not None:
            operator.stop()
        plane.stop()
    return 0


def _start(plane: Plane, world: World) -> OperatorProcess:
    plane.start()
    state.write(world := replace(world, phase="GPU nodes"))
    plane.add_gpu_nodes(NODES)
    state.write(world := replace(world, phase="GPU metrics exporter and Prometheus"))
    plane.start_exporter(speedup=SPEEDUP)
    prometheus = plane.start_prometheus(scrape_seconds=1.0)
    state.write(world := replace(world, phase="chart by Helm"))
    plane.helm(
        "install", "ebbtide", CHART, "--namespace", NAMESPACE, "--create-namespace", *chart_values(prometheus.url)
    )
    plane.kubectl(
        "wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/part-of=ebbtide", "--timeout=60s"
    )
    plane.kubectl("create", "clusterrolebinding", "demo-user", "--clusterrole=edit", f"--user={USER}")
    plane.kubectl("create", "clusterrolebinding", "demo-user-ebbtide", "--clusterrole=ebbtide-edit", f"--user={USER}")
    state.write(world := replace(world, phase="operator"))
    operator = OperatorProcess.from_deployment(plane, NAMESPACE, "ebbtide")
    operator.start()
    operator.wait_ready()
    state.write(
        replace(
            world,
            phase="ready",
            admin_kubeconfig=str(plane.kubeconfig),
            user_kubeconfig=str(plane.user_kubeconfig(USER, namespace="vision")),
            prometheus_url=prometheus.url,
            operator_url=operator.url,
            audit_log=str(plane.layout.audit_log),
            programs=str(plane.layout.binaries),
            kubernetes=plane.kubectl("version", "-o", "json").stdout,
        )
    )
    return operator
