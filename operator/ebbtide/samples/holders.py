"""Who held which device, and when each device was sampled."""

from array import array
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ebbtide.core.workload import Instant

Stamps: TypeAlias = "array[float]"
"""The sample time of each step; 0.0: not sampled in that step."""


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
        """Of the devices that several pods hold."""
        self._divided: dict[str, list[str]] = {}
        """Instances by board."""
        self._own: dict[str, Stamps] = {}
        self._repeated: set[str] = set()
        self.mistaken: dict[tuple[str, str], Instant] = {}
        """By (namespace, pod): newest sample of a series that names a pod we know by another one's UID."""
        self.shares: dict[str, Instant] = {}
        """By device: newest sample of a series that bears the label of a share."""
        self._by_pod: dict[tuple[str, str], list[Holding]] | None = None
        """Only where somebody asks for it, when all are filed."""

    def add(self, board: str, holding: Holding) -> None:
        """Files one holding. A pod that is named by several rows of a device holds it once."""
        device = holding.device
        first = self._first.setdefault(device, holding)
        if first is holding:
            if device != board:
                self._divided.setdefault(board, []).append(device)
            return
        self._repeated.add(device)
        for known in self.of_device(device):
            if known.pod == holding.pod and known.namespace == holding.namespace:
                take_in(known.stamps, holding.stamps)
                return
        self._all.setdefault(device, [first]).append(holding)

    def add_own(self, device: str, stamps: Stamps) -> None:
        """Files a row without a pod that we know: never given to a guess. A restart splits one row into two."""
        known = self._own.setdefault(device, stamps)
        if known is not stamps:
            self._repeated.add(device)
            take_in(known, stamps)

    def of_device(self, device: str) -> Sequence[Holding]:
        """Everybody who held the device; several where it is shared or changed hands."""
        if self._all and (several := self._all.get(device)):
            return several
        first = self._first.get(device)
        return (first,) if first is not None else ()

    def of_board(self, board: str) -> Sequence[Holding]:
        """Everybody who held the board or an instance of it."""
        instances = self._divided.get(board)
        if instances is None:
            return self.of_device(board)
        return [holding for device in (board, *instances) for holding in self.of_device(device)]

    def of_pod(self, namespace: str, pod: str) -> Sequence[Holding]:
        """Everything that the pod held."""
        if self._by_pod is None:
            self._by_pod = {}
            for device in self._first:
                for holding in self.of_device(device):
                    self._by_pod.setdefault((holding.namespace, holding.pod), []).append(holding)
        return self._by_pod.get((namespace, pod), ())

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
        """Devices that no pod we know holds."""
        return sum(device not in self._first for device in self._own)

    @property
    def repeated(self) -> set[str]:
        """Devices with several rows: shared, handed over, under a restarted exporter, or scraped twice."""
        return self._repeated | (self._own.keys() & self._first.keys())


def take_in(stamps: Stamps, others: Stamps) -> None:
    """Both together: the newer sample of each step."""
    stamps[:] = array("d", map(max, stamps, others))


def _meet(one: Stamps, other: Stamps) -> bool:
    return any(left and right for left, right in zip(one, other, strict=True))
