"""The generated profile and the recorded trace must look alike where idleness is decided."""

import itertools
import statistics
from dataclasses import dataclass

import pytest

from e2e.exporter.profile import DAY_SAMPLES, generate
from e2e.exporter.trace import STEP_SECONDS, read_column, samples
from e2e.requirements_guard import shared

_PODS = 60


@dataclass(frozen=True)
class Statistics:
    """Over all samples of all pods; runs are counted in samples."""

    zero_share: float
    mean_percent: float
    busy_percent: float
    held_gib: float
    busy_gib: float
    mean_idle_run: float
    mean_busy_run: float
    median_longest_idle_run: float


def runs(values, zero):
    return [len(list(group)) for is_zero, group in itertools.groupby(values, key=lambda v: v == 0) if is_zero == zero]


def measure(pods):
    """`pods`: for each pod its samples, gaps left out."""
    flat = [sample for pod in pods for sample in pod]
    zero = [sample for sample in flat if sample.percent == 0]
    busy = [sample for sample in flat if sample.percent > 0]
    percents = [[sample.percent for sample in pod] for pod in pods]
    return Statistics(
        zero_share=len(zero) / len(flat),
        mean_percent=statistics.fmean(sample.percent for sample in flat),
        busy_percent=statistics.fmean(sample.percent for sample in busy),
        held_gib=statistics.fmean(sample.memory_mib for sample in zero) / 1024,
        busy_gib=statistics.fmean(sample.memory_mib for sample in busy) / 1024,
        mean_idle_run=statistics.fmean(run for pod in percents for run in runs(pod, True)),
        mean_busy_run=statistics.fmean(run for pod in percents for run in runs(pod, False)),
        median_longest_idle_run=statistics.median(max(runs(pod, True)) for pod in percents if len(pod) > 1300),
    )


@pytest.fixture(scope="module")
def generated():
    return [generate(seed) for seed in range(_PODS)]


def test_the_same_seed_gives_the_same_day_and_another_seed_another():
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)
    assert len(generate(7)) == DAY_SAMPLES


def test_two_thirds_are_zero_while_memory_stays_held(generated):
    found = measure(generated)
    assert found.zero_share == pytest.approx(2 / 3, abs=0.02)
    assert found.held_gib == pytest.approx(24, abs=1)
    assert min(sample.memory_mib for pod in generated for sample in pod) > 10 * 1024


def test_work_comes_in_bursts(generated):
    """With independent samples of that share, idle runs would be three samples long and busy ones one and a half."""
    found = measure(generated)
    assert found.mean_idle_run > 5
    assert found.mean_busy_run > 3
    assert 0 < min(s.percent for pod in generated for s in pod if s.percent) <= 1
    assert max(s.percent for pod in generated for s in pod) > 90


def test_the_loader_reads_the_trace_as_its_readme_measures_it():
    duty = read_column(shared("traces", "gpu-pods", "duty.csv.gz"))
    values = [value for pod in duty.values() for value in pod.values()]
    assert (len(duty), len(values)) == (72, 84185)
    assert 1 < max(values) <= 100
    assert sum(value == 0 for value in values) / len(values) == pytest.approx(0.6662, abs=5e-5)
    assert statistics.fmean(values) == pytest.approx(7.2947, abs=5e-5)
    assert all(second % STEP_SECONDS == 0 for pod in duty.values() for second in pod)
    memory = read_column(shared("traces", "gpu-pods", "memory.csv.gz"))
    held = statistics.fmean(value for pod in memory.values() for value in pod.values())
    assert held / 2**30 == pytest.approx(23.17, abs=0.01)


def test_a_missing_sample_of_the_trace_is_a_gap_and_not_a_zero():
    folder = shared("traces", "gpu-pods")
    values = samples(folder, "p018")
    assert sum(value is not None for value in values) == 787
    assert sum(value is None for value in values) > 500


def test_the_profile_has_the_statistics_of_the_trace(generated):
    folder = shared("traces", "gpu-pods")
    pods = [
        [value for value in samples(folder, pod) if value is not None] for pod in read_column(folder / "duty.csv.gz")
    ]
    real, ours = measure(pods), measure(generated)
    assert ours.zero_share == pytest.approx(real.zero_share, abs=0.02)
    assert ours.mean_percent == pytest.approx(real.mean_percent, rel=0.1)
    assert ours.busy_percent == pytest.approx(real.busy_percent, rel=0.1)
    assert ours.held_gib == pytest.approx(real.held_gib, rel=0.05)
    assert ours.busy_gib == pytest.approx(real.busy_gib, rel=0.05)
    assert ours.mean_idle_run == pytest.approx(real.mean_idle_run, rel=0.2)
    assert ours.mean_busy_run == pytest.approx(real.mean_busy_run, rel=0.2)
    assert ours.median_longest_idle_run == pytest.approx(real.median_longest_idle_run, rel=0.35)
