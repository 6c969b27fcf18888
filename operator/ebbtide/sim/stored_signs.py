"""Signs beside the devices, answered from the samples of a simulated world."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from ebbtide.samples.answer import Listed, Series
from ebbtide.samples.sign_questions import (
    ACTIVITIES,
    ACTIVITY,
    CALL_MEMORY_SECONDS,
    COUNTER,
    COUNTERS,
    CPU,
    CPU_METRIC,
    GAUGE,
    GAUGES,
    LOOPBACK,
    NETWORK,
    NETWORK_METRICS,
    RATE_STEPS,
    Named,
)
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Grid
from ebbtide.sim.series_store import PER_SECOND, SeriesStore, Track, milliseconds

Samples = Sequence[tuple[int, float]]
"""(milliseconds, value) of one series in one window."""
Over = Callable[[Samples, int, int], float | None]
"""Value of a window from its samples, begin and end in milliseconds; None: no value."""
_POD = ("namespace", "pod")
_TARGET = (*_POD, "job", "instance")


class StoredSigns:
    """Implements samples.sign_questions.SignSource over a store, by the arithmetic of PromQL."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store

    def use(self, marks: Sequence[str], namespaces: Sequence[str], grid: Grid) -> Listed:
        """Cores that pods use, and bytes that they receive and send."""
        by_target = {CPU: self._cores, NETWORK: self._bytes}
        return Listed([row for mark in marks for row in _marked(_merged(by_target[mark](namespaces, grid)), mark)])

    def _cores(self, namespaces: Sequence[str], grid: Grid) -> Iterator[Series]:
        tracks = [
            track
            for track in self._within(namespaces, CPU_METRIC)
            if track.labels.get("container", "POD") not in {"", "POD"}
        ]
        return _rows(tracks, _TARGET, grid, RATE_STEPS, rate, sum)

    def _bytes(self, namespaces: Sequence[str], grid: Grid) -> Iterator[Series]:
        """An interface counts once, whichever containers tell of it."""
        interfaces: list[Series] = []
        for metric in NETWORK_METRICS:
            tracks = [it for it in self._within(namespaces, metric) if it.labels.get("interface", "") != LOOPBACK]
            interfaces += _rows(tracks, (*_TARGET, "interface"), grid, RATE_STEPS, rate, max)
        return _combined(interfaces, _TARGET, sum)

    def _within(self, namespaces: Sequence[str], metric: str) -> Iterator[Track]:
        tracks = self._store.tracks(metric)
        return (it for it in tracks if not namespaces or it.labels.get("namespace") in namespaces)

    def requests(self, named: Sequence[Named], grid: Grid) -> Listed:
        """Requests and activity."""
        rows = [*self._known(GAUGES, GAUGE, grid), *self._known(COUNTERS, COUNTER, grid)]
        rows += self._known(ACTIVITIES, ACTIVITY, grid)
        for it in named:
            tracks = [
                it_ for it_ in self._store.tracks(it.metric) if it_.labels.get(it.namespace_label) in it.namespaces
            ]
            keys = (it.namespace_label, *it.labels)
            found = _calls(tracks, keys, grid) if it.calls else self._over(tracks, keys, grid, counts=it.is_counter)
            rows += _marked(found, it.mark)
        return Listed(rows)

    def _known(self, metrics: Iterable[str], mark: str, grid: Grid) -> Iterator[Series]:
        for metric in metrics:
            tracks = self._store.tracks(metric)
            if tracks:
                yield from _marked(self._over(tracks, _POD, grid, counts=mark == COUNTER), mark)

    def _over(self, tracks: Sequence[Track], keys: Sequence[str], grid: Grid, *, counts: bool) -> Iterator[Series]:
        if counts:
            return _rows(tracks, keys, grid, 2, changes, sum)
        return _rows(tracks, keys, grid, 1, highest, max)


def rate(samples: Samples, begin: int, end: int) -> float | None:
    """Increase a second of a counter, carried on to the edges of the window as Prometheus does."""
    if len(samples) < 2:
        return None
    increase = sum(after - before if after >= before else after for (_, before), (_, after) in _pairs(samples))
    (first, value), last = samples[0], samples[-1][0]
    sampled, mean = last - first, (last - first) / (len(samples) - 1)
    ahead, behind = float(first - begin), end - last
    ahead = ahead if ahead < 1.1 * mean else mean / 2
    if increase > 0 and value >= 0:
        ahead = min(ahead, sampled * value / increase)
    reach = sampled + ahead + (behind if behind < 1.1 * mean else mean / 2)
    return increase * (reach / sampled) / ((end - begin) / PER_SECOND)


def changes(samples: Samples, begin: int, end: int) -> float | None:  # noqa: ARG001  # one form for all
    """How often the value changed."""
    return float(sum(before != after for (_, before), (_, after) in _pairs(samples))) if samples else None


def highest(samples: Samples, begin: int, end: int) -> float | None:  # noqa: ARG001  # one form for all
    """The greatest value that is a number."""
    return max((value for _, value in samples if value == value), default=None)  # noqa: PLR0124  NaN


def risen(step: int) -> Over:
    """How far a counter is above what it was before the last `step` milliseconds; all of it if it began anew.

    The world has no outages in which nothing at all is scraped, so what was not there before has begun.
    """

    def over(samples: Samples, begin: int, end: int) -> float | None:  # noqa: ARG001  # one form for all
        before = next((value for at, value in reversed(samples) if at <= end - step), None)
        if not samples or samples[-1][0] <= end - step:
            return None
        now = samples[-1][1]
        if before is not None and now - before > 0:
            return now - before
        return now if now > 0 and (before is None or now < before) else None

    return over


def _calls(tracks: Sequence[Track], keys: Sequence[str], grid: Grid) -> Iterator[Series]:
    steps = CALL_MEMORY_SECONDS / grid.step + 1
    return _rows(tracks, keys, grid, steps, risen(milliseconds(grid.step)), sum)


def _pairs(samples: Samples) -> Iterator[tuple[tuple[int, float], tuple[int, float]]]:
    return pairwise(samples)


def _rows(  # noqa: PLR0917  one aggregation of PromQL, in its order
    tracks: Sequence[Track],
    keys: Sequence[str],
    grid: Grid,
    steps: float,
    over: Over,
    combine: Callable[[Iterable[float]], float],
) -> Iterator[Series]:
    groups: dict[tuple[str, ...], list[Track]] = {}
    for track in tracks:
        groups.setdefault(tuple(track.labels.get(key, "") for key in keys), []).append(track)
    for values, members in groups.items():
        found = []
        for number in range(len(grid)):
            shown = [it for track in members if (it := _window(track, grid, number, steps, over)) is not None]
            if shown:
                found.append((number, combine(shown)))
        if found:
            yield Series({key: value for key, value in zip(keys, values, strict=True) if value}, found)


def _window(track: Track, grid: Grid, number: int, steps: float, over: Over) -> float | None:
    end = milliseconds(grid.start + number * grid.step)
    begin = end - milliseconds(steps * grid.step)
    return over([(track.times[at], track.values[at]) for at in track.between(begin, end)], begin, end)


def _merged(rows: Iterable[Series]) -> Iterator[Series]:
    """By pod the greatest over its targets."""
    return _combined(rows, _POD, max)


def _combined(
    rows: Iterable[Series], keys: Sequence[str], combine: Callable[[Iterable[float]], float]
) -> Iterator[Series]:
    """An aggregation of rows that were aggregated before."""
    found: dict[tuple[str, ...], dict[int, list[float]]] = {}
    for row in rows:
        steps = found.setdefault(tuple(row.metric.get(key, "") for key in keys), {})
        for number, value in row.values:
            steps.setdefault(number, []).append(value)
    for values, steps in found.items():
        labels = {key: value for key, value in zip(keys, values, strict=True) if value}
        yield Series(labels, [(number, combine(them)) for number, them in sorted(steps.items())])


def _marked(rows: Iterable[Series], mark: str) -> Iterator[Series]:
    for row in rows:
        yield Series({**row.metric, SIGNAL_LABEL: mark}, row.values)
