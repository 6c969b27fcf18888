"""The decision cases of the facts: 60 minutes of history, a sample a minute, a span of 30, judged at minute 60."""

import pytest

from ebbtide.core.evidence import Signal
from tests.unit.core.verdict_world import MINUTE, START, World, upto

T4 = "Tesla T4"


def pods_world(devices: int = 1) -> World:
    return World().pod(devices=devices)


def two_idle() -> World:
    return pods_world(2).device("GPU-0").device("GPU-1")


def exporter_restarted() -> World:
    """The series changes its identity at minute 46; the evidence is by device, so nothing changes."""
    world = pods_world()
    for minutes in (range(46), range(46, 61)):
        for signal in (Signal.Utilisation, Signal.Engine):
            samples = [(START + minute * MINUTE, 0.0) for minute in minutes]
            world.book.fold_series("ml", "w-0", "GPU-0", "", signal, samples)
    return world


def sparse(*minutes: int) -> list[int]:
    """All minutes but these."""
    return [minute for minute in range(61) if minute not in minutes]


def double_scrape() -> World:
    world = pods_world()
    for _ in range(2):
        world.device(missing=range(35, 49), util=0.0, engine=0.0)
    return world


def zero_filled_sharers() -> World:
    world = World().pod("p").pod("q").device("GPU-0", pod="p").device("GPU-0", pod="q")
    return world.device("GPU-0", pod="", namespace="", util=97.0, engine=None)


def burst(minute: int) -> float:
    return 80.0 if minute in {45, 46} else 0.0


CASES = {
    "1 two idle GPUs, both metrics": (two_idle, "Idle"),
    "2 idle old GPU without profiling, power near idle": (
        lambda: pods_world().device(model=T4, engine=None, watts=28.7), "Idle"),
    "2b the same without power": (lambda: pods_world().device(model=T4, engine=None), "Unknown SingleFamily"),
    "2c the same with power of a model that is not known": (
        lambda: pods_world().device(model="Custom X1", engine=None, watts=28.7), "Unknown SingleFamily"),
    "2d the same with the energy counter alone": (
        lambda: pods_world().device(model=T4, engine=None, energy=17.0), "Idle"),
    "3 exporter restarted in the span": (exporter_restarted, "Idle"),
    "4 idle MIG slice with two profiling fields": (
        lambda: pods_world().device("GPU-0/3", dram=0.0), "Idle"),
    "4b idle MIG slice on an idle board": (lambda: pods_world().device("GPU-0/3", watts=70.0), "Idle"),
    "4c idle MIG slice on a busy board, one profiling field": (
        lambda: pods_world().device("GPU-0/3", watts=500.0), "Unknown SingleFamily"),
    "4d idle MIG slice on a busy board, two profiling fields": (
        lambda: pods_world().device("GPU-0/3", tensor=0.0, watts=500.0, energy=500.0), "Idle"),
    "5 one idle GPU of two": (
        lambda: pods_world(2).device("GPU-0").device("GPU-1", util=95.0, engine=0.9), "Active GPUActive"),
    "6 profiling stuck at 0": (lambda: pods_world().device(util=99.0), "Active GPUActive"),
    "7 one sample after a gap of 48 minutes": (
        lambda: pods_world().device(missing=range(12, 60)), "Unknown InsufficientCoverage"),
    "8 gap of 14 minutes": (lambda: pods_world().device(missing=range(35, 49)), "Unknown InsufficientCoverage"),
    "9 double scrape, half the span missing": (double_scrape, "Unknown InsufficientCoverage"),
    "10 MIG busy": (lambda: pods_world().device("GPU-0/3", engine=0.8), "Active GPUActive"),
    "11 MIG, profiling absent": (lambda: pods_world().device("GPU-0/3", engine=None), "Unknown MetricsMissing"),
    "12 shared GPU, zero-filled pods, busy device row": (zero_filled_sharers, "Unknown AttributionBroken"),
    "13 second GPU has only memory": (
        lambda: pods_world(2).device("GPU-0").device("GPU-1", util=None, engine=None, memory=10.0),
        "Unknown MetricsMissing"),
    "14 two busy samples in the span": (
        lambda: pods_world().device(util=burst, engine=lambda minute: burst(minute) / 100), "Active RecentlyActive"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_decision_case(name):
    build, want = CASES[name]
    assert build().says() == want


BEYOND = {
    "MIG slice, profiling stuck at 0": (lambda: pods_world().device("GPU-0/3"), "Unknown SingleFamily"),
    "8 GPUs requested, 4 have series": (
        lambda: [w := World().pod(devices=8), *(w.device(f"GPU-{n}") for n in range(4))][0], "Unknown MetricsMissing"),
    "MIG pod attributed to the parent": (
        lambda: World().pod(accelerator_resource="nvidia.com/mig-1g.10gb").device(), "Unknown AttributionBroken"),
    "the only busy samples are among the missing ones": (
        lambda: pods_world().device(missing=[50], energy=lambda minute: 600.0 if minute == 50 else 70.0),
        "Unknown SignalsDisagree"),
    "the same hole, but the energy says idle": (lambda: pods_world().device(missing=[50], energy=70.0), "Idle"),
    "the same hole without an energy counter": (lambda: pods_world().device(missing=[50]), "Idle"),
    "utilisation 0, profiling all NaN": (
        lambda: pods_world().device(engine=float("nan"), tensor=float("nan")), "Unknown SingleFamily"),
    "utilisation turns into a blank marker": (
        lambda: pods_world().device(util=upto(40, 0.0, 9223372036854775794.0)), "Unknown BadValues"),
    "every value is a blank marker": (
        lambda: pods_world().device(util=2147483632.0, engine=-1.0), "Unknown BadValues"),
    "utilisation turns into infinity": (
        lambda: pods_world().device(util=upto(40, 0.0, float("inf"))), "Unknown BadValues"),
    "name reused ten minutes ago": (lambda: World().pod(ready=50).device(), "Unknown HistoryTooShort"),
    "sharer at 0, neighbour at 60 on the same device": (
        lambda: World().pod("p").device(pod="p").device(pod="q", util=60.0), "Unknown SharedDevice"),
    "requested as a share": (
        lambda: World().pod(accelerator_resource="nvidia.com/gpu.shared").device(), "Unknown SharedDevice"),
    "exporter alive, readings frozen": (lambda: pods_world().device(energy=0.0), "Unknown FrozenMetrics"),
    "readings frozen for the last ten minutes": (
        lambda: pods_world().device(energy=upto(50, 70.0, 0.0)), "Unknown FrozenMetrics"),
    "readings frozen for a while in the middle": (
        lambda: pods_world().device(energy=lambda minute: 0.0 if 34 < minute < 57 else 70.0), "Unknown FrozenMetrics"),
    "frozen before the span only": (
        lambda: pods_world().device(energy=lambda minute: 0.0 if minute < 28 else 70.0), "Idle"),
    "7 of 8 ranks idle": (
        lambda: [w := World(), *(w.pod(f"w-{n}").device(f"GPU-{n}", pod=f"w-{n}", util=90.0 * (n == 7))
                                 for n in range(8))][0], "Active GPUActive"),
    "one rank without series": (
        lambda: World().pod("w-0").pod("w-1").device(pod="w-0"), "Unknown MetricsMissing"),
    "the same device one pod after the other": (
        lambda: World().pod("new", ready=5).device(pod="old", missing=range(4, 61)).device(pod="new"), "Idle"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEYOND)
def test_case_that_promql_cannot_decide(name):
    build, want = BEYOND[name]
    assert build().says() == want
