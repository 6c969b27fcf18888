"""The source in memory against a plain reading of what each PromQL function does.

e2e/tests/test_metrics_equality.py holds the same source against a real Prometheus.
"""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebbtide.samples.profile import Scope
from ebbtide.samples.settings import LabelMode
from ebbtide.samples.source import SIGNAL_LABEL, requests_of
from ebbtide.samples.span import Grid
from ebbtide.samples.vendors import NVIDIA
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.source import StoredSource

START = 1_790_000_000.0
NAMES = NVIDIA.names(LabelMode.Exported)
METRICS = sorted({name for group in NVIDIA.groups for one in group for name in one.names})
STALE = "stale"
VALUES = [0.0, 0.5, 1.0, 3.0, 81079.0, -1.0, 1e15, 2e15, math.nan, math.inf, -math.inf, STALE]

labels = st.fixed_dictionaries(
    {"UUID": st.sampled_from(["A", "B", ""])},
    optional={
        "GPU_I_ID": st.sampled_from(["", "1"]),
        "exported_pod": st.sampled_from(["p", "q"]),
        "exported_namespace": st.just("ml"),
        "job": st.sampled_from(["x", "y"]),
    },
)


def tracks_of(metrics):
    """Series as (metric, labels, samples by seconds since START)."""
    track = st.tuples(
        st.sampled_from(metrics),
        labels,
        st.dictionaries(st.integers(-8, 40).map(lambda k: k * 2.5), st.sampled_from(VALUES), max_size=12),
    )
    return st.lists(
        track, max_size=8, unique_by=lambda one: (one[0], frozenset((k, v) for k, v in one[1].items() if v))
    )


tracks = tracks_of(METRICS)
grids = st.builds(
    lambda first, count, step: Grid(START + first * step, START + (first + count) * step, step),
    st.integers(-1, 3),
    st.integers(0, 6),
    st.sampled_from([2.5, 5.0, 15.0]),
)


def stored(given_tracks) -> SeriesStore:
    store = SeriesStore()
    for metric, names, samples in given_tracks:
        track = store.track(metric, names)
        for at, value in sorted(samples.items()):
            if value == STALE:
                track.append_stale(START + at)
            else:
                track.append(START + at, value)
    return store


class Scan:
    """Evaluates at one instant by looking at every sample."""

    def __init__(self, given_tracks, at: float, step: float) -> None:
        self._tracks = given_tracks
        self._at = at
        self._step = step

    def series(self, metric: str, *, undivided: bool = False):
        for name, names, samples in self._tracks:
            present = {key: value for key, value in names.items() if value}
            if name == metric and not (undivided and "GPU_I_ID" in present):
                yield present, {START + at: value for at, value in samples.items()}

    def timestamps(self, metric: str) -> dict[frozenset, tuple[dict, float]]:
        """timestamp(metric) > time() - step."""
        found = {}
        for present, samples in self.series(metric):
            newest = max((at for at in samples if self._at - 300 < at <= self._at), default=None)
            if newest is not None and samples[newest] != STALE and newest > self._at - self._step:
                found[frozenset(present.items())] = (present, newest)
        return found

    def by(self, rows, keys, aggregate: Callable) -> dict[frozenset, float]:
        groups: dict[frozenset, list[float]] = {}
        for present, value in rows:
            groups.setdefault(frozenset((k, present[k]) for k in keys if k in present), []).append(value)
        return {key: aggregate(values) for key, values in groups.items()}

    def over_time(self, metric: str, keys, aggregate: Callable, *, undivided: bool) -> dict[frozenset, float]:
        rows = []
        for present, samples in self.series(metric, undivided=undivided):
            inside = [v for at, v in samples.items() if self._at - self._step < at <= self._at and v != STALE]
            if inside:
                rows.append((present, aggregate(inside)))
        return self.by(rows, keys, aggregate)

    def presence(self) -> dict[frozenset, float]:
        rows: dict[frozenset, tuple[dict, float]] = {}
        for metric in NVIDIA.presence:
            rows = self.timestamps(metric) | rows
        return self.by(rows.values(), NVIDIA.presence_keys, max)

    def values(self, measure) -> dict[frozenset, float]:
        keys, undivided = NVIDIA.keys(measure, NAMES), measure.scope is Scope.Undivided
        peak = self.over_time(measure.metrics[0], keys, top, undivided=undivided)
        if measure.rest:
            rest = self.over_time(measure.rest[0], keys, top, undivided=undivided)
            whole = {key: min(peak[key], 1e15) + rest[key] for key in peak.keys() & rest.keys()}
            return {key: 100 * peak[key] / sum_ + root(1e15 - rest[key]) for key, sum_ in whole.items() if sum_ > 0}
        if not measure.vetted:
            return peak
        total = self.over_time(measure.metrics[0], keys, sum, undivided=undivided)
        least = self.over_time(measure.metrics[0], keys, bottom, undivided=undivided)
        return {key: peak[key] + 0 * total[key] + root(least[key]) for key in peak}


def top(values: list[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def bottom(values: list[float]) -> float:
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def root(value: float) -> float:
    """0 * sqrt(value)."""
    return 0 * math.sqrt(value) if value >= 0 else math.nan


def scanned(given_tracks, grid: Grid, evaluate: Callable[[Scan], dict[frozenset, float]]):
    rows: dict[frozenset, list[tuple[int, str]]] = {}
    for number in range(len(grid)):
        at = grid.start + number * grid.step
        for key, value in evaluate(Scan(given_tracks, at, grid.step)).items():
            rows.setdefault(key, []).append((number, repr(float(value) + 0.0)))
    return rows


def answered(answer):
    rows = {
        frozenset(row.metric.items()): [(at, repr(value + 0.0)) for at, value in row.values] for row in answer.series()
    }
    assert len(rows) == len(answer)
    return rows


@settings(max_examples=300, deadline=None)
@given(tracks_of(NVIDIA.presence), grids)
def test_presence_is_what_a_scan_finds(given_tracks, grid):
    source = StoredSource(stored(given_tracks), None)
    assert answered(source.presence([NVIDIA], grid)) == scanned(given_tracks, grid, Scan.presence)


@settings(max_examples=300, deadline=None)
@given(tracks, grids)
def test_values_are_what_a_scan_finds(given_tracks, grid):
    source = StoredSource(stored(given_tracks), None)
    for request in requests_of([(NVIDIA, NAMES)]):
        answer = source.values(request, grid)
        wanted = {}
        for one in (asked.measure for asked in request.asked.values()):
            rows = scanned(given_tracks, grid, lambda scan, one=one: scan.values(one))
            wanted |= {key | {(SIGNAL_LABEL, str(one.signal))}: row for key, row in rows.items()}
        assert answered(answer) == wanted


@settings(max_examples=100, deadline=None)
@given(tracks, tracks, grids)
def test_series_that_are_added_later_are_found_too(before, after, grid):
    """Groups are remembered from one question to the next."""
    store = SeriesStore()
    source = StoredSource(store, None)
    everything = {(name, frozenset(names.items())): (name, names, at) for name, names, at in (*after, *before)}
    for some in (before, everything.values()):
        for metric, names, samples in some:
            track = store.track(metric, names)
            if not track.times:
                for at, value in sorted(samples.items()):
                    if value != STALE:
                        track.append(START + at, value)
        source.presence([NVIDIA], grid)
    fresh = StoredSource(store, None)
    assert answered(source.presence([NVIDIA], grid)) == answered(fresh.presence([NVIDIA], grid))


def test_a_sample_must_be_newer_than_the_one_before():
    track = SeriesStore().track("up", {})
    track.append(10, 1)
    track.append_stale(20)
    for at in (20, 15, 20.0001):
        with pytest.raises(ValueError, match="not newer"):
            track.append(at, 1)


def test_empty_labels_are_none():
    store = SeriesStore()
    assert store.track("up", {"a": "", "b": "c"}) is store.track("up", {"b": "c"})
