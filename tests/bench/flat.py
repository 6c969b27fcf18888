"""Memory over a simulated day of a fleet that stays as it is: what is kept must not grow with time.

In a process of its own, because memory that an earlier bench gave back would hide growth. As a module it measures and
prints JSON.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from ebbtide.sim.scenario_file import load
from ebbtide.simulation import run
from tests.bench import report, simulate
from tests.bench.processes import ROOT, BenchError, module
from tests.bench.report import Section

WORKLOADS: Final = 300
HOURS: Final = (6, 12, 24)
"""After six hours everything that is kept for a while is kept for as long as it ever is."""
LIMIT_PERCENT: Final = 10.0
_ACTIVITY: Final = (
    "80x2879",  # the same all day
    " ".join(["95x19 40x9 70x29"] * 48),  # ups and downs
)
"""Every second workload does one of these. No verdict changes, or the simulation would note it for its result."""
_HOUR: Final = 3600
_SECONDS: Final = 1200.0


def scenario() -> dict[str, Any]:
    """The day of the simulator's bench, but all of them work: a fleet that is paused would need less."""
    found = simulate.scenario(WORKLOADS)
    for place, it in enumerate(found["spec"]["activity"]):
        it["gpuPercent"] = _ACTIVITY[place % len(_ACTIVITY)]
    return found


def marks() -> dict[str, Any]:
    """Resident MiB and live objects by simulated hour, and how much the simulation noted for its own result."""
    seen: dict[str, Any] = {}

    def look(second: int) -> None:
        if second in {hour * _HOUR for hour in HOURS}:
            gc.collect()
            seen[str(second // _HOUR)] = {"mib": _resident_mib(), "blocks": sys.getallocatedblocks()}

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.json"
        file.write_text(json.dumps(scenario()), encoding="utf-8")
        result = run(load(file), look)
    spans = sum(len(lane.spans) for lane in result.lanes) + len(result.verdicts) + len(result.actions)
    return {"hours": seen, "noted": spans}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure() -> Section:
    """Once, from six hours on."""
    words = module("tests.bench.flat")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise BenchError(f"the simulated day ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    found = json.loads(done.stdout.splitlines()[-1])  # the engine's log stands before it
    hours = found["hours"]
    early, late = hours[str(HOURS[0])], hours[str(HOURS[-1])]
    resident = [report.told(f"resident after {hour} simulated hours", hours[str(hour)]["mib"], "MiB") for hour in HOURS]
    figures = [
        *resident,
        _growth("growth of resident memory from hour 6 to 24", early["mib"], late["mib"]),
        _growth("growth of live objects from hour 6 to 24", early["blocks"], late["blocks"]),
        report.told("spans and actions that the simulation noted for its result", found["noted"], "", 0),
    ]
    how = (
        f"A day of {WORKLOADS:,} workloads as for the simulator's bench, but all of them work, half of "
        "them up and down, so that the fleet is the same all day. One process holds the operator's engine, stores and "
        "evidence, and the simulation around them with all that it notes for its result. Live objects: blocks that "
        "Python has given out."
    )
    return Section("Memory over a simulated day", how, "python -m tests.bench --only flat", figures)


def _growth(name: str, early: float, late: float) -> report.Figure:
    return report.at_most(name, 100 * (late - early) / early, LIMIT_PERCENT, "%", 1)


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(marks())}\n")
