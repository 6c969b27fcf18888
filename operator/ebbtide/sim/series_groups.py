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
    """The series of some metrics. `mark` is added to every row's labels."""

    def __init__(
        self,
        metrics: Sequence[Sequence[Track]],
        keys: tuple[str, ...],
        *,
        only: Mapping[str, tuple[str, ...]],
        mark: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """`only`: labels and their values of the series that count; an empty value stands for an absent label."""
        self._metrics = metrics
        self._keys = keys
        self._only = only
        self._mark = mark
        self._seen = [0] * len(metrics)
        self._rows: dict[Key, tuple[Labels, list[Track]]] = {}

    def rows(self) -> Mapping[Key, tuple[Labels, list[Track]]]:
        """All rows in order of first sight: labels and series."""
        self._follow()
        return self._rows

    def _follow(self) -> None:
        for rank, tracks in enumerate(self._metrics):
            for index in range(self._seen[rank], len(tracks)):
                track = tracks[index]
                if counts(track, self._only):
                    kept = _kept(track.labels, self._keys)
                    self._rows.setdefault(kept, (dict(kept + self._mark), []))[1].append(track)
            self._seen[rank] = len(tracks)


def counts(track: Track, only: Mapping[str, tuple[str, ...]]) -> bool:
    """Each of these labels has one of its values; an empty one stands for an absent label."""
    return all(track.labels.get(label, "") in values for label, values in only.items())


class Bundles:
    """The series of several metrics, those of the same labels together. `only` and `mark` as for Groups."""

    def __init__(
        self,
        metrics: Sequence[Sequence[Track]],
        keys: tuple[str, ...],
        *,
        only: Mapping[str, tuple[str, ...]],
        mark: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._metrics = metrics
        self._keys = keys
        self._only = only
        self._mark = mark
        self._seen = [0] * len(metrics)
        self._bundles: dict[frozenset[tuple[str, str]], tuple[list[int], Bundle]] = {}
        self._rows: dict[Key, tuple[Labels, list[Bundle]]] = {}

    def rows(self) -> Iterable[tuple[Labels, list[Bundle]]]:
        """All rows in order of first sight."""
        for rank, tracks in enumerate(self._metrics):
            for index in range(self._seen[rank], len(tracks)):
                if counts(tracks[index], self._only):
                    self._add(rank, tracks[index])
            self._seen[rank] = len(tracks)
        return self._rows.values()

    def _add(self, rank: int, track: Track) -> None:
        identity = frozenset(track.labels.items())
        known = self._bundles.get(identity)
        if known is None:
            known = self._bundles[identity] = ([], [])
            kept = _kept(track.labels, self._keys)
            self._rows.setdefault(kept, (dict(kept + self._mark), []))[1].append(known[1])
        ranks, bundle = known
        place = sum(other < rank for other in ranks)
        ranks.insert(place, rank)
        bundle.insert(place, track)
