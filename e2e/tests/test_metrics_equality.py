"""The simulator's source and a real Prometheus with the same samples in it give the same answers and evidence."""

import math
import random
from collections.abc import Iterator, Mapping

import pytest
import requests

from e2e.binaries.cache import binaries_dir
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard
from e2e.requirements_guard import require
from e2e.tests.remote_write import STALE, write
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Attribution, Breaker, Instant, Pod, WorkloadKey
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.client import PrometheusClient
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.metrics.source import PrometheusSource
from ebbtide.samples import reader
from ebbtide.samples.answer import Answer
from ebbtide.samples.settings import LabelMode, ReadingSettings
from ebbtide.samples.source import requests_of
from ebbtide.samples.span import Grid
from ebbtide.samples.vendors import NVIDIA, VENDORS
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import SimulatedMetrics
from ebbtide.sim.source import StoredSource

pytestmark = pytest.mark.plane

START = 1_790_000_010.0
"""A multiple of 15 s."""
INTERVAL = 30.0
SCRAPES = 60
"""Half an hour: a fresh Prometheus takes samples up to one hour older than its newest."""
ODD = [math.nan, math.inf, -math.inf, -1.0, 9223372036854775794.0, 2147483632.0, STALE, None]
"""None: no sample."""
METRICS = sorted({name for group in NVIDIA.groups for one in group for name in one.names})

Labels = Mapping[str, str]
Written = list[tuple[str, Labels, list[tuple[Instant, float]]]]
"""Metric, labels and samples of each series."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that scrapes nothing and takes what is written."""
    folder = binaries_dir()
    if folder is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    (port,), home, guard = free_ports(1), tmp_path_factory.mktemp("written"), Guard()
    (home / "prometheus.yml").write_text("{}", encoding="utf-8")
    argv = [str(folder / "prometheus"), f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home}/data"]
    argv += [f"--web.listen-address={HOST}:{port}", "--web.enable-remote-write-receiver"]
    component = Component("prometheus", argv, home / "prometheus.log", guard)
    component.start()
    component.wait_ready(lambda: _ready(f"http://{HOST}:{port}"))
    yield f"http://{HOST}:{port}"
    component.stop()
    guard.close()


def _ready(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{url}/-/ready", timeout=1).ok
        except requests.RequestException:
            return False


def both(url: str, written: Written, run: str) -> SeriesStore:
    """Puts the same samples into Prometheus, under a label of their own, and into a store."""
    write(url, [({"__name__": metric, "run": run, **labels}, samples) for metric, labels, samples in written])
    store = SeriesStore()
    for metric, labels, samples in written:
        track = store.track(metric, labels)
        for at, value in samples:
            if value is STALE:
                track.append_stale(at)
            else:
                track.append(at, value)
    return store


def scraped(labels: Labels, dice: random.Random, *, odd: float, late: float = 0.0) -> Written:
    """All series of one device as one exporter shows them; `odd` is the share of values that are not ordinary."""
    times = [START + late + INTERVAL * number + dice.choice([0, 0.001, 0.25]) for number in range(SCRAPES)]
    written: Written = []
    for metric in METRICS:
        top = 1.0 if "PROF" in metric else 100.0
        values = [dice.choice([0.0, 0.0, round(dice.uniform(0, top), 6)]) for _ in times]
        samples = [
            (at, dice.choice(ODD) if dice.random() < odd else value) for at, value in zip(times, values, strict=True)
        ]
        written.append((metric, labels, [(at, value) for at, value in samples if value is not None]))
    return written


def held(pod: str, uuid: str, **more: str) -> dict[str, str]:
    exporter = {"namespace": "gpu-operator", "pod": "exporter"}
    return {"UUID": uuid, "modelName": "H100", "exported_namespace": "ml", "exported_pod": pod, **exporter, **more}


def fleet(dice: random.Random, odd: float) -> Written:
    """Whole devices, instances, a shared device, one scraped twice, one that nobody holds, one that changes hands."""
    rows = [
        held("a", "GPU-1"),
        held("b", "GPU-2", GPU_I_ID="7"),
        held("c", "GPU-2", GPU_I_ID="8"),
        held("d", "GPU-3", Hostname="n1"),
        held("e", "GPU-3", Hostname="n1"),
        {"UUID": "GPU-3", "pod": "exporter", "namespace": "gpu-operator"},
        held("f", "GPU-4", job="one"),
        held("f", "GPU-4", job="two"),
        {"UUID": "GPU-5"},
        held("g", "GPU-6", pod_uid="uid-of-g"),
        held("a", "GPU-6"),
    ]
    return [one for row in rows for one in scraped(row, dice, odd=odd, late=dice.choice([0.0, 7.5, 15.0]))]


def rows(answer: Answer) -> dict[frozenset[tuple[str, str]], list[tuple[int, str]]]:
    return {
        frozenset(row.metric.items()): [(at, repr(value + 0.0)) for at, value in row.values] for row in answer.series()
    }


@pytest.mark.parametrize(("seed", "odd"), [(1, 0.0), (2, 0.1), (3, 0.6)])
def test_the_same_samples_give_the_same_answers(prometheus: str, seed: int, odd: float) -> None:
    dice = random.Random(seed)
    store = both(prometheus, fleet(dice, odd), f"answers-{seed}")
    simulated = StoredSource(store, None)
    for step in (15.0, 5.0, 60.0):
        client = PrometheusClient(prometheus)
        real = PrometheusSource(client, QueryWriter(step, (("run", f"answers-{seed}"),)))
        first = START // step * step - 2 * step
        grid = Grid(first, first + step * (INTERVAL * SCRAPES // step + 4), step)
        presence = rows(real.presence([NVIDIA], grid))
        assert len(presence) >= 9
        assert rows(simulated.presence([NVIDIA], grid)) == presence
        for mode in (LabelMode.Exported, LabelMode.Plain):
            for request in requests_of([(NVIDIA, NVIDIA.names(mode))]):
                values = rows(real.values(request, grid))
                assert values
                assert rows(simulated.values(request, grid)) == values
        client.close()


def every_vendor(dice: random.Random) -> Written:
    """All metrics of all vendors, on two devices each, of which one is shared by two pods."""
    written: Written = []
    for profile in VENDORS:
        for number, pods in enumerate((("a", "b"), ("c",))):
            device = dict.fromkeys((*profile.unit_labels[:1], *profile.within), f"{profile.name}-{number}")
            parts = {profile.instance_label: "1"} if profile.instance_label and number else {}
            if profile.undivided is not None and not number:
                parts = {profile.instance_label: "0", profile.undivided[0]: profile.undivided[1][0]}
            for pod in pods:
                labels = {**device, **parts, **dict(profile.matchers), "exported_namespace": "ml", "exported_pod": pod}
                for measure in profile.measures:
                    marks = [dict(measure.matchers), {"status_type": "other"}] if measure.matchers else [{}]
                    for name in measure.names:
                        written += [(name, {**labels, **mark}, _walk(dice)) for mark in marks]
    return written


def _walk(dice: random.Random) -> list[tuple[Instant, float]]:
    """Values that stay and move, with gaps and what is no number."""
    times = [START + INTERVAL * number + dice.choice([0, 0.001, 0.25]) for number in range(SCRAPES)]
    value, samples = 0.0, []
    for at in times:
        value = dice.choice([value, value, value + 1, 3.5])
        samples.append((at, dice.choice(ODD) if dice.random() < 0.1 else value))
    return [(at, value) for at, value in samples if value is not None]


@pytest.mark.parametrize("seed", [11, 12])
def test_all_vendors_together_give_the_same_answers(prometheus: str, seed: int) -> None:
    store = both(prometheus, every_vendor(random.Random(seed)), f"vendors-{seed}")
    client, simulated = PrometheusClient(prometheus), StoredSource(store, None)
    real = PrometheusSource(client, QueryWriter(15.0, (("run", f"vendors-{seed}"),)))
    first = START // 15 * 15 - 30.0
    grid = Grid(first, first + INTERVAL * SCRAPES + 60, 15.0)
    presence = rows(real.presence(VENDORS, grid))
    assert len(presence) == 3 * len(VENDORS)
    assert rows(simulated.presence(VENDORS, grid)) == presence
    asked = requests_of([(profile, profile.names(LabelMode.Exported)) for profile in VENDORS])
    assert len(asked) == 3
    for request in asked:
        values = rows(real.values(request, grid))
        assert {dict(row)["ebbtide_signal"] for row in values} == set(request.asked)
        assert rows(simulated.values(request, grid)) == values
    client.close()


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> Instant:
        return self.at


class RecordingBook(EvidenceBook):
    """The real book, which also remembers what it was given."""

    __slots__ = ("given",)

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self.given: dict[tuple[str, str, str, str], dict[Instant, str]] = {}

    def fold_series(self, namespace, pod, device, model, signal, samples):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, PLR0917
        samples = list(samples)
        given = self.given.setdefault((namespace, pod, device, str(signal)), {})
        given.update((at, repr(value + 0.0)) for at, value in samples)
        super().fold_series(namespace, pod, device, model, signal, samples)


def cluster(*names: str) -> ClusterState:
    pods = {WorkloadKey("ml", "Job", name): (_pod(name),) for name in names}
    return ClusterState((), pods, {}, {}, (), (), Breaker())


def _pod(name: str) -> Pod:
    mig = name in {"b", "c"}
    return Pod(
        uid=f"uid-of-{name}", namespace="ml", name=name, owner_uid="owner", node="gpu-0", phase="Running",
        created_at=START + 200 if name == "d" else 0.0, bound_at=0.0, ready_since=1.0, ended_at=None, deleting=False,
        accelerators=1, accelerator_resource="nvidia.com/mig-1g.10gb" if mig else "nvidia.com/gpu", cpu=1.0,
        memory_bytes=1, failing=None, unschedulable=False, checkpointed_at=None, attribution=Attribution(),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [11, 12])
async def test_the_same_samples_give_the_same_evidence(
    prometheus: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "EvidenceBook", RecordingBook)
    dice, clock, run = random.Random(seed), Hands(), f"evidence-{seed}"
    store = both(prometheus, fleet(dice, 0.1), run)
    real = PrometheusMetrics(MetricsSettings(url=prometheus, match_labels=(("run", run),)), clock)
    simulated = SimulatedMetrics(store, ReadingSettings(), clock)
    state = cluster("a", "b", "c", "d", "e", "f", "g")
    while clock.at < START + INTERVAL * SCRAPES:
        clock.at += dice.choice([15.0, 30.0, 31.7, 90.0])
        (wanted, healthy), (found, health) = await real.observe(state), await simulated.observe(state)
        assert isinstance(wanted, RecordingBook)
        assert isinstance(found, RecordingBook)
        assert found.given == wanted.given
        assert health == healthy
    assert isinstance(found, RecordingBook)
    assert {key[1] for key in found.given} == {"a", "b", "c", "d", "e", "f", "g", ""}
    assert health.up
    await real.close()
