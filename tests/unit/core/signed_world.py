"""The small world of the verdict with signs beside the devices: CPU, network, requests, a notebook's own word."""

import msgspec

from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.signs import Line, Reading, Signs
from ebbtide.core.workload import WorkloadKey
from tests.unit.core.verdict_world import MINUTE, RULE, START, World

KEY = WorkloadKey("ml", "Job", "w")


def at(minute: float) -> float:
    return START + minute * MINUTE


class Signed(World):
    """A world that is read for signs; all of its history is."""

    def __init__(self, rule: IdleRule = RULE, **device: object) -> None:
        super().__init__(rule=rule)
        self.pod().device(**device)
        self.signs = self.book.signs = Signs()
        self.signs.cpu_read = Reading(at(-60), at(60))
        self.signs.network_read = Reading(at(-60), at(60))
        self.signs.requests_read = Reading(at(-60), at(60))
        self.active_at: float | None = None

    def gang(self, at: float | None = None):
        gang = super().gang(at)
        return msgspec.structs.replace(gang, key=KEY, active_at=self.active_at)

    def cpu(self, *percents: float | None, first: int = 0) -> "Signed":
        """One value a minute; None is missing."""
        return self.line(self.signs.cpu.setdefault(KEY, Line()), percents, first)

    def network(self, *megabytes: float | None) -> "Signed":
        """A second, one value a minute; None is missing."""
        return self.line(self.signs.network.setdefault(KEY, Line()), megabytes, 0)

    def requests(self, *values: float | None, pod: str = "w-0") -> "Signed":
        return self.line(self.signs.of_pods.setdefault(("ml", pod), Line()), values, 0)

    def line(self, line: Line, values: tuple[float | None, ...], first: int) -> "Signed":
        for minute, value in enumerate(values, first):
            if value is not None:
                line.take(at(minute), value, MINUTE)
        return self


def values(then: float, *changes: tuple[int, float | None]) -> list[float | None]:
    found: list[float | None] = [then] * 61
    for minute, value in changes:
        found[minute] = value
    return found
