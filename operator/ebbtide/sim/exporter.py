"""The exporter on every node: what each device shows at a scrape, in dcgm-exporter's names and units."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ebbtide.core.workload import Instant
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.crew import Top
from ebbtide.sim.machine import Machine
from ebbtide.sim.samples_file import ExactSeries
from ebbtide.sim.scenario import ActivityClock
from ebbtide.sim.scenario_file import ActivityTrace
from ebbtide.sim.series_notation import Mark, Value
from ebbtide.sim.series_store import PER_SECOND, SeriesStore, Track, milliseconds
from ebbtide.sim.sim_pod import SimPod
from ebbtide.sim.simulated_metrics import JOB

UTILISATION: Final = "DCGM_FI_DEV_GPU_UTIL"
ENGINE: Final = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
TENSOR: Final = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"
DRAM: Final = "DCGM_FI_PROF_DRAM_ACTIVE"
POWER: Final = "DCGM_FI_DEV_POWER_USAGE"
ENERGY: Final = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
USED: Final = "DCGM_FI_DEV_FB_USED"
FREE: Final = "DCGM_FI_DEV_FB_FREE"
METRICS: Final = (UTILISATION, ENGINE, TENSOR, DRAM, POWER, ENERGY, USED, FREE)
"""FB_FREE too: how much memory is held is told as a part of all."""

MEMORY_MIB: Final = 81_920.0
"""Of a device: what is not used is free."""
MODEL_LABEL: Final = "nvidia.com/gpu.product"
MODEL: Final = "NVIDIA H100 80GB HBM3"
"""700 W at full load, as the contract's 70 + 6.3 u; where the node says no other."""
IDLE_WATTS: Final = 70.0
WATTS_PER_PERCENT: Final = 6.3
_MILLI: Final = 1000.0
_NAMESPACE: Final = "monitoring"


@dataclass(slots=True, eq=False)
class _Stretch:
    """Scrapes in a row at which a device showed the same."""

    time: int
    """Of the first, in milliseconds."""
    percent: Value | None
    memory: Value | None
    millijoules: float
    """At the first; each later one adds a step."""
    step: float
    count: int = 1

    def goes_on(self, time: int, percent: Value | None, memory: Value | None, interval: int) -> bool:
        """The scrape at this time shows the same, and none is missing in between."""
        same = self.percent == percent and self.memory == memory
        return same and time == self.time + self.count * interval * PER_SECOND


@dataclass(slots=True, eq=False)
class Series:
    """The series of one device under the labels of one holder. What they show is written when it is asked for."""

    id: str
    model: str
    namespace: str
    """Of the pod that holds the device; empty while nobody does."""
    pod: str
    tracks: "tuple[Track | None, ...]"
    """In the order of METRICS; None: not emitted, or an exact series speaks instead."""
    pending: list[_Stretch] = field(default_factory=list)
    """Not written yet; the last one may go on."""


class Sample(NamedTuple):
    """What one device showed at one scrape. NaN is a value."""

    series: Series
    percent: float
    millijoules: float
    used_mib: float | None


class Scraped(NamedTuple):
    """One scrape: samples of all devices that showed utilisation."""

    at: Instant
    samples: list[Sample]


@dataclass(slots=True, eq=False)
class _Device:
    """One device of one node, over all that hold it. Its energy is counted on and on."""

    labels: Mapping[str, str]
    step: float
    """Millijoules in one scrape interval at the present power."""
    series: Series | None = None
    millijoules: float = 0.0
    holder: SimPod | None = None
    free: Series | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the live pods of a workload show at this scrape; None: nothing of that sort."""

    percent: Value | None
    memory: Value | None


_ZERO: Final = _Shown(0.0, 0.0)


@dataclass(slots=True, eq=False)
class _Doing:
    """One workload's activity, scrape by scrape."""

    top: Top
    trace: ActivityTrace
    place: int = -1
    shown: _Shown = _ZERO

    def next(self, scrapes: int) -> _Shown:
        """What its live pods show now. A clock that runs counts the scrapes at which the gang runs."""
        top = self.top
        runs = top.runs_now
        if self.trace.activity.clock is ActivityClock.Wall:
            place = scrapes
        else:
            place = top.runs if runs else max(0, top.runs - 1)
        top.runs += runs
        place = min(place, self.trace.last)
        if place != self.place:
            self.place = place
            self.shown = _Shown(_at(self.trace.gpu_percent, place, None), _at(self.trace.memory_mib, place, 0.0))
        return self.shown


@dataclass(slots=True)
class Exporter:
    """Scrapes write into the store. Exact series are in it from the beginning."""

    store: SeriesStore
    clock: SimulatedClock
    interval: int
    activity: Mapping[str, ActivityTrace]
    recent: list[Scraped] = field(default_factory=list)
    """Scrapes since somebody took them away."""
    exact: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    """Labels of exact series by metric: those of the file win over generated ones."""
    _devices: dict[str, list[_Device]] = field(default_factory=dict)
    """By node."""
    _scrapes: int = 0
    _doings: "list[_Doing]" = field(default_factory=list)
    _followed: int = 0
    """Topmost owners that were looked at."""

    def write_exact(self, one: ExactSeries) -> None:
        """All samples of a series of the file, those to come included."""
        self.exact.setdefault(one.metric, []).append({key: it for key, it in one.labels.items() if it})
        track = self.store.track(one.metric, one.labels)
        for second, value in one.samples:
            if isinstance(value, Mark):
                track.append_stale(self.clock.start + second)
            else:
                track.append(self.clock.start + second, value)

    def scrape(self, machines: Iterable[Machine], tops: Sequence[Top]) -> None:
        """One scrape of all nodes, now."""
        at, seen = self.clock.now(), self._seen(tops)
        time, samples = milliseconds(at), list[Sample]()
        for machine in machines:
            devices = self._devices.get(machine.name)
            if devices is None or len(devices) < len(machine.devices):
                devices = self._devices[machine.name] = self._devices_of(machine, devices or [])
            for device, holder in zip(devices, machine.devices, strict=True):
                if device.holder is not holder or device.series is None:
                    self._hand_over(device, holder, at)
                shown = _ZERO if holder is None or holder.running_at is None else seen.get(holder.crew.top)
                if shown is not None and (holder is None or holder.crew.top in seen):
                    self._sample(device, shown, time, samples)
                else:  # its pod says nothing of what it does
                    device.step = self._energy(0.0)
                    device.millijoules += device.step
        self._scrapes += 1
        self.recent.append(Scraped(at, samples))

    def flush(self) -> None:
        """Write what was scraped into the store, for somebody who asks it."""
        for devices in self._devices.values():
            for device in devices:
                if device.series is not None:
                    _write(device.series, self.interval * PER_SECOND)

    def _seen(self, tops: Sequence[Top]) -> "dict[Top, _Shown]":
        """What live pods of each workload with an activity show at this scrape."""
        for top in tops[self._followed :]:
            if (trace := self.activity.get(str(top.name))) is not None:
                self._doings.append(_Doing(top, trace))
        self._followed = len(tops)
        return {doing.top: doing.next(self._scrapes) for doing in self._doings}

    def _devices_of(self, machine: Machine, known: list[_Device]) -> list[_Device]:
        """Those that are known, and new ones up to the number that the machine has."""
        labels = {
            "modelName": machine.labels.get(MODEL_LABEL, MODEL),
            "Hostname": machine.name,
            "job": JOB,
            "namespace": _NAMESPACE,
            "pod": f"dcgm-exporter-{machine.name}",
        }
        new = range(len(known), len(machine.devices))
        return known + [
            _Device({"gpu": str(it), "UUID": f"GPU-{machine.name}-{it}", **labels}, self._energy(0.0)) for it in new
        ]

    def _hand_over(self, device: _Device, holder: SimPod | None, at: Instant) -> None:
        """What is exposed no more gets a staleness mark, as Prometheus writes it."""
        if device.series is not None:
            _write(device.series, self.interval * PER_SECOND)
            for track in device.series.tracks:
                if track is not None and track.times:
                    track.append_stale(at)
        device.holder = holder
        if holder is not None:
            device.series = self._series(device.labels, holder)
        else:
            device.series = device.free = device.free or self._series(device.labels, None)

    def _series(self, labels: Mapping[str, str], holder: SimPod | None) -> Series:
        namespace, pod, omit = "", "", tuple[str, ...]()
        if holder is not None:
            namespace, pod = holder.identity.namespace, holder.identity.name
            owner = {"exported_namespace": namespace, "exported_pod": pod, "exported_container": holder.needs.container}
            labels = {**labels, **owner}
            trace = self.activity.get(str(holder.crew.top.name))
            omit = trace.activity.omit if trace else omit
        tracks = tuple(
            None if metric in omit or self._is_exact(metric, labels) else self.store.track(metric, labels)
            for metric in METRICS
        )
        return Series(labels["UUID"], labels["modelName"], namespace, pod, tracks)

    def _is_exact(self, metric: str, labels: Mapping[str, str]) -> bool:
        """A series of the file speaks for this one: it has no label that differs."""
        exact = self.exact.get(metric, ())
        return any(all(labels.get(key) == value for key, value in one.items()) for one in exact)

    def _sample(self, device: _Device, shown: _Shown, time: int, samples: list[Sample]) -> None:
        percent, memory, series = shown.percent, shown.memory, device.series
        assert series is not None
        last = series.pending[-1] if series.pending else None
        if last is not None and last.goes_on(time, percent, memory, self.interval):
            device.millijoules = last.millijoules + last.count * last.step
            last.count += 1
        else:
            if isinstance(percent, float) and math.isfinite(percent):
                device.step = self._energy(percent)  # over a gap the last one holds
            device.millijoules += device.step
            series.pending.append(_Stretch(time, percent, memory, device.millijoules, device.step))
        if isinstance(percent, float):
            samples.append(Sample(series, percent, device.millijoules, memory if isinstance(memory, float) else None))

    def _energy(self, percent: float) -> float:
        """Millijoules of one scrape interval."""
        return (IDLE_WATTS + WATTS_PER_PERCENT * percent) * self.interval * _MILLI


def _at(trace: Sequence[Value] | None, place: int, default: Value | None) -> Value | None:
    """The last value holds."""
    return trace[min(place, len(trace) - 1)] if trace else default


def _write(series: Series, interval: int) -> None:
    """The samples of all stretches, in their order; the last stretch does not go on after this."""
    for stretch in series.pending:
        percent, memory = stretch.percent, stretch.memory
        for number in range(stretch.count):
            time = stretch.time + number * interval
            if percent is not None and percent is not Mark.Gap:
                millijoules = stretch.millijoules + number * stretch.step
                _put(series.tracks[:6], None if percent is Mark.Stale else _activity(percent, millijoules), time)
            if memory is not None and memory is not Mark.Gap:
                _put(series.tracks[6:], None if memory is Mark.Stale else _memory(memory), time)
    series.pending.clear()


def _activity(percent: float, millijoules: float) -> tuple[float, ...]:
    """In the order of METRICS."""
    ratio, half = percent / 100, percent / 200
    return percent, ratio, half, half, IDLE_WATTS + WATTS_PER_PERCENT * percent, millijoules


def _memory(used: float) -> tuple[float, ...]:
    return used, max(0.0, MEMORY_MIB - used)


def _put(tracks: "Sequence[Track | None]", values: Sequence[float] | None, time: int) -> None:
    """One sample for each, or the mark that they end."""
    for place, track in enumerate(tracks):
        if track is not None and values is None:
            track.append_stale(time / _MILLI)
        elif track is not None and values is not None:
            track.take(time, values[place])
