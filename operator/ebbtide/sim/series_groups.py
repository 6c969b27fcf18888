"""Series gathered into rows by some of their labels, as `by (…)` does. Remembered: series are only ever added."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from ebbtide.sim.series_store import Track

Labels: TypeAlias = dict[str, str]
Key: TypeAlias = tuple[tuple[str, str], ...]
"""The labels of a row, in the order of the keys, those that are there."""
Bundle: TypeAlias = list[Track]
"""Series of the same labels, one for each of several metrics that has it, in the order of the metrics."""
T = TypeVar("T")


def counts(track: Track, only: Mapping[str, tuple[str, ...]]) -> bool:
    """Each of these labels has one of its values; an empty one stands for an absent label."""
    return all(track.labels.get(label, "") in values for label, values in only.items())


@dataclass(slots=True)
class _Gathering(ABC, Generic[T]):
    """What is gathered of the series of some metrics, each series taken up once."""

    metrics: Sequence[Sequence[Track]]
    keys: tuple[str, ...]
    only: Mapping[str, tuple[str, ...]] = field(kw_only=True)
    """Labels and their values of the series that count; an empty value stands for an absent label."""
    mark: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    """Added to every row's labels."""
    _seen: list[int] = field(init=False)
    _rows: dict[Key, tuple[Labels, list[T]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = [0] * len(self.metrics)

    def rows(self) -> Mapping[Key, tuple[Labels, list[T]]]:
        """All rows in order of first sight: labels and what was gathered."""
        for rank, tracks in enumerate(self.metrics):
            for index in range(self._seen[rank], len(tracks)):
                if counts(tracks[index], self.only):
                    self._take(rank, tracks[index])
            self._seen[rank] = len(tracks)
        return self._rows

    @abstractmethod
    def _take(self, rank: int, track: Track) -> None:
        """A series of the metric of that rank."""

    def _put(self, labels: Mapping[str, str], gathered: T) -> None:
        kept = tuple((key, labels[key]) for key in self.keys if key in labels)
        self._rows.setdefault(kept, (dict(kept + self.mark), []))[1].append(gathered)


@dataclass(slots=True)
class Groups(_Gathering[Track]):
    """Series one by one."""

    def _take(self, rank: int, track: Track) -> None:  # noqa: ARG002  # all metrics count alike
        self._put(track.labels, track)


@dataclass(slots=True)
class Bundles(_Gathering[Bundle]):
    """The series of several metrics, those of the same labels together."""

    _bundles: dict[frozenset[tuple[str, str]], tuple[list[int], Bundle]] = field(init=False, default_factory=dict)

    def _take(self, rank: int, track: Track) -> None:
        identity = frozenset(track.labels.items())
        known = self._bundles.get(identity)
        if known is None:
            known = self._bundles[identity] = ([], [])
            self._put(track.labels, known[1])
        ranks, bundle = known
        place = sum(other < rank for other in ranks)
        ranks.insert(place, rank)
        bundle.insert(place, track)
