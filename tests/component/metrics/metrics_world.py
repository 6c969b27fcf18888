"""Pods, labels and an adapter with a clock and a book that tests can look into."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Attribution, Breaker, Pod, WorkloadKey
from ebbtide.metrics.adapter import PrometheusMetrics
from ebbtide.metrics.settings import MetricsSettings

NOW = 1_790_000_010.0
"""A multiple of the default step of 15 s."""
EXPORTER = {"namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-x7k2p"}


def pod(name: str = "train-0", **changes: object) -> Pod:
    facts = {
        "uid": f"uid-of-{name}", "namespace": "vision", "name": name, "owner_uid": "owner", "node": "gpu-0",
        "phase": "Running", "created_at": 0.0, "bound_at": 0.0, "ready_since": 1.0, "ended_at": None,
        "deleting": False, "accelerators": 1, "accelerator_resource": "nvidia.com/gpu", "cpu": 1.0,
        "memory_bytes": 1, "failing": None, "unschedulable": False, "checkpointed_at": None,
        "attribution": Attribution(),
    }  # fmt: skip
    return Pod(**(facts | changes))


def state(*pods: Pod, policies: Iterable[object] = ()) -> ClusterState:
    by_workload = {WorkloadKey(one.namespace, "Job", one.name): (one,) for one in pods}
    return ClusterState((), by_workload, {}, {}, tuple(policies), (), Breaker())


def exported(name: str = "train-0", uuid: str = "GPU-1", **more: str) -> dict[str, str]:
    """Labels of a device under honorLabels: false."""
    return {"UUID": uuid, "modelName": "H100", "exported_namespace": "vision", "exported_pod": name, **EXPORTER, **more}


def plain(name: str = "train-0", uuid: str = "GPU-1", **more: str) -> dict[str, str]:
    """Labels of a device under honorLabels: true."""
    return {"UUID": uuid, "modelName": "H100", "namespace": "vision", "pod": name, **more}


@dataclass
class RecordingBook:
    """Stands for the evidence book and remembers every sample."""

    interval: float
    since: float = 0.0
    samples: dict[tuple[str, str, str, str], dict[float, float]] = field(default_factory=lambda: defaultdict(dict))
    dropped: list[tuple[str, str]] = field(default_factory=list)
    others: dict[tuple[str, str], float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    signs: object = None

    def fold_series(self, namespace, pod, device, model, signal, samples):  # noqa: PLR0917  # the book's signature
        self.samples[namespace, pod, device, str(signal)].update(samples)

    def drop_pod(self, namespace, pod):
        self.dropped.append((namespace, pod))

    def forget(self, before):
        pass

    def of(self, signal: str, name: str = "train-0", device: str = "GPU-1") -> dict[float, float]:
        return dict(self.samples.get(("vision" if name else "", name, device, signal), {}))


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> float:
        return self.at


class World:
    """An adapter on a double, in a cluster with one pod."""

    def __init__(self, url: str, **settings: object) -> None:
        self.clock = Hands()
        self.adapter = PrometheusMetrics(MetricsSettings(url=url, **settings), self.clock)
        self.state = state(pod())

    async def tick(self, seconds: float = 30.0) -> MetricsHealth:
        """Time passes, then the adapter observes."""
        self.clock.at += seconds
        return (await self.adapter.observe(self.state))[1]

    async def returned(self) -> None:
        """Waits until the adapter's thread has nothing left to do."""
        while self.adapter._worker.busy:  # noqa: ASYNC110  # a thread, which sets no event of this loop
            await asyncio.sleep(0.02)

    @property
    def book(self) -> RecordingBook:
        return self.adapter._reader.book
