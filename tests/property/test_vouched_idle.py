"""Idle is vouched for all the way: from scraped samples through the reader to the verdict, however they are batched.

Acceptance test 2.

The reader is the operator's own over a store in memory; it may be asked seldom, and started anew at any moment.
"""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ebbtide.core.gang import Gang
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.lineup import Lineup
from ebbtide.core.verdict import judge
from ebbtide.samples.settings import ReadingSettings
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import SimulatedMetrics
from tests.unit.samples.samples_world import Hands, cluster

INTERVAL = 30.0
SCRAPES = 80
"""Forty minutes, of which the last twenty are judged."""
RULE = IdleRule(after_seconds=1500, warn_seconds=300, grace_seconds=0, never_used_after_seconds=1500)
SPAN = 40
"""Samples in the judged span."""
PODS = ("train-0", "train-1", "train-2")
UTILISATION, ENGINE = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
TENSOR, DRAM = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_DRAM_ACTIVE"
POWER = "DCGM_FI_DEV_POWER_USAGE"
SIGNALS = {UTILISATION: 0.0, ENGINE: 0.0, TENSOR: 0.0, DRAM: 0.0, POWER: 70.0}
IDLE = {"Idle", "NeverUsed"}


@dataclass
class Course:
    """What is scraped, and when the operator looks."""

    ticks: frozenset[int]
    """Scrapes after which it looks; the last always is one."""
    restarts: frozenset[int]
    busy: dict[tuple[int, str, str], float] = field(default_factory=dict)
    """By (scrape, pod, metric)."""
    lost: frozenset[tuple[int, str]] = frozenset()
    """(scrape, pod) that are missing."""

    def verdict(self) -> str:
        """The verdict after the last scrape."""
        return asyncio.run(self._played())

    async def _played(self) -> str:
        clock, store, state = Hands(), SeriesStore(), cluster(*PODS)
        reading = ReadingSettings(sample_interval_seconds=INTERVAL)
        metrics = SimulatedMetrics(store, reading, clock)
        for scrape in range(SCRAPES):
            clock.at += INTERVAL
            self._scrape(store, scrape, clock.at)
            if scrape in self.restarts:
                metrics = SimulatedMetrics(store, reading, clock)
            if scrape in self.ticks or scrape == SCRAPES - 1:
                book, health = await metrics.observe(state)
        pods = [pod for group in state.pods.values() for pod in group]
        gang = Gang(clock.at, Lineup.of(pods), book, RULE, health, INTERVAL)
        return str(judge(gang).verdict)

    def _scrape(self, store: SeriesStore, scrape: int, at: float) -> None:
        for pod in PODS:
            if (scrape, pod) in self.lost:
                continue
            labels = {
                "UUID": f"GPU-of-{pod}",
                "modelName": "NVIDIA H100 80GB HBM3",
                "exported_namespace": "ml",
                "exported_pod": pod,
                "namespace": "gpu-operator",
                "pod": "exporter",
            }
            for metric, quiet in SIGNALS.items():
                store.track(metric, labels).append(at, self.busy.get((scrape, pod, metric), quiet))


scrapes = st.integers(0, SCRAPES - 1)
batches = st.builds(
    Course,
    ticks=st.one_of(st.just(frozenset(range(SCRAPES))), st.just(frozenset()), st.frozensets(scrapes, max_size=12)),
    restarts=st.frozensets(scrapes, max_size=2),
)
few = settings(max_examples=40, deadline=None)


@few
@given(batches)
def test_a_quiet_gang_is_idle_however_its_samples_are_batched(course):
    assert course.verdict() in IDLE


@few
@given(
    batches,
    st.sampled_from(PODS),
    st.sampled_from([(UTILISATION, 6.0), (ENGINE, 0.021), (TENSOR, 0.03), (DRAM, 1.0)]),
    st.integers(SCRAPES - SPAN, SCRAPES - 1),
)
def test_a_busy_sample_anywhere_in_the_gang_never_leaves_it_idle(course, pod, reading, scrape):
    course.busy[scrape, pod, reading[0]] = reading[1]
    assert course.verdict() == "Active"


@few
@given(batches, st.sampled_from(PODS))
def test_losing_a_device_s_series_never_gives_idle(course, pod):
    course.lost = frozenset((scrape, pod) for scrape in range(SCRAPES))
    assert course.verdict() == "Unknown"


@few
@given(batches, st.sampled_from(PODS), st.integers(SCRAPES - SPAN, SCRAPES - 1), st.integers(3, SPAN))
def test_a_span_above_the_allowed_gap_never_gives_idle(course, pod, begin, length):
    course.lost = frozenset((scrape, pod) for scrape in range(begin, min(begin + length, SCRAPES)))
    held = course.verdict()
    if begin + 3 <= SCRAPES:
        assert held == "Unknown"


@few
@given(batches, st.sampled_from(PODS), st.sets(st.integers(SCRAPES - SPAN, SCRAPES - 2), min_size=5, max_size=SPAN))
def test_losing_more_than_a_tenth_of_the_samples_never_gives_idle(course, pod, gone):
    course.lost = frozenset((scrape, pod) for scrape in gone)
    assert course.verdict() == "Unknown"
