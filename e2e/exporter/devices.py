"""The devices of the simulated nodes: which pod holds which, and what a device measures."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from e2e.exporter.activity import Activity, Sample
from e2e.exporter.exposition import Row

DRIVER_VERSION = "580.95.05"
# Of an H100 with 80 GB: what DCGM reports as used and free together.
TOTAL_MIB = 81079
_UNUSED = Sample(0.0, 4.0)
_IDLE_WATTS = 70.0
_WATTS_PER_PERCENT = 6.3
# Activity changes once a second at most (0.95 s in a trace at 60x), so this integrates energy without missing any.
_ENERGY_STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class GpuNode:
    """A node with accelerators."""

    name: str
    gpus: int
    model: str


@dataclass(frozen=True, slots=True)
class GpuPod:
    """A pod that is bound to a node and requests devices there. `running_since` is Unix time, None before that."""

    uid: str
    namespace: str
    name: str
    container: str
    node: str
    gpus: int
    activity: Activity
    running_since: float | None

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def sample(self, now: float) -> Sample | None:
        """A pod that is not Running yet holds its device and does nothing."""
        if self.running_since is None:
            return _UNUSED
        return self.activity.at(now - self.running_since)


@dataclass(slots=True)
class Device:
    """One board. `energy_mj` counts since its start and never falls."""

    node: GpuNode
    index: int
    energy_mj: float
    updated: float
    pod: GpuPod | None = None
    uuid: str = field(init=False)

    def __post_init__(self) -> None:
        self.uuid = f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{self.index}.{self.node.name}')}"

    def sample(self, now: float) -> Sample | None:
        return _UNUSED if self.pod is None else self.pod.sample(now)

    def advance(self, now: float) -> None:
        """Integrates the power drawn since the last call; during a gap the device counts as idle."""
        while self.updated < now:
            step = min(_ENERGY_STEP_SECONDS, now - self.updated)
            sample = self.sample(self.updated)
            self.energy_mj += watts(sample.percent if sample else 0.0) * step * 1000
            self.updated += step

    def labels(self) -> dict[str, str]:
        pod = self.pod
        return {
            "gpu": str(self.index),
            "UUID": self.uuid,
            "pci_bus_id": f"00000000:{0x10 + 8 * self.index:02X}:00.0",
            "device": f"nvidia{self.index}",
            "modelName": self.node.model,
            "Hostname": self.node.name,
            "DCGM_FI_DRIVER_VERSION": DRIVER_VERSION,
            "container": pod.container if pod else "",
            "namespace": pod.namespace if pod else "",
            "pod": pod.name if pod else "",
        }

    def row(self, now: float) -> Row | None:
        """What the exporter shows now; None in a gap."""
        sample = self.sample(now)
        return None if sample is None else Row(self.labels(), readings(sample, self.energy_mj))


def watts(percent: float) -> float:
    """Power of a board: 70 W doing nothing, 700 W at full load."""
    return _IDLE_WATTS + _WATTS_PER_PERCENT * percent


def readings(sample: Sample, energy_mj: float) -> dict[str, float]:
    """Every field of one device, in the exporter's units: percent, ratios, MiB, W, mJ, MHz, C."""
    percent = sample.percent
    used = min(sample.memory_mib, TOTAL_MIB)
    return {
        "DCGM_FI_DEV_SM_CLOCK": 1980 if percent else 345,
        "DCGM_FI_DEV_MEM_CLOCK": 2619,
        "DCGM_FI_DEV_GPU_TEMP": 31 + percent * 0.35,
        "DCGM_FI_DEV_POWER_USAGE": watts(percent),
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": energy_mj,
        "DCGM_FI_DEV_GPU_UTIL": percent,
        "DCGM_FI_DEV_MEM_COPY_UTIL": percent / 2,
        "DCGM_FI_DEV_XID_ERRORS": 0,
        "DCGM_FI_DEV_FB_FREE": TOTAL_MIB - used,
        "DCGM_FI_DEV_FB_USED": used,
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": percent / 100,
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": percent / 200,
        "DCGM_FI_PROF_DRAM_ACTIVE": percent / 200,
    }


class Fleet:
    """Every device of every node. A pod takes the free devices of lowest index and keeps them until it is gone."""

    def __init__(self) -> None:
        self._devices: dict[str, list[Device]] = {}

    @property
    def devices(self) -> list[Device]:
        return [device for name in sorted(self._devices) for device in self._devices[name]]

    def observe(self, nodes: Iterable[GpuNode], pods: Iterable[GpuPod], now: float) -> None:
        """Takes the cluster as it is now: new and vanished nodes, new, changed and vanished pods."""
        self.advance(now)
        self._keep_nodes({node.name: node for node in nodes}, now)
        living = {pod.uid: pod for pod in pods}
        held: set[str] = set()
        for device in self.devices:
            if device.pod is not None:
                device.pod = living.get(device.pod.uid)
                if device.pod is not None:
                    held.add(device.pod.uid)
        for pod in living.values():
            if pod.uid not in held:
                self._allocate(pod)

    def advance(self, now: float) -> None:
        for device in self.devices:
            device.advance(now)

    def rows(self, now: float) -> list[tuple[str, Row]]:
        """`namespace/pod` (empty for a free device) and what is shown of each device that is not in a gap."""
        self.advance(now)
        shown = ((device.pod.key if device.pod else "", device.row(now)) for device in self.devices)
        return [(key, row) for key, row in shown if row is not None]

    def _keep_nodes(self, nodes: Mapping[str, GpuNode], now: float) -> None:
        for name in self._devices.keys() - nodes.keys():
            del self._devices[name]
        for name in nodes.keys() - self._devices.keys():
            node = nodes[name]
            # Boards of one node were not born on one day.
            self._devices[name] = [Device(node, index, 1e9 * (index + 1), now) for index in range(node.gpus)]

    def _allocate(self, pod: GpuPod) -> None:
        free = [device for device in self._devices.get(pod.node, []) if device.pod is None]
        for device in free[: pod.gpus]:
            device.pod = pod
