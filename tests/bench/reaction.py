"""From the tick that finds a pause due to `spec.suspend: true`, for one workload and for 200 in the same tick.

On the real local control plane: chart, exporter, Prometheus, RBAC. The tick's instant is `status.pause.since`, which is
the time of the snapshot that was decided on, and the end is the API server's audit stamp of the PATCH.
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from e2e.plane import Plane
from e2e.soak.stage import Stage, moment
from tests.bench.processes import BenchError
from tests.bench.report import Figure, Section, at_most, told

TITLE = "Reaction: from the tick that qualifies to spec.suspend"
COMMAND = "make bench"
TARGET_SECONDS = 2.0
MANY, SINGLES = 200, 5
RATE, BURST = 20.0, 30
FAST_RATE = 1000.0
SCRAPE_SECONDS = 10
"""Evidence older than two of them is not acted on: the last of 200 PATCHes at 20 a second waits 8.5 s."""
IDLE = {"afterSeconds": 90, "warnSeconds": 40, "graceSeconds": 2, "neverUsedAfterSeconds": 100}
"""The warning comes early enough for its 400 writes at 20 a second to be over when the pause is due."""
HOW = (
    "Real API server, controllers, scheduler, KWOK nodes, exporter, Prometheus, chart by Helm, operator with its "
    f"ServiceAccount's token; {SCRAPE_SECONDS} s samples, ticks every second, fleet limits off. {MANY} one-GPU "
    f"TrainingJobs fall silent in the same second; {SINGLES} more one by one. The start is the tick's snapshot "
    f"(status.pause.since), the end the API server's audit stamp of the PATCH. At the default rate ({RATE:g} writes a "
    f"second, burst {BURST}) the last of {MANY} PATCHes must wait {(MANY - BURST) / RATE:g} s; each PATCH's own wait "
    "is taken off. With --write-rate 1000 the machine itself is the "
    "limit: both cores are busy, also with the API server and the controllers that end 200 Jobs. Asking for the words "
    "of all users at once, instead of each right before its PATCH, gained nothing."
)


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause, in seconds since the epoch."""

    decided: float
    suspended: float
    eligible: float = 0.0


def owed(pauses: Sequence[Pause], rate: float) -> list[float]:
    """Seconds from the tick to each PATCH, less what the full token bucket makes the PATCH of that position wait."""
    waits = (max(0.0, (place + 1 - BURST) / rate) for place in range(len(pauses)))
    return [pause.suspended - pause.decided - wait for pause, wait in zip(pauses, waits, strict=True)]


def measure() -> Section:
    """Run all three."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as folder, Plane(Path(folder)) as plane:
        plane.add_gpu_nodes(52)
        stage = Stage(plane, scrape_seconds=SCRAPE_SECONDS)
        stage.install()
        stage.set_policy(IDLE)
        bench = Bench(stage)
        fast = bench.many("fast")
        stage.operator.stop()
        stage.start(overrides={"--write-rate": f"{RATE:g}"})
        slow = bench.many("slow", there=True)
        singles = bench.singles()
        quiet = bench.quiet_tick_seconds()
    return Section(TITLE, HOW, COMMAND, list(_figures(fast, slow, singles, quiet)))


def _figures(fast: Sequence[Pause], slow: Sequence[Pause], singles: Sequence[Pause], quiet: float) -> Iterator[Figure]:
    one = [pause.suspended - pause.decided for pause in singles]
    yield at_most(f"1 workload, slowest of {SINGLES}", max(one), TARGET_SECONDS, "s")
    yield told(f"1 workload, median of {SINGLES}", median(one), "s", 2)
    name = f"{MANY} in one tick, slowest PATCH, less its stated wait"
    yield at_most(name, max(owed(slow, RATE)), TARGET_SECONDS, "s")
    yield at_most(f"the same with --write-rate {FAST_RATE:g}", max(owed(fast, FAST_RATE)), TARGET_SECONDS, "s")
    yield told(f"{MANY} in one tick, last PATCH, wait included", slow[-1].suspended - slow[0].decided, "s", 2)
    waited = [pause.suspended - pause.eligible for pause in singles]
    yield told("1 workload, from when it may be paused to suspend: slowest", max(waited), "s", 2)
    yield told("one quiet tick, metrics and decision included", quiet, "s", 2)


class Bench:
    """Work on one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def many(self, prefix: str, *, there: bool = False) -> list[Pause]:
        """200 workloads that fall silent together; the second group is made along with the first."""
        stage = self._stage
        names = [f"{prefix}-{number}" for number in range(MANY)]
        if not there:
            stage.start(overrides={"--write-rate": f"{FAST_RATE:g}"})
            self._make([*names, *(f"slow-{number}" for number in range(MANY)), *map(_single, range(SINGLES))])
        stage.act(**{prefix: "idle"})
        stage.wait_paused(*names, seconds=240)
        return self._pauses(names)

    def singles(self) -> list[Pause]:
        """Workloads that qualify one by one, each in a tick of its own."""
        stage, names = self._stage, [_single(number) for number in range(SINGLES)]
        for name in names:
            stage.act(**{name.replace("-", "_"): "idle"})
            stage.wait_ticks(4)
        eligible = {name: moment(stage.wait_warned(name, seconds=120)["eligibleAfter"]) for name in names}
        stage.wait_paused(*names, seconds=180)
        return [replace(pause, eligible=eligible[name]) for name in names for pause in self._pauses([name])]

    def quiet_tick_seconds(self) -> float:
        """Mean of ten ticks in which nothing happens."""
        before = self._seconds()
        self._stage.wait_ticks(10)
        after = self._seconds()
        return (after[0] - before[0]) / (after[1] - before[1])

    def _seconds(self) -> tuple[float, float]:
        lines = self._stage.operator.metrics().splitlines()
        pairs = dict(line.rsplit(" ", 1) for line in lines if line.startswith("ebbtide_tick_seconds_"))
        return float(pairs["ebbtide_tick_seconds_sum"]), float(pairs["ebbtide_tick_seconds_count"])

    def _make(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: self._stage.train(name, "busy"), names))
        self._stage.wait_all("Active", names, seconds=180)

    def _pauses(self, names: Sequence[str]) -> list[Pause]:
        """In the order in which they were suspended. Raises BenchError when they did not qualify in the same tick."""
        patched = {
            write.name: write.at.timestamp()
            for write in self._stage.writes(verb="patch", resource="jobs", succeeded=True)
            if ((write.body or {}).get("spec") or {}).get("suspend") is True
        }
        statuses = self._stage.statuses()
        decided = {name: moment(statuses[name]["pause"]["since"]) for name in names}
        if len(set(decided.values())) != 1:
            raise BenchError(f"{len(names)} workloads qualified in {len(set(decided.values()))} ticks instead of one")
        found = [Pause(decided[name], patched[name]) for name in names]
        return sorted(found, key=lambda pause: pause.suspended)


def _single(number: int) -> str:
    return f"single-{number}"
