"""The small world of the verdict with signs beside the devices: CPU, network, requests, a notebook's own word."""

from itertools import pairwise

import msgspec

from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.signs import LONGEST_HOLE, Line, Reading, Signs, Spell, Use
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

    def cpu(self, *percents: float | None, first: int = 0, pod: str = "w-0") -> "Signed":
        """One value a minute; None is missing."""
        return self.use(self.signs.cpu.setdefault(KEY, Use()), percents, first, pod)

    def network(self, *megabytes: float | None, pod: str = "w-0") -> "Signed":
        """A second, one value a minute; None is missing."""
        return self.use(self.signs.network.setdefault(KEY, Use()), megabytes, 0, pod)

    def requests(self, *values: float | None, pod: str = "w-0") -> "Signed":
        return self.line(self.signs.of_pods.setdefault(("ml", pod), Line()), values, 0)

    def use(self, use: Use, values: tuple[float | None, ...], first: int, pod: str) -> "Signed":
        """As samples/pod_use.py folds one pod's row: what a busier pod used in the same minute stays."""
        own = {at(minute): value for minute, value in enumerate(values, first) if value is not None}
        for time, value in own.items():
            use.take(time, value, MINUTE)
        holes = [it for it in pairwise(own) if it[1] - it[0] > LONGEST_HOLE * MINUTE]
        use.measured(Spell(pod, min(own), max(own), holes[-1] if holes else None), MINUTE)
        return self

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
