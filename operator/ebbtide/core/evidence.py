"""Evidence: what the samples of every device say about any window of its past, folded in as they come.

Everything here is mutable in place (50,000 devices, refreshed each tick) and derived: a restart refills it. What it
answers is a function of the set of samples folded, for windows that start after the retention horizon: order,
batching and duplicates do not matter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from ebbtide.core.device_evidence import DeviceEvidence
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.idle_watts import IdleWatts, idle_watts
from ebbtide.core.series import NEVER
from ebbtide.core.signal import Pace, Signal, Thresholds
from ebbtide.core.signs import Signs
from ebbtide.core.workload import Instant

__all__ = ["NEVER", "DeviceEvidence", "EvidenceBook", "Pace", "Signal", "Thresholds"]

_NOBODY: Mapping[str, Sequence[DeviceEvidence]] = MappingProxyType({})


class EvidenceBook:
    """All devices by pod. A row without a pod (namespace and pod empty) is the device's own, unattributed row."""

    __slots__ = ("_by_id", "_by_pod", "history", "others", "pace", "shares", "signs", "since", "watts_of")

    def __init__(self, interval_seconds: float, since: Instant = NEVER) -> None:
        self.pace = Pace.of(interval_seconds)
        self._by_pod: dict[str, dict[str, tuple[DeviceEvidence, ...]]] = {}
        """By namespace and name, because 50,000 keys of both would be 4 MiB; own rows in namespace "" by device."""
        self._by_id: dict[str, DeviceEvidence] = {}
        self.since = since
        """The book is complete from this instant on: time before it is unknown, not a gap."""
        self.history = IdleHistory()
        """Idle runs of the workloads whose timeout is learnt; empty where none is."""
        self.signs: Signs | None = None
        """Signs of life beside the devices; None: nobody reads them."""
        self.others: dict[tuple[str, str], Instant] = {}
        """By (namespace, pod): newest sample of a series that names this pod, but by the UID of another."""
        self.shares: dict[str, Instant] = {}
        """By device: newest sample of a series that says it is of one of several shares of that device."""
        self.watts_of: Callable[[str], IdleWatts] = idle_watts
        """What boards of a model may draw at rest; asked when a device is first seen."""

    def __len__(self) -> int:
        return sum(len(devices) for pods in self._by_pod.values() for devices in pods.values())

    def of_namespace(self, namespace: str) -> Mapping[str, Sequence[DeviceEvidence]]:
        """Devices by the names of the pods in a namespace."""
        return self._by_pod.get(namespace, _NOBODY)

    def devices(self, namespace: str, pod: str) -> Sequence[DeviceEvidence]:
        """Devices seen under a pod name, in order of first sight."""
        return self.of_namespace(namespace).get(pod, ())

    def fold(  # noqa: PLR0917  one row of an answer, in its order; keywords would cost a third of the time
        self, namespace: str, pod: str, device: str, model: str, signal: Signal, at: Instant, value: float
    ) -> None:
        """Take in one sample."""
        self._device(namespace, pod, device, model).fold(signal, at, value)

    def fold_series(  # noqa: PLR0917  as fold
        self,
        namespace: str,
        pod: str,
        device: str,
        model: str,
        signal: Signal,
        samples: Iterable[tuple[Instant, float]],
    ) -> None:
        """Take in the samples of one series, oldest first for speed; any order is right."""
        fold = self._device(namespace, pod, device, model).fold
        for at, value in samples:
            fold(signal, at, value)

    def forget(self, before: Instant) -> None:
        """Set the retention horizon: windows that start before it can no longer be asked for.

        Devices without a sample since are dropped. Cheap enough for every ten minutes, too dear for every tick.
        """
        self.others = {name: at for name, at in self.others.items() if at >= before}
        self.shares = {device: at for device, at in self.shares.items() if at >= before}
        for device in [one for pods in self._by_pod.values() for devices in pods.values() for one in devices]:
            if device.newest_of_all() < before:
                self._drop(device)
            else:
                device.forget(before)

    def drop_pod(self, namespace: str, pod: str) -> None:
        """Forget all devices of a pod that is gone."""
        for device in self.devices(namespace, pod):
            self._drop(device)

    def _device(self, namespace: str, pod: str, device: str, model: str) -> DeviceEvidence:
        namespace = namespace if pod else ""
        pods = self._by_pod.get(namespace)
        if pods is None:
            pods = self._by_pod[namespace] = {}
        known = pods.get(pod or device, ())
        for found in known:
            if found.id == device:
                return found
        new = DeviceEvidence(namespace, pod, device, model, self.pace, self.watts_of(model))
        pods[pod or device] = (*known, new)
        self._introduce(new)
        return new

    def _introduce(self, new: DeviceEvidence) -> None:
        """Let everything held for one device id know of each other."""
        known = self._by_id.setdefault(new.id, new)
        if known is not new:
            if known.peers is None:
                known.peers = [known]
            known.peers.append(new)
            new.peers = known.peers

    def _drop(self, device: DeviceEvidence) -> None:
        pods, name = self._by_pod[device.namespace], device.pod or device.id
        pods[name] = tuple(found for found in pods[name] if found is not device)
        if not pods[name]:
            del pods[name]
        if not pods:
            del self._by_pod[device.namespace]
        rest = [peer for peer in device.peers or () if peer is not device]
        for peer in rest:
            peer.peers = rest if len(rest) > 1 else None
        if rest:
            self._by_id[device.id] = rest[0]
        else:
            del self._by_id[device.id]
