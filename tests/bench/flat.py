"""Memory over a simulated day of a fleet that stays as it is: what the operator keeps must not grow with time.

The simulation around it keeps the samples of the whole day in the same process. So every allocation is traced to the
innermost frame of ours that asked for it, and counts for the operator where that is no frame of the simulation. In a
process of its own; as a module it measures and prints JSON.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ebbtide.sim.scenario_file import load
from ebbtide.simulation import run
from tests.bench import report, simulate
from tests.bench.processes import ROOT, BenchError, module
from tests.bench.report import Section

WORKLOADS: Final = 60
HOURS: Final = (6, 12, 24)
"""After six hours everything that is kept for a while is kept for as long as it ever is."""
LIMIT_PERCENT: Final = 10.0
_ACTIVITY: Final = (
    "80x2879",  # the same all day
    " ".join(["95x19 40x9 70x29"] * 48),  # ups and downs
)
"""Every second workload does one of these. No verdict changes, or the simulation would note it for its result."""
_FRAMES: Final = 6
_OURS: Final = f"{os.sep}ebbtide{os.sep}"
_SIMULATION: Final = (f"{_OURS}sim{os.sep}", f"{_OURS}simulation.py")
_HOUR: Final = 3600
_SECONDS: Final = 1200.0


def scenario() -> dict[str, Any]:
    """The day of the simulator's bench, but all of them work: a fleet that is paused would need less."""
    found = simulate.scenario(WORKLOADS)
    for place, it in enumerate(found["spec"]["activity"]):
        it["gpuPercent"] = _ACTIVITY[place % len(_ACTIVITY)]
    return found


def marks() -> dict[str, Any]:
    """MiB that the operator and that the simulation hold by simulated hour."""
    seen: dict[str, Any] = {}

    def look(second: int) -> None:
        if second in {hour * _HOUR for hour in HOURS}:
            gc.collect()
            seen[str(second // _HOUR)] = _held()

    tracemalloc.start(_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.json"
        file.write_text(json.dumps(scenario()), encoding="utf-8")
        run(load(file), look)
    return seen


def _held() -> dict[str, float]:
    """By whose frame asked for it: MiB of live memory."""
    found = {"operator": 0.0, "simulation": 0.0}
    for one in tracemalloc.take_snapshot().statistics("traceback"):
        innermost = _innermost(frame.filename for frame in reversed(one.traceback))
        if innermost:
            found["simulation" if any(it in innermost for it in _SIMULATION) else "operator"] += one.size / 2**20
    return found


def _innermost(files: Iterable[str]) -> str:
    """The first file of ours; empty: none."""
    return next((file for file in files if _OURS in file), "")


def measure() -> Section:
    """Once, from six hours on."""
    words = module("tests.bench.flat")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise BenchError(f"the simulated day ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    found = json.loads(done.stdout.splitlines()[-1])  # the engine's log stands before it
    early, late = (found[str(hour)]["operator"] for hour in (HOURS[0], HOURS[-1]))
    figures = [
        *(report.told(f"the operator's, after {hour} simulated hours", found[str(hour)]["operator"], "MiB", 1)
          for hour in HOURS),
        _growth("its growth from hour 6 to 24", early, late),
        report.told("the simulation's, with every sample of the day", found[str(HOURS[-1])]["simulation"], "MiB", 1),
    ]  # fmt: skip
    how = (
        f"Acceptance test 26. A day of {WORKLOADS:,} workloads as for the simulator's bench, but all of them work, "
        "half of them up and down, so that the fleet is the same all day. One process holds the operator's engine, "
        "stores and evidence, and the simulation around them. Live memory by tracemalloc, for whoever's code asked."
    )
    return Section("Memory over a simulated day", how, "python -m tests.bench --only flat", figures)


def _growth(name: str, early: float, late: float) -> report.Figure:
    return report.at_most(name, 100 * (late - early) / early, LIMIT_PERCENT, "%", 1)


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(marks())}\n")
