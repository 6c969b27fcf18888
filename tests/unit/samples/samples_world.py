"""Expositions scraped into the simulator's store, and a reader that watches it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from e2e.label_modes.cases import NAMESPACE, WHOLE, Engine, Scrape
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Attribution, Breaker, Pod, WorkloadKey
from ebbtide.samples.reader import Tally
from ebbtide.samples.settings import ReadingSettings
from ebbtide.sim.series_selector import parse_selector
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import SimulatedMetrics

START = 1_790_000_010.0
INTERVAL = 30.0


def scraped(scrape: Scrape) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, final labels and value of each sample."""
    return exposed(scrape.text, scrape.job, scrape.instance, scrape.target, honor=scrape.honor_labels)


def exposed(
    text: str, job: str, instance: str, target: Mapping[str, str], *, honor: bool
) -> Iterator[tuple[str, dict[str, str], float]]:
    """The same of a page: labels of the target win, unless labels are honoured."""
    wins = {**target, "job": job, "instance": instance}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, labels = _parsed(series)
            yield name, _merged(labels, wins, honor=honor), float(value)


@cache
def _parsed(series: str) -> tuple[str, Mapping[str, str]]:
    """Every scrape tells the same series."""
    return parse_selector(series)


def _merged(exposed: Mapping[str, str], target: Mapping[str, str], *, honor: bool) -> dict[str, str]:
    present = {name: value for name, value in exposed.items() if value}
    if honor:
        return {**target, **exposed}
    moved = {f"exported_{name}" if name in target else name: value for name, value in present.items()}
    return {**target, **moved}


def cluster(*names: str, resource: str = WHOLE, **changes: object) -> ClusterState:
    pods = {WorkloadKey(NAMESPACE, "Job", name): (_pod(name, resource, **changes),) for name in names}
    return ClusterState((), pods, {}, {}, (), (), Breaker())


def _pod(name: str, resource: str, **changes: object) -> Pod:
    facts = {
        "uid": f"uid-of-{name}", "namespace": NAMESPACE, "name": name, "owner_uid": "owner", "node": "gpu-node-1",
        "phase": "Running", "created_at": 0.0, "bound_at": 0.0, "ready_since": 1.0, "ended_at": None,
        "deleting": False, "accelerators": 1, "accelerator_resource": resource, "cpu": 1.0,
        "memory_bytes": 1, "failing": None, "unschedulable": False, "checkpointed_at": None,
        "attribution": Attribution(),
    }  # fmt: skip
    return Pod(**(facts | changes))


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> float:
        return self.at

    async def sleep_until(self, instant: float) -> None:
        self.at = instant


class Watch:
    """A store that is scraped into, and the reader's view of it. The clock goes on before each scrape."""

    def __init__(self, state: ClusterState, **settings: object) -> None:
        self.clock = Hands()
        self.start = START + INTERVAL
        self.state = state
        self.store = SeriesStore()
        self.metrics = SimulatedMetrics(
            self.store, ReadingSettings(sample_interval_seconds=INTERVAL, **settings), self.clock
        )
        self.book: EvidenceBook
        self.health: MetricsHealth

    @property
    def tally(self) -> Tally:
        return self.metrics.tally

    async def scrape_and_tick(self, scrapes: Iterable[Scrape], apart: float = 7.0) -> None:
        """Targets are scraped some seconds apart, the first at the moment of the tick."""
        self.clock.at += INTERVAL
        for number, scrape in enumerate(scrapes):
            for name, labels, value in scraped(scrape):
                self.store.track(name, labels).append(self.clock.at - apart * number, value)
        await self.tick()

    async def tick(self) -> None:
        self.book, self.health = await self.metrics.observe(self.state)

    def engine(self, pods: Iterable[str]) -> Engine:
        """The highest engine activity of each pod's devices."""
        held = {name: self.book.devices(NAMESPACE, name) for name in pods}
        return {
            name: {device.id: device.peak(Signal.Engine, 0.0) for device in devices}
            for name, devices in held.items()
            if devices
        }
