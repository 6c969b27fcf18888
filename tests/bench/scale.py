"""5,000 TrainingJobs and 50,000 pods through the real operator process: decision, memory, writes, queries.

Acceptance test 26, at more than twice its size: the time of a tick, queries per tick, and no write in quiet ticks. Its
24 simulated hours are in `simulate.py`, and that memory stays flat over them in `flat.py`.
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from e2e.plane.ports import HOST, free_ports
from tests.bench.fleet import Fleet
from tests.bench.processes import BenchError, Http, module, peak_mib, running, until
from tests.bench.report import Figure, Section, at_most, below, told

TITLE = "Scale: 5,000 workloads, 50,000 pods"
FULL_TITLE = f"{TITLE}, with the chart's look-back"
COMMAND, FULL_COMMAND = "make bench", "python -m tests.bench --full --only scale"
QUIET_TICKS = 20
TICK_SECONDS = 2.0
SAMPLE_SECONDS = 30.0
IDLE = {"afterSeconds": 900, "warnSeconds": 5, "graceSeconds": 300, "neverUsedAfterSeconds": 1200}
PATIENT_IDLE = {"afterSeconds": 3600, "warnSeconds": 5, "graceSeconds": 900, "neverUsedAfterSeconds": 7200}
LEASE = ("ebbtide-system", "ebbtide-leader")
OPERATOR = str(Path(sys.executable).with_name("ebbtide"))
SETTLE_SECONDS = 1200.0
HOW = (
    "The operator process as it is installed, reflectors, stores, kopf, metrics adapter and all, against a small API "
    "server and a small Prometheus in processes of their own (loopback, no TLS; pods of 5 KB, 30 s samples, "
    f"{{history}} of history, every fifth workload idle, ticks every {TICK_SECONDS:g} s). It starts twice: on a fleet "
    "without any status, and on the settled one. Memory is VmHWM of the operator alone, the larger of both; writes and "
    "queries are counted at the servers."
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run."""

    fleet: Fleet
    look_back: float
    idle: dict[str, int]

    @property
    def how(self) -> str:
        return HOW.format(history=f"{self.look_back / 3600:g} h")


@dataclass(slots=True)
class Run:
    """What one life of the operator showed."""

    first_decision: float = 0.0
    caught_up: float = 0.0
    settled: float = 0.0
    peak: float = 0.0
    decide_ms: float = 0.0
    decide_slowest_ms: float = 0.0
    tick_seconds: float = 0.0
    writes: int = 0
    settling_writes: int = 0
    most_queries: int = 0
    """Of one tick, those about signs beside the devices included."""


class World:
    """Two servers, and operators started against them."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder, self._scale, self._http = folder, scale, Http()
        self.api_port, self.prometheus_port, self.operator_port = free_ports(3)

    @contextmanager
    def servers(self) -> Iterator[None]:
        common = {"fleet": asdict(self._scale.fleet)}
        api = json.dumps({**common, "idle": self._scale.idle, "lease": LEASE})
        prometheus = json.dumps({**common, "interval": SAMPLE_SECONDS})
        words = ((self.api_port, api, "api_server"), (self.prometheus_port, prometheus, "prometheus_server"))
        (first, second) = (module(f"tests.bench.{name}", str(port), options) for port, options, name in words)
        with running(first, self.folder / "api.log"), running(second, self.folder / "prometheus.log"):
            for port in (self.api_port, self.prometheus_port):
                until("a server of the bench", partial(self._answers, port), 60)
            yield

    @contextmanager
    def operator(self, *more: str) -> Iterator[int]:
        kubeconfig = self.folder / "kubeconfig.yaml"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.api_port)), encoding="utf-8")
        argv = [
            *(OPERATOR, "operator", f"--kubeconfig={kubeconfig}", f"--listen={HOST}:{self.operator_port}"),
            f"--prometheus-url=http://{HOST}:{self.prometheus_port}",
            *(f"--tick-seconds={TICK_SECONDS}", f"--sample-interval-seconds={SAMPLE_SECONDS}", "--enforcement"),
            *(f"--look-back-seconds={self._scale.look_back}", f"--namespace={LEASE[0]}", f"--lease-name={LEASE[1]}"),
            "--no-leader-election",  # the Lease of this server takes no write
            *more,
        ]
        with running(argv, self.folder / "operator.log") as pid:
            yield pid

    def settle_and_watch(self) -> Run:
        """A life on a fleet without status: until nothing is written any more, and then 20 quiet ticks."""
        run, began = Run(), time.monotonic()
        with self.operator("--write-rate=5000") as pid:
            self._start(run, pid, began)
            self._settle(pid)
            self._watch_quiet(run, pid)
            run.peak = peak_mib(pid)
        return run

    def restart(self, *, settle: bool) -> Run:
        """A life on the settled fleet, at the default rate of writes: to the first decision, or until it is quiet."""
        run, began, writes = Run(), time.monotonic(), self.writes()
        with self.operator() as pid:
            if settle:
                self._start(run, pid, began)
                self._settle(pid)
                run.settled = time.monotonic() - began
            else:
                self._decided(run, pid, began)
            run.settling_writes = self.writes() - writes
            run.peak = peak_mib(pid)
        return run

    def _start(self, run: Run, pid: int, began: float) -> None:
        self._decided(run, pid, began)
        until("all history to be read", lambda: self._alive(pid) and self._up(), SETTLE_SECONDS, 2.0)
        run.caught_up = time.monotonic() - began

    def _decided(self, run: Run, pid: int, began: float) -> None:
        """It shows by its first write, or by the end of its tick."""
        writes = self.writes()
        until("the first decision", lambda: self._alive(pid) and self._has_decided(writes), 300, 0.2)
        run.first_decision = time.monotonic() - began

    def _has_decided(self, writes: int) -> bool:
        return self.writes() > writes or self._ticked()

    def _settle(self, pid: int) -> None:
        """Until nothing was written for two samples: a warning takes effect with the sample after it."""
        limit = time.monotonic() + SETTLE_SECONDS
        quiet_from, writes = time.monotonic(), self.writes()
        while time.monotonic() < quiet_from + 2 * SAMPLE_SECONDS:
            if time.monotonic() > limit:
                raise BenchError(f"the operator still writes after {SETTLE_SECONDS:g} s")
            self._alive(pid)
            time.sleep(1)
            if (now := self.writes()) != writes:
                quiet_from, writes = time.monotonic(), now

    def _watch_quiet(self, run: Run, pid: int) -> None:
        """Looks at the operator twice only: a scrape of 15,000 series in between would be measured too."""
        before, writes, ticks = self._metrics(), self.writes(), len(self._begun())
        until(f"{QUIET_TICKS} ticks", lambda: self._alive(pid) and len(self._begun()) > ticks + QUIET_TICKS, 600, 0.5)
        run.writes, begun, after = self.writes() - writes, self._begun()[ticks:], self._metrics()
        run.most_queries = max(later - one for one, later in itertools.pairwise(begun))
        run.decide_ms = 1000 * _mean(before, after, "ebbtide_decide_seconds")
        run.tick_seconds = _mean(before, after, "ebbtide_tick_seconds")
        run.decide_slowest_ms = 1000 * _ceiling(before, after, "ebbtide_decide_seconds")

    def _begun(self) -> list[int]:
        """Of each tick how many queries came before it."""
        return [int(it) for it in self._http.json(f"http://{HOST}:{self.prometheus_port}/counters")["begun"]]

    # -- what the processes say ---------------------------------------------------------------------------------

    def writes(self) -> int:
        return sum(self._http.json(f"http://{HOST}:{self.api_port}/counters")["writes"].values())

    def _answers(self, port: int) -> bool:
        return self._http.status(f"http://{HOST}:{port}/counters") == 200

    def _alive(self, pid: int) -> bool:
        """True. Raises BenchError when the process has ended or a tick of it has failed."""
        log = (self.folder / "operator.log").read_text(encoding="utf-8")
        failed = [line for line in log.splitlines() if '"tick failed' in line]
        if failed:
            raise BenchError(f"a tick failed: {json.loads(failed[0])['exception'][-1500:]}")
        if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            tail = (self.folder / "operator.log").read_text(encoding="utf-8").splitlines()[-10:]
            raise BenchError("the operator ended: " + "\n".join(tail))
        return True

    def _ticked(self) -> bool:
        return self._http.status(f"http://{HOST}:{self.operator_port}/readyz") == 200

    def _up(self) -> bool:
        return self._count("ebbtide_metrics_up") == 1

    def _count(self, name: str) -> float:
        return self._metrics().get(name, 0.0)

    def _metrics(self) -> dict[str, float]:
        """The operator's own metrics without the series of single workloads."""
        lines = self._http.text(f"http://{HOST}:{self.operator_port}/metrics").splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith(("#", "ebbtide_workload")))
        return {name: float(value) for name, _, value in pairs}


def measure(*, full: bool) -> Section:
    """Run it. `full`: two hours of history, the chart's default, instead of half an hour."""
    fleet = Fleet(since=time.time() - 12_000)
    scale = Scale(fleet, 7200.0, PATIENT_IDLE) if full else Scale(fleet, 1800.0, IDLE)
    with tempfile.TemporaryDirectory(prefix="ebbtide-bench-") as folder:
        world = World(Path(folder), scale)
        with world.servers():
            cold = world.settle_and_watch()
            warm = world.restart(settle=full)
    title, command = (FULL_TITLE, FULL_COMMAND) if full else (TITLE, COMMAND)
    return Section(title, scale.how, command, list(_figures(cold, warm, full=full)))


def _figures(cold: Run, warm: Run, *, full: bool) -> Iterator[Figure]:
    yield below("decision, mean of the quiet ticks", cold.decide_ms, 200, "ms")
    yield told("decision, slowest of the quiet ticks: at most", cold.decide_slowest_ms, "ms", 0)
    yield below("peak memory of the operator", max(cold.peak, warm.peak), 250, "MiB")
    yield at_most(f"writes in {QUIET_TICKS} quiet ticks", cold.writes, 0, "", 0)
    yield at_most("queries in a quiet tick, at most", cold.most_queries, 6, "", 0)
    yield told("restart to first decision", warm.first_decision, "s")
    yield told("start to all history read", cold.caught_up, "s")
    yield told("one quiet tick, queries included", cold.tick_seconds, "s", 2)
    if full:
        yield told("writes after a restart on a settled fleet", warm.settling_writes, "", 0)
        yield told("restart until nothing is written any more", warm.settled, "s", 0)


def _mean(before: dict[str, float], after: dict[str, float], name: str) -> float:
    count = after[f"{name}_count"] - before[f"{name}_count"]
    return (after[f"{name}_sum"] - before[f"{name}_sum"]) / count


def _ceiling(before: dict[str, float], after: dict[str, float], name: str) -> float:
    """The histogram bucket below which every tick lies."""
    count = after[f"{name}_count"] - before[f"{name}_count"]
    marks = {key: after[key] - before.get(key, 0.0) for key in after if key.startswith(f"{name}_bucket")}
    full = (float(key.split('"')[1]) for key, value in marks.items() if value >= count)
    return min(full)


def _kubeconfig(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": {"server": f"http://{HOST}:{port}"}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    }
