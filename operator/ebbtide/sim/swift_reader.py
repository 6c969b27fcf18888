"""Reading without asking: while all is as it was, what the exporter shows is folded as it comes.

To ask for the last steps of every series at every tick takes a hundred times longer than to fold what is new. Where the
exporter of the simulation is the only one who writes samples, and the reader is up to date and has understood the
labels, the answers are known beforehand. A test compares both ways.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Final

from ebbtide.core.device_evidence import DeviceEvidence
from ebbtide.core.series import NEVER
from ebbtide.core.signal import ENERGY, HIGHEST, UTILISATION, Signal
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.samples.history import look_back
from ebbtide.samples.idle_watch import says_auto
from ebbtide.samples.reach import Seen
from ebbtide.samples.reader import MOST_STEPS, FleetReader
from ebbtide.samples.roster import Roster
from ebbtide.samples.source import ABSURD, Source
from ebbtide.samples.span import Grid
from ebbtide.samples.vendors import NVIDIA
from ebbtide.sim.device_series import MEMORY_MIB, Series, Stretch, Times, watts
from ebbtide.sim.exporter import Exporter

_FORGET_SECONDS: Final = 600.0
_AGAIN: Final = {NVIDIA.name: 10**12}
"""Samples that were there before are still there: this store loses none."""


class SwiftReader(FleetReader):
    """A FleetReader that can be handed what it would ask for."""

    taken = -1
    """The last scrape that was read."""
    has_taken = False
    """Since it was last asked to leave."""
    _known: "dict[Series, _Pursuit | None]"
    _followed = -1
    _last: tuple[Grid, Instant]
    """The last grid that was taken, and up to where it is read for good."""

    def begin(self, taken: int) -> None:
        """The store has been asked up to this scrape, and its labels were understood: samples can be taken now."""
        self.taken = taken
        self._known = {}
        self._followed = -1

    def take(self, exporter: Exporter, state: ClusterState, now: Instant, version: int) -> MetricsHealth | None:
        """Folds what was scraped since. None: that does not say enough, the store must be asked.

        `version` changes with the pods of the cluster.
        """
        if look_back(self._settings, state.policies) > self._frontier.look_back or any(map(says_auto, state.policies)):
            return None  # who learns from idle runs looks at every sample
        if version != self._followed:
            self._follow(state)
            self._followed, self._known = version, {}
        if not self.reads_nvidia:
            return None
        grid = self._frontier.next_grid(now, MOST_STEPS)
        upto = min(exporter.scraped, exporter.times.newest(grid.end))
        if upto > self.taken:
            shown = self._read(exporter, upto)
            if self._nvidia and not shown:
                return None  # nobody shows that he holds a device: whether labels are wrong, the reader judges
            self._answered_at = grid.end
        settled = self._frontier.settled(grid, now)
        self._frontier.done(grid, now)
        self._reach.note(grid, settled, Seen(None, _AGAIN, {NVIDIA.name: 1}))
        self._last, self.has_taken = (grid, settled), True
        self.book.since = grid.end if self._reach.back_to is None else self._reach.back_to
        self._forget(now)
        return self.health("", up=True)

    def leave(self, source: Source) -> None:
        """The store is asked again: it must know how much there was that it will see once more."""
        (grid, settled), self.has_taken = self._last, False
        again = Grid(min(settled + grid.step, grid.end), grid.end, grid.step)
        tail = sum(len(row.values) for row in source.presence([NVIDIA], again).series())
        self._reach.note(grid, settled, Seen(None, _AGAIN, {NVIDIA.name: tail}))

    def _read(self, exporter: Exporter, upto: int) -> int:
        """Folds all scrapes up to this one: mostly one, which shows what the last one showed.

        Returns how many samples were some pod's.
        """
        shown, known, times = 0, self._known, exporter.times
        at, gap = times.seconds(upto), self.book.pace.gap
        for series in chain(exporter.ended, exporter.live):
            pursuit = known[series] if series in known else self._pursuit(series, upto)
            if pursuit is None:
                continue
            stretch = pursuit.stretch
            if stretch is None or stretch.last is not None or pursuit.next != upto or at - pursuit.at > gap:
                shown += pursuit.read(series, upto, times)
                continue
            pursuit.evidence.again(at, stretch.millijoules + (upto - stretch.first) * stretch.step)
            pursuit.at, pursuit.next = at, upto + 1
            shown += 1
        exporter.ended.clear()
        self.taken = upto
        return shown

    @property
    def reads_nvidia(self) -> bool:
        """What the exporter of the simulation shows is all that is asked for."""
        return [vendor.profile for vendor in self._active] == [NVIDIA]

    @property
    def _nvidia(self) -> Roster:
        """Of the pods that hold what the exporter shows."""
        return self._active[0].roster

    def _forget(self, now: Instant) -> None:
        if now - self._forgotten_at >= _FORGET_SECONDS:
            self.book.forget(now - self._frontier.look_back)
            self._forgotten_at, self._known = now, {}

    def _pursuit(self, series: Series, upto: int) -> "_Pursuit | None":
        """Reads on for the pod that a series names; None: it names none that we know, or shows nothing new."""
        if not any(_is_new(stretch, self.taken + 1, upto) for stretch in series.stretches):
            return None
        pod = self._nvidia.find(series.namespace, series.pod) if series.pod else None
        sampled = series.tracks[0] is not None or series.tracks[1] is not None
        if pod is None or not sampled or NVIDIA.is_divided(pod.accelerator_resource):
            self._known[series] = None
            return None
        self.book.fold_series(pod.namespace, pod.name, series.id, series.model, Signal.Utilisation, ())
        evidence = next(it for it in self.book.devices(pod.namespace, pod.name) if it.id == series.id)
        pursuit = self._known[series] = _Pursuit(evidence, self.taken + 1)
        return pursuit


@dataclass(slots=True, eq=False)
class _Pursuit:
    """One series and its evidence, from sample to sample."""

    evidence: DeviceEvidence
    next: int
    """The first scrape that is not folded yet."""
    at: Instant = NEVER
    """Of the last sample."""
    stretch: Stretch | None = None
    """The last sample's, if it showed every signal with values that can be true."""

    def read(self, series: Series, upto: int, times: Times) -> int:
        """Folds what is new. Returns how many samples there were."""
        folded = 0
        for stretch in series.stretches:
            last = upto if stretch.last is None else min(upto, stretch.last)
            if isinstance(stretch.shown.percent, float):
                for scrape in range(max(stretch.first, self.next), last + 1):
                    self._take(series, stretch, scrape, times.seconds(scrape))
                    folded += 1
        self.next = upto + 1
        return folded

    def _take(self, series: Series, stretch: Stretch, scrape: int, at: Instant) -> None:
        if stretch is self.stretch and at - self.at <= self.evidence.pace.gap:
            self.evidence.again(at, stretch.energy(scrape))
        else:
            _fold(self.evidence, series, stretch, scrape, at)
            self.stretch = stretch if _is_whole(series, stretch) else None
        self.at = at


def _is_new(stretch: Stretch, first: int, last: int) -> bool:
    """It has a sample between these scrapes."""
    meets = stretch.first <= last and (stretch.last is None or stretch.last >= first)
    return meets and isinstance(stretch.shown.percent, float)


def _is_whole(series: Series, stretch: Stretch) -> bool:
    percent, memory = stretch.shown.percent, stretch.shown.memory
    sound = isinstance(percent, float) and 0 <= percent <= HIGHEST[UTILISATION]
    held = isinstance(memory, float) and 0 <= memory <= MEMORY_MIB
    return sound and held and None not in series.tracks and stretch.millijoules < HIGHEST[ENERGY] / 2


def _fold(evidence: DeviceEvidence, series: Series, stretch: Stretch, scrape: int, at: Instant) -> None:
    """One sample of every signal that the series has."""
    percent, memory = stretch.shown.percent, stretch.shown.memory
    util, engine, tensor, dram, power, energy, used, free = series.tracks
    assert isinstance(percent, float)
    fold = evidence.fold
    if util is not None:
        fold(Signal.Utilisation, at, percent)
    if engine is not None:
        fold(Signal.Engine, at, percent / 100)
    if tensor is not None:
        fold(Signal.Tensor, at, percent / 200)
    if dram is not None:
        fold(Signal.Dram, at, percent / 200)
    if power is not None:
        fold(Signal.Power, at, watts(percent))
    if energy is not None:
        fold(Signal.Energy, at, stretch.energy(scrape))
    if isinstance(memory, float) and used is not None and free is not None:
        whole = min(memory, ABSURD) + max(0.0, MEMORY_MIB - memory)
        if whole > 0:
            fold(Signal.MemoryPercent, at, 100 * memory / whole)
