"""A workload's activity goes on where it stopped, however many pods it has had."""

from e2e.exporter.clocks import Clocks

TRAIN = ("ml", "TrainingJob.t")


def test_a_clock_stands_while_nothing_runs() -> None:
    clocks = Clocks()
    clocks.observe([TRAIN], 100.0)
    clocks.observe([TRAIN], 110.0)
    clocks.observe([], 111.0)
    clocks.observe([TRAIN], 200.0)
    clocks.observe([TRAIN], 205.0)
    assert clocks.running_since(TRAIN, 205.0) == 190.0


def test_a_workload_just_seen_has_run_for_no_time() -> None:
    clocks = Clocks()
    clocks.observe([TRAIN], 100.0)
    assert clocks.running_since(TRAIN, 100.0) == 100.0
    assert clocks.running_since(TRAIN, 103.0) == 100.0
