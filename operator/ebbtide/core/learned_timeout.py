"""The timeout with the least expected cost of idle time paid plus restarts paid.

With a timeout T a run of length g costs min(g, T) of idle time, and a restart where g is longer. Given the hazards, the
expectation of that is a curve over T; what has passed already is paid whatever is chosen, so only timeouts not yet
passed compete. Inside a bin the hazard is constant and the curve rises or falls throughout: the least lies at an edge.
The problem is the one of renting or buying skis with a known distribution; see docs/learned-timeout.md.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from math import exp, expm1, inf, log1p
from typing import Final, NamedTuple

from ebbtide.core.idle_hazard import BINS, EDGES

NEED: Final = 1.1
"""A pause must be expected to save this many restarts: the hazards are estimates."""
WRONG_SECONDS: Final = 1800.0
"""A pause is wrong if its workload is wanted again within this time."""
SELDOM: Final = 0.25
"""Shorter than usual is only a timeout of whose pauses at most this share is wrong."""
EVEN: Final = 0.5
"""None is one of whose pauses more are wrong than right, and longer than usual only where the usual one is."""
SUREST: Final = 0.999
"""Highest hazard taken for true: no run is certain to end."""
ENDLESS: Final = 1e6
"""Steps that a run goes on for, at most, where none was ever seen to end."""


class Point(NamedTuple):
    """One timeout and what it costs for each idle run, in steps of time."""

    after: float
    """The timeout; inf: never."""
    idle: float
    """Idle time paid before it."""
    reached: float
    """The share of runs that last as long: so many restarts are paid."""
    wrong: float
    """The chance that a run so long ends within WRONG_SECONDS after it; 1 where that is not known."""


class Curve:
    """What each timeout costs, for runs that end as these hazards say."""

    __slots__ = ("_cumulated", "_known", "_rates", "_restart", "_usual", "_window", "_wrong_weight")

    def __init__(
        self,
        hazards: Sequence[float],
        factor: float,
        *,
        restart: float,
        window: float,
        wrong_weight: float = 0.0,
        known: float = inf,
        usual: float | None = None,
    ) -> None:
        """`hazards` by bin, of the siblings; `factor`: θ. `restart` and `window` (WRONG_SECONDS) in steps.

        `wrong_weight`: restarts that a wrong pause costs besides its own. `known`, in steps: pauses of older runs count
        as wrong, because nobody could watch yet whether they would have been. `usual`, in steps: the timeout that would
        hold without anything learnt, left only for a reason (SELDOM, EVEN); None: there is none.
        """
        self._rates = [-log1p(-min(factor * hazard, SUREST)) for hazard in hazards]
        self._restart, self._window, self._wrong_weight, self._known = restart, window, wrong_weight, known
        self._usual = usual
        self._cumulated = [0.0]
        for place in range(BINS - 1):
            self._cumulated.append(self._cumulated[-1] + self._rates[place] * (EDGES[place + 1] - EDGES[place]))

    def best(self, least: float) -> float:
        """The cheapest timeout from `least` (steps) on; inf if never to pause is cheaper than each.

        The usual one stands in for a longer one unless it is known not to pay, or to be wrong more often than right.
        """
        chosen = self._cheapest(least)
        if self._usual is None or chosen <= (usual := max(self._usual, least)):
            return chosen
        return usual if self.stands(usual) else chosen

    def _cheapest(self, least: float) -> float:
        chosen, lowest, idle = inf, inf, 0.0
        for point in self._from(least):
            if point.idle >= lowest:
                return chosen  # what comes later costs more, never to pause included
            cost, idle = self.cost(point), point.idle + point.reached * self._rest()
            if cost < lowest and self.is_fit(point):
                chosen, lowest = point.after, cost
        return chosen if lowest <= idle else inf

    def is_fit(self, point: Point) -> bool:
        """Whether few enough of its pauses are wrong to choose it."""
        return self._usual is None or point.wrong <= (SELDOM if point.after < self._usual else EVEN)

    def stands(self, since: float) -> bool:
        """Whether no longer timeout is taken: a pause then was not watched, or is right as often as wrong and pays."""
        return since > self._known or self._is_good(since)

    def _is_good(self, since: float) -> bool:
        """Whether a pause then is at least as often right as wrong, and pays for its restart."""
        need, idle = NEED * self._restart, 0.0
        for point in self._from(since):
            if point.after == since and point.wrong > EVEN:
                return False
            if point.idle >= need:
                return True
            idle = point.idle + point.reached * self._rest()
        return idle >= need

    def cost(self, point: Point) -> float:
        """Expected steps paid for each idle run: idle time, restarts, and the extra weight of wrong ones."""
        return point.idle + point.reached * self._restart * self.weight(point)

    def weight(self, point: Point) -> float:
        """How many restarts each restart after such a pause counts for."""
        return NEED + self._wrong_weight * point.wrong

    def point(self, after: float, since: float = 0.0) -> Point:
        """One timeout, for runs that have lasted `since` already. Both in steps."""
        idle, begin = 0.0, since
        for place in range(bisect_right(EDGES, since) - 1, BINS):
            end = after if place + 1 == BINS else min(after, EDGES[place + 1])
            idle += self._lasting(since, begin) * self._paid(place, end - begin)
            begin = end
            if begin >= after:
                break
        return Point(after, idle, self._lasting(since, after), self._wrong(after, self._cumulative(after)))

    def _from(self, least: float) -> Iterator[Point]:
        """`least` and every edge after it."""
        begin, place = least, bisect_right(EDGES, least) - 1
        passed = self._cumulative(least)
        idle, reached = 0.0, 1.0
        yield Point(least, idle, reached, self._wrong(least, passed))
        for after in range(place + 1, BINS):
            edge, before = EDGES[after], self._cumulated[after]
            idle += reached * self._paid(after - 1, edge - begin)
            begin, reached = edge, exp(passed - before)
            yield Point(edge, idle, reached, self._wrong(edge, before))

    def _paid(self, place: int, steps: float) -> float:
        """Steps that a run at the begin of a stretch inside one bin goes on for in it."""
        rate = self._rates[place]
        return steps if rate <= 0 else exp(-rate) * expm1(-rate * steps) / expm1(-rate)

    def _rest(self) -> float:
        """Steps that a run in the last bin still goes on for."""
        rate = self._rates[-1]
        return ENDLESS if rate <= 0 else min(exp(-rate) / -expm1(-rate), ENDLESS)

    def _lasting(self, since: float, upto: float) -> float:
        """The share of the runs of one age that reach another."""
        return exp(self._cumulative(since) - self._cumulative(upto))

    def _wrong(self, after: float, passed: float) -> float:
        """`passed`: the cumulated hazard up to there."""
        if after > self._known:
            return 1.0
        return max(0.0, -expm1(passed - self._cumulative(after + self._window)))

    def _cumulative(self, age: float) -> float:
        place = bisect_right(EDGES, age) - 1
        return self._cumulated[place] + self._rates[place] * (age - EDGES[place])
