"""The answer about presence, joined with the pods of the cluster."""

import sys
from array import array
from collections.abc import Iterator, Sequence

from ebbtide.core.workload import Instant, Pod
from ebbtide.samples.answer import Answer
from ebbtide.samples.holders import Holders, Holding, Stamps
from ebbtide.samples.profile import PodLabels
from ebbtide.samples.reach import Seen
from ebbtide.samples.source import PROFILE_LABEL
from ebbtide.samples.span import Grid
from ebbtide.samples.vendor import Sight, Vendor

_NEVER = float("inf")


class Presence:
    """The answer to the presence query: how series name pods, and whom they name.

    One pass finds out both where pods are named as they were before; else a second one attributes them.
    """

    def __init__(self, answer: Answer, vendors: Sequence[Vendor], grid: Grid) -> None:
        self._answer = answer
        self._grid = grid
        self._sole = vendors[0] if len(vendors) == 1 else None
        self._vendors = {vendor.profile.name: vendor for vendor in vendors}

    def rows(self) -> Iterator[tuple[Vendor, dict[str, str], Stamps]]:
        """Vendor, labels and sample times of each row. Raises MetricsError."""
        blank = array("d", bytes(8 * len(self._grid)))
        for series in self._answer.series():
            stamps = blank[:]
            for number, stamp in series.values:
                stamps[number] = stamp
            yield self._sole or self._vendors[series.metric[PROFILE_LABEL]], series.metric, stamps

    def survey(self, live_after: Instant, read_before: Instant | None, read_again: Instant) -> tuple[list[Sight], Seen]:
        """How live series name their pods, which samples there are, and holders if pods are named as before.

        Live are those sampled after `live_after`. Samples are counted up to `read_before` and after `read_again`.
        """
        sights = {id(vendor): Sight(vendor) for vendor in self._vendors.values()}
        before = -_NEVER if read_before is None else read_before
        earliest = _NEVER
        for vendor, labels, stamps in self.rows():
            sight = sights[id(vendor)]
            (sight.live if max(stamps) > live_after else sight.past).add(labels)
            for stamp in stamps:
                if stamp:
                    earliest = min(earliest, stamp)
                    sight.again += stamp <= before
                    sight.tail += stamp > read_again
            if sight.expected is not None:
                _file(sight.holders, vendor, labels, stamps, sight.expected)
        names = {sight.vendor.profile.name: sight for sight in sights.values()}
        again, tail = ({name: getattr(sight, part) for name, sight in names.items()} for part in ("again", "tail"))
        return list(sights.values()), Seen(None if earliest == _NEVER else earliest, again, tail)

    def holders(self, wanted: Vendor, names: PodLabels) -> Holders:
        """Series of one vendor attributed to the pods that these labels name."""
        holders = Holders()
        for vendor, labels, stamps in self.rows():
            if vendor is wanted:
                _file(holders, vendor, labels, stamps, names)
        return holders


def _file(holders: Holders, vendor: Vendor, labels: dict[str, str], stamps: Stamps, names: PodLabels) -> None:
    profile = vendor.profile
    board, device = profile.board(labels), profile.device(labels)
    if not board:
        return
    if profile.share_label and labels.get(profile.share_label):
        holders.shares[device] = max(*stamps, holders.shares.get(device, 0.0))
    pod = _holder(vendor, labels, names, divided=device != board)
    if pod is None:
        holders.add_own(device, stamps)
        name = labels.get(names.namespace, ""), labels.get(names.pod, "")
        if profile.uid(labels) and vendor.roster.find(*name) is not None:
            holders.mistaken[name] = max(*stamps, holders.mistaken.get(name, 0.0))
    else:
        own, model = _clipped(stamps, pod.created_at), sys.intern(labels.get(profile.model_label, "") or profile.model)
        holders.add(board, Holding(pod.namespace, pod.name, device, model, own))


def _holder(vendor: Vendor, labels: dict[str, str], names: PodLabels, *, divided: bool) -> Pod | None:
    pod = vendor.roster.named(labels, names)
    if pod is None:
        return None
    if not divided and vendor.profile.divided and vendor.profile.is_divided(pod.accelerator_resource):
        return None  # the parent board's row says nothing about the instance that the pod holds
    return pod


def _clipped(stamps: Stamps, since: Instant) -> Stamps:
    """Without samples older than the pod: they belong to an earlier pod of its name."""
    for index, stamp in enumerate(stamps):
        if stamp and stamp < since:
            stamps[index] = 0.0
    return stamps
