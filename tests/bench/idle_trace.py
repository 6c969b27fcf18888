"""Recorded idleness as the replay takes it: samples of pods, and the idle runs in them."""

import csv
import gzip
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BUSY_ABOVE = 5.0
"""Percent: busy is strictly above."""
STEP = 57
"""Seconds between two samples of the trace; at 60 it would be one day exactly (its README says so)."""
WRONG_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Run:
    """Idle samples of one pod, each one step after the one before. A missing sample ends it."""

    pod: str
    start: int
    """Seconds, of its first sample."""
    samples: int

    @property
    def seconds(self) -> int:
        return self.samples * STEP


@dataclass(slots=True)
class Trace:
    """Duty cycles in percent by pod and second."""

    duty: Mapping[str, Mapping[int, float]]
    runs: list[Run] = field(init=False)
    _busy: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.runs = [run for pod in sorted(self.duty) for run in _runs(pod, self.duty[pod])]
        self._busy = {
            pod: sorted(at for at, value in samples.items() if value > BUSY_ABOVE) for pod, samples in self.duty.items()
        }

    @property
    def seconds(self) -> list[int]:
        """Every instant from the first sample to the last, one step apart."""
        known = [at for samples in self.duty.values() for at in samples]
        return list(range(min(known), max(known) + STEP, STEP))

    def is_wrong(self, pod: str, at: float) -> bool:
        """Busy again within 30 minutes."""
        busy = self._busy[pod]
        place = bisect_right(busy, at)
        return place < len(busy) and busy[place] - at <= WRONG_SECONDS

    def part(self, pods: Sequence[str]) -> "Trace":
        """These pods alone."""
        return Trace({pod: self.duty[pod] for pod in pods})


def _runs(pod: str, samples: Mapping[int, float]) -> Iterator[Run]:
    start: int | None = None
    last = 0
    for at in sorted(samples):
        idle = samples[at] <= BUSY_ABOVE
        if start is not None and not (idle and at - last == STEP):
            yield Run(pod, start, (last - start) // STEP + 1)
            start = None
        if idle:
            start = at if start is None else start
            last = at
    if start is not None:
        yield Run(pod, start, (last - start) // STEP + 1)


def read(path: Path) -> Trace:
    """A file with the columns pod, seconds, value."""
    duty: dict[str, dict[int, float]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            duty.setdefault(row["pod"], {})[int(row["seconds"])] = float(row["value"])
    return Trace(duty)
