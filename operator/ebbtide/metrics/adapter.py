"""The port Metrics over Prometheus: never blocks the event loop, never raises, never says up when it is not sure."""

import time
from dataclasses import replace

import structlog

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.metrics.client import Limits, PrometheusClient
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.metrics.signs import PrometheusSigns
from ebbtide.metrics.source import PrometheusSource
from ebbtide.metrics.worker import Worker, WorkerBusyError
from ebbtide.ports import Clock
from ebbtide.samples.answer import MetricsError
from ebbtide.samples.profile import Profile
from ebbtide.samples.reader import FleetReader, Tally
from ebbtide.samples.signs import SignReader
from ebbtide.samples.ticket import Ticket
from ebbtide.samples.vendors import VENDORS

log = structlog.get_logger(__name__)


class PrometheusMetrics:
    """Reads what is new since the last call into per-device evidence, six queries at most. Implements ports.Metrics."""

    def __init__(self, settings: MetricsSettings, clock: Clock, profiles: tuple[Profile, ...] = VENDORS) -> None:
        self._settings = settings
        self._clock = clock
        limits = Limits(settings.query_seconds, settings.max_answer_bytes)
        self._client = PrometheusClient(
            settings.url, token_file=settings.token_file, ca_file=settings.ca_file, limits=limits
        )
        writer = QueryWriter(settings.step_seconds, settings.match_labels)
        self._reader = FleetReader(settings, profiles, PrometheusSource(self._client, writer))
        signs = PrometheusSigns(self._client, settings.match_labels)
        self._signs = SignReader(settings, signs, dict(settings.allowed))
        self._worker = Worker("ebbtide-metrics")
        self._asked_at = 0.0
        self._remarks: tuple[str, ...] = ()

    @property
    def tally(self) -> Tally:
        """What reading costs, for the operator's own metrics."""
        return self._reader.tally

    @property
    def sign_queries_last_tick(self) -> int:
        """Queries for signs beside the devices, at most two."""
        return self._signs.queries_last_tick

    @property
    def fleet_queries_last_tick(self) -> int:
        """Queries about devices that the last observe sent; at most four."""
        return self._reader.tally.fleet_queries_last_tick

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Read what is new and fold it. While an earlier call hangs in the thread the source counts as down."""
        health = await self._observe(state)
        self._tell_remarks()
        return self._reader.book, health

    def _tell_remarks(self) -> None:
        """Logs what does not stop reading, once until it changes."""
        tally = self._reader.tally
        remarks = tuple(filter(None, (tally.remark, tally.scraped_twice)))
        if remarks != self._remarks:
            self._remarks = remarks
            for remark in remarks:
                log.warning("metrics source", remark=remark)

    async def _observe(self, state: ClusterState) -> MetricsHealth:
        now = self._clock.now()
        if not self._worker.busy:
            self._asked_at = time.monotonic()
            self._reader.tally.fleet_queries_last_tick = self._reader.tally.series_last_tick = 0
        try:
            return await self._worker.run(lambda ticket: self._read(ticket, state, now), self._settings.observe_seconds)
        except MetricsError as error:
            return self._down(str(error))
        except TimeoutError:
            return self._down(f"Prometheus did not answer all queries within {self._settings.observe_seconds:g} s.")
        except WorkerBusyError:
            waited = time.monotonic() - self._asked_at
            return self._down(f"A query sent {waited:.0f} s ago still hangs; nothing is asked until it returns.")

    def _read(self, ticket: Ticket, state: ClusterState, now: Instant) -> MetricsHealth:
        """Devices first: whatever becomes of the other signs, their work is known."""
        health = self._reader.read(ticket, state, now)
        self._signs.read(ticket, state, now)
        with ticket.held():
            self._reader.book.signs = self._signs.book
        behind = self._signs.behind if health.up else ""
        return replace(health, up=False, message=behind, catching_up=True) if behind else health

    def _down(self, message: str) -> MetricsHealth:
        return self._reader.health(message, up=False)

    async def close(self) -> None:
        """Ends the thread after its present job; does not wait for a query that hangs."""
        self._worker.close(self._client.close)
