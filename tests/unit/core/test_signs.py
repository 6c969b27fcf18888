"""Signs of life beside the devices: CPU, network, requests, a notebook's own word: they only keep work alive."""

from dataclasses import replace

import pytest

from ebbtide.core.beside import request_doubt
from ebbtide.core.guards import CPU, NETWORK, use_sentence
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.signs import Line, Reading
from tests.unit.core.signed_world import KEY, Signed, at, values
from tests.unit.core.verdict_world import World

SPIN = {"util": 100.0, "engine": 1.0, "tensor": 0.0, "dram": 0.01, "watts": 120.0}


def test_quiet_devices_with_quiet_cpu_are_idle_and_the_clock_knows_nothing_of_it():
    world = Signed().cpu(*values(3.0))
    assert world.says() == "Idle"
    assert world.judge().idle_since == World().pod().device().judge().idle_since


@pytest.mark.parametrize(
    ("percent", "minute", "want"),
    [(21.0, 60, "Active CPUActive"), (21.0, 31, "Active CPUActive"), (20.0, 60, "Idle"), (99.0, 30, "Idle")],
    ids=["now", "in the span", "at the threshold", "before the span"],
)
def test_cpu_above_the_threshold_inside_the_span_is_activity(percent, minute, want):
    assert Signed().cpu(*values(3.0, (minute, percent))).says() == want


def test_the_clock_starts_at_the_last_sign():
    assert Signed().cpu(*values(3.0, (29, 50.0))).judge().idle_since == at(29)


def test_a_policy_may_leave_cpu_out():
    rule = IdleRule(2400, 600, 0, 2400, cpu_busy_above_percent=0)
    world = Signed(rule).cpu(*values(99.0))
    assert world.says() == "Idle"
    assert "CPU does not count" in use_sentence(CPU, world.gang(), 1800)


@pytest.mark.parametrize(
    ("megabytes", "minute", "want"),
    [(1.1, 60, "Active NetworkActive"), (80.0, 31, "Active NetworkActive"), (1.0, 60, "Idle"), (80.0, 30, "Idle")],
    ids=["now", "in the span", "at the threshold", "before the span"],
)
def test_network_above_the_threshold_inside_the_span_is_activity(megabytes, minute, want):
    assert Signed().network(*values(0.1, (minute, megabytes))).says() == want


def test_a_policy_may_leave_network_out_or_ask_for_more_of_it():
    world = Signed(IdleRule(2400, 600, 0, 2400, network_busy_above_megabytes_per_second=0)).network(*values(99.0))
    assert world.says() == "Idle"
    assert use_sentence(NETWORK, world.gang(), 1800) == (
        "idle.networkBusyAboveMegabytesPerSecond is 0: network does not count"
    )
    assert (
        Signed(IdleRule(2400, 600, 0, 2400, network_busy_above_megabytes_per_second=99)).network(*values(99.0)).says()
        == "Idle"
    )


def test_the_newest_of_cpu_and_network_is_told():
    world = Signed().cpu(*values(3.0, (40, 50.0))).network(*values(0.1, (50, 9.0)))
    assert world.says() == "Active NetworkActive"
    assert "its network was above 1 MB/s at" in world.judge().message
    assert Signed().cpu(*values(3.0, (50, 50.0))).network(*values(0.1, (40, 9.0))).says() == "Active CPUActive"


@pytest.mark.parametrize(
    ("guard", "said"),
    [
        (CPU, "no CPU series of its pods (container_cpu_usage_seconds_total): CPU is not looked at"),
        (NETWORK, "no network series of its pods (container_network_*_bytes_total): network is not looked at"),
    ],
    ids=["CPU", "network"],
)
def test_without_series_nothing_is_blocked_and_explain_says_so(guard, said):
    world = Signed()
    assert world.says() == "Idle"
    assert use_sentence(guard, world.gang(), 1800) == said


def test_of_pods_with_the_network_of_their_node_explain_says_why_it_is_not_looked_at():
    world = Signed()
    world.pods[0] = replace(world.pods[0], host_network=True)
    assert "(hostNetwork), where all traffic counts: network is not" in use_sentence(NETWORK, world.gang(), 1800)
    world.network(*values(0.3)).pod("w-1")
    assert use_sentence(NETWORK, world.gang(), 1800).endswith("; not looked at of 1 with hostNetwork")
    assert "hostNetwork" not in use_sentence(CPU, world.gang(), 1800)


def test_with_series_explain_tells_the_peak():
    world = Signed().cpu(*values(3.0, (50, 7.0))).network(*values(0.1, (50, 0.4)))
    assert use_sentence(CPU, world.gang(), 1800).startswith("CPU at most 7 % of the request in 30 min")
    assert use_sentence(NETWORK, world.gang(), 1800) == "network at most 0.4 MB/s in 30 min (busy above 1 MB/s)"


def test_a_hang_that_spins_the_cpu_is_still_a_stall():
    assert Signed(**SPIN).cpu(*values(99.0)).network(*values(99.0)).says() == "Stalled GPUStalled"


@pytest.mark.parametrize("sign", ["cpu", "network"])
def test_series_that_ended_or_have_a_hole_are_doubt(sign):
    ended = [(minute, None) for minute in range(55, 61)]
    hole = [(minute, None) for minute in range(40, 46)]
    for changes, want in ((ended, "Unknown StaleMetrics"), (hole, "Unknown InsufficientCoverage"), (hole[:3], "Idle")):
        world = Signed()
        getattr(world, sign)(*values(0.5, *changes))
        assert world.says() == want


@pytest.mark.parametrize("guard", [CPU, NETWORK], ids=["cpu", "network"])
def test_work_whose_series_ended_while_it_was_busy_is_never_idle(guard):
    """It is Active for the span, and in doubt from then on: what it does now nobody knows."""
    rule = IdleRule(900, 300, 0, 900)
    world, sign = Signed(rule), guard.name.lower()
    getattr(world, sign)(*[99.0] * 20)
    found = [world.judge(minute) for minute in range(20, 61)]
    assert {it.verdict for it in found} == {"Active", "Unknown"}
    assert found[-1].reason == "StaleMetrics"
    said = f"{guard.name} series of pod w-0 ended at"
    assert said in found[-1].message
    assert guard.setting in found[-1].message
    assert "series ended at" in use_sentence(guard, world.gang(), 900)
    world.signs.forget(at(60), {KEY: world.pods})
    assert world.says() == "Unknown StaleMetrics", "not forgotten while it runs"
    world.signs.forget(at(60))
    assert world.says() == "Idle", "of pods that are gone"


@pytest.mark.parametrize("sign", ["cpu", "network"])
def test_a_pod_whose_series_ended_does_not_hide_behind_the_others(sign):
    """A launcher at work is not measured any more, while a worker's series go on."""
    world = Signed().pod("launcher", accelerators=0)
    getattr(world, sign)(*values(0.5))
    getattr(world, sign)(*[0.5] * 20, pod="launcher")
    assert world.says() == "Unknown StaleMetrics"
    getattr(world, sign)(*values(0.5), pod="launcher")
    assert world.says() == "Idle"
    getattr(world, sign)(*values(0.5, *((minute, None) for minute in range(40, 46))), pod="launcher")
    assert world.says() == "Unknown InsufficientCoverage"


@pytest.mark.parametrize("guard", [CPU, NETWORK], ids=["cpu", "network"])
def test_of_a_gang_that_is_measured_every_pod_is(guard):
    """What one process saw end, the next finds no trace of."""
    sign = guard.name.lower()
    world = Signed().pod("launcher", accelerators=0)
    getattr(world, sign)(*values(0.5))
    assert world.says() == "Unknown MetricsMissing"
    assert f"no {guard.name} series of pod launcher" in world.judge().message
    world.pods[1] = replace(world.pods[1], ready_since=at(50))
    assert world.says() == "Idle", "it has not run for the whole span"
    world.pods[1] = replace(world.pods[1], ready_since=None)
    assert world.says() == "Idle", "it does not run"


def test_the_network_of_a_pod_that_has_its_nodes_is_not_missed():
    world = Signed().pod("launcher", accelerators=0).network(*values(0.5))
    world.pods[1] = replace(world.pods[1], host_network=True)
    assert world.says() == "Idle"
    world.cpu(*values(0.5))
    assert world.says() == "Unknown MetricsMissing"


@pytest.mark.parametrize("sign", ["cpu", "network"])
def test_what_ended_before_the_pod_was_ready_is_none_of_its_use(sign):
    world = Signed()
    getattr(world, sign)(*[99.0] * 10)
    world.pods[0] = replace(world.pods[0], ready_since=at(12))
    assert world.says() == "Idle"


@pytest.mark.parametrize("sign", ["cpu", "network"])
def test_history_that_is_not_read_yet_is_doubt(sign):
    world = Signed()
    getattr(world, sign)(*values(0.5))
    for begin, end in ((-60, 50), (31, 60)):
        setattr(world.signs, f"{sign}_read", Reading(at(begin), at(end)))
        assert world.says() == "Unknown MetricsUnavailable"
    setattr(world.signs, f"{sign}_read", None)
    assert world.says() == "Idle", "nobody asks for it"


def test_requests_inside_the_span_are_activity_unless_the_policy_looks_at_devices_only():
    busy = values(0.0, (40, 2.0))
    assert Signed().requests(*busy).says() == "Active RequestsServed"
    assert Signed(IdleRule(2400, 600, 0, 2400, counts_requests=False)).requests(*busy).says() == "Idle"


@pytest.mark.parametrize(
    ("minute", "want"), [(40, "Active RecentlyActive"), (20, "Idle"), (70, "Active RecentlyActive")]
)
def test_a_notebook_that_was_used_is_active(minute, want):
    """A time to come is a clock that is ahead: it counts as now."""
    world = Signed()
    world.active_at = at(minute)
    assert world.says() == want
    world.active_at, world.signs.told["ml", "w-0"] = None, at(minute)
    assert world.says() == want


def test_zero_requests_are_known_only_where_every_pod_shows_them_all_the_time():
    assert request_doubt(Signed().requests(*values(0.0)).gang(), 1800) == ""
    assert "no series" in request_doubt(World().pod().device().gang(), 1800)
    assert "pod w-0 has no series" in request_doubt(Signed().gang(), 1800)
    assert "pod w-1" in request_doubt(Signed().requests(*values(0.0)).pod("w-1").gang(), 1800)
    ended = values(0.0, *((minute, None) for minute in range(54, 61)))
    assert "are not there" in request_doubt(Signed().requests(*ended).gang(), 1800)
    begun = values(0.0, *((minute, None) for minute in range(40)))
    assert "are not there" in request_doubt(Signed().requests(*begun).gang(), 1800)


def test_the_series_that_a_workload_names_stands_for_all_its_pods():
    world = Signed().pod("w-1")
    world.line(world.signs.of_workloads.setdefault(KEY, Line()), tuple(values(0.0)), 0)
    assert request_doubt(world.gang(), 1800) == ""
    world.signs.problems[KEY] = "the series x that it names is not in the chart value metrics.allowed"
    assert "metrics.allowed" in request_doubt(world.gang(), 1800)


def test_the_newest_sign_of_work_holds_until_the_next_is_due():
    """Signs come once a minute, and a span may be short: what works at the last look works."""
    short = IdleRule(660, 600, 0, 660)
    assert Signed(short).cpu(*values(3.0, (59, 50.0))[:60]).says(at=60.9) == "Active CPUActive"
    assert Signed(short).cpu(*values(50.0)[:57]).says(at=60) == "Idle"
    assert Signed(short).requests(*values(0.0, (59, 1.0))[:60]).says(at=60.9) == "Active RequestsServed"


def test_a_span_shorter_than_a_reading_of_requests_knows_nothing_of_them():
    world = Signed().requests(*values(0.0))
    assert "too short" in request_doubt(world.gang(), 30)
    assert request_doubt(world.gang(), 120) == ""
