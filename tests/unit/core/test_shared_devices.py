"""Shared devices (acceptance test 4), MIG (5), and series that name another pod (P12)."""

import json

import pytest

from ebbtide.core.evidence import Signal
from ebbtide.core.idle_rule import IdleRule
from ebbtide.objects.views_node import decode_node
from tests.unit.core.verdict_world import H100, MINUTE, RULE, START, World, healthy, upto

PAUSES = IdleRule(after_seconds=2400, warn_seconds=600, grace_seconds=0, never_used_after_seconds=2400,
                  pauses_sharers=True)  # fmt: skip


def two_pods(rule: IdleRule = RULE, *, p=0.0, q=0.0, row=None, engine=0.0) -> World:
    """Pods p and q on one device, with its own row if there is one; says() is about q alone."""
    world = World(rule=rule).pod("q").device(pod="q", util=q, engine=engine).device(pod="p", util=p, engine=engine)
    return world if row is None else world.device(pod="", namespace="", util=row, engine=None)


@pytest.mark.parametrize("rule", [RULE, PAUSES], ids=["ReportOnly", "Pause"])
@pytest.mark.parametrize(
    ("world", "want"),
    [
        ({"p": 90.0, "q": 90.0, "engine": 0.8}, "Active GPUActive"),
        ({"row": 97.0}, "Unknown AttributionBroken"),
        ({"row": upto(50, 97.0, 0.0)}, "Unknown AttributionBroken"),
        ({"p": 60.0, "row": 97.0}, "Unknown SharedDevice"),
        ({"p": 60.0}, "Unknown SharedDevice"),
        ({"p": 60.0, "q": 37.0, "row": 97.0}, "Active GPUActive"),
    ],
    ids=["copies", "zero-filled", "zero-filled for a while", "per process", "no device row", "both per process"],
)
def test_acceptance_4_sharers(rule, world, want):
    assert two_pods(rule, **world).says() == want


@pytest.mark.parametrize(("rule", "want"), [(RULE, "Unknown SharedDevice"), (PAUSES, "Idle")])
def test_sharers_of_an_idle_device_are_idle_only_where_the_policy_pauses_them(rule, want):
    assert two_pods(rule).says() == want
    assert two_pods(rule, row=0.0).says() == want


def test_a_neighbour_that_was_busy_before_the_span_does_not_count():
    assert two_pods(PAUSES, p=upto(20, 60.0, 0.0), row=upto(20, 97.0, 0.0)).says() == "Idle"
    assert two_pods(PAUSES, p=upto(40, 60.0, 0.0), row=upto(40, 97.0, 0.0)).says() == "Unknown SharedDevice"


PART = {"accelerator_resource": "nvidia.com/gpumem"}


def hami(rule: IdleRule = PAUSES, *, own: bool = True, launches=0.0, **tracks) -> World:
    """Pods p and q with parts of one GPU; p works, q is judged. `own`: launches are known to be counted by pod."""
    world = World(rule=rule).pod("q", **PART)
    world.health = healthy(own_launches=frozenset({"nvidia.com/gpumem"} if own else ()))
    world.device(pod="q", engine=None, launches=launches, **tracks)
    return world.device(pod="p", util=60.0, engine=None, launches=1.0)


def test_a_sharer_whose_own_launches_cover_the_span_is_judged_by_itself():
    assert hami().says() == "Idle"
    assert hami(util=40.0).says() == "Active GPUActive"
    assert hami(launches=upto(40, 1.0, 0.0)).says() == "Active RecentlyActive"
    assert hami(own=False).says() == "Unknown SharedDevice", "launches could be the device's, and so could its rest"


def test_by_default_a_sharer_is_reported_whatever_vouches_for_it():
    assert hami(RULE).says() == "Unknown SharedDevice"


def test_without_launches_of_its_own_a_neighbours_work_still_protects_a_sharer():
    assert hami(launches=None, watts=70.0).says() == "Unknown SharedDevice"
    assert hami(launches=0.0, missing=range(45, 50)).says() == "Unknown InsufficientCoverage"


def test_launches_do_not_explain_what_the_devices_own_row_shows():
    """Nobody's row accounts for the work: who says that q's launches are q's?"""
    world = World(rule=PAUSES).pod("q", **PART)
    world.health = healthy(own_launches=frozenset({"nvidia.com/gpumem"}))
    world.device(pod="q", engine=None, launches=0.0).device(pod="p", engine=None, launches=0.0)
    assert world.device(pod="", namespace="", util=97.0, engine=None).says() == "Unknown AttributionBroken"


def test_a_device_alone_on_a_node_that_shares_is_shared():
    world = World().pod().device()
    gang = world.gang()
    shares = type(gang)(**{name: getattr(gang, name) for name in gang.__struct_fields__} | {"sharing_nodes": {"n1"}})
    world.gang = lambda at=None: shares
    assert world.says() == "Unknown SharedDevice"


@pytest.mark.parametrize(
    ("rule", "minute", "want"),
    [(RULE, 55, "Unknown SharedDevice"), (PAUSES, 55, "Idle"), (RULE, 15, "Idle")],
    ids=["reported", "idle as a whole", "long ago"],
)
def test_a_device_alone_whose_series_are_those_of_a_share_is_shared(rule, minute, want):
    """dcgm-exporter numbers replicas in the label vgpu: the other holders may have no series at all."""
    world = World(rule=rule).pod().device("GPU-0")
    world.book.shares["GPU-0"] = START + minute * MINUTE
    world.book.shares["GPU-1"] = START + 55 * MINUTE
    assert world.says() == want


def test_work_on_a_share_is_work():
    world = World().pod().device("GPU-0", engine=0.9)
    world.book.shares["GPU-0"] = START + 55 * MINUTE
    assert world.says() == "Active GPUActive"


@pytest.mark.parametrize(
    ("labels", "want"),
    [
        ({}, False),
        ({"nvidia.com/gpu.replicas": "1", "nvidia.com/gpu.sharing-strategy": "none"}, False),
        ({"nvidia.com/gpu.replicas": "4"}, True),
        ({"nvidia.com/gpu.product": "Tesla-T4-SHARED"}, True),
        ({"nvidia.com/gpu.sharing-strategy": "mps"}, True),
        ({"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}, True),
        ({"nvidia.com/gpu.replicas": "many"}, False),
    ],
)
def test_nodes_tell_that_they_share(labels, want):
    raw = {"metadata": {"uid": "u", "name": "n", "labels": labels}, "status": {"capacity": {"nvidia.com/gpu": "4"}}}
    assert decode_node(json.dumps(raw).encode())[1].shares_devices is want


def test_acceptance_5_mig():
    mig = {"accelerator_resource": "nvidia.com/mig-1g.10gb"}
    assert World().pod(**mig).device("GPU-0/1", util=0.0, engine=0.8).says() == "Active GPUActive"
    assert World().pod(**mig).device("GPU-0/1", util=0.0, engine=None).says() == "Unknown MetricsMissing"
    idle = World().pod(**mig).device("GPU-0/1", dram=0.0, watts=500.0, energy=500.0)
    assert idle.device("GPU-0/2", pod="other", engine=0.9).says() == "Idle", "the parent is busy, the slice is not"


def test_an_instance_that_changed_hands_is_not_shared():
    """GPU_I_ID 3 is given to another pod after a reconfiguration: what the earlier holder did there is its own."""
    mig = {"accelerator_resource": "nvidia.com/mig-1g.10gb"}
    world = World().pod("new", ready=20, **mig).device("GPU-0/3", pod="old", engine=0.9, missing=range(15, 61))
    assert world.device("GPU-0/3", pod="new", dram=0.0, missing=range(20)).says() == "Idle"


def test_series_that_name_the_pod_by_another_uid():
    world = World().pod()
    world.book.others["ml", "w-0"] = START + 59 * MINUTE
    assert world.says() == "Unknown PodIdentity"
    world.device()
    assert world.says() == "Idle", "its own series are there: whatever else names it"


def test_a_predecessors_series_are_no_news_after_ready():
    world = World().pod(ready=30)
    world.book.others["ml", "w-0"] = START + 20 * MINUTE
    assert world.says() == "Unknown MetricsMissing"


ODD = {
    "negative utilisation": ({"util": -1.0}, "Unknown SingleFamily"),
    "infinite engine": ({"engine": float("inf")}, "Unknown SingleFamily"),
}


@pytest.mark.parametrize("name", ODD)
def test_acceptance_1_odd_values_are_never_idle_evidence(name):
    tracks, want = ODD[name]
    assert World().pod().device(**tracks).says() == want


def test_acceptance_1_a_reset_of_the_energy_counter_is_neither_work_nor_frozen():
    world = World().pod().device()
    for minute in range(61):
        since = minute if minute < 45 else minute - 45
        value = 70_000.0 * MINUTE * (since + 1)
        world.book.fold("ml", "w-0", "GPU-0", H100, Signal.Energy, START + minute * MINUTE, value)
    assert world.says() == "Idle"


@pytest.mark.parametrize(("skew", "want"), [(-2, "Idle"), (2, "Idle"), (2.1, "Unknown StaleMetrics")])
def test_acceptance_1_a_clock_that_is_two_minutes_off(skew, want):
    """Samples from the future of the operator's clock, and samples that seem two minutes old."""
    assert World(62).pod().device().says(at=62 + skew if skew > 0 else 60) == want
