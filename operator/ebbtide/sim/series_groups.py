"""Series gathered into rows by some of their labels, as `by (…)` does. Remembered: series are only ever added."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ebbtide.sim.series_store import Track

Labels: TypeAlias = dict[str, str]
Key: TypeAlias = tuple[tuple[str, str], ...]
"""The labels of a row, in the order of the keys, those that are there."""
Bundle: TypeAlias = list[Track]
"""Series of the same labels, one for each of several metrics that has it, in the order of the metrics."""


def _kept(labels: Mapping[str, str], keys: Iterable[str]) -> Key:
    return tuple((key, labels[key]) for key in keys if key in labels)


class Groups:
    """The series of one metric. `mark` is added to every row's labels."""

    def __init__(
        self,
        tracks: Sequence[Track],
        keys: tuple[str, ...],
        *,
        without: str = "",
        mark: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._tracks = tracks
        self._keys = keys
        self._without = without
        """Series with this label are left out."""
        self._mark = mark
        self._seen = 0
        self._rows: dict[Key, tuple[Labels, list[Track]]] = {}

    def rows(self) -> Mapping[Key, tuple[Labels, list[Track]]]:
        """All rows in order of first sight: labels and series."""
        self._follow()
        return self._rows

    def _follow(self) -> None:
        for index in range(self._seen, len(self._tracks)):
            track = self._tracks[index]
            if self._without not in track.labels:
                kept = _kept(track.labels, self._keys)
                self._rows.setdefault(kept, (dict(kept + self._mark), []))[1].append(track)
        self._seen = len(self._tracks)


class Bundles:
    """The series of several metrics, those of the same labels together."""

    def __init__(self, metrics: Sequence[Sequence[Track]], keys: tuple[str, ...]) -> None:
        self._metrics = metrics
        self._keys = keys
        self._seen = [0] * len(metrics)
        self._bundles: dict[frozenset[tuple[str, str]], tuple[list[int], Bundle]] = {}
        self._rows: dict[Key, tuple[Labels, list[Bundle]]] = {}

    def rows(self) -> Iterable[tuple[Labels, list[Bundle]]]:
        """All rows in order of first sight."""
        for rank, tracks in enumerate(self._metrics):
            for index in range(self._seen[rank], len(tracks)):
                self._add(rank, tracks[index])
            self._seen[rank] = len(tracks)
        return self._rows.values()

    def _add(self, rank: int, track: Track) -> None:
        identity = frozenset(track.labels.items())
        known = self._bundles.get(identity)
        if known is None:
            known = self._bundles[identity] = ([], [])
            kept = _kept(track.labels, self._keys)
            self._rows.setdefault(kept, (dict(kept), []))[1].append(known[1])
        ranks, bundle = known
        place = sum(other < rank for other in ranks)
        ranks.insert(place, rank)
        bundle.insert(place, track)
