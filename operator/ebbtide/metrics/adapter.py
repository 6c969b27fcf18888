"""The port Metrics over Prometheus: never blocks the event loop, never raises, never says up when it is not sure."""

import time

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.metrics.answers import MetricsError
from ebbtide.metrics.client import Limits, PrometheusClient
from ebbtide.metrics.profile import NVIDIA, Profile
from ebbtide.metrics.reader import FleetReader, Tally
from ebbtide.metrics.settings import MetricsSettings
from ebbtide.metrics.worker import Worker, WorkerBusyError
from ebbtide.ports import Clock


class PrometheusMetrics:
    """Reads what is new since the last call into per-device evidence, six queries at most. Implements ports.Metrics."""

    def __init__(self, settings: MetricsSettings, clock: Clock, profile: Profile = NVIDIA) -> None:
        self._settings = settings
        self._clock = clock
        limits = Limits(settings.query_seconds, settings.max_answer_bytes)
        self._client = PrometheusClient(
            settings.url, token_file=settings.token_file, ca_file=settings.ca_file, limits=limits
        )
        self._reader = FleetReader(settings, profile, self._client)
        self._worker = Worker("ebbtide-metrics")
        self._asked_at = 0.0

    @property
    def tally(self) -> Tally:
        """What reading costs, for the operator's own metrics."""
        return self._reader.tally

    @property
    def fleet_queries_last_tick(self) -> int:
        """Queries that the last observe sent; at most six."""
        return self._reader.tally.fleet_queries_last_tick

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Read what is new and fold it. While an earlier call hangs in the thread the source counts as down."""
        health = await self._observe(state)
        return self._reader.book, health

    async def _observe(self, state: ClusterState) -> MetricsHealth:
        now = self._clock.now()
        if not self._worker.busy:
            self._asked_at = time.monotonic()
            self._reader.tally.fleet_queries_last_tick = self._reader.tally.series_last_tick = 0
        try:
            return await self._worker.run(
                lambda ticket: self._reader.read(ticket, state, now), self._settings.observe_seconds
            )
        except MetricsError as error:
            return self._down(str(error))
        except TimeoutError:
            return self._down(f"Prometheus did not answer all queries within {self._settings.observe_seconds:g} s.")
        except WorkerBusyError:
            waited = time.monotonic() - self._asked_at
            return self._down(f"A query sent {waited:.0f} s ago still hangs; nothing is asked until it returns.")

    def _down(self, message: str) -> MetricsHealth:
        return self._reader.health(message, up=False)

    async def close(self) -> None:
        """Ends the thread after its present job; does not wait for a query that hangs."""
        self._worker.close(self._client.close)
