"""What breaks around the operator: nothing is paused on missing evidence, and it recovers without a restart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.operator_process import OperatorProcess
from e2e.plane import Plane
from e2e.plane.kubeconfig import Access, write_kubeconfig
from e2e.plane.ports import HOST, free_ports
from e2e.plane.waiting import wait_until
from e2e.requirements_guard import require
from e2e.soak.stage import RELEASE, Stage, moment, sleep_until

pytestmark = pytest.mark.plane

IDLE = {"afterSeconds": 15, "warnSeconds": 6, "graceSeconds": 2, "neverUsedAfterSeconds": 16}
PROFILING = ["DCGM_FI_PROF_*"]
POWER = ["DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"]
ACTIVITY_FIELDS = [
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
]
CLUSTER_ROLE = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{RELEASE}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A plane of its own, because its parts are broken on purpose; the operator runs."""
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    with Plane(tmp_path_factory.mktemp("faults")) as plane:
        plane.add_gpu_nodes(3)
        stage = Stage(plane)
        stage.install()
        stage.set_policy(IDLE)
        stage.start()
        yield stage


@pytest.fixture(autouse=True)
def _healed(stage: Stage) -> Iterator[None]:
    """No fault and no work of one test reaches the next."""
    yield
    stage.plane.exporter.heal()
    # The last test takes the CRD away, and all work with it.
    stage.plane.kubectl("delete", "trainingjobs", "--all", "-n", stage.namespace, "--wait=false", check=False)


def held_past_its_time(stage: Stage, name: str) -> None:
    """Nothing happens to `name` although its warning has run out."""
    eligible = stage.status(name).get("idle", {}).get("eligibleAfter")
    sleep_until(moment(eligible) + 1.0 if eligible else 0.0)
    stage.wait_ticks(2)
    assert name not in stage.suspended()


def test_no_workload_is_paused_on_spoilt_evidence_and_all_are_after_healing_and_a_killed_api_server(
    stage: Stage,
) -> None:
    spoilt = {
        "gone": ("Unknown", "MetricsMissing"),
        "single": ("Unknown", "SingleFamily"),
        "nan": ("Unknown", "BadValues"),
        "gang": ("Active", "GPUActive"),
    }
    inside = stage.namespace
    stage.plane.exporter.control(
        omit={f"{inside}/gone-0-*": ["*"], f"{inside}/single-*": [*PROFILING, *POWER]},
        values={f"{inside}/nan-*": dict.fromkeys(ACTIVITY_FIELDS, "NaN")},
        activity={f"{inside}/gang-0-*": "busy"},
    )
    for name, workers in {"gone": 2, "single": 1, "nan": 1, "gang": 2, "sound": 1}.items():
        stage.train(name, workers=workers)
    # What is sound is paused: the others have been idle for as long.
    stage.wait_paused("sound", seconds=90)
    stage.wait_ticks(3)
    assert stage.suspended() == {"sound"}
    found = stage.verdicts()
    assert {name: found[name] for name in spoilt} == spoilt

    stage.plane.exporter.heal()
    stage.plane.restart("kube-apiserver", kill=True)
    stage.wait_paused(*spoilt, seconds=120)
    assert {name: len(stage.suspensions(name, to=True)) for name in spoilt} == dict.fromkeys(spoilt, 1)


def test_nothing_is_paused_while_metrics_are_away_or_frozen(stage: Stage) -> None:
    name, exporter, prometheus = stage.train("watched", "busy:1 idle"), stage.plane.exporter, stage.plane.prometheus
    stage.wait_warned(name)

    exporter.control(status=503)
    stage.wait_verdict(name, "Unknown", ["StaleMetrics"])
    held_past_its_time(stage, name)
    healed = time.time()
    exporter.control(status=None)
    stage.wait_warned(name, after=healed)

    prometheus.stop()
    stage.wait_verdict(name, "Unknown", ["MetricsUnavailable"])
    assert "ebbtide_metrics_up 0.0" in stage.operator.metrics()
    held_past_its_time(stage, name)
    healed = time.time()
    prometheus.start()
    stage.wait_warned(name, after=healed)

    exporter.control(freeze=True)
    stage.wait_verdict(name, "Unknown", ["FrozenMetrics"])
    held_past_its_time(stage, name)
    exporter.control(freeze=None)
    stage.wait_paused(name)
    assert len(stage.suspensions(name, to=True)) == 1


def test_a_prometheus_that_lost_its_samples_is_no_idleness_and_the_warning_comes_anew(stage: Stage) -> None:
    name, prometheus = stage.train("forgotten", "busy:1 idle"), stage.plane.prometheus
    stage.wait_warned(name)
    prometheus.stop()
    stage.wait_verdict(name, "Unknown", ["MetricsUnavailable"])
    held_past_its_time(stage, name)
    prometheus.start(fresh=True)
    emptied = time.time()
    idle = stage.wait_warned(name, after=emptied, seconds=30)
    assert moment(idle["warnedAt"]) - emptied >= IDLE["afterSeconds"] - IDLE["warnSeconds"] - 1.5
    stage.wait_paused(name)


def test_without_a_permission_it_says_which_and_goes_on_once_it_is_given(stage: Stage) -> None:
    name = stage.train("denied", "busy:1 idle")
    stage.wait_warned(name)
    with role_without(stage, "jobs", "patch"):
        denied = wait_until(lambda: _lines(stage.operator, '"Denied"'), "a denied pause", 60)
        assert "cannot patch resource" in denied[0]
        stage.wait_ticks(2)
        assert name not in stage.suspended()
        told = str(stage.status(name)["conditions"])
        assert "PermissionDenied" in told
    stage.wait_paused(name)
    assert not _lines(stage.operator, "Traceback")


def test_a_start_without_the_right_to_read_waits_and_says_what_to_do(stage: Stage) -> None:
    stage.operator.stop()
    with role_without(stage, "pods", "list"):
        process = stage.start(ready=False, part="blind")
        wait_until(lambda: _lines(process, "not allowed to list and watch pods"), "the sentence about pods", 60)
        (line, *_) = _lines(process, "not allowed to list and watch pods")
        assert "apply the chart's ClusterRole again" in line
        assert process.status("/readyz") == 503
        assert process.alive
    process.wait_ready(90)
    process.stop()
    assert not _lines(process, "Traceback")
    stage.start()


def test_a_start_without_prometheus_says_so_and_pauses_nothing(stage: Stage) -> None:
    name = stage.train("unreached")
    stage.wait_warned(name)
    stage.operator.kill()
    (port,) = free_ports(1)
    stage.start(part="metricless", overrides={"--prometheus-url": f"http://{HOST}:{port}"})
    stage.wait_verdict(name, "Unknown", ["MetricsUnavailable"])
    held_past_its_time(stage, name)
    message = stage.status(name)["verdict"]["message"]
    assert f"Prometheus at http://{HOST}:{port} cannot be asked" in message
    stage.operator.stop()
    assert not _lines(stage.operator, "Traceback")
    stage.start()


def test_a_start_without_an_api_server_ends_with_one_sentence(stage: Stage) -> None:
    stage.operator.stop()
    (port,) = free_ports(1)
    layout = stage.plane.layout
    access = Access(f"https://{HOST}:{port}", layout.authority.base64(), token="nobody")
    kubeconfig = write_kubeconfig(layout.workdir / "kubeconfigs" / "nowhere.yaml", access)
    process = stage.start(ready=False, part="lost", env={"KUBECONFIG": str(kubeconfig)})
    assert process.wait_ended(60) == 1
    (sentence,) = _sentences(process)
    assert f"cannot reach the API server at https://{HOST}:{port}" in sentence
    assert not _lines(process, "Traceback")


def test_a_start_without_crds_ends_with_one_sentence_for_each(stage: Stage) -> None:
    stage.operator.stop()
    stage.plane.kubectl("delete", "crd", "trainingjobs.ebbtide.dev", "--timeout=60s")
    process = stage.start(ready=False, part="bare")
    assert process.wait_ended(60) == 1
    (sentence,) = _sentences(process)
    assert "CRD trainingjobs.ebbtide.dev: not installed" in sentence
    assert "install the chart with crds.enabled=true" in sentence
    assert not _lines(process, "Traceback")


@contextmanager
def role_without(stage: Stage, resource: str, verb: str) -> Iterator[None]:
    """The operator's ClusterRole without one verb on one resource, for a while."""
    api = stage.plane.api
    rules: list[dict[str, Any]] = api.get(CLUSTER_ROLE)["rules"]
    less = [_without(rule, resource, verb) for rule in rules]
    assert less != rules
    api.merge_patch(CLUSTER_ROLE, {"rules": less})
    try:
        yield
    finally:
        api.merge_patch(CLUSTER_ROLE, {"rules": rules})


def _without(rule: dict[str, Any], resource: str, verb: str) -> dict[str, Any]:
    if resource not in rule["resources"]:
        return rule
    return {**rule, "verbs": [one for one in rule["verbs"] if one != verb]}


def _lines(process: OperatorProcess, text: str) -> list[str]:
    """Lines of its log with this text."""
    return [line for line in process.logs(500).splitlines() if text in line]


def _sentences(process: OperatorProcess) -> list[str]:
    """What it says to a person: every line that is not a log record."""
    return [line for line in process.logs(500).splitlines() if line and not line.startswith("{")]
