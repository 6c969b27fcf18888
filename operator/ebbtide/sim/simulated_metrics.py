"""The port Metrics over a simulated world: the operator's own reader, with a Prometheus that can be broken."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum

from ebbtide.core.evidence import EvidenceBook
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.ports import Clock
from ebbtide.samples.answer import Answer, Listed, MetricsError
from ebbtide.samples.profile import Profile
from ebbtide.samples.reader import FleetReader, Tally
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.sign_questions import Named
from ebbtide.samples.signs import SignReader
from ebbtide.samples.source import Scrape, Source, ValueRequest
from ebbtide.samples.span import Grid
from ebbtide.samples.ticket import Ticket
from ebbtide.samples.vendors import VENDORS
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.source import StoredSource
from ebbtide.sim.stored_signs import StoredSigns

JOB = "dcgm"
_TARGET = "http://dcgm-exporter.simulated:9400/metrics"


class Condition(StrEnum):
    """What the simulated Prometheus does when it is asked. It scrapes all the while."""

    Up = "Up"
    Down = "Down"
    """Refuses connections."""
    Slow = "Slow"
    """Every query exceeds its timeout."""
    Partial = "Partial"
    """Answers, and warns that parts are missing."""
    Empty = "Empty"
    """Answers with nothing."""


class SwitchedSource:
    """A source whose condition can be changed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.condition = Condition.Up

    def presence(self, profiles: Sequence[Profile], grid: Grid) -> Answer:
        """As the source answers in its condition."""
        return self.changed(lambda: self._source.presence(profiles, grid))

    def values(self, request: ValueRequest, grid: Grid) -> Answer:
        """As the source answers in its condition."""
        return self.changed(lambda: self._source.values(request, grid))

    def slowest_scrape(self, profiles: Sequence[Profile], now: Instant) -> Scrape | None:
        """As the source answers in its condition."""
        self._fail()
        return None if self.condition is Condition.Empty else self._source.slowest_scrape(profiles, now)

    def _fail(self) -> None:
        if self.condition is Condition.Down:
            raise MetricsError("Prometheus cannot be asked: the connection was refused.")
        if self.condition is Condition.Slow:
            raise MetricsError("Prometheus did not finish its answer in time.")

    def changed(self, question: Callable[[], Answer]) -> Answer:
        """The answer to a question, in the present condition. Raises MetricsError."""
        self._fail()
        if self.condition is Condition.Empty:
            return Listed(())
        answer = question()
        if self.condition is Condition.Partial:
            return Listed(answer.series(), ["a part of the samples could not be read"])
        return answer


class SwitchedSigns:
    """Signs out of the same Prometheus: in the same condition."""

    def __init__(self, signs: StoredSigns, switch: SwitchedSource) -> None:
        self._signs = signs
        self._switch = switch

    def use(self, marks: Sequence[str], namespaces: Sequence[str], grid: Grid) -> Answer:
        """As the source answers in its condition."""
        return self._switch.changed(lambda: self._signs.use(marks, namespaces, grid))

    def requests(self, named: Sequence[Named], grid: Grid) -> Answer:
        """As the source answers in its condition."""
        return self._switch.changed(lambda: self._signs.requests(named, grid))


class SimulatedMetrics:
    """Implements ports.Metrics: what is new is read at once, in the caller's own time.

    A restarted operator is a new one over the same store.
    """

    def __init__(
        self,
        store: SeriesStore,
        settings: ReadingSettings,
        clock: Clock,
        *,
        profiles: tuple[Profile, ...] = VENDORS,
        allowed: Mapping[str, str] | None = None,
    ) -> None:
        """`allowed`: metrics that users may name, with the label that carries the namespace."""
        interval = settings.sample_interval_seconds
        scrape = Scrape(_TARGET, JOB, f"{interval:g}s", interval)
        self._clock = clock
        self._stored = StoredSource(store, scrape)
        self._source = SwitchedSource(self._stored)
        self._reader = FleetReader(settings, profiles, self._source)
        self._signs = SignReader(settings, SwitchedSigns(StoredSigns(store), self._source), allowed)
        self._pods: AbstractSet[str] = frozenset()

    @property
    def tally(self) -> Tally:
        """What reading found beside evidence."""
        return self._reader.tally

    @property
    def condition(self) -> Condition:
        """What Prometheus does when it is asked."""
        return self._source.condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self._source.condition = condition

    async def observe(self, state: ClusterState) -> tuple[EvidenceBook, MetricsHealth]:
        """Read what is new since the last call and fold it."""
        pods = frozenset(pod.uid for group in state.pods.values() for pod in group)
        if pods != self._pods:
            self._stored.give_again()
        self._pods = pods
        try:
            ticket, now = Ticket(), self._clock.now()
            health = self._reader.read(ticket, state, now)
            self._signs.read(ticket, state, now)
            self._reader.book.signs = self._signs.book
        except MetricsError as error:
            self._stored.give_again()
            health = self._reader.health(str(error), up=False)
        return self._reader.book, health
