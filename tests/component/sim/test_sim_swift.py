"""Short cuts of the simulator against the long way: the same evidence, the same views."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from ebbtide.core.device_evidence import DeviceEvidence
from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.sim import feed, operator_ports
from ebbtide.sim.simulated_metrics import SimulatedMetrics
from ebbtide.sim.swift_metrics import SwiftMetrics
from ebbtide.sim.swift_reader import SwiftReader
from tests.unit.sim.sim_world import busy, catalog, deployment, node, play, policy, ref, training_job

SPOT = {"karpenter.sh/capacity-type": "spot"}


class Compared(SwiftMetrics):
    """Reads both ways at every tick."""

    ticks = swift = 0
    wrong: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        exporter, settings, clock, _ = args
        self._slow = SimulatedMetrics(exporter.store, settings, clock, **more)

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        try:
            return await self._both(state)
        except Exception as error:
            Compared.wrong.append(repr(error))  # the engine catches it
            raise

    async def _both(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        before = self._swift.taken
        self._slow.condition = self.condition
        book, health = await super().observe(state)
        self._exporter.flush()
        slow_book, slow_health = await self._slow.observe(state)
        here = [health, book.since, len(book), *told_of(book, state)]
        there = [slow_health, slow_book.since, len(slow_book), *told_of(slow_book, state)]
        # The engine catches what goes wrong here, so that it is told at the end.
        Compared.wrong += [
            f"{self._clock.now()}: {one} is not {two}" for one, two in zip(here, there, strict=False) if one != two
        ]
        Compared.ticks += 1
        Compared.swift += self._is_up_to_date and self._swift.taken > before
        return book, health


def told_of(book: EvidenceBook, state: ClusterState) -> list[Any]:
    pods = [pod for group in state.pods.values() for pod in group]
    return [told(it) for pod in pods for it in book.devices(pod.namespace, pod.name)]


def told(device: DeviceEvidence) -> tuple[Any, ...]:
    """All that a device's evidence says."""
    names = [name for kind in type(device).__mro__ for name in getattr(kind, "__slots__", ()) if name != "peers"]
    return tuple((name, getattr(device, name)) for name in sorted(names))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Compared]]:
    monkeypatch.setattr(operator_ports, "SwiftMetrics", Compared)
    monkeypatch.setattr(Compared, "ticks", 0)
    monkeypatch.setattr(Compared, "swift", 0)
    monkeypatch.setattr(Compared, "wrong", [])
    yield Compared
    assert not Compared.wrong, Compared.wrong[0]


def world(**more: Any) -> dict[str, Any]:
    jobs = [training_job("t", workers=2), training_job("u", gpus=3), training_job("v", expectedSeconds=2000)]
    made = [node("a", labels=SPOT), node("b", gpus=4), catalog(), policy(), *jobs, deployment(replicas=2)]
    spec: dict[str, Any] = {
        "seconds": 7200,
        "activity": [
            busy("t", "80x9 0x30 _x2 5 0+1x20 NaN 3 0x200", memoryMiB="40x5 _ 90x4 0"),
            busy("u", "0x20 _x5 200 -1 0x9 stale 0x90", clock="Wall", omit=["DCGM_FI_DEV_POWER_USAGE"]),
            busy("v", "100"),
            busy("d", "0", kind="Deployment", omit=["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"]),
        ],
        "capacity": [{"nodeSelector": SPOT, "stepSeconds": 1800, "available": "1 0 1", "noticeSeconds": 60}],
        "events": [
            {"at": 600, "apply": training_job("t", workers=2, suspend=True)},
            {"at": 1200, "apply": training_job("t", workers=2, suspend=False)},
            {"at": 4000, "prometheus": "Down"},
            {"at": 4300, "prometheus": "Up"},
            {"at": 5000, "prometheus": "Empty"},
            {"at": 5100, "prometheus": "Up"},
            {"at": 6000, "operator": "Down"},
            {"at": 6600, "operator": "Up"},
        ],
    }
    return {"objects": made, "spec": spec | more}


@pytest.mark.parametrize(
    "pace",
    [
        {"tickSeconds": 60, "scrapeIntervalSeconds": 60},
        {"tickSeconds": 60, "scrapeIntervalSeconds": 20},
        {"tickSeconds": 30, "scrapeIntervalSeconds": 60},
        {"tickSeconds": 45, "scrapeIntervalSeconds": 30},
        {"tickSeconds": 60, "scrapeIntervalSeconds": 60, "start": "2026-03-02T08:00:13.5Z"},
        {"tickSeconds": 60, "scrapeIntervalSeconds": 60, "startupSeconds": 75, "terminationSeconds": 45},
    ],
    ids=["one scrape a tick", "three", "every other tick", "uneven", "off the grid", "slow pods"],
)
def test_what_is_handed_over_is_what_the_store_would_answer(compared: type[Compared], pace: dict[str, Any]) -> None:
    said = world(**pace)
    play(*said["objects"], **said["spec"])
    assert compared.ticks > 100
    assert compared.swift > compared.ticks / 4, "the short cut was hardly taken"


def test_an_exact_series_is_read_from_the_store(compared: type[Compared]) -> None:
    said = world(series=[{"series": 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-b-0"}', "values": "7x300"}])
    play(*said["objects"], **said["spec"])
    assert compared.swift == 0


def test_longer_patience_asks_for_more_history(compared: type[Compared]) -> None:
    patient = policy(idle={"afterSeconds": 14_400, "warnSeconds": 600})
    said = world(events=[{"at": 3600, "apply": patient}], seconds=5400)
    play(*said["objects"], **said["spec"])


def test_a_status_alone_is_told_without_reading_the_object_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    retold = feed._retold
    compared = 0

    def both(before: Any, after: Any, store: Any) -> Any:
        nonlocal compared
        found = retold(before, after, store)
        if found is not None:
            assert found == feed.decoded(after)
            compared += 1
        return found

    monkeypatch.setattr(feed, "_retold", both)
    play(node(), catalog(), policy(), training_job(), activity=[busy(values="80x9 0x200")], seconds=7200)
    assert compared > 5


def test_a_missing_label_is_judged_by_the_reader(compared: type[Compared]) -> None:
    """Nobody shows anything: the store is asked every time."""
    play(node(), policy(), training_job(), seconds=1800)
    assert compared.swift == 0
    assert SwiftReader.taken == -1


def test_the_unused_device_of_another_node_does_not_speak_for_a_job() -> None:
    found = play(node(gpus=2), policy(), training_job(), activity=[busy(values="80x3 _x90")], seconds=5400)
    assert (found.verdicts[-1].verdict, found.verdicts[-1].workload.name) == ("Unknown", ref()["name"])
