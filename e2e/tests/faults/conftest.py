"""One stage for the folder: a plane of its own, because its parts are broken on purpose, and proxies in front of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests

from e2e.binaries.cache import binaries_dir
from e2e.faults.api_proxy import ApiProxy
from e2e.faults.prometheus_proxy import PrometheusProxy
from e2e.operator_process import OperatorProcess
from e2e.plane import Plane
from e2e.requirements_guard import require
from e2e.soak.kill import IDLE
from e2e.soak.stage import NAMESPACE, RELEASE, Stage, moment, sleep_until

_NODES: Final = 4


@dataclass(slots=True)
class World:
    """The stage, and what stands between its operator and the rest."""

    stage: Stage
    api: ApiProxy
    prometheus: PrometheusProxy

    @property
    def operator(self) -> OperatorProcess:
        return self.stage.operator

    def start(self, **options: Any) -> OperatorProcess:
        """The operator behind both proxies."""
        kubeconfig = self.api.kubeconfig(NAMESPACE, RELEASE)
        options["env"] = {"KUBECONFIG": str(kubeconfig), **options.get("env", {})}
        options["overrides"] = {"--prometheus-url": self.prometheus.url, **options.get("overrides", {})}
        return self.stage.start(**options)

    def lines(self, *texts: str) -> list[str]:
        """Lines of the operator's log with all of these texts."""
        log = self.operator.component.log.read_text(encoding="utf-8")
        return [line for line in log.splitlines() if all(text in line for text in texts)]

    def held_past_its_time(self, *names: str) -> None:
        """Nothing happens to them although their warning has run out."""
        found = (self.stage.status(name).get("idle", {}).get("eligibleAfter") for name in names)
        sleep_until(max((moment(eligible) for eligible in found if eligible), default=0.0) + 1.0)
        self.stage.wait_ticks(2)
        assert not self.stage.suspended() & set(names)

    def require_working(self, pid: int | None) -> None:
        """The process that ran before is there, and the kubelet would leave it alone."""
        assert self.operator.component.pid == pid
        assert self.operator.status("/healthz") == requests.codes.ok

    def events(self, name: str) -> list[tuple[str, str]]:
        """(action, reason) of the Events about a TrainingJob that the API server accepted, in order."""
        found = self.stage.installation.events(name, self.stage.namespace)
        return [(one["action"], one["reason"]) for one in found]


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both proxies let everything through until they are told otherwise."""
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    with Plane(tmp_path_factory.mktemp("faults")) as plane:
        stage = Stage(plane, nodes=_NODES)
        stage.install()
        stage.set_policy(IDLE)
        with ApiProxy(plane) as api, PrometheusProxy(plane.prometheus) as prometheus:
            world = World(stage, api, prometheus)
            world.start()
            yield world


@pytest.fixture(scope="package")
def stage(world: World) -> Stage:
    """The stage alone."""
    return world.stage


@pytest.fixture(autouse=True)
def _healed(world: World) -> Iterator[None]:
    """No fault and no work of one test reaches the next."""
    yield
    world.api.heal()
    world.prometheus.heal()
    world.stage.plane.exporter.heal()
    stage = world.stage
    # The last file takes the CRD away, and all work with it.
    stage.plane.kubectl("delete", "trainingjobs", "--all", "-n", stage.namespace, "--wait=false", check=False)
