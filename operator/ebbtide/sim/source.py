"""The samples of a simulated world, read by the same rules as those in Prometheus."""

from collections.abc import Iterator, Sequence

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import Listed, Series
from ebbtide.samples.profile import Measure, PodLabels, Profile, Reading
from ebbtide.samples.settings import STEPS_PER_INTERVAL
from ebbtide.samples.source import COUNT_INTERVALS, PROFILE_LABEL, SIGNAL_LABEL, Asked, Scrape, ValueRequest
from ebbtide.samples.span import Grid
from ebbtide.sim.series_groups import Bundles, Groups
from ebbtide.sim.series_steps import Lens, Row, greatest, least, parts, shares, strictest, vetted
from ebbtide.sim.series_store import SeriesStore, Track

_SLACK_STEPS = 3
"""A grid that begins earlier than this before what was given does not go on from there."""


class StoredSource:
    """Implements samples.source.Source over a store."""

    def __init__(self, store: SeriesStore, scrape: Scrape | None) -> None:
        self._store = store
        self._scrape = scrape
        self._bundles: dict[tuple[Profile, bool], Bundles] = {}
        self._groups: dict[tuple[Profile, Measure, tuple[str, ...], PodLabels, str], Groups] = {}
        self._given: dict[tuple[tuple[tuple[str, str, str], ...], str], Instant] = {}
        """Up to where the values of each request were given: nothing comes late here, so once is enough."""

    def presence(self, profiles: Sequence[Profile], grid: Grid) -> Listed:
        """Who held which device, and when each was sampled."""
        lens = Lens(grid)
        bundled = [self._bundled(profile, marked=len(profiles) > 1) for profile in profiles]
        found = ((labels, lens.stamps(bundles)) for one in bundled for labels, bundles in one.rows().values())
        return Listed(Series(labels, row) for labels, row in found if row)

    def values(self, request: ValueRequest, grid: Grid) -> Listed:
        """The values of one group of signals."""
        names = tuple((mark, asked.names.namespace, asked.names.pod) for mark, asked in request.asked.items())
        key = names, request.name
        whole, rest = Lens(grid), Lens(grid, self._given_before(grid, key))
        # Whether a device's own value counts beside those of its pods shows only later: it is given again.
        lenses = [(mark, asked, whole if asked.measure.per_pod else rest) for mark, asked in request.asked.items()]
        rows = (row for mark, asked, lens in lenses for row in self._rows(lens, asked, mark))
        answer = Listed(row for row in rows if row.values)
        self._given[key] = grid.end
        return answer

    def give_again(self) -> None:
        """What was given may not have been taken: the next grids are answered whole."""
        self._given.clear()

    def slowest_scrape(self, profiles: Sequence[Profile], now: Instant) -> Scrape | None:  # noqa: ARG002  # one pace
        """The scrape of the simulated world."""
        return self._scrape

    def _given_before(self, grid: Grid, key: tuple[tuple[tuple[str, str, str], ...], str]) -> Instant | None:
        given = self._given.get(key)
        return given if given is not None and given - grid.after < _SLACK_STEPS * grid.step else None

    def _rows(self, lens: Lens, asked: Asked, mark: str) -> Iterator[Series]:
        measure = asked.measure
        rows = self._grouped(asked, measure.metrics, mark).rows()
        beside = measure.rest or measure.whole
        if not beside:
            for labels, tracks in rows.values():
                yield Series(labels, _value(lens, measure, tracks))
            return
        others = self._grouped(asked, beside, mark).rows()
        combine = shares if measure.rest else parts
        for key, (labels, tracks) in rows.items():
            if key in others:
                yield Series(labels, combine(lens.values(tracks, greatest), lens.values(others[key][1], greatest)))

    def _bundled(self, profile: Profile, *, marked: bool) -> Bundles:
        key = profile, marked
        if key not in self._bundles:
            mark = ((PROFILE_LABEL, profile.name),) if marked else ()
            metrics = [self._store.tracks(metric) for metric in profile.presence]
            self._bundles[key] = Bundles(metrics, profile.presence_keys, only=_only(profile.matchers), mark=mark)
        return self._bundles[key]

    def _grouped(self, asked: Asked, metrics: tuple[str, ...], mark: str) -> Groups:
        profile, measure, names = asked.profile, asked.measure, asked.names
        key = profile, measure, metrics, names, mark
        if key not in self._groups:
            whole = profile.whole_only(measure)
            only = _only((*profile.matchers, *measure.matchers)) | ({} if whole is None else {whole[0]: whole[1]})
            tracks = [self._store.tracks(metric) for metric in metrics]
            keys = profile.keys(measure, names)
            self._groups[key] = Groups(tracks, keys, only=only, mark=((SIGNAL_LABEL, mark),))
        return self._groups[key]


def _value(lens: Lens, measure: Measure, tracks: Sequence[Track]) -> Row:
    if measure.reading is Reading.Count:
        return lens.moves(tracks, COUNT_INTERVALS * STEPS_PER_INTERVAL)
    if measure.reading is Reading.Age:
        return lens.values(tracks, least)
    return vetted(lens.values(tracks, strictest)) if measure.vetted else lens.values(tracks, greatest)


def _only(matchers: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    return {label: (value,) for label, value in matchers}
