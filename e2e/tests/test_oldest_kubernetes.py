"""The oldest Kubernetes that the chart asks for, as the newest one's own programs emulate it: its APIs and features.

API server, controller manager and scheduler of 1.36 emulate it (`--emulated-version`); no program of that release runs.
"""

from pathlib import Path
from typing import Final

import pytest
import yaml

from e2e.binaries.cache import binaries_dir
from e2e.installation import CHART, Installation, namespace
from e2e.plane import Plane
from e2e.requirements_guard import require
from e2e.tests.test_adoption import World, deployment, job, policy
from e2e.tests.test_first_light import IDLE

pytestmark = [pytest.mark.plane, pytest.mark.soak]

OLDEST: Final = "1.33"
STABLE_SINCE_1_34: Final = "/apis/resource.k8s.io/v1"
WHERE: Final = "studio"


def test_an_idle_job_is_paused_and_resumed_on_the_oldest_release(tmp_path: Path) -> None:
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    with Plane(tmp_path, emulated_version=OLDEST) as plane:
        said = plane.api.get("/version")
        assert f"{said['emulationMajor']}.{said['emulationMinor']}" == OLDEST
        assert not plane.api.answers(STABLE_SINCE_1_34), "what came later is not served"
        plane.create_namespace(WHERE)
        with Installation(plane, values={"enforcement": {"enabled": True}}) as it:
            it.apply(namespace(WHERE), policy(WHERE, {**IDLE, "serving": "DevicesOnly"}))
            it.apply(job("idle", WHERE), deployment("idle", WHERE, replicas=2))
            world = World(it)
            world.wait_paused("Job", "idle", WHERE)
            world.wait_paused("Deployment", "idle", WHERE)
            it.ebbtide("resume", "job/idle", "-n", WHERE)
            it.ebbtide("resume", "deployment/idle", "-n", WHERE)
            world.wait_running("Job", "idle", WHERE)
            assert world.wait_running("Deployment", "idle", WHERE)["spec"]["replicas"] == 2
            assert world.levers("Job", "idle", WHERE) == [True, False]
            assert world.levers("Deployment", "idle", WHERE) == [0, 2]


def test_it_is_the_oldest_that_the_chart_asks_for() -> None:
    asked = yaml.safe_load((Path(CHART) / "Chart.yaml").read_text(encoding="utf-8"))["kubeVersion"]
    assert asked == f">={OLDEST}-0"
