"""The port Metrics over the exporter of a simulation: asked where something is new, handed to where nothing is."""

from collections.abc import Callable, Mapping
from typing import Final

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.ports import Clock
from ebbtide.samples.profile import Profile
from ebbtide.samples.settings import LabelMode, ReadingSettings
from ebbtide.samples.vendors import VENDORS
from ebbtide.sim.device_series import KEPT_SCRAPES
from ebbtide.sim.exporter import Exporter
from ebbtide.sim.simulated_metrics import Condition, SimulatedMetrics
from ebbtide.sim.swift_reader import SwiftReader

_MOST_SCRAPES: Final = KEPT_SCRAPES // 2
"""In one tick; more are read from the store."""


class SwiftMetrics(SimulatedMetrics):
    """As SimulatedMetrics, in a fraction of the time."""

    def __init__(
        self,
        exporter: Exporter,
        settings: ReadingSettings,
        clock: Clock,
        version: Callable[[], int],
        *,
        allowed: Mapping[str, str] | None = None,
        profiles: tuple[Profile, ...] = VENDORS,
    ) -> None:
        """`version` changes with the pods of the cluster; `allowed` as for SimulatedMetrics."""
        super().__init__(exporter.store, settings, clock, profiles=profiles, allowed=allowed)
        self._swift = SwiftReader(settings, profiles, self._source)
        self._reader = self._swift
        self._exporter, self._version = exporter, version
        self._is_up_to_date = False

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Fold what is new since the last call."""
        exporter = self._exporter
        is_near = exporter.scraped - self._swift.taken <= _MOST_SCRAPES
        if self._is_up_to_date and is_near and self.condition is Condition.Up:
            health = self._swift.take(exporter, state, self._clock.now(), self._version())
            if health is not None:
                self._reader.book.signs = None  # its exporter shows devices, and nothing else is in the store
                return self._reader.book, health
        exporter.flush()
        if self._swift.has_taken:
            self._swift.leave(self._stored)
        self._stored.give_again()  # what was taken in between, the source does not know of
        book, health = await super().observe(state)
        self._is_up_to_date = self._understood(health)
        if self._is_up_to_date:
            self._swift.begin(exporter.times.newest(health.as_of or 0.0))
        return book, health

    def _understood(self, health: MetricsHealth) -> bool:
        """The exporter alone speaks, and in the one way that it has."""
        answers = self.condition is Condition.Up and health.up and health.reaches_back_to is not None
        sound = not health.attribution_problem and not self._exporter.exact
        return answers and sound and health.label_mode == LabelMode.Exported and self._swift.reads_nvidia
