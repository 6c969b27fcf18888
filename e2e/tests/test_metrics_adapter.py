"""The metrics adapter against a real Prometheus that scrapes samples this test writes itself."""

import asyncio
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from e2e.binaries.cache import binaries_dir
from e2e.page import Page
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard
from e2e.requirements_guard import require
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Attribution, Breaker, Pod, WorkloadKey
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.samples import reader

pytestmark = pytest.mark.plane

INTERVAL = 1.0
TARGET_LABELS = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x7k2p"}
HELD = '{{gpu="0",UUID="{uuid}",modelName="NVIDIA H100 80GB HBM3",namespace="vision",pod="{pod}",container="main"}}'
FREE = '{gpu="1",UUID="GPU-free",modelName="NVIDIA H100 80GB HBM3"}'
MIG = '{{UUID="GPU-cut",GPU_I_ID="{instance}",modelName="A100",namespace="vision",pod="{pod}",container="main"}}'

Samples = dict[float, float]


class Exposition(Page):
    """One /metrics page; a test sets its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


class Source:
    """A Prometheus that scrapes the exposition once a second."""

    def __init__(self, folder: Path, program: Path, page: Exposition, guard: Guard) -> None:
        (port,) = free_ports(1)
        self.url = f"http://{HOST}:{port}"
        self._page = page
        self._config, self._data = folder / "prometheus.yml", folder / "data"
        argv = [str(program), f"--config.file={self._config}", f"--storage.tsdb.path={self._data}"]
        argv += [f"--web.listen-address={HOST}:{port}", "--scrape.discovery-reload-interval=1s"]
        self.component = Component("prometheus", argv, folder / "prometheus.log", guard)

    def start(self, *, honor_labels: bool = False, fresh: bool = False, interval: str = "1s") -> None:
        job = {"job_name": "dcgm", "honor_labels": honor_labels}
        job |= {"static_configs": [{"targets": [self._page.address], "labels": TARGET_LABELS}]}
        every = {"scrape_interval": interval, "scrape_timeout": interval}
        self._config.write_text(yaml.safe_dump({"global": every, "scrape_configs": [job]}), encoding="utf-8")
        if fresh:
            shutil.rmtree(self._data, ignore_errors=True)
        self.component.start()
        self.component.wait_ready(self._ready)

    def restart(self, **how: Any) -> None:
        self.component.stop()
        self.start(**how)

    def ask(self, path: str, **parameters: str) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{self.url}{path}", params=parameters, timeout=5)
            return answer.json()["data"] if path.startswith("/api") else answer.ok

    def _ready(self) -> bool:
        try:
            return bool(self.ask("/-/ready"))
        except requests.RequestException:
            return False

    def raw(self, selector: str, seconds: int = 3600) -> Samples:
        """All stored samples of one series, by their true time."""
        result = self.ask("/api/v1/query", query=f"{selector}[{seconds}s]")["result"]
        return {at: float(value) for series in result for at, value in series["values"]}


class RecordingBook(EvidenceBook):
    """The real book, which also remembers what it was given."""

    __slots__ = ("given",)

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self.given: dict[tuple[str, str, str], Samples] = {}

    def fold_series(self, namespace, pod, device, model, signal, samples):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, PLR0917
        samples = list(samples)
        self.given.setdefault((pod, device, str(signal)), {}).update(samples)
        super().fold_series(namespace, pod, device, model, signal, samples)


class WallClock:
    def now(self) -> float:
        return time.time()


class Adapter:
    """The adapter under test and the cluster that it sees."""

    def __init__(self, url: str) -> None:
        self._metrics = PrometheusMetrics(MetricsSettings(url=url, sample_interval_seconds=INTERVAL), WallClock())
        self.state = state("train-0")
        self.book: RecordingBook

    async def observe(self) -> MetricsHealth:
        book, health = await self._metrics.observe(self.state)
        assert isinstance(book, RecordingBook)
        self.book = book
        assert self._metrics.fleet_queries_last_tick <= 6
        return health

    async def until(self, wanted: Callable[[MetricsHealth], bool], seconds: float = 20) -> MetricsHealth:
        """Observes every half second until the health is as wanted."""
        limit = time.monotonic() + seconds
        while not wanted(health := await self.observe()):
            assert time.monotonic() < limit, health
            await asyncio.sleep(0.5)
        return health

    async def watch(self, seconds: float) -> MetricsHealth:
        """Observes in uneven steps for a while."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            health = await self.observe()
            await asyncio.sleep(0.4)
        return health

    def given(self, signal: Signal, device: str = "GPU-1", pod: str = "train-0") -> Samples:
        return self.book.given.get((pod, device, str(signal)), {})

    async def close(self) -> None:
        await self._metrics.close()


def state(*names: str, resource: str = "nvidia.com/gpu") -> ClusterState:
    pods = {WorkloadKey("vision", "Job", name): (_pod(name, resource),) for name in names}
    return ClusterState((), pods, {}, {}, (), (), Breaker())


def _pod(name: str, resource: str) -> Pod:
    return Pod(
        uid=f"uid-of-{name}", namespace="vision", name=name, owner_uid="owner", node="gpu-0", phase="Running",
        created_at=0.0, bound_at=0.0, ready_since=1.0, ended_at=None, deleting=False, accelerators=1,
        accelerator_resource=resource, cpu=1.0, memory_bytes=1, failing=None, unschedulable=False,
        checkpointed_at=None, attribution=Attribution(),
    )  # fmt: skip


def device(labels: str, util: float | str = 3, engine: float | str = 0.01) -> list[str]:
    """One device as dcgm-exporter writes it."""
    return [
        f"DCGM_FI_DEV_GPU_UTIL{labels} {util}",
        f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{labels} {engine}",
        f"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{labels} 0.25",
        f"DCGM_FI_PROF_DRAM_ACTIVE{labels} 0.125",
        f"DCGM_FI_DEV_POWER_USAGE{labels} 61.5",
        f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{labels} {time.time_ns() // 10**6}",
        f"DCGM_FI_DEV_FB_USED{labels} 20480",
        f"DCGM_FI_DEV_FB_FREE{labels} 61440",
    ]


def held(pod: str = "train-0", uuid: str = "GPU-1") -> str:
    return HELD.format(pod=pod, uuid=uuid)


@pytest.fixture
def page() -> Iterator[Exposition]:
    with Exposition() as running:
        yield running


@pytest.fixture
def source(page: Exposition, tmp_path: Path) -> Iterator[Source]:
    folder = binaries_dir()
    if folder is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    guard = Guard()
    running = Source(tmp_path, folder / "prometheus", page, guard)
    yield running
    running.component.stop()
    guard.close()


@pytest.fixture
def adapt(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Adapter]]:
    """Builds adapters on the source: a second one is a restart of the operator."""
    monkeypatch.setattr(reader, "EvidenceBook", RecordingBook)
    built: list[Adapter] = []

    def build() -> Adapter:
        built.append(Adapter(source.url))
        return built[-1]

    yield build
    for one in built:
        asyncio.run(one.close())


@pytest.mark.parametrize("honor_labels", [False, True])
async def test_every_sample_arrives_once_with_its_true_time_and_value(
    page: Exposition, source: Source, adapt: Callable[[], Adapter], honor_labels: bool
) -> None:
    page.lines = device(held()) + device(FREE, util=0, engine=0)
    source.start(honor_labels=honor_labels)
    adapter = adapt()
    for level in range(8):
        page.lines = device(held(), util=10 * level, engine=level / 10) + device(FREE, util=0, engine=0)
        health = await adapter.watch(1)
    assert health.up, health.message
    assert health.label_mode == ("Plain" if honor_labels else "Exported")
    assert health.attribution_problem == health.interval_problem == ""
    metrics = {
        Signal.Utilisation: "DCGM_FI_DEV_GPU_UTIL",
        Signal.Engine: "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        Signal.Tensor: "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
        Signal.Dram: "DCGM_FI_PROF_DRAM_ACTIVE",
        Signal.Power: "DCGM_FI_DEV_POWER_USAGE",
        Signal.Energy: "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    }
    for signal, metric in metrics.items():
        given = adapter.given(signal)
        stored = source.raw(f'{metric}{{UUID="GPU-1"}}')
        assert len(given) >= 6
        assert given == {at: value for at, value in stored.items() if at <= max(given)}, signal
    assert set(adapter.given(Signal.MemoryPercent).values()) == {25.0}
    assert {key[1] for key in adapter.book.given} == {"GPU-1"}, "a device that nobody holds is nobody's evidence"


async def test_a_restarted_operator_reads_the_same_history_again(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    page.lines = device(held())
    source.start()
    live = adapt()
    for level in range(6):
        page.lines = device(held(), util=level)
        await live.watch(1)
    restarted = adapt()
    assert (await restarted.until(lambda health: health.up)).up
    assert live.given(Signal.Utilisation).items() <= restarted.given(Signal.Utilisation).items()


async def test_bad_values_never_arrive_as_idle_ones(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    source.start()
    adapter = adapt()
    for bad in ("NaN", "+Inf", "-1", "9223372036854775794", "2147483632"):
        page.lines = device(held(), util=bad, engine=bad)
        page.lines += device(held().replace('gpu="0"', 'gpu="0",Hostname="twin"'), util=0, engine=0)
        await adapter.watch(3)
    for signal in (Signal.Utilisation, Signal.Engine):
        values = list(adapter.given(signal).values())
        assert len(values) >= 10
        assert not [value for value in values if 0 <= value <= 100]
        assert any(math.isnan(value) for value in values)


async def test_instances_of_a_divided_device_share_the_power_of_their_board(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    first, second = (MIG.format(instance=i, pod=pod) for i, pod in ((7, "a"), (8, "b")))
    page.lines = device(first, util=0, engine=0.5) + device(second, util=0, engine=0)
    source.start()
    adapter = adapt()
    adapter.state = state("a", "b", resource="nvidia.com/mig-1g.10gb")
    await adapter.watch(4)
    assert set(adapter.given(Signal.Engine, "GPU-cut/7", "a").values()) == {0.5}
    assert set(adapter.given(Signal.Engine, "GPU-cut/8", "b").values()) == {0.0}
    assert set(adapter.given(Signal.Power, "GPU-cut/8", "b").values()) == {61.5}
    assert not adapter.given(Signal.Utilisation, "GPU-cut/7", "a")


async def test_memory_markers_never_look_like_free_memory(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    marker = "9223372036854775794"
    page.lines = [line.replace("61440", marker) for line in device(held())]
    page.lines += [line.replace("20480", marker) for line in device(held(uuid="GPU-2"))]
    source.start()
    adapter = adapt()
    await adapter.watch(4)
    values = [*adapter.given(Signal.MemoryPercent).values(), *adapter.given(Signal.MemoryPercent, "GPU-2").values()]
    assert len(values) >= 4
    assert not [value for value in values if 0 <= value <= 100]


async def test_labels_that_name_only_the_exporter_are_refused(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    page.lines = device(FREE)
    source.start()
    adapter = adapt()
    health = await adapter.until(lambda health: bool(health.attribution_problem))
    assert TARGET_LABELS["pod"] in health.attribution_problem
    assert health.up
    assert not adapter.book.given


async def test_a_prometheus_that_lost_its_storage_no_longer_reaches_back(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    page.lines = device(held())
    source.start()
    adapter = adapt()
    before = await adapter.until(lambda health: health.up and health.reaches_back_to is not None)
    await adapter.watch(3)
    source.component.stop()
    assert not (await adapter.observe()).up
    emptied_at = time.time()
    source.start(fresh=True)
    after = await adapter.until(lambda health: health.up and health.reaches_back_to != before.reaches_back_to)
    assert before.reaches_back_to is not None
    assert before.reaches_back_to < emptied_at
    assert after.reaches_back_to is None or after.reaches_back_to >= emptied_at
    assert (await adapter.watch(3)).reaches_back_to >= emptied_at  # type: ignore[operator]


async def test_a_prometheus_that_kept_its_storage_is_read_on_from_where_it_stopped(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    page.lines = device(held())
    source.start()
    adapter = adapt()
    before = await adapter.until(lambda health: health.up and health.reaches_back_to is not None)
    await adapter.watch(3)
    source.restart()
    after = await adapter.watch(6)
    assert (after.up, after.reaches_back_to) == (True, before.reaches_back_to)
    given = adapter.given(Signal.Utilisation)
    assert given.keys() == {at for at in source.raw("DCGM_FI_DEV_GPU_UTIL") if at <= max(given)}


async def test_a_scrape_slower_than_configured_is_told(
    page: Exposition, source: Source, adapt: Callable[[], Adapter]
) -> None:
    page.lines = device(held())
    source.start(interval="3s")
    await asyncio.sleep(5)  # the check is made at the start: let there be a scrape to find
    health = await adapt().until(lambda health: health.up)
    assert "scraped every 3s" in health.interval_problem
    assert "Set it to 3" in health.interval_problem


def test_the_double_of_the_unit_tests_is_this_form(source: Source, page: Exposition) -> None:
    """The unit tests write answers by hand: this is what a real one looks like."""
    page.lines = device(held())
    source.start()
    answer = source.ask("/api/v1/query_range", query="vector(1)", start="10", end="20", step="10")
    assert answer == json.loads('{"resultType":"matrix","result":[{"metric":{},"values":[[10,"1"],[20,"1"]]}]}')
