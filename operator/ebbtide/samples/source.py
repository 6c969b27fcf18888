"""What is asked of a store of samples. Prometheus answers through PromQL, the simulator from memory: to the same rules.

A grid's step t stands for the samples in (t - step, t]. Labels that are absent and labels that are empty are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import Answer
from ebbtide.samples.profile import Measure, PodLabels
from ebbtide.samples.span import Grid

SIGNAL_LABEL = "ebbtide_signal"
"""Tells the rows of one answer apart by the signal whose values they are."""
ABSURD = 1e15
"""Above every real reading and below every "blank" marker of DCGM."""


@dataclass(frozen=True, slots=True)
class ValueRequest:
    """The values of one group of signals, one row for each thing that a measure is about."""

    measures: Mapping[str, Measure]
    """By signal."""
    names: PodLabels
    """Which labels name pods, where pods have values of their own."""

    @property
    def name(self) -> str:
        """Short name, for people."""
        return "+".join(self.measures)


@dataclass(frozen=True, slots=True)
class Scrape:
    """How often some target is scraped."""

    url: str
    job: str
    every: str
    """The interval as the source writes it."""
    seconds: float


class Source(Protocol):
    """A store of samples. Everything raises MetricsError where it cannot answer."""

    def presence(self, grid: Grid) -> Answer:
        """Who held which device: rows by `Profile.presence_keys`, values the time of the newest sample in the step.

        A series whose newest sample is a staleness marker gives none. Where a series stands for several of
        `Profile.presence`, the first of them speaks.
        """

    def values(self, request: ValueRequest, grid: Grid) -> Answer:
        """Rows by `Profile.keys` and SIGNAL_LABEL; values the greatest sample in the step that is a number.

        NaN: no sample was one, or, where a measure is vetted, any was NaN, infinite or negative. A measure with a
        rest gives 100 · value / (value + rest) where that sum is above zero, and NaN where the rest is ABSURD.
        """

    def slowest_scrape(self, now: Instant) -> Scrape | None:
        """The most seldom scraped target that serves the devices' series; None: no target does."""
