"""What a chain of checks over a gang works on, and what a check answers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from ebbtide.core.beside import newest_sign
from ebbtide.core.device_window import Window
from ebbtide.core.gang import Tally
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.sign import NONE, Sign


class Hit(NamedTuple):
    """A check decided: the verdict with its reason and a sentence with the numbers."""

    verdict: Verdict
    reason: Reason
    message: str


class Case:
    """A gang's tally with its device windows, made when a check first asks for them. Lives for one judgement."""

    __slots__ = ("_quiet", "_sign", "_windows", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self._windows: list[Window] | None = None
        self._quiet: list[Window] | None = None
        self._sign: Sign | None = None

    @property
    def sign(self) -> Sign:
        """The newest sign of work beside the devices."""
        if self._sign is None:
            gang = self.tally.gang
            silent = gang.book.signs is None and gang.active_at is None
            self._sign = NONE if silent else newest_sign(gang)
        return self._sign

    @property
    def windows(self) -> list[Window]:
        """Every judged device in its window."""
        if self._windows is None:
            gang, edge = self.tally.gang, self.tally.edge
            self._windows = [
                Window(pod, device, max(edge, start), gang.now, gang.rule.thresholds)
                for pod, start, devices in self.tally.held
                for device in devices
            ]
        return self._windows

    @property
    def quiet(self) -> list[Window]:
        """Windows without a busy sample: those that may turn out idle."""
        if self._quiet is None:
            self._quiet = [window for window in self.windows if not window.busy]
        return self._quiet


Check: TypeAlias = Callable[[Case], Hit | None]


def first(checks: Sequence[Check], case: Case) -> Hit | None:
    """The first check that decides."""
    for check in checks:
        hit = check(case)
        if hit is not None:
            return hit
    return None
