"""Prometheus as a source of samples: each request is one query."""

from collections.abc import Sequence

from ebbtide.core.workload import Instant
from ebbtide.metrics.answers import GridAnswer
from ebbtide.metrics.client import PrometheusClient
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.targets import slowest_scrape
from ebbtide.samples.profile import Profile
from ebbtide.samples.source import Scrape, ValueRequest
from ebbtide.samples.span import Grid


class PrometheusSource:
    """Implements samples.source.Source."""

    def __init__(self, client: PrometheusClient, writer: QueryWriter) -> None:
        self._client = client
        self._writer = writer

    def presence(self, profiles: Sequence[Profile], grid: Grid) -> GridAnswer:
        """Who held which device, and when each was sampled. Raises MetricsError."""
        return self._ask(self._writer.presence(profiles), grid)

    def values(self, request: ValueRequest, grid: Grid) -> GridAnswer:
        """The values of one group of signals. Raises MetricsError."""
        return self._ask(self._writer.values(request), grid)

    def slowest_scrape(self, profiles: Sequence[Profile], now: Instant) -> Scrape | None:
        """The most seldom scraped target that serves the devices' series. Raises MetricsError."""
        return slowest_scrape(self._client, self._writer.selectors(profiles), now)

    def _ask(self, text: str, grid: Grid) -> GridAnswer:
        return GridAnswer(self._client.query_range(text, grid.start, grid.end, grid.step), grid)
