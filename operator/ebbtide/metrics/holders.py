"""Who held which device, and when each device was sampled: the presence query joined with the pods of the cluster."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from ebbtide.core.workload import Instant, Pod, WorkloadKey
from ebbtide.metrics.answers import Answer
from ebbtide.metrics.label_mode import Census
from ebbtide.metrics.profile import INSTANCE_MARK, PodLabels, Profile
from ebbtide.metrics.reach import Seen
from ebbtide.metrics.span import Grid

PodName: TypeAlias = tuple[str, str]
"""Namespace and name, as series carry them."""
Stamps: TypeAlias = "array[float]"
"""The sample time of each step; 0.0: not sampled in that step."""
_NEVER = float("inf")


class Holding(msgspec.Struct, frozen=True, gc=False):
    """One device in the hands of one pod.

    Not tracked by the collector: 50,000 new ones a tick would make it stop the event loop for 150 ms.
    """

    namespace: str
    pod: str
    device: str
    model: str
    stamps: Stamps


class Holders:
    """All holdings of one grid."""

    def __init__(self) -> None:
        self._first: dict[str, Holding] = {}
        self._all: dict[str, list[Holding]] = {}
        """Of the devices that have several."""
        self._divided: dict[str, list[str]] = {}
        """Instances by board."""
        self._own: dict[str, Stamps] = {}

    def add(self, board: str, holding: Holding) -> None:
        """Files one holding."""
        device = holding.device
        first = self._first.setdefault(device, holding)
        if first is not holding:
            self._all.setdefault(device, [first]).append(holding)
        elif device != board:
            self._divided.setdefault(board, []).append(device)

    def add_own(self, device: str, stamps: Stamps) -> None:
        """Files a row without a pod that we know: never given to a guess. A restart splits one row into two."""
        known = self._own.setdefault(device, stamps)
        if known is not stamps:
            known[:] = array("d", map(max, known, stamps))

    def of_device(self, device: str) -> Sequence[Holding]:
        """Everybody who held the device; several where it is shared or changed hands."""
        several = self._all.get(device)
        if several is not None:
            return several
        first = self._first.get(device)
        return (first,) if first is not None else ()

    def of_board(self, board: str) -> Sequence[Holding]:
        """Everybody who held the board or an instance of it."""
        instances = self._divided.get(board)
        if instances is None:
            return self.of_device(board)
        return [holding for device in (board, *instances) for holding in self.of_device(device)]

    def own_row(self, device: str) -> Holding | None:
        """The device's own row, where one stands beside a pod's row at the same time.

        Newer exporters write it for shared devices. A row that only takes turns with a pod's is a gap of the mapping,
        not a second opinion.
        """
        stamps, holdings = self._own.get(device), self.of_device(device)
        if stamps is None or not any(_meet(stamps, holding.stamps) for holding in holdings):
            return None
        return Holding("", "", device, holdings[0].model, stamps)

    @property
    def unattributed(self) -> int:
        """Devices with a row that names no pod we know."""
        return len(self._own)


def accelerator_pods(pods: Mapping[WorkloadKey, Iterable[Pod]], prefix: str) -> dict[PodName, Pod]:
    """Pods that request this vendor's devices, by name."""
    return {
        (pod.namespace, pod.name): pod
        for group in pods.values()
        for pod in group
        if pod.accelerators > 0 and pod.accelerator_resource.startswith(prefix)
    }


class Presence:
    """The answer to the presence query, read twice: once to see how series name pods, once to attribute them."""

    def __init__(self, answer: Answer, profile: Profile, grid: Grid, pods: Mapping[PodName, Pod]) -> None:
        self._answer = answer
        self._profile = profile
        self._grid = grid
        self._pods = pods

    def _rows(self) -> Iterator[tuple[dict[str, str], Stamps]]:
        blank = array("d", bytes(8 * len(self._grid)))
        start, step = self._grid.start, self._grid.step
        for series in self._answer.series():
            stamps = blank[:]
            self._grid.check(series.values)
            for at, stamp in series.values:
                stamps[round((at - start) / step)] = float(stamp)
            yield series.metric, stamps

    def survey(self, live_after: Instant, read_before: Instant | None, read_again: Instant) -> tuple[Census, Seen]:
        """How live series name their pods, and which samples there are.

        Live are those sampled after `live_after`, or all where none was. Samples are counted up to `read_before` and
        after `read_again`.
        """
        live, past = Census(self._profile, self._pods), Census(self._profile, self._pods)
        before = -_NEVER if read_before is None else read_before
        earliest, again, tail = _NEVER, 0, 0
        for labels, stamps in self._rows():
            (live if max(stamps) > live_after else past).add(labels)
            for stamp in stamps:
                if stamp:
                    earliest = min(earliest, stamp)
                    again += stamp <= before
                    tail += stamp > read_again
        return live or past, Seen(None if earliest == _NEVER else earliest, again, tail)

    def holders(self, names: PodLabels) -> Holders:
        """Series attributed to the pods that these labels name."""
        profile, holders = self._profile, Holders()
        for labels, stamps in self._rows():
            device = profile.device(labels)
            pod = self._holder(labels, names, device)
            if pod is None or not device:
                holders.add_own(device, stamps)
            else:
                own = clipped(stamps, pod.created_at)
                holding = Holding(pod.namespace, pod.name, device, labels.get(profile.model_label, ""), own)
                holders.add(profile.board(labels), holding)
        return holders

    def _holder(self, labels: dict[str, str], names: PodLabels, device: str) -> Pod | None:
        pod = self._pods.get((labels.get(names.namespace, ""), labels.get(names.pod, "")))
        if pod is None or labels.get(self._profile.uid_label, pod.uid) not in {pod.uid, ""}:
            return None
        if INSTANCE_MARK not in device and pod.accelerator_resource.startswith(self._profile.divided_prefix):
            return None  # the parent board's row says nothing about the instance that the pod holds
        return pod


def clipped(stamps: Stamps, since: Instant) -> Stamps:
    """Without samples older than the pod: they belong to an earlier pod of its name."""
    for index, stamp in enumerate(stamps):
        if stamp and stamp < since:
            stamps[index] = 0.0
    return stamps


def _meet(one: Stamps, other: Stamps) -> bool:
    return any(left and right for left, right in zip(one, other, strict=True))
