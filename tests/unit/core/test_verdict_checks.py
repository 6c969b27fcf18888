"""Every check of the chain, its numbers and its order."""

import pytest

from ebbtide.api.idle_section import IdleSection
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.verdict import CHECKS, judge
from ebbtide.core.workload import BESIDE, CLAIMS
from tests.unit.core.verdict_world import MINUTE, RULE, START, World, healthy, upto

NEVER_USED = IdleRule(after_seconds=2400, warn_seconds=600, grace_seconds=0, never_used_after_seconds=4800)
DEFAULT = IdleRule()


def at(minute: float) -> float:
    return START + minute * MINUTE


def used_then_idle(minutes: int = 120, last_busy: int = 30, **tracks) -> World:
    world = World(minutes, DEFAULT).pod()
    return world.device(util=upto(last_busy, 90.0, 0.0), engine=upto(last_busy, 0.9, 0.0), **tracks)


def test_a_workload_without_pods_is_not_applicable():
    assert World().says() == "NotApplicable NoAccelerator"


def test_pods_without_accelerator_are_ignored():
    assert World().pod(devices=0, accelerator_resource="").says() == "NotApplicable NoAccelerator"


SPIN = {"util": 100.0, "engine": 1.0, "tensor": 0.0, "dram": 0.01, "watts": 120.0}
CLAIMING = {"devices": 0, "accelerator_resource": CLAIMS}
BOTH = {"accelerator_resource": f"nvidia.com/gpu{BESIDE}{CLAIMS}"}


@pytest.mark.parametrize(
    ("name", "world", "want"),
    [
        ("all that it has", World().pod(**CLAIMING), "Unknown MetricsMissing"),
        ("beside an idle device", World().pod(**BOTH).device(), "Unknown MetricsMissing"),
        ("one pod of an idle gang", World().pod().device().pod("w-1", **CLAIMING), "Unknown MetricsMissing"),
        ("beside a hung device", World().pod().device(**SPIN).pod("w-1", **CLAIMING), "Unknown MetricsMissing"),
        ("beside a busy device", World().pod().device(util=90.0).pod("w-1", **CLAIMING), "Active GPUActive"),
        ("with a device of its own at work", World().pod(**BOTH).device(util=90.0), "Active GPUActive"),
        ("not bound yet", World().pod(node="", ready=None, **CLAIMING), "NotApplicable Unschedulable"),
        ("not Ready yet", World().pod(ready=None, **CLAIMING), "Starting InGracePeriod"),
    ],
)  # fmt: skip
def test_work_that_claims_devices_is_never_judged_idle(name: str, world: World, want: str) -> None:
    """DRA: no profile reads what it claims, and what other devices show proves nothing of those."""
    assert world.says() == want, name
    if want.startswith("Unknown"):
        said = "its pods claim devices through DRA (spec.resourceClaims): those are not judged yet"
        assert world.describe().message == said


def test_pods_that_are_not_bound_are_not_applicable():
    assert World().pod(node="", ready=None, phase="Pending").says() == "NotApplicable Unschedulable"


def test_no_idle_clock_without_ready_pods():
    found = World().pod(node="", ready=None).judge()
    assert found.idle_since is None
    assert found.newest_common_sample_at is None


def test_a_pod_that_is_not_ready_is_starting():
    assert World().pod(ready=None).device().says() == "Starting InGracePeriod"


def test_an_unbound_pod_of_a_running_gang_keeps_it_starting():
    world = World().pod("w-0").device().pod("w-1", ready=None, node="", unschedulable=True)
    assert world.says() == "Starting Unschedulable"


@pytest.mark.parametrize(("minute", "want"), [(14.9, "Starting InGracePeriod"), (15, "Unknown HistoryTooShort")])
def test_grace_ends_exactly_after_its_seconds(minute, want):
    world = World(60, DEFAULT).pod(ready=1 / 60).device()
    assert world.says(at=minute) == want


def test_a_busy_device_in_grace_is_still_starting():
    assert World(10, DEFAULT).pod().device(util=90.0).says() == "Starting InGracePeriod"


def test_a_crash_looping_container_is_failing():
    world = World().pod("w-0").device().pod("w-1", ready=None, failing=Reason.CrashLooping)
    assert world.says() == "Failing CrashLooping"


def test_an_active_rank_wins_over_a_failing_and_a_starting_one():
    world = World().pod("w-0").device(util=90.0).pod("w-1", ready=None, failing=Reason.ImagePullFailing)
    assert world.pod("w-2", ready=None).says() == "Active GPUActive"


@pytest.mark.parametrize(
    ("util", "engine", "dram", "want"),
    [
        (5.0, 0.0, 0.0, "Idle"),
        (5.1, 0.0, 0.0, "Active GPUActive"),
        (0.0, 0.02, 0.0, "Idle"),
        (0.0, 0.0201, 0.0, "Active GPUActive"),
        (0.0, 0.0, 0.03, "Active GPUActive"),
    ],
)
def test_busy_is_strictly_above_the_threshold(util, engine, dram, want):
    assert World().pod().device(util=util, engine=engine, dram=dram).says() == want


@pytest.mark.parametrize(("minute", "want"), [(79, "Active RecentlyActive"), (80, "Idle")])
def test_the_span_excludes_its_first_instant(minute, want):
    """Last busy at minute 30, span 50 minutes: (now - span, now] no longer holds it at minute 80."""
    assert used_then_idle().says(at=minute) == want


def test_idle_since_is_the_last_busy_sample():
    found = used_then_idle().judge()
    assert (found.verdict, found.idle_since) == (Verdict.Idle, at(30))
    assert (found.after_seconds, found.span_seconds) == (3600, 3000)


def test_idle_since_is_ready_plus_grace_for_a_device_never_used():
    world = World(240, DEFAULT).pod(ready=1 / 60).device()
    found = world.judge()
    assert (found.verdict, found.reason, found.idle_since) == (Verdict.NeverUsed, Reason.GPUNeverUsed, at(15))
    assert found.after_seconds == 7200


def test_a_device_never_used_waits_for_the_longer_patience():
    world = World(240, DEFAULT).pod(ready=1 / 60).device()
    assert [world.says(at=minute) for minute in (124, 125)] == ["Unknown HistoryTooShort", "Idle"]


def test_a_gang_with_one_used_device_is_idle_and_not_never_used():
    world = World(120, DEFAULT).pod(devices=2).device("GPU-0", util=upto(30, 90.0, 0.0)).device("GPU-1")
    found = world.judge()
    assert (found.verdict, found.after_seconds) == (Verdict.Idle, 3600)


def test_evidence_younger_than_ready_is_not_called_never_used():
    world = World(240, DEFAULT).pod(ready=1)
    world.book.since = at(10)
    found = world.device().judge()
    assert (found.verdict, found.after_seconds) == (Verdict.Idle, 7200)


@pytest.mark.parametrize(("held", "want"), [(10.0, 3600), (10.1, 5400)])
def test_memory_held_lengthens_the_patience(held, want):
    world = used_then_idle(memory=held)
    world.rule = IdleRule(memory_held_after_seconds=5400)
    assert world.judge().after_seconds == want


def test_the_clock_starts_at_the_end_of_a_veto():
    world = used_then_idle()
    world.floor = 100
    found = world.judge()
    assert (found.verdict, found.reason, found.idle_since) == (Verdict.Unknown, Reason.HistoryTooShort, at(100))


def test_a_hole_above_three_intervals_restarts_the_clock():
    world = used_then_idle(missing=range(40, 44))
    found = world.judge(at=93)
    assert (found.reason, found.idle_since) == (Reason.InsufficientCoverage, at(44))
    assert "hole" in found.message
    assert world.says(at=94) == "Idle"


def test_a_hole_of_three_intervals_is_tolerated():
    world = used_then_idle(missing=range(40, 42))
    found = world.judge(at=93)
    assert (found.verdict, found.idle_since) == (Verdict.Idle, at(30))


@pytest.mark.parametrize(("missing", "want"), [(5, "Idle"), (6, "Unknown InsufficientCoverage")])
def test_a_tenth_of_the_span_may_be_missing(missing, want):
    """A span of 50 samples: five single missing ones are a tenth."""
    assert used_then_idle(missing=[75 + 6 * n for n in range(missing)]).says() == want


@pytest.mark.parametrize(("late", "want"), [(120, "Idle"), (121, "Unknown StaleMetrics")])
def test_the_newest_sample_may_be_two_intervals_old(late, want):
    assert used_then_idle().says(at=120 + late / 60) == want


def test_one_signal_that_stopped_is_stale():
    assert used_then_idle(dram=upto(110, 0.0, None)).says() == "Unknown StaleMetrics"


def test_a_signal_that_ended_before_the_span_is_absent():
    assert used_then_idle(dram=upto(60, 0.0, None)).says() == "Idle"


@pytest.mark.parametrize(
    ("health", "want"),
    [
        ({"up": False, "message": "timeout"}, "MetricsUnavailable"),
        ({"up": False, "message": "warned: partial response"}, "MetricsUnavailable"),
        ({"reaches_back_to": None}, "MetricsUnavailable"),
        ({"reaches_back_to": at(71)}, "MetricsUnavailable"),
        ({"interval_problem": "targets are scraped every 120 s"}, "MetricsUnavailable"),
        ({"attribution_problem": "pod is the exporter"}, "AttributionBroken"),
        ({"attribution_problem": "no sample yet", "label_mode": ""}, "LabelModeUnknown"),
    ],
)
def test_an_untrusted_source_makes_idle_unknown(health, want):
    world = used_then_idle()
    world.health = healthy(**health)
    assert world.says() == f"Unknown {want}"


def test_a_busy_sample_stays_true_while_the_source_is_down():
    world = used_then_idle()
    world.health = healthy(up=False)
    assert world.says(at=70) == "Active RecentlyActive"


def test_evidence_shorter_than_the_span_is_unavailable():
    world = used_then_idle()
    world.book.since = at(71)
    assert world.says() == "Unknown MetricsUnavailable"


@pytest.mark.parametrize(
    ("tracks", "want"),
    [
        ({"watts": 130.0}, "Idle"),
        ({"watts": 151.0}, "Unknown SignalsDisagree"),
        ({"energy": 130.0}, "Idle"),
        ({"energy": lambda minute: 151.0 if minute > 30 else 650.0}, "Unknown SignalsDisagree"),
        ({"watts": 299.0, "model": "Custom X1"}, "Idle"),
        ({"watts": 301.0, "model": "Custom X1"}, "Unknown SignalsDisagree"),
        ({"watts": upto(69, 650.0, 70.0)}, "Idle"),
        ({"watts": upto(71, 650.0, 70.0)}, "Unknown SignalsDisagree"),
    ],
)
def test_power_against_idleness_is_a_disagreement(tracks, want):
    assert used_then_idle(**tracks).says() == want


@pytest.mark.parametrize(("over_hole", "want"), [(87.0, "Idle"), (89.0, "Unknown SignalsDisagree")])
def test_power_over_a_hole_may_be_a_quarter_above_the_rest(over_hole, want):
    world = used_then_idle(missing=[90, 91], energy=lambda minute: over_hole if minute in {90, 91, 92} else 70.0)
    assert world.says() == want


def test_energy_over_a_hole_of_the_activity_signals_alone_is_seen():
    world = World(120, DEFAULT).pod()
    hole = {100}
    world.device(
        util=lambda minute: None if minute in hole else 90.0 * (minute < 30),
        engine=lambda minute: None if minute in hole else 0.0,
        energy=lambda minute: 700.0 if minute in hole else 70.0,
    )
    assert world.says() == "Unknown SignalsDisagree"


@pytest.mark.parametrize(
    ("change", "want"),
    [
        ({}, "Stalled GPUStalled"),
        ({"engine": 0.0}, "Active GPUActive"),
        ({"tensor": 0.3}, "Active GPUActive"),
        ({"dram": 0.3}, "Active GPUActive"),
        ({"dram": None}, "Active GPUActive"),
        ({"watts": 400.0}, "Active GPUActive"),
        ({"watts": None}, "Active GPUActive"),
        ({"model": "Custom X1"}, "Active GPUActive"),
        ({"tensor": upto(40, 0.3, 0.0)}, "Active GPUActive"),
        ({"util": 10.0}, "Active GPUActive"),
    ],
)
def test_spinning_without_work_is_stalled(change, want):
    assert World().pod().device(**{**SPIN, **change}).says() == want


def test_spinning_shorter_than_the_span_is_active():
    """A start-up that waits for other ranks spins as well: Ready for 29 of the 30 minutes, it is no stall yet."""
    assert World().pod(ready=31.1).device(**SPIN).says() == "Active GPUActive"
    assert World().pod(ready=30).device(**SPIN).says() == "Stalled GPUStalled"


def test_a_stalled_device_beside_an_idle_one_is_stalled():
    assert World().pod(devices=2).device("GPU-0", **SPIN).device("GPU-1").says() == "Stalled GPUStalled"


def test_a_stalled_device_beside_an_unknown_one_is_unknown():
    world = World().pod(devices=2).device("GPU-0", **SPIN).device("GPU-1", missing=range(40, 50))
    assert world.says() == "Unknown InsufficientCoverage"


def test_a_stalled_device_beside_a_missing_one_is_unknown():
    assert World().pod(devices=2).device("GPU-0", **SPIN).says() == "Unknown MetricsMissing"


def test_a_stalled_device_beside_an_active_one_is_active():
    world = World().pod(devices=2).device("GPU-0", **SPIN).device("GPU-1", engine=0.9)
    assert world.says() == "Active GPUActive"


def test_history_under_a_reused_name_is_not_inherited():
    """Ready at minute 65: the busy samples before are another pod's."""
    world = World(120, RULE).pod(ready=65).device(util=upto(60, 90.0, 0.0))
    found = world.judge()
    assert (found.verdict, found.idle_since) == (Verdict.NeverUsed, at(65) - 1)


def test_a_device_of_the_predecessor_alone_is_missing():
    world = World(120, RULE).pod(ready=65).device("GPU-old", missing=range(60, 121))
    assert world.says() == "Unknown MetricsMissing"


def test_the_first_reason_of_the_chain_wins_over_all_devices():
    world = World().pod(devices=2).device("GPU-0", engine=None)
    assert world.device("GPU-1", missing=range(58, 61)).says() == "Unknown StaleMetrics"


def test_newest_common_sample_is_that_of_the_device_furthest_behind():
    world = World().pod(devices=2).device("GPU-0").device("GPU-1", missing=[60])
    assert world.judge().newest_common_sample_at == at(59)


def test_checks_are_named_and_described():
    assert [check.__name__ for check in CHECKS] == [
        "no_running_pod", "active", "failing", "starting", "claims_devices", "all_stalled", "active_beside",
        "metrics_unavailable", "attribution_untrusted", "wrong_owner", "pod_identity", "metrics_missing",
        "stale_metrics", "bad_values", "frozen_metrics", "insufficient_coverage", "single_family", "signals_disagree",
        "shared_device", "use_in_doubt", "clock_too_young", "stalled",
    ]  # fmt: skip
    assert all(check.__doc__ for check in CHECKS)


def test_rule_of_no_section_is_that_of_the_defaults():
    assert IdleRule.of(None) == IdleRule.of(IdleSection()) == IdleRule()


def test_auto_counts_as_an_hour_until_it_is_learnt():
    assert IdleRule.of(IdleSection(after_seconds="Auto")).after_seconds == 3600


def test_the_span_never_vanishes():
    assert IdleRule(warn_seconds=600).span(600) == 1


def test_an_idle_judgement_explains_itself_with_numbers():
    world = World(120, DEFAULT).pod(devices=2)
    for name in ("GPU-0", "GPU-1"):
        world.device(name, util=upto(30, 90.0, 3.0), watts=upto(30, 600.0, 72.0), memory=55.0)
    found = world.describe()
    assert found.message == (
        "2 devices idle since 00:30:00Z: peak 3 % (busy above 5 %, engine 2 %), coverage 100 % of 50 min, "
        "utilisation, profiling and power agree"
    )
    assert (found.coverage_percent, found.peak_percent) == (100, 3)
    assert found.families == ("utilisation", "profiling", "power")
    first = found.devices[0]
    assert (first.id, first.pod, first.verdict, first.last_busy_at) == ("GPU-0", "w-0", Verdict.Idle, at(30))
    assert (first.peak_percent, first.memory_percent, first.power_watts) == (3, 55, 72)


def test_an_unknown_judgement_names_the_device():
    world = World().pod(devices=2).device("GPU-0").device("GPU-1", missing=range(40, 50))
    found = world.describe()
    assert found.message.startswith("GPU-1 of pod w-0: Utilisation: ")
    assert [(each.verdict, each.reason) for each in found.devices] == [
        (Verdict.NeverUsed, Reason.GPUNeverUsed), (Verdict.Unknown, Reason.InsufficientCoverage)]  # fmt: skip


def test_devices_of_an_active_gang_are_told_apart():
    world = World().pod(devices=2).device("GPU-0").device("GPU-1", util=90.0)
    assert [each.verdict for each in world.describe().devices] == [Verdict.NeverUsed, Verdict.Active]


def test_devices_in_grace_are_described_as_starting():
    found = World(10, DEFAULT).pod().device(util=90.0).describe()
    assert [each.verdict for each in found.devices] == [Verdict.Starting]
    assert found.devices[0].last_busy_at == at(10)


def test_describing_leaves_the_decision_alone():
    world = used_then_idle()
    plain, full = world.judge(), world.describe()
    assert (plain.verdict, plain.reason, plain.idle_since) == (full.verdict, full.reason, full.idle_since)
    assert judge(world.gang()) == plain
