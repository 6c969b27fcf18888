"""The port Metrics over the exporter of a simulation: asked where something is new, handed to where nothing is."""

from collections.abc import Callable
from typing import Final

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.ports import Clock
from ebbtide.samples.profile import NVIDIA
from ebbtide.samples.settings import LabelMode, ReadingSettings
from ebbtide.sim.exporter import Exporter, Scraped
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.simulated_metrics import Condition, SimulatedMetrics
from ebbtide.sim.swift_reader import SwiftReader

_MOST_SCRAPES: Final = 32
"""In one tick; more are read from the store."""


class SwiftMetrics(SimulatedMetrics):
    """As SimulatedMetrics, at a fraction of the time."""

    def __init__(
        self,
        store: SeriesStore,
        settings: ReadingSettings,
        clock: Clock,
        exporter: Exporter,
        version: Callable[[], int],
    ) -> None:
        """`version` changes with the pods of the cluster."""
        super().__init__(store, settings, clock)
        self._swift = SwiftReader(settings, NVIDIA, self._source)
        self._reader = self._swift
        self._exporter, self._version = exporter, version
        self._is_up_to_date = False

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Fold what is new since the last call."""
        scrapes, self._exporter.recent = self._exporter.recent, []
        if self._is_up_to_date and self.condition is Condition.Up and len(scrapes) <= _MOST_SCRAPES:
            health = self._swift.take(scrapes, state, self._clock.now(), self._version())
            if health is not None:
                self._keep(health, scrapes)
                return self._reader.book, health
        self._exporter.flush()
        self._stored.give_again()  # what was taken in between, the source does not know of
        book, health = await super().observe(state)
        told = health.up and not health.attribution_problem and not self._exporter.exact
        self._is_up_to_date = told and health.label_mode == LabelMode.Exported
        if self._is_up_to_date:
            self._swift.begin()
            self._keep(health, scrapes)
        return book, health

    def _keep(self, health: MetricsHealth, scrapes: list[Scraped]) -> None:
        """Scrapes after the last whole step of the reader are for the next tick."""
        read_to = health.as_of or 0.0
        self._exporter.recent = [it for it in scrapes if it.at > read_to]
