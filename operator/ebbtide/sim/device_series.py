"""The series of the devices that the exporter reports on, kept as stretches in which nothing changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ebbtide.sim.doing import Shown
from ebbtide.sim.series_notation import Mark, Value
from ebbtide.sim.series_store import Track
from ebbtide.sim.sim_pod import SimPod

METRICS: Final = (
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
)
"""FB_FREE too: how much memory is held is told as a part of all."""
_ACTIVITY: Final = slice(0, 6)
_MEMORY: Final = slice(6, 8)
MEMORY_MIB: Final = 81_920.0
"""Of a device: what is not used is free."""
IDLE_WATTS: Final = 70.0
WATTS_PER_PERCENT: Final = 6.3
KEPT_SCRAPES: Final = 64
"""How long stretches are kept after they were written, for who reads them instead of the store."""


def watts(percent: float) -> float:
    """Power at this utilisation."""
    return IDLE_WATTS + WATTS_PER_PERCENT * percent


@dataclass(slots=True, eq=False)
class Stretch:
    """Scrapes in a row, counted from 0, at which a device showed the same."""

    first: int
    shown: Shown
    millijoules: float
    """At the first; each later one adds a step."""
    step: float
    last: int | None = None
    """None: it goes on."""

    def energy(self, scrape: int) -> float:
        """The counter at one of its scrapes, in millijoules."""
        return self.millijoules + (scrape - self.first) * self.step


@dataclass(slots=True, eq=False)
class Series:
    """The series of one device under the labels of one holder."""

    id: str
    model: str
    namespace: str
    """Of the pod that holds the device; empty while nobody does."""
    pod: str
    tracks: "tuple[Track | None, ...]"
    """In the order of METRICS; None: not emitted, or an exact series speaks instead."""
    stretches: list[Stretch] = field(default_factory=list)
    """The newest last; those that were written long ago are gone."""
    _written: int = 0
    """The first scrape that is not in the tracks yet."""

    @property
    def open(self) -> Stretch | None:
        """The stretch that goes on."""
        return self.stretches[-1] if self.stretches and self.stretches[-1].last is None else None

    def write(self, upto: int, times: "Times") -> None:
        """Put the samples of all scrapes up to this one into the tracks."""
        for stretch in self.stretches:
            last = upto if stretch.last is None else min(stretch.last, upto)
            for scrape in range(max(stretch.first, self._written), last + 1):
                self._put(stretch, scrape, times.milliseconds(scrape))
        self._written = upto + 1
        self.stretches = [it for it in self.stretches if it.last is None or it.last > upto - KEPT_SCRAPES]

    def end(self, scrape: int, times: "Times") -> None:
        """What is exposed no more at this scrape gets a staleness mark, as Prometheus writes it."""
        self.write(scrape - 1, times)
        for track in self.tracks:
            if track is not None and track.times:
                track.append_stale(times.seconds(scrape))

    def _put(self, stretch: Stretch, scrape: int, time: int) -> None:
        percent, memory = stretch.shown.percent, stretch.shown.memory
        if isinstance(percent, float):
            ratio, half = percent / 100, percent / 200
            values = (percent, ratio, half, half, watts(percent), stretch.energy(scrape))
            _append(self.tracks[_ACTIVITY], values, time)
        elif percent is Mark.Stale:
            _append(self.tracks[_ACTIVITY], None, time)
        if isinstance(memory, float):
            _append(self.tracks[_MEMORY], (memory, max(0.0, MEMORY_MIB - memory)), time)
        elif memory is Mark.Stale:
            _append(self.tracks[_MEMORY], None, time)


@dataclass(frozen=True, slots=True)
class Times:
    """When each scrape was."""

    start: float
    interval: int

    def seconds(self, scrape: int) -> float:
        """Instant, as the store has it: whole milliseconds."""
        return self.milliseconds(scrape) / 1000

    def milliseconds(self, scrape: int) -> int:
        """The same in milliseconds."""
        return round((self.start + scrape * self.interval) * 1000)

    def newest(self, at: float) -> int:
        """The last scrape at or before an instant; -1: none."""
        return int((at - self.start + 1e-6) // self.interval)


@dataclass(slots=True, eq=False)
class Device:
    """One device of one node, over all that hold it. Its energy is counted on and on."""

    labels: Mapping[str, str]
    interval: int
    holder: SimPod | None = None
    series: Series | None = None
    free: Series | None = None
    """Its series while nobody holds it."""
    _counted: int = -1
    """The scrape at which the counter was last set down."""
    _millijoules: float = 0.0
    _step: float = 0.0

    def show(self, shown: Shown | None, scrape: int) -> None:
        """What it shows from this scrape on; None: nothing."""
        series = self.series
        assert series is not None
        before = series.open
        if before is not None and before.shown is not shown and before.shown != shown:
            before.last = scrape - 1
            before = None
        if before is None or shown is None:
            self._count(0.0 if shown is None else shown.percent, scrape)
        if before is not None and shown is None:
            before.last = scrape - 1
        elif before is None and shown is not None:
            series.stretches.append(Stretch(scrape, shown, self._millijoules, self._step))

    def _count(self, percent: Value | None, scrape: int) -> None:
        """The counter goes on with another power from this scrape on; over a gap the last one holds."""
        if self._counted < 0:
            self._counted, self._step = scrape - 1, self._millijoules_of(0.0)
        self._millijoules += (scrape - 1 - self._counted) * self._step
        if isinstance(percent, float) and abs(percent) < float("inf"):
            self._step = self._millijoules_of(percent)
        self._millijoules += self._step
        self._counted = scrape

    def _millijoules_of(self, percent: float) -> float:
        """Of one scrape interval."""
        return watts(percent) * self.interval * 1000


def _append(tracks: "Sequence[Track | None]", values: Sequence[float] | None, time: int) -> None:
    """One sample for each, or the mark that they end."""
    for place, track in enumerate(tracks):
        if track is not None and values is None:
            track.append_stale(time / 1000)
        elif track is not None and values is not None:
            track.take(time, values[place])
