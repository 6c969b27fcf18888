"""What is asked of a store of samples. Prometheus answers through PromQL, the simulator from memory: to the same rules.

A grid's step t stands for the samples in (t - step, t], half a sample interval.
 Labels that are absent and labels that are empty are the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import Answer
from ebbtide.samples.profile import GROUPS, Measure, PodLabels, Profile
from ebbtide.samples.span import Grid

SIGNAL_LABEL = "ebbtide_signal"
"""Tells the rows of one answer apart by the signal whose values they are."""
PROFILE_LABEL = "ebbtide_profile"
"""Tells the rows about presence apart by their profile, where several are asked for."""
COUNT_INTERVALS = 4
"""How far back a counter is looked at for a move: over the longest hole that is tolerated, and one more."""
ABSURD = 1e15
"""Above every real reading and below every "blank" marker of DCGM."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One measure of one profile."""

    profile: Profile
    measure: Measure
    names: PodLabels
    """Which labels name pods, where pods have values of their own."""


@dataclass(frozen=True, slots=True)
class ValueRequest:
    """The values of one group of signals, one row for each thing that a measure is about."""

    asked: Mapping[str, Asked]
    """By the mark of its rows: the signal, after the first one with the profile's name."""

    @property
    def name(self) -> str:
        """Short name, for people."""
        return "+".join(self.asked)


def requests_of(named: Iterable[tuple[Profile, PodLabels]]) -> list[ValueRequest]:
    """All that is to be asked about these profiles, in as few requests as there are groups of signals."""
    measures = [
        (Asked(profile, measure, names), measure.signal) for profile, names in named for measure in profile.measures
    ]
    found = []
    for group in GROUPS:
        asked: dict[str, Asked] = {}
        for one, signal in measures:
            if signal in group:
                asked[f"{one.profile.name}.{signal}" if signal in asked else str(signal)] = one
        if asked:
            found.append(ValueRequest(asked))
    return found


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

    def presence(self, profiles: Sequence[Profile], grid: Grid) -> Answer:
        """Who held which device: rows by `Profile.presence_keys`, values the time of the newest sample in the step.

        A series whose newest sample is a staleness marker gives none. Where a series stands for several of
        `Profile.presence`, the first of them speaks. Of several profiles each row bears PROFILE_LABEL.
        """

    def values(self, request: ValueRequest, grid: Grid) -> Answer:
        """Rows by `Profile.keys` and SIGNAL_LABEL; values the greatest sample in the step that is a number.

        NaN: no sample was one, or, where a measure is vetted, any was NaN, infinite or negative. A measure with a
        rest gives 100 · value / (value + rest) where that sum is above zero, and NaN where the rest is ABSURD; with a
        whole 100 · value / whole where that is above zero. An age gives the least sample in place of the greatest, and
        a count how often a series changed in the last COUNT_INTERVALS, where it has a sample in the step. Units are
        those of the exporter.
        """

    def slowest_scrape(self, profiles: Sequence[Profile], now: Instant) -> Scrape | None:
        """The most seldom scraped target that serves the devices' series; None: no target does."""
