"""One device in the judged window: which signals cover it, which families vouch, what the energy counter says."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from ebbtide.core.energy import power_over, watts
from ebbtide.core.evidence import NEVER, DeviceEvidence
from ebbtide.core.signal import ACTIVITY, POWER, Signal, Thresholds
from ebbtide.core.workload import Instant, Pod

MISSING_SHARE = 0.1
"""This share of the window may be missing, no more (P1)."""
HOLE_POWER_FACTOR = 1.25
"""Mean power over a hole, against that of the rest of the window."""
PROFILING = (Signal.Engine, Signal.Tensor, Signal.Dram)
ROUNDING = 1e-9
"""Exactly a tenth missing is tolerated, whatever the last bit of the sum says."""


class Window(NamedTuple):
    """A device and the part (begin, now] of the judged span in which its pod was Ready and evidence was taken."""

    pod: Pod
    device: DeviceEvidence
    begin: Instant
    now: Instant
    limits: Thresholds

    @property
    def length(self) -> float:
        """Seconds."""
        return self.now - self.begin

    @property
    def present(self) -> list[Signal]:
        """Activity signals with a valid sample in the window."""
        return [signal for signal in ACTIVITY if self.device.last_at(signal) > self.begin]

    @property
    def busy(self) -> bool:
        """Some sample in the window is above the thresholds."""
        return self.device.last_busy_at > self.begin

    def missing_share(self, signal: Signal) -> float:
        """Share of the expected samples that are missing."""
        return self.device.absence(signal, self.begin, self.now)[0] / self.length if self.length > 0 else 0.0

    def longest_hole(self, signal: Signal) -> float:
        """Seconds."""
        return self.device.absence(signal, self.begin, self.now)[1]

    def is_fresh(self, signal: Signal) -> bool:
        """The newest sample is at most two intervals old."""
        return self.device.last_at(signal) >= self.now - self.device.pace.stale

    def is_covered(self, signal: Signal) -> bool:
        """Fresh, at most a tenth missing, no hole above three intervals."""
        if not self.is_fresh(signal) or self.device.last_at(signal) <= self.begin:
            return False
        missing, hole = self.device.absence(signal, self.begin, self.now)
        return missing <= MISSING_SHARE * self.length + ROUNDING and hole <= self.device.pace.hole

    def coverage_percent(self) -> float:
        """Of the worst activity signal in the window; 0 without one."""
        return 100 * min((1 - self.missing_share(signal) for signal in self.present), default=0.0)

    def peak_percent(self) -> float | None:
        """Highest activity sample in the window, ratios as percent."""
        found = [(signal, self.device.peak(signal, self.begin)) for signal in ACTIVITY]
        scaled = [peak * (1 if signal is Signal.Utilisation else 100) for signal, peak in found if peak is not None]
        return max(scaled, default=None)

    def families(self) -> tuple[str, ...]:
        """Families of signals that cover the window; idleness needs two that cannot fail together (P3).

        A MIG instance has no utilisation. Its engine counter may stick at 0, so tensor and DRAM count as a second
        opinion there, and so does the power of the whole board where that is idle. What was begun (launches) is
        counted where work is handed over, not where it is measured.
        """
        covered = [signal for signal in ACTIVITY if self.is_covered(signal)]
        families = []
        if Signal.Utilisation in covered:
            families.append("utilisation")
        if self.device.mig:
            families += ["engine"] if Signal.Engine in covered else []
            families += ["tensor and DRAM"] if {Signal.Tensor, Signal.Dram}.intersection(covered) else []
        elif set(PROFILING).intersection(covered):
            families.append("profiling")
        families += ["launches"] if Signal.Launches in covered else []
        return (*families, "power") if self.power_vouches() else tuple(families)

    def power_vouches(self) -> bool:
        """Power or energy covers the window and shows an idle board of a model whose idle power is known."""
        device = self.device
        if not device.idle_watts.known or device.hot_at > self.begin:
            return False
        if self.is_covered(Signal.Power):
            return True
        means = [mean for _, mean in self.stretches()]
        calm = bool(means) and all(mean <= device.idle_watts.ceiling for mean in means)
        return calm and not device.mig and self.is_covered(Signal.Energy)

    def stretches(self) -> Iterator[tuple[float, float]]:
        """(seconds, mean watts) between the points of the energy counter inside the window; resets are left out."""
        points = [] if self.device.meter is None else self.device.meter.points_since(self.begin)
        for earlier, later in pairwise(points):
            mean = watts(earlier, later)
            if mean is not None:
                yield later.at - earlier.at, mean

    def stands_still(self) -> float:
        """Seconds without any rise of the energy counter, the longest in the window; 0 without a counter."""
        device, meter = self.device, self.device.meter
        if meter is None or device.last_at(Signal.Energy) <= self.begin:
            return 0.0
        since = max(meter.differs, self.begin, device.first_at(Signal.Energy))
        lately = device.last_at(Signal.Energy) - since - device.pace.interval
        return max(0.0, lately, *(seconds for seconds, mean in self.stretches() if mean == 0))

    def power_over_holes(self) -> tuple[float, float] | None:
        """(highest mean power over a hole, mean power of the rest) in watts; None where they cannot be compared."""
        holes = self._holes()
        return power_over(self.device.readings(self.begin), holes) if holes else None

    def _holes(self) -> list[tuple[Instant, Instant]]:
        """Holes of any activity signal that lie wholly inside the window."""
        device = self.device
        if device.gaps is None:
            return []
        seen = {device.gaps[slot] for slot in range(POWER) if device.head[slot] > self.begin}
        pairs = (gaps[place : place + 2] for gaps in seen for place in range(0, len(gaps), 2))
        return sorted({(before, after) for before, after in pairs if self.begin <= before and after <= self.now})


def newest_unattributed(window: Window) -> Instant:
    """Newest busy sample of the device's own row, which no pod owns; NEVER if there is none."""
    rows = [peer for peer in window.device.peers or () if not peer.pod]
    for row in rows:
        if row.thresholds is not window.limits:
            row.bind(window.limits)
    return max((row.last_busy_at for row in rows), default=NEVER)


def is_explained(window: Window, busy: Instant) -> bool:
    """The conservation check: where the device's own row was busy, some pod's row was busy too.

    Exporters that cannot map processes to pods fill in 0 for each: then nobody's row accounts for the device's work.
    """
    since = busy - window.device.pace.gap
    rows = (peer for peer in window.device.peers or () if peer.pod)
    return any(row.last_above(Signal.Utilisation, window.limits.percent) >= since for row in rows)


def newest_busy(device: DeviceEvidence, limits: Thresholds) -> Instant:
    """Newest busy sample of a device under another pod, whose own rule may differ; NEVER if there is none."""
    return max(
        device.last_above(signal, limits.percent if signal is Signal.Utilisation else limits.ratio)
        for signal in ACTIVITY
    )


def sharers(window: Window) -> list[DeviceEvidence]:
    """The same device under other pods, at a time when it was seen under this one."""
    device = window.device
    if device.peers is None:
        return []
    own = [device.first_at(signal) for signal in ACTIVITY]
    since = max(window.begin, min(own))
    return [peer for peer in device.peers if peer is not device and peer.pod and peer.heard_at() >= since]
