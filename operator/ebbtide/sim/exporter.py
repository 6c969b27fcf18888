"""The exporter on every node, in dcgm-exporter's names and units. A scrape looks only at what has changed."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.crew import Top
from ebbtide.sim.device_series import KEPT_SCRAPES, METRICS, Device, Series, Times
from ebbtide.sim.doing import ZERO, Doing
from ebbtide.sim.machine import Machine
from ebbtide.sim.samples_file import ExactSeries
from ebbtide.sim.scenario_file import ActivityTrace
from ebbtide.sim.series_notation import Mark
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.sim_pod import SimPod
from ebbtide.sim.simulated_metrics import JOB

MODEL_LABEL: Final = "nvidia.com/gpu.product"
MODEL: Final = "NVIDIA H100 80GB HBM3"
"""700 W at full load, as the contract's 70 + 6.3 u; where the node says no other."""
_NAMESPACE: Final = "monitoring"


@dataclass(slots=True, eq=False)
class Exporter:
    """Scrapes are kept as stretches; `flush` writes them into the store. Exact series are in it from the beginning."""

    store: SeriesStore
    clock: SimulatedClock
    interval: int
    activity: Mapping[str, ActivityTrace]
    exact: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    """Labels of exact series by metric: those of the file win over generated ones."""
    scraped: int = -1
    """Number of the last scrape."""
    live: dict[Series, None] = field(default_factory=dict)
    """Series that a device has now."""
    ended: list[Series] = field(default_factory=list)
    """Series that a device had, since somebody took them away."""
    times: Times = field(init=False)
    _doings: dict[Top, Doing] = field(default_factory=dict)
    _due: list[tuple[int, int, Doing]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _devices: dict[str, list[Device]] = field(default_factory=dict)
    """By node."""
    _machines: Sequence[Machine] = ()
    _followed: int = 0
    """Topmost owners that were looked at."""

    def __post_init__(self) -> None:
        self.times = Times(self.clock.start, self.interval)

    def write_exact(self, one: ExactSeries) -> None:
        """All samples of a series of the file, those to come included."""
        self.exact.setdefault(one.metric, []).append({key: it for key, it in one.labels.items() if it})
        track = self.store.track(one.metric, one.labels)
        for second, value in one.samples:
            if isinstance(value, Mark):
                track.append_stale(self.clock.start + second)
            else:
                track.append(self.clock.start + second, value)

    def scrape(self, machines: Sequence[Machine], tops: Sequence[Top], changed: Iterable[Top]) -> None:
        """One scrape of all nodes, now. `changed`: workloads whose pods changed since the last one."""
        self.scraped += 1
        restless = dict.fromkeys(changed)
        self._follow(tops[self._followed :], restless)
        self._followed = len(tops)
        while self._due and self._due[0][0] <= self.scraped:
            at, _, doing = heapq.heappop(self._due)
            if doing.due == at:
                restless[doing.top] = None
        freed = self._hand_over(machines, restless)
        for top in restless:
            self._show(top)
        for device in freed:
            device.show(ZERO, self.scraped)

    def flush(self) -> None:
        """Write what was scraped into the store, for somebody who asks it."""
        for series in self.live:
            series.write(self.scraped, self.times)

    def _follow(self, tops: Iterable[Top], restless: dict[Top, None]) -> None:
        """New workloads, where the file says what they do."""
        for top in tops:
            trace = self.activity.get(str(top.name))
            if trace is not None:
                self._doings[top] = Doing(top, trace)
                restless[top] = None

    def _show(self, top: Top) -> None:
        """What the devices of a workload show from this scrape on."""
        doing = self._doings.get(top)
        if doing is not None:
            doing.look(self.scraped)
            if doing.due is not None:
                heapq.heappush(self._due, (doing.due, next(self._numbers), doing))
        for crew in top.crews:
            for pod in crew.everyone:
                shown = None if doing is None else ZERO if pod.running_at is None else doing.shown
                for index in pod.devices:
                    device = self._devices[pod.node][index]
                    device.show(shown, self.scraped)
                    if device.series is not None and len(device.series.stretches) > 2 * KEPT_SCRAPES:
                        device.series.write(self.scraped, self.times)

    # -- who holds what -----------------------------------------------------------------------------------------

    def _hand_over(self, machines: Sequence[Machine], restless: dict[Top, None]) -> list[Device]:
        """Devices that changed hands get the series of their new holders. Returns those that nobody holds now."""
        if machines is not self._machines:
            self._forget_gone(machines)
            self._machines = machines
        freed = []
        for machine in machines:
            if not machine.touched:
                continue
            machine.touched = False
            for device, holder in zip(self._of(machine), machine.devices, strict=True):
                if device.series is not None and device.holder is holder:
                    continue
                self._end(device)
                device.holder, device.series = holder, self._series(device, holder)
                self.live[device.series] = None
                if holder is None:
                    freed.append(device)
                else:
                    restless[holder.crew.top] = None
        return freed

    def _forget_gone(self, machines: Sequence[Machine]) -> None:
        """Nodes that are gone show nothing; one that comes back is looked at anew."""
        there = {machine.name for machine in machines}
        known = {machine.name for machine in self._machines}
        for name in sorted(known - there):
            for device in self._devices.get(name, ()):
                self._end(device)
        for machine in machines:
            if machine.name not in known:
                machine.touched = True

    def _end(self, device: Device) -> None:
        """Its holder is another from this scrape on, or it is gone."""
        series = device.series
        if series is not None:
            device.show(None, self.scraped)
            series.end(self.scraped, self.times)
            self.live.pop(series, None)
            self.ended.append(series)
            del self.ended[:-_MOST_ENDED]
        device.holder = device.series = None

    def _of(self, machine: Machine) -> list[Device]:
        """The devices of a node, known ones and new ones."""
        known = self._devices.setdefault(machine.name, [])
        labels = {
            "modelName": machine.labels.get(MODEL_LABEL, MODEL),
            "Hostname": machine.name,
            "job": JOB,
            "namespace": _NAMESPACE,
            "pod": f"dcgm-exporter-{machine.name}",
        }
        for index in range(len(known), len(machine.devices)):
            named = {"gpu": str(index), "UUID": f"GPU-{machine.name}-{index}", **labels}
            known.append(Device(named, self.interval))
        return known[: len(machine.devices)]

    def _series(self, device: Device, holder: SimPod | None) -> Series:
        if holder is None:
            device.free = device.free or self._new_series(device.labels, "", "", ())
            return device.free
        namespace, pod = holder.identity.namespace, holder.identity.name
        owner = {"exported_namespace": namespace, "exported_pod": pod, "exported_container": holder.needs.container}
        trace = self.activity.get(str(holder.crew.top.name))
        return self._new_series({**device.labels, **owner}, namespace, pod, trace.activity.omit if trace else ())

    def _new_series(self, labels: Mapping[str, str], namespace: str, pod: str, omit: Sequence[str]) -> Series:
        tracks = tuple(
            None if metric in omit or self._is_exact(metric, labels) else self.store.track(metric, labels)
            for metric in METRICS
        )
        return Series(labels["UUID"], labels["modelName"], namespace, pod, tracks)

    def _is_exact(self, metric: str, labels: Mapping[str, str]) -> bool:
        """A series of the file speaks for this one: it has no label that differs."""
        exact = self.exact.get(metric, ())
        return any(all(labels.get(key) == value for key, value in one.items()) for one in exact)


_MOST_ENDED: Final = 100_000
"""Series that nobody takes away, as while the operator is down."""
