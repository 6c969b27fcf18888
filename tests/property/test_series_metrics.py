"""The simulated Prometheus under the operator's reader: its conditions, and that nothing is lost by reading once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebbtide.api.cost_policy import CostPolicySpec
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth, Policy
from ebbtide.core.workload import Attribution, Breaker, Pod, WorkloadKey
from ebbtide.samples import reader
from ebbtide.samples.answer import MetricsError
from ebbtide.samples.reader import FleetReader
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.ticket import Ticket
from ebbtide.samples.vendors import NVIDIA, VENDORS
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import Condition, SimulatedMetrics, SwitchedSource
from ebbtide.sim.source import StoredSource

START = 1_790_000_010.0
SETTINGS = ReadingSettings(sample_interval_seconds=30.0, look_back_seconds=600.0)
METRICS = sorted({name for group in NVIDIA.groups for one in group for name in one.names})


class RecordingBook(EvidenceBook):
    """The real book, which also remembers what it was given."""

    __slots__ = ("given",)

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self.given: dict[tuple[str, str, str, str], dict[float, float]] = {}

    def fold_series(self, namespace, pod, device, model, signal, samples):  # noqa: PLR0917  # the book's signature
        samples = list(samples)
        self.given.setdefault((namespace, pod, device, str(signal)), {}).update(samples)
        super().fold_series(namespace, pod, device, model, signal, samples)

    def drop_pod(self, namespace, pod):
        for key in [key for key in self.given if key[:2] == (namespace, pod)]:
            del self.given[key]
        super().drop_pod(namespace, pod)


@pytest.fixture(autouse=True, scope="module")
def recorded():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "EvidenceBook", RecordingBook)
        yield


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> float:
        return self.at


def pod(name: str, generation: int = 0, created_at: float = 0.0) -> Pod:
    return Pod(
        uid=f"{name}-{generation}", namespace="ml", name=name, owner_uid="owner", node="n1", phase="Running",
        created_at=created_at, bound_at=0.0, ready_since=created_at + 1, ended_at=None, deleting=False, accelerators=1,
        accelerator_resource="nvidia.com/gpu", cpu=1.0, memory_bytes=1, failing=None, unschedulable=False,
        checkpointed_at=None, attribution=Attribution(),
    )  # fmt: skip


def cluster(*pods: Pod, patience: int = 0) -> ClusterState:
    idle = {"afterSeconds": patience, "neverUsedAfterSeconds": patience}
    spec = CostPolicySpec.model_validate({"selector": {}, "idle": idle}) if patience else None
    policies = (Policy("CostPolicy", "ml", "p", "uid", 0.0, 1, spec),)
    by_workload = {WorkloadKey("ml", "Job", one.name): (one,) for one in pods}
    return ClusterState((), by_workload, {}, {}, policies, (), Breaker())


class World:
    """Scrapes devices into a store and reads them twice: as the simulator does, and all that each tick asks for."""

    def __init__(self) -> None:
        self.clock, self.store = Hands(), SeriesStore()
        self.metrics = SimulatedMetrics(self.store, SETTINGS, self.clock)
        self._stored = StoredSource(self.store, self.metrics._stored._scrape)
        self._whole = SwitchedSource(self._stored)
        self._reader = FleetReader(SETTINGS, VENDORS, self._whole)

    def scrape(self, holders: dict[str, str], value: float, prefix: str = "exported_") -> None:
        """`holders`: pod by device."""
        for device, name in holders.items():
            labels = {"UUID": device, "modelName": "H100", "namespace": "gpu-operator", "pod": "exporter"}
            if name:
                labels |= {f"{prefix}namespace": "ml", f"{prefix}pod": name}
            for metric in METRICS:
                self.store.track(metric, labels).append(self.clock.at, value)

    async def tick(self, state: ClusterState) -> tuple[RecordingBook, MetricsHealth]:
        return await self.metrics.observe(state)

    def tick_whole(self, state: ClusterState) -> tuple[RecordingBook, MetricsHealth]:
        self._whole.condition = self.metrics.condition
        self._stored.give_again()
        try:
            health = self._reader.read(Ticket(), state, self.clock.at)
        except MetricsError as error:
            health = self._reader.health(str(error), up=False)
        return self._reader.book, health


rounds = st.lists(
    st.tuples(
        st.sampled_from([15.0, 30.0, 30.0, 45.0, 120.0, 900.0]),
        st.sampled_from([Condition.Up] * 6 + list(Condition)),
        st.sampled_from(["ab", "ab", "ab", "ba", "aa"]),
        st.sampled_from([{"a", "b"}] * 6 + [{"a"}, {"b", "c"}, set()]),
        st.sampled_from([set()] * 6 + [{"a"}, {"a", "b"}]),
        st.sampled_from([None, ["exported_", ""], *[["exported_", "exported_"]] * 4]),
        st.sampled_from([0.0, 0.25, 1.0]),
        st.sampled_from([0] * 7 + [1200]),
    ),
    min_size=2,
    max_size=25,
)


@settings(max_examples=120, deadline=None)
@given(rounds)
async def test_reading_every_value_once_gives_what_reading_them_again_and_again_gives(given_rounds):
    world, ages = World(), dict.fromkeys("abc", (0, 0.0))
    for seconds, condition, holders, present, replaced, prefixes, value, patience in given_rounds:
        world.clock.at += seconds
        world.metrics.condition = condition
        for name in replaced:
            ages[name] = ages[name][0] + 1, world.clock.at - 20
        for number, prefix in enumerate(prefixes or ()):
            world.scrape({f"GPU-{number}": holders[number]}, value, prefix)
        state = cluster(*(pod(name, *ages[name]) for name in sorted(present)), patience=patience)
        book, health = await world.tick(state)
        whole, healthy = world.tick_whole(state)
        assert health == healthy
        assert book.given == whole.given
        assert book.since == whole.since


async def scraped_world(ticks: int = 25) -> tuple[World, ClusterState]:
    world, state = World(), cluster(pod("a"))
    for _ in range(ticks):
        world.clock.at += 30
        world.scrape({"GPU-1": "a"}, 0.0)
        await world.tick(state)
    return world, state


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (Condition.Down, "the connection was refused"),
        (Condition.Slow, "did not finish its answer in time"),
        (Condition.Partial, "a part of the samples could not be read"),
    ],
)
async def test_a_broken_source_is_down_and_then_read_on_from_where_it_stopped(condition, told):
    world, state = await scraped_world()
    world.metrics.condition = condition
    for _ in range(4):
        world.clock.at += 30
        world.scrape({"GPU-1": "a"}, 0.5)
        book, health = await world.tick(state)
        assert not health.up
        assert told in health.message
    before = health.reaches_back_to
    world.metrics.condition = Condition.Up
    book, health = await world.tick(state)
    assert (health.up, health.reaches_back_to) == (True, before)
    times = book.given["ml", "a", "GPU-1", "Engine"]
    assert set(times) == {START + 30 * number for number in range(1, 30)}


async def test_an_empty_source_is_up_and_reaches_nowhere():
    world, state = await scraped_world()
    world.metrics.condition = Condition.Empty
    world.clock.at += 30
    _, health = await world.tick(state)
    assert (health.up, health.reaches_back_to) == (True, None)


async def test_a_restarted_operator_reads_the_history_again():
    world, state = await scraped_world()
    again = SimulatedMetrics(world.store, SETTINGS, world.clock)
    before, health = await world.tick(state)
    after, restarted = await again.observe(state)
    kept = {at for at in before.given["ml", "a", "GPU-1", "Engine"] if at > world.clock.at - 600}
    assert kept == set(after.given["ml", "a", "GPU-1", "Engine"])
    assert (restarted.up, restarted.label_mode) == (health.up, health.label_mode)


async def test_samples_of_the_future_are_not_seen():
    world, state = await scraped_world(3)
    track = world.store.track(
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE", {"UUID": "GPU-1", "exported_namespace": "ml", "exported_pod": "a"}
    )
    track.append(world.clock.at + 10, 1.0)
    book, _ = await world.tick(state)
    assert 1.0 not in book.given["ml", "a", "GPU-1", "Engine"].values()
    world.clock.at += 15
    book, _ = await world.tick(state)
    assert book.given["ml", "a", "GPU-1", "Engine"][world.clock.at - 5] == 1.0
