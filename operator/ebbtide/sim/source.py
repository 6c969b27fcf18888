"""The samples of a simulated world, read by the same rules as those in Prometheus."""

from collections.abc import Iterator

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import Listed, Series
from ebbtide.samples.profile import Measure, PodLabels, Profile, Scope
from ebbtide.samples.source import SIGNAL_LABEL, Scrape, ValueRequest
from ebbtide.samples.span import Grid
from ebbtide.sim.series_groups import Bundles, Groups
from ebbtide.sim.series_steps import Lens, greatest, shares, strictest, vetted
from ebbtide.sim.series_store import SeriesStore

_SLACK_STEPS = 3
"""A grid that begins earlier than this before what was given does not go on from there."""


class StoredSource:
    """Implements samples.source.Source over a store."""

    def __init__(self, store: SeriesStore, profile: Profile, scrape: Scrape | None) -> None:
        self._store = store
        self._profile = profile
        self._scrape = scrape
        self._bundles = Bundles([store.tracks(metric) for metric in profile.presence], profile.presence_keys)
        self._groups: dict[tuple[str, Measure, PodLabels], Groups] = {}
        self._given: dict[tuple[PodLabels, str], Instant] = {}
        """Up to where the values of each request were given: nothing comes late here, so once is enough."""

    def presence(self, grid: Grid) -> Listed:
        """Who held which device, and when each was sampled."""
        lens = Lens(grid)
        found = ((labels, lens.stamps(bundles)) for labels, bundles in self._bundles.rows())
        return Listed(Series(labels, row) for labels, row in found if row)

    def values(self, request: ValueRequest, grid: Grid) -> Listed:
        """The values of one group of signals."""
        key = request.names, request.name
        whole, rest = Lens(grid), Lens(grid, self._given_before(grid, key))
        # Whether a device's own value counts beside those of its pods shows only later: it is given again.
        lenses = [(measure, whole if measure.per_pod else rest) for measure in request.measures.values()]
        rows = (row for measure, lens in lenses for row in self._rows(lens, measure, request.names))
        answer = Listed(row for row in rows if row.values)
        self._given[key] = grid.end
        return answer

    def give_again(self) -> None:
        """What was given may not have been taken: the next grids are answered whole."""
        self._given.clear()

    def slowest_scrape(self, now: Instant) -> Scrape | None:  # noqa: ARG002  # the world scrapes at one pace
        """The scrape of the simulated world."""
        return self._scrape

    def _given_before(self, grid: Grid, key: tuple[PodLabels, str]) -> Instant | None:
        given = self._given.get(key)
        return given if given is not None and given - grid.after < _SLACK_STEPS * grid.step else None

    def _rows(self, lens: Lens, measure: Measure, names: PodLabels) -> Iterator[Series]:
        rows = self._grouped(measure.metric, measure, names).rows()
        if measure.rest:
            rests = self._grouped(measure.rest, measure, names).rows()
            for key, (labels, tracks) in rows.items():
                if key in rests:
                    row, rest = lens.values(tracks, greatest), lens.values(rests[key][1], greatest)
                    yield Series(labels, shares(row, rest))
            return
        combine = strictest if measure.vetted else greatest
        for labels, tracks in rows.values():
            row = lens.values(tracks, combine)
            yield Series(labels, vetted(row) if measure.vetted else row)

    def _grouped(self, metric: str, measure: Measure, names: PodLabels) -> Groups:
        key = metric, measure, names
        if key not in self._groups:
            without = self._profile.instance_label if measure.scope is Scope.Undivided else ""
            keys, mark = self._profile.keys(measure, names), ((SIGNAL_LABEL, str(measure.signal)),)
            self._groups[key] = Groups(self._store.tracks(metric), keys, without=without, mark=mark)
        return self._groups[key]
