"""Simulated time: whole seconds from the start of a scenario."""

from ebbtide.core.workload import Instant
from ebbtide.objects.views_meta import rfc3339


class SimulatedClock:
    """Implements ports.Clock; only the simulation moves it."""

    def __init__(self, start: Instant) -> None:
        self.start = start
        """Instant of second 0."""
        self.second = 0

    def now(self) -> Instant:
        """The present instant, UTC."""
        return self.start + self.second

    def stamp(self, second: int) -> str:
        """A second as Kubernetes writes times."""
        return rfc3339(self.start + second)
