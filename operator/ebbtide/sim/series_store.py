"""Samples in memory, by series, as a Prometheus would hold them."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from ebbtide.core.workload import Instant

PER_SECOND = 1000
"""Times are whole milliseconds, as in Prometheus."""
_FEW = 2
"""Samples that a tick mostly asks for: looked at one by one, as that is faster than to search."""


def milliseconds(at: Instant) -> int:
    """The time of a sample as it is stored."""
    return round(at * PER_SECOND)


class Track:
    """The samples of one series, oldest first."""

    __slots__ = ("labels", "stale_times", "times", "values")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        """Without the name of the metric, and without empty ones."""
        self.times = array("q")
        """Milliseconds since the epoch, ascending."""
        self.values = array("d")
        self.stale_times = array("q")
        """Where the series ended for a while; never a time of a sample."""

    def append(self, at: Instant, value: float) -> None:
        """Takes one sample, which must be newer than all before."""
        self.take(self._advance(at), value)

    def take(self, time: int, value: float) -> None:
        """As `append`, for those who know that this time (milliseconds) is newer: a fleet has millions of samples."""
        self.times.append(time)
        self.values.append(value)

    def append_stale(self, at: Instant) -> None:
        """Takes the mark that the series has ended; a later sample begins it again."""
        self.stale_times.append(self._advance(at))

    def between(self, after: int, end: int) -> range:
        """Indices of the samples in (after, end], milliseconds."""
        times = self.times
        high = len(times)
        if high and times[-1] > end:
            high = bisect_right(times, end)
        low = max(0, high - _FEW)
        if low and times[low] > after:
            low = bisect_right(times, after, 0, low)
        while low < high and times[low] <= after:
            low += 1
        return range(low, high)

    def stale_between(self, after: int, end: int) -> bool:
        """A mark lies in (after, end], milliseconds."""
        marks = self.stale_times
        return bisect_right(marks, end) > bisect_right(marks, after)

    def _advance(self, at: Instant) -> int:
        time = milliseconds(at)
        if time <= max(self.times[-1:].tolist() + self.stale_times[-1:].tolist(), default=0):
            raise ValueError(f"a sample at {at} is not newer than the one before")
        return time


class SeriesStore:
    """All series. Tracks are never removed, so that whoever reads may remember how many there were."""

    def __init__(self) -> None:
        self._by_metric: dict[str, list[Track]] = {}
        self._by_labels: dict[tuple[str, frozenset[tuple[str, str]]], Track] = {}

    def track(self, metric: str, labels: Mapping[str, str]) -> Track:
        """The series of that name and these labels, new or known; empty labels are none."""
        present = {name: value for name, value in labels.items() if value}
        key = (metric, frozenset(present.items()))
        found = self._by_labels.get(key)
        if found is None:
            found = self._by_labels[key] = Track(present)
            self._by_metric.setdefault(metric, []).append(found)
        return found

    def tracks(self, metric: str) -> Sequence[Track]:
        """All series of that name in order of first sight; grows, and keeps its order."""
        return self._by_metric.setdefault(metric, [])

    def __iter__(self) -> Iterator[tuple[str, Track]]:
        for metric, tracks in self._by_metric.items():
            for track in tracks:
                yield metric, track
