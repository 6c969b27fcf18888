"""Reading without asking: while all is as it was, what the exporter has just shown is folded as it comes.

To ask for the last steps of every series at every tick takes a hundred times longer than to fold what is new. Where the
exporter of the simulation is the only one who writes samples, and the reader is up to date and has understood the
labels, the answers are known beforehand. A test compares both ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ebbtide.core.device_evidence import DeviceEvidence
from ebbtide.core.series import NEVER
from ebbtide.core.signal import ENERGY, HIGHEST, UTILISATION, Signal
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.samples.history import look_back
from ebbtide.samples.reach import Seen
from ebbtide.samples.reader import MOST_STEPS, FleetReader
from ebbtide.samples.roster import Roster
from ebbtide.samples.source import ABSURD
from ebbtide.sim.exporter import IDLE_WATTS, MEMORY_MIB, WATTS_PER_PERCENT, Sample, Scraped, Series
from ebbtide.sim.series_store import PER_SECOND, milliseconds

_FORGET_SECONDS: Final = 600.0
_AGAIN: Final = 10**12
"""Samples that were there before are still there: this store loses none."""


class SwiftReader(FleetReader):
    """A FleetReader that can be handed what it would ask for."""

    _known: "dict[Series, _Pursuit | None]"
    _followed = -1

    def begin(self) -> None:
        """The store has been asked up to now, and its labels were understood: from here on samples can be taken."""
        self._known = {}
        self._followed = -1

    def take(self, scrapes: Sequence[Scraped], state: ClusterState, now: Instant, version: int) -> MetricsHealth | None:
        """Folds these scrapes, the oldest first, as far as they are due. None: the store must be asked.

        `version` changes with the pods of the cluster.
        """
        if look_back(self._settings, state.policies) > self._frontier.look_back:
            return None
        if version != self._followed:
            self._follow(state, version)
        grid = self._frontier.next_grid(now, MOST_STEPS)
        due = [it for it in scrapes if it.at <= grid.end]
        if self._has_pods and not any(self._pursuit(sample.series) for it in due for sample in it.samples):
            return None  # nobody shows that he holds a device: whether that is a mistake of labels, the reader judges
        known = self._known
        for scrape in due:
            at = milliseconds(scrape.at) / PER_SECOND
            for sample in scrape.samples:
                pursuit = known[sample.series] if sample.series in known else self._pursuit(sample.series)
                if pursuit is not None:
                    pursuit.take(sample, at)
        settled = self._frontier.settled(grid, now)
        tail = sum(len(it.samples) for it in due if it.at > settled)
        self._frontier.done(grid, now)
        self._reach.note(grid, settled, Seen(None, _AGAIN, tail))
        self.book.since = grid.end if self._reach.back_to is None else self._reach.back_to
        self._forget(now)
        return self.health("", up=True)

    def _follow(self, state: ClusterState, version: int) -> None:
        """The pods have changed: what those showed that are gone is dropped."""
        roster = Roster(state.pods, self._profile)
        for pod in roster.lost(self._roster):
            self.book.drop_pod(pod.namespace, pod.name)
        self._roster, self._followed, self._known = roster, version, {}
        self._has_pods = any(True for _ in roster)

    def _forget(self, now: Instant) -> None:
        if now - self._forgotten_at >= _FORGET_SECONDS:
            self.book.forget(now - self._frontier.look_back)
            self._forgotten_at, self._known = now, {}

    def _pursuit(self, series: Series) -> "_Pursuit | None":
        """What is known of the pod that a series names; None: it names none that we know."""
        if series not in self._known:
            evidence = self._find(series)
            self._known[series] = _Pursuit(evidence) if evidence else None
        return self._known[series]

    def _find(self, series: Series) -> DeviceEvidence | None:
        pod = self._roster.find(series.namespace, series.pod) if series.pod else None
        sampled = series.tracks[0] is not None or series.tracks[1] is not None
        if pod is None or not sampled or pod.accelerator_resource.startswith(self._profile.divided_prefix):
            return None
        self.book.fold_series(pod.namespace, pod.name, series.id, series.model, Signal.Utilisation, ())
        return next(it for it in self.book.devices(pod.namespace, pod.name) if it.id == series.id)


@dataclass(slots=True, eq=False)
class _Pursuit:
    """One series and its evidence, from sample to sample."""

    evidence: DeviceEvidence
    at: Instant = NEVER
    percent: float = NEVER
    used_mib: float | None = None
    steady: bool = False
    """The last sample showed every signal, with values that can be true."""

    def take(self, sample: Sample, at: Instant) -> None:
        """The next sample; mostly it says what the last one said."""
        same = self.steady and sample.percent == self.percent and sample.used_mib == self.used_mib
        if same and at - self.at <= self.evidence.pace.gap:
            self.evidence.again(at, sample.millijoules)
        else:
            _fold(self.evidence, sample, at)
            self.percent, self.used_mib = sample.percent, sample.used_mib
            self.steady = _is_whole(sample)
        self.at = at


def _is_whole(sample: Sample) -> bool:
    sound = 0 <= sample.percent <= HIGHEST[UTILISATION] and sample.millijoules <= HIGHEST[ENERGY]
    held = sample.used_mib is not None and 0 <= sample.used_mib <= MEMORY_MIB
    return sound and held and None not in sample.series.tracks


def _fold(evidence: DeviceEvidence, sample: Sample, at: Instant) -> None:
    """One sample of every signal that the series has."""
    series, percent, millijoules, used_mib = sample
    util, engine, tensor, dram, power, energy, used, free = series.tracks
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
        fold(Signal.Power, at, IDLE_WATTS + WATTS_PER_PERCENT * percent)
    if energy is not None:
        fold(Signal.Energy, at, millijoules)
    if used_mib is not None and used is not None and free is not None:
        whole = min(used_mib, ABSURD) + max(0.0, MEMORY_MIB - used_mib)
        if whole > 0:
            fold(Signal.MemoryPercent, at, 100 * used_mib / whole)
