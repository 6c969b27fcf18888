"""How far back the source answers: a young or emptied Prometheus must not look like an idle fleet."""

from collections.abc import Mapping
from dataclasses import dataclass

from ebbtide.core.workload import Instant
from ebbtide.samples.span import Grid

_LOST_SHARE = 0.5
"""Re-read time that gives less than this share of the samples it gave before: storage was lost. Samples that are
stored never go away by themselves; half leaves room for two replicas whose scrapes are offset."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the presence query of one grid gave, for all devices; counts by the name of the profile."""

    earliest: Instant | None
    again: Mapping[str, int]
    """Samples in the part that was read before."""
    tail: Mapping[str, int]
    """Samples in the part that will be read again."""


class Reach:
    """Judges it from what is read anyway.

    That is where the first samples lie after a start, and whether what was read in the last tick is still there in this
    one. So a restart too quick for any query to fail shows as well, and no query is spent on it.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._asked_from: Instant | None = None
        self._earliest: Instant | None = None
        self._tail: Mapping[str, int] = {}
        self._settled_to: Instant | None = None
        self.read_to: Instant | None = None
        """End of the last grid; None: none."""

    def restart(self) -> None:
        """Reading begins anew: what was known before no longer counts."""
        self._asked_from = self._earliest = self._settled_to = self.read_to = None
        self._tail = {}

    def note(self, grid: Grid, settled_to: Instant, seen: Seen) -> None:
        """Takes in one grid that was read completely and is read again after `settled_to`."""
        continued = self._settled_to is not None and grid.after <= self._settled_to + grid.step / 2
        if not continued or self._has_lost(seen):
            self._asked_from, self._earliest = grid.after, None
        if self._earliest is None:
            self._earliest = seen.earliest
        self._tail, self._settled_to, self.read_to = seen.tail, settled_to, grid.end

    def _has_lost(self, seen: Seen) -> bool:
        """Of the profiles that were asked for both times: others have begun or ended to be."""
        before = sum(count for name, count in self._tail.items() if name in seen.again)
        again = sum(count for name, count in seen.again.items() if name in self._tail)
        return again < before * _LOST_SHARE

    @property
    def back_to(self) -> Instant | None:
        """The source answers for everything after this; None: it has given nothing yet.

        First samples later than two intervals after what was asked for mean that the source, or the fleet, is that
        young.
        """
        if self._asked_from is None or self._earliest is None:
            return None
        young = self._earliest - self._asked_from > 2 * self._interval
        return self._earliest if young else self._asked_from
