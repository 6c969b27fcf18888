"""Laws of the simulated world: money adds up, devices are conserved, nodes are never overfull."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebbtide.sim import run as running
from ebbtide.sim.pod_spec import DEVICES
from ebbtide.sim.result import Result, rounded
from ebbtide.sim.sim_pod import HOLDING
from tests.unit.sim.sim_world import busy, catalog, deployment, job, node, play, policy, row, training_job

SPOT = {"karpenter.sh/capacity-type": "spot"}
MINUTES = st.integers(0, 59).map(lambda minute: minute * 60 + 7)
NAMES = ("t", "u", "j", "d")


@st.composite
def worlds(draw: Any) -> dict[str, Any]:
    """A few nodes, some of them spot, four workloads of any size, and things that happen to them."""
    nodes = [node("a", draw(st.integers(1, 4)), labels=SPOT), node("b", draw(st.integers(1, 8)))]
    nodes += [node("c", 2, labels={"node.kubernetes.io/instance-type": "other"})] if draw(st.booleans()) else []
    work = draw(st.sampled_from([None, 700, 2000]))
    sized = {} if work is None else {"expectedSeconds": work}
    saving = draw(
        st.sampled_from(
            [{"mode": "None"}, {"mode": "Periodic", "intervalSeconds": 170}, {"mode": "OnSignal", "graceSeconds": 40}]
        )
    )
    objects = [
        *nodes,
        catalog(
            row("od", "37.13"),
            row("spot", "11.007", match={"capacityClass": "Spot"}),
            mode=draw(st.sampled_from(["GPUOnly", "Weights"])),
        ),
        policy(idle={"afterSeconds": 900, "warnSeconds": 300, "graceSeconds": 60, "withoutCheckpoint": "Pause"}),
        training_job("t", draw(st.integers(1, 3)), workers=draw(st.integers(1, 3)), checkpoint=saving, **sized),
        training_job("u", 1, checkpoint=saving),
        job("j", 1, parallelism=draw(st.integers(1, 3))),
        deployment("d", draw(st.integers(0, 4)), 1),
    ]
    quiet = st.sampled_from(["80", "0", "80x5 0x100", "0x10 50x9 0"])
    kinds = {"t": "TrainingJob", "u": "TrainingJob", "j": "Job", "d": "Deployment"}
    return {
        "objects": objects,
        "activity": [busy(name, draw(quiet), kind=kinds[name]) for name in NAMES],
        "capacity": [
            {
                "nodeSelector": SPOT,
                "stepSeconds": draw(st.sampled_from([300, 450])),
                "available": draw(st.sampled_from(["1", "1 0 1", "0 1 0 1"])),
                "noticeSeconds": draw(st.sampled_from([0, 60])),
                "billed": draw(st.sampled_from(["WhileExists", "WhileUsed"])),
            }
        ],
        "startupSeconds": draw(st.sampled_from([0, 45])),
        "terminationSeconds": draw(st.sampled_from([0, 20])),
        "events": sorted(draw(st.lists(happenings(), max_size=5)), key=lambda event: event["at"]),
    }


def happenings() -> st.SearchStrategy[dict[str, Any]]:
    def at(event: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
        return MINUTES.map(lambda second: {"at": second} | event)

    job_of_t = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "ml"}}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "ml"}}
    return st.sampled_from(
        [
            {"apply": training_job("u", suspend=True)},
            {"apply": training_job("u", suspend=False)},
            {"apply": job_of_t | {"spec": {"suspend": True}}},
            {"apply": job_of_t | {"spec": {"suspend": False}}},
            {"apply": scaled | {"spec": {"replicas": 1}}},
            {"apply": scaled | {"spec": {"replicas": 3}}},
            {"operator": "Restart"},
            {"prometheus": "Down"},
            {"api": "Conflict"},
        ]
    ).flatmap(at)


class Watched(running.Run):
    """Looks at every node after every instant."""

    async def _instant(self, second: int, end: int) -> None:
        await super()._instant(second, end)
        for machine in self._world.scheduler.machines:
            holders = list(machine.pods)
            assert all(pod.machine is machine and pod.stage in HOLDING for pod in holders)
            for name, has in machine.has.items():
                asked = sum(dict(pod.needs.requests).get(name, 0) for pod in holders)
                assert machine.taken.get(name, 0) == asked <= has, (second, machine.name, name)
            held = [holder for holder in machine.devices if holder is not None]
            assert len(held) == sum(pod.needs.devices for pod in holders) <= machine.has.get(DEVICES, 0)
            assert all(len(pod.devices) == pod.needs.devices for pod in holders)
        for pod in self._world.pods:
            assert pod.machine is None or pod.machine in self._world.scheduler.machines or pod.stage not in HOLDING


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ebbtide.simulation.Run", Watched)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(worlds())
def test_money_adds_up_and_nothing_is_held_twice(world: dict[str, Any]) -> None:
    found = play(*world.pop("objects"), seconds=3600, **world)
    costs = found.costs
    priced = [it for it in costs.workloads if it.cost is not None]
    assert sum((rounded(it.cost) for it in priced), Decimal(0)) + costs.unallocated == costs.total
    assert costs.unallocated >= Decimal("-0.00001"), "more was charged than the nodes cost"
    for it in priced:
        assert it.cost >= 0
        assert it.list_cost >= it.cost, "spot and on-demand only: nothing costs more than its list price"
    _lanes_and_hours_agree(found)


def _lanes_and_hours_agree(found: Result) -> None:
    """Lanes show the devices that are charged for."""
    for it in found.costs.workloads:
        spans = [span for lane in found.lanes if lane.workload == it.workload for span in lane.spans]
        shown = sum((span.end - span.start) * span.gpus for span in spans)
        assert shown == it.gpu_hours * 3600, it.workload
        assert all(one.end == two.start for one, two in pairwise(spans))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 8), st.integers(60, 3600), st.sampled_from(["GPUOnly", "Weights"]))
def test_what_nobody_touches_saves_nothing(gpus: int, work: int, mode: str) -> None:
    found = play(node(), catalog(mode=mode), training_job(gpus=gpus, expectedSeconds=work), startupSeconds=33)
    assert found.costs.workloads[0].saved == 0
