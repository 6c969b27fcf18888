"""What nodes cost over the time of a run: price books of core.pricing, each over the seconds in which it holds."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from ebbtide.core.pricing import PriceBook, Rate
from ebbtide.core.snapshot import Catalog
from ebbtide.core.workload import Node
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.ledger import Holding, Share

HOUR = 3600


class _Era(NamedTuple):
    """Catalogs and nodes as they stood from a second on."""

    start: int
    catalogs: tuple[Catalog, ...]
    nodes: dict[str, Node]


class Parts(NamedTuple):
    """Rates of one hour as exact numbers."""

    device: Fraction
    cpu: Fraction
    byte: Fraction
    node: Fraction

    def of(self, share: Share) -> Fraction:
        """An hour of a share."""
        asked = share.asked
        amount = self.device * asked.accelerators + self.byte * asked.memory_bytes
        return amount + self.cpu * Fraction(str(asked.cpu)) if self.cpu else amount


class PriceTimeline:
    """Told of every change while the scenario runs; asked at the end, and by those who draw."""

    def __init__(self, clock: SimulatedClock, currency: str) -> None:
        self._clock, self._currency = clock, currency
        self._eras: list[_Era] = []
        self._present: tuple[int, float, PriceBook] | None = None

    def note(self, catalogs: Sequence[Catalog], nodes: dict[str, Node]) -> None:
        """From now on these hold."""
        era = _Era(self._clock.second, tuple(catalogs), dict(nodes))
        if self._eras and self._eras[-1].start == era.start:
            self._eras.pop()
        self._eras.append(era)
        self._present = None

    def now(self) -> PriceBook:
        """The book of the present second."""
        second = self._clock.second
        if self._present is None or not self._present[0] <= second < self._present[1]:
            era = self._eras[-1]
            until = next((at for at in self._edges(era) if at > second), math.inf)
            self._present = second, until, self._book(era, second)
        return self._present[2]

    def _book(self, era: _Era, second: int) -> PriceBook:
        return PriceBook(era.catalogs, era.nodes, self._currency, self._clock.start + second)

    def _edges(self, era: _Era) -> list[int]:
        """Seconds at which a row begins or ends, ascending; times within a second count from the next one on."""
        found = set()
        for catalog in era.catalogs:
            for row in catalog.spec.nodes if catalog.spec else ():
                for moment in (row.effective_from, row.effective_to):
                    if moment is not None:
                        found.add(math.ceil(moment.timestamp() - self._clock.start))
        return sorted(at for at in found if at > 0)

    def spans(self, end: int) -> "Spans":
        """Everything until the end, ready to be asked."""
        starts, books = [], []
        for place, era in enumerate(self._eras):
            until = self._eras[place + 1].start if place + 1 < len(self._eras) else end
            for start in [era.start, *(at for at in self._edges(era) if era.start < at < until)]:
                starts.append(start)
                books.append(self._book(era, start))
        return Spans(starts, books, end)


class Spans:
    """Prices over the whole run."""

    def __init__(self, starts: list[int], books: list[PriceBook], end: int) -> None:
        self.starts, self._books, self._end = starts, books, end
        self._own: dict[tuple[int, str], Parts | None] = {}
        self._listed: dict[tuple[int, str], Parts | None] = {}

    def cost(self, holding: Holding, *, listed: bool = False) -> Fraction | None:
        """What a share cost; None: for some of the time its node had no price."""
        total = Fraction(0)
        for place, seconds in self._seconds(holding.start, holding.end):
            parts = self.parts(place, holding.share.node, listed=listed)
            if parts is None:
                return None
            total += parts.of(holding.share) * seconds
        return total / HOUR

    def node(self, name: str, start: int, end: int) -> tuple[Fraction, bool]:
        """What a node cost where it had a price, and whether it had one all the time."""
        total, priced = Fraction(0), True
        for place, seconds in self._seconds(start, end):
            parts = self.parts(place, name)
            if parts is None:
                priced = False
            else:
                total += parts.node * seconds
        return total / HOUR, priced

    def pieces(self, node: str, start: int, end: int) -> Iterator[tuple[int, int, Parts]]:
        """Stretches of [start, end) over which a node has one price; those without a price are left out."""
        for place, seconds in self._seconds(start, end):
            parts = self.parts(place, node)
            if parts is not None:
                yield start, start + seconds, parts
            start += seconds

    def parts(self, place: int, node: str, *, listed: bool = False) -> Parts | None:
        """Rates of a node in the `place`-th span."""
        known = self._listed if listed else self._own
        key = place, node
        if key not in known:
            book = self._books[place]
            known[key] = _parts(book.list_rate(node) if listed else book.rate(node))
        return known[key]

    def _seconds(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """(place of a span, seconds in it) that [start, end) reaches over."""
        place = max(0, bisect_right(self.starts, start) - 1)
        while start < end:
            until = self.starts[place + 1] if place + 1 < len(self.starts) else end
            until = min(end, until)
            yield place, until - start
            start, place = until, place + 1


def _parts(rate: Rate) -> Parts | None:
    if rate.per_device is None or rate.node is None:
        return None
    return Parts(*(Fraction(it) for it in (rate.per_device, rate.per_cpu, rate.per_byte, rate.node)))
