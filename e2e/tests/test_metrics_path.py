"""From a pod's annotation through the exporter and a real Prometheus to a query."""

import time
from itertools import groupby, pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.exporter.trace import STEP_SECONDS, samples
from e2e.plane import Plane, PlaneError
from e2e.plane.prometheus import TARGET_LABELS, Prometheus
from e2e.plane.waiting import wait_until
from e2e.requirements_guard import shared

pytestmark = pytest.mark.plane

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: {namespace}
  annotations: {{e2e.ebbtide.dev/activity: "{activity}"}}
spec:
  containers: [{{name: main, image: example.invalid/train, resources: {{limits: {{nvidia.com/gpu: {gpus}}}}}}}]
"""


def run_pod(plane: Plane, namespace: str, activity: str, name: str = "worker", gpus: int = 1) -> None:
    """Starts a pod and waits until Prometheus knows as many devices of it as it has."""
    plane.apply(POD.format(name=name, namespace=namespace, activity=activity, gpus=gpus))
    plane.kubectl("wait", "-n", namespace, "--for=condition=Ready", f"pod/{name}", "--timeout=20s")


def devices(plane: Plane, namespace: str, field: str = "DCGM_FI_DEV_GPU_UTIL") -> list[tuple[dict[str, str], float]]:
    found = plane.prometheus.query(f'{field}{{exported_namespace="{namespace}"}}')
    return [(one["metric"], float(one["value"][1])) for one in found]


def wait_devices(
    plane: Plane, namespace: str, count: int, value: float | None = None
) -> list[tuple[dict[str, str], float]]:
    """Until the pod runs its devices show 0, and a scrape may come before that."""

    def enough() -> list[tuple[dict[str, str], float]] | None:
        found = devices(plane, namespace)
        settled = value is None or all(each == value for _, each in found)
        return found if len(found) == count and settled else None

    return wait_until(enough, f"{count} devices of {namespace} in Prometheus", 15)


def test_every_device_of_a_pod_arrives_with_exported_labels(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "40", gpus=2)
    found = wait_devices(metrics, namespace, 2, value=40)
    for labels, _ in found:
        assert (labels["exported_pod"], labels["exported_container"]) == ("worker", "main")
        assert {key: labels[key] for key in TARGET_LABELS} == TARGET_LABELS
        assert labels["job"] == "dcgm"
    assert len({labels["UUID"] for labels, _ in found}) == 2


def test_a_script_is_played_from_the_moment_the_pod_runs(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "busy:4 idle")
    wait_devices(metrics, namespace, 1)
    wait_until(lambda: devices(metrics, namespace)[0][1] == 0, "the end of the busy time", 15)
    query = f'max_over_time(DCGM_FI_DEV_GPU_UTIL{{exported_namespace="{namespace}"}}[30s])'
    assert [float(one["value"][1]) for one in metrics.prometheus.query(query)] == [85]


def test_the_energy_counter_rises_with_every_scrape(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "0")
    wait_devices(metrics, namespace, 1)
    time.sleep(4)
    now = time.time()
    query = f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{exported_namespace="{namespace}"}}'
    (series,) = metrics.prometheus.query_range(query, now - 3, now, 1)
    values = [float(value) for _, value in series["values"]]
    assert len(values) > 1
    # 70 W for about a second, in millijoules; the scrape's own beat is not exact.
    assert all(20_000 < after - before < 200_000 for before, after in pairwise(values))


def test_a_recorded_pod_is_replayed_sixty_times_as_fast(metrics: Plane, namespace: str) -> None:
    start = 127  # no two of the next twenty samples are alike
    recorded = samples(shared("traces", "gpu-pods"), "p000")
    run_pod(metrics, namespace, f"trace:p000@{start * STEP_SECONDS}")
    wait_devices(metrics, namespace, 1)
    time.sleep(10)
    (held,) = metrics.prometheus.query(f'DCGM_FI_DEV_FB_USED{{exported_namespace="{namespace}"}}[1m]')
    (ratio,) = metrics.prometheus.query(f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{exported_namespace="{namespace}"}}[1m]')
    replayed = [
        (float(mib), float(share)) for (_, mib), (_, share) in zip(held["values"], ratio["values"], strict=True)
    ]
    # Ten seconds are ten samples of 57 s: each comes at its place, though a scrape a second may miss one.
    expected = iter(
        [(float(round(one.memory_mib)), round(one.percent / 100, 6)) for one in recorded[start:][:20] if one]
    )
    assert len(set(replayed)) >= 8
    assert all(value in expected for value, _ in groupby(replayed))


def test_a_profile_needs_no_file(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "profile:1")
    wait_devices(metrics, namespace, 1)
    assert devices(metrics, namespace, "DCGM_FI_DEV_FB_USED")[0][1] > 10_000


def test_series_can_be_taken_away_and_come_back(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "0")
    wait_devices(metrics, namespace, 1)
    metrics.exporter.control(omit={f"{namespace}/*": ["*"]})
    wait_until(lambda: not devices(metrics, namespace), "the end of the series", 15)
    metrics.exporter.heal()
    wait_devices(metrics, namespace, 1)


def test_the_activity_can_be_changed_while_the_pod_runs(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "0")
    wait_devices(metrics, namespace, 1)
    metrics.exporter.control(activity={f"{namespace}/worker": "60"})
    wait_until(lambda: devices(metrics, namespace)[0][1] == 60, "the new activity", 15)


def test_a_failing_exporter_is_a_failed_scrape(metrics: Plane) -> None:
    metrics.exporter.control(status=503)
    wait_until(lambda: metrics.prometheus.query('up{job="dcgm"} == 0'), "a failed scrape", 15)


def test_frozen_text_stays_the_same(metrics: Plane) -> None:
    metrics.exporter.control(freeze=True)
    first = metrics.exporter.text()
    time.sleep(0.5)
    assert metrics.exporter.text() == first


def test_a_wrong_fault_is_refused(metrics: Plane) -> None:
    with pytest.raises(PlaneError, match=r"400 .*omitt"):
        metrics.exporter.control(omitt={})
    with pytest.raises(PlaneError, match=r"400 .*cannot read 'hello'"):
        metrics.exporter.control(activity={"*": "hello"})


def test_the_exporters_text_is_read_by_the_reference_parser(metrics: Plane) -> None:
    families = list(text_string_to_metric_families(metrics.exporter.text()))
    assert {sample.labels["Hostname"] for family in families for sample in family.samples} >= {"gpu-0", "gpu-1"}


def test_prometheus_forgets_when_it_starts_afresh(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "0")
    wait_devices(metrics, namespace, 1)
    metrics.prometheus.stop(kill=True)
    with pytest.raises(PlaneError, match="prometheus: "):
        metrics.prometheus.query("up")
    restarted = time.time()
    metrics.prometheus.start(fresh=True)
    (series,) = metrics.prometheus.query('up{job="dcgm"}[5m]')
    assert min(moment for moment, _ in series["values"]) >= restarted


def test_with_honor_labels_the_workload_keeps_the_plain_names(metrics: Plane, namespace: str) -> None:
    run_pod(metrics, namespace, "30")
    wait_devices(metrics, namespace, 1)
    prometheus: Prometheus = metrics.prometheus
    prometheus.stop()
    prometheus.configure(metrics.exporter.address, honor_labels=True)
    try:
        prometheus.start(fresh=True)
        (found,) = prometheus.query(f'DCGM_FI_DEV_GPU_UTIL{{namespace="{namespace}"}}')
        assert (found["metric"]["pod"], found["metric"]["container"]) == ("worker", "main")
        assert not prometheus.query('{exported_pod=~".+"}')
        assert prometheus.query('DCGM_FI_DEV_GPU_UTIL{pod=""}')
    finally:
        prometheus.stop()
        prometheus.configure(metrics.exporter.address)
        prometheus.start(fresh=True)
