"""The answer about presence, joined with the pods of the cluster."""

import sys
from array import array
from collections.abc import Iterator

from ebbtide.core.workload import Instant, Pod
from ebbtide.samples.answer import Answer
from ebbtide.samples.holders import Holders, Holding, Stamps
from ebbtide.samples.label_mode import Census
from ebbtide.samples.profile import INSTANCE_MARK, PodLabels, Profile
from ebbtide.samples.reach import Seen
from ebbtide.samples.roster import Roster
from ebbtide.samples.span import Grid

_NEVER = float("inf")


class Presence:
    """The answer to the presence query: how series name pods, and whom they name.

    One pass finds out both where pods are named as they were before; else a second one attributes them.
    """

    def __init__(self, answer: Answer, profile: Profile, grid: Grid, roster: Roster) -> None:
        self._answer = answer
        self._profile = profile
        self._grid = grid
        self._roster = roster

    def rows(self) -> Iterator[tuple[dict[str, str], Stamps]]:
        """Labels and sample times of each row. Raises MetricsError."""
        blank = array("d", bytes(8 * len(self._grid)))
        for series in self._answer.series():
            stamps = blank[:]
            for number, stamp in series.values:
                stamps[number] = stamp
            yield series.metric, stamps

    def survey(
        self, live_after: Instant, read_before: Instant | None, read_again: Instant, expected: PodLabels | None
    ) -> tuple[Census, Seen, Holders]:
        """How live series name their pods, which samples there are, and holders if pods are named as expected.

        Live are those sampled after `live_after`, or all where none was. Samples are counted up to `read_before` and
        after `read_again`.
        """
        live, past = Census(self._profile, self._roster), Census(self._profile, self._roster)
        before = -_NEVER if read_before is None else read_before
        earliest, again, tail, holders = _NEVER, 0, 0, Holders()
        for labels, stamps in self.rows():
            (live if max(stamps) > live_after else past).add(labels)
            for stamp in stamps:
                if stamp:
                    earliest = min(earliest, stamp)
                    again += stamp <= before
                    tail += stamp > read_again
            if expected is not None:
                self._file(holders, labels, stamps, expected)
        return live or past, Seen(None if earliest == _NEVER else earliest, again, tail), holders

    def holders(self, names: PodLabels) -> Holders:
        """Series attributed to the pods that these labels name."""
        holders = Holders()
        for labels, stamps in self.rows():
            self._file(holders, labels, stamps, names)
        return holders

    def _file(self, holders: Holders, labels: dict[str, str], stamps: Stamps, names: PodLabels) -> None:
        board, device = self._profile.board(labels), self._profile.device(labels)
        if not board:
            return
        pod = self._holder(labels, names, device)
        if pod is None:
            holders.add_own(device, stamps)
            name = labels.get(names.namespace, ""), labels.get(names.pod, "")
            if self._profile.uid(labels) and self._roster.find(*name) is not None:
                holders.mistaken[name] = max(*stamps, holders.mistaken.get(name, 0.0))
        else:
            own, model = _clipped(stamps, pod.created_at), sys.intern(labels.get(self._profile.model_label, ""))
            holders.add(board, Holding(pod.namespace, pod.name, device, model, own))

    def _holder(self, labels: dict[str, str], names: PodLabels, device: str) -> Pod | None:
        pod = self._roster.named(labels, names)
        if pod is None:
            return None
        if INSTANCE_MARK not in device and pod.accelerator_resource.startswith(self._profile.divided_prefix):
            return None  # the parent board's row says nothing about the instance that the pod holds
        return pod


def _clipped(stamps: Stamps, since: Instant) -> Stamps:
    """Without samples older than the pod: they belong to an earlier pod of its name."""
    for index, stamp in enumerate(stamps):
        if stamp and stamp < since:
            stamps[index] = 0.0
    return stamps
