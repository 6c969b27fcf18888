"""An operator that starts where something is missing says so in one sentence; last, because it takes the CRDs away."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from e2e.operator_process import OperatorProcess
from e2e.plane.kubeconfig import Access, write_kubeconfig
from e2e.plane.ports import HOST, free_ports
from e2e.plane.waiting import wait_until
from e2e.soak.stage import RELEASE, Stage

pytestmark = pytest.mark.plane

CLUSTER_ROLE: Final = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{RELEASE}"


def test_without_the_right_to_read_it_waits_and_says_what_to_do(stage: Stage) -> None:
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


def test_without_prometheus_it_says_so_and_judges_nothing_idle(stage: Stage) -> None:
    (port,) = free_ports(1)
    process = stage.start(part="metricless", overrides={"--prometheus-url": f"http://{HOST}:{port}"})
    name = stage.train("unreached")
    stage.wait_verdict(name, "Unknown", ["MetricsUnavailable"])
    assert f"Prometheus at http://{HOST}:{port} cannot be asked" in stage.status(name)["verdict"]["message"]
    assert "ebbtide_metrics_up 0.0" in process.metrics()
    process.stop()
    assert not _lines(process, "Traceback")


def test_without_an_api_server_it_ends_with_one_sentence(stage: Stage) -> None:
    (port,) = free_ports(1)
    layout = stage.plane.layout
    access = Access(f"https://{HOST}:{port}", layout.authority.base64(), token="nobody")
    kubeconfig = write_kubeconfig(layout.workdir / "kubeconfigs" / "nowhere.yaml", access)
    process = stage.start(ready=False, part="lost", env={"KUBECONFIG": str(kubeconfig)})
    assert process.component.wait_ended(60) == 1
    (sentence,) = _sentences(process)
    assert f"cannot reach the API server at https://{HOST}:{port}" in sentence
    assert not _lines(process, "Traceback")


def test_without_crds_it_ends_with_one_sentence_for_each(stage: Stage) -> None:
    stage.plane.kubectl("delete", "crd", "trainingjobs.ebbtide.dev", "--timeout=60s")
    process = stage.start(ready=False, part="bare")
    assert process.component.wait_ended(60) == 1
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
