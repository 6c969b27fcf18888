"""A day of 1,000 workloads in the simulator: the whole of `ebbtide simulate`, from the file to the result."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.bench.processes import BenchError
from tests.bench.report import Section

DAY = 86_400
WORKLOADS = 1_000
GPUS_PER_NODE = 8
LIMIT_SECONDS = 120.0

_ACTIVITY = (
    "80x2879",  # busy all day
    "80x200 0x10 70x2669",  # a short break
    "95x720 0x2160",  # falls silent after six hours
    "0x30 60x2850",  # slow start
    "40x5 0x55 40x5 0x55 40x5 0x55 40x5 0x2700",  # bursts, then nothing
)
"""Every fifth workload does one of these."""


def scenario(workloads: int = WORKLOADS, seconds: int = DAY) -> dict[str, Any]:
    """One GPU each, eight to a node; policies enforce, and the fleet's limits are the chart's."""
    nodes = -(-workloads // GPUS_PER_NODE)
    names = [f"t{number:04}" for number in range(workloads)]
    return {
        "apiVersion": "sim.ebbtide.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": {"name": f"{workloads}-workloads"},
        "spec": {
            "start": "2026-03-02T00:00:00Z",
            "durationSeconds": seconds,
            "objects": [*map(_node, range(nodes)), _catalog(), _policy(), *map(_job, names)],
            "activity": [
                {"workload": _named(name), "gpuPercent": _ACTIVITY[place % len(_ACTIVITY)]}
                for place, name in enumerate(names)
            ],
        },
    }


def _node(number: int) -> dict[str, Any]:
    labels = {"node.kubernetes.io/instance-type": "p5.48xlarge"}
    has = {"nvidia.com/gpu": str(GPUS_PER_NODE), "cpu": "192", "memory": "2048Gi", "pods": "110"}
    meta = {"name": f"n{number:04}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": {"allocatable": has}}


def _ours(kind: str, meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "ebbtide.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def _catalog() -> dict[str, Any]:
    match = {"instanceType": "p5.48xlarge"}
    row = {"id": "p5", "match": match, "nodeHourly": "55.04", "effectiveFrom": "2026-01-01T00:00:00Z"}
    return _ours("PriceCatalog", {"name": "main"}, {"currency": "USD", "nodes": [row]})


def _policy() -> dict[str, Any]:
    idle = {"afterSeconds": 3600, "warnSeconds": 600, "graceSeconds": 300, "action": "Pause"}
    return _ours("CostPolicy", {"name": "p", "namespace": "ml"}, {"mode": "Enforce", "selector": {}, "idle": idle})


def _job(name: str) -> dict[str, Any]:
    container = {"name": "c", "image": "x", "resources": {"limits": {"nvidia.com/gpu": 1, "cpu": "8"}}}
    checkpoint = {"mode": "Periodic", "intervalSeconds": 600}
    spec = {"checkpoint": checkpoint, "template": {"spec": {"containers": [container]}}}
    return _ours("TrainingJob", {"name": name, "namespace": "ml"}, spec)


def _named(name: str) -> dict[str, str]:
    return {"kind": "TrainingJob", "namespace": "ml", "name": name}


def measure(workloads: int = WORKLOADS, seconds: int = DAY) -> Section:
    """Run it once, in this process, as the command does."""
    from ebbtide.cli.commands.simulate_command import command  # noqa: PLC0415 - other benches need not load it

    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "scenario.json", Path(folder) / "out.json"
        file.write_text(json.dumps(scenario(workloads, seconds)), encoding="utf-8")
        began = time.perf_counter()
        with out.open("w", encoding="utf-8") as stream:
            code = _quietly(command, ["-f", str(file), "-o", "json"], stream)
        took = time.perf_counter() - began
        if code != 0:
            raise BenchError(f"ebbtide simulate ended with {code}")
        found = json.loads(out.read_text(encoding="utf-8"))[0]
    pauses = sum(action["action"] == "Pause" for action in found["actions"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = [
        report.below(f"{seconds / 3600:g} h of {workloads:,} workloads", took, LIMIT_SECONDS, "s"),
        report.told("one tick of 30 s, all included", took * 1000 / (seconds / 30), "ms"),
        report.told("pauses in it", pauses, "", 0),
        report.told("peak memory", peak, "MiB", 0),
    ]
    how = (
        "ebbtide simulate -o json on one generated file: one-GPU TrainingJobs on nodes of eight, ticks and scrapes "
        "every 30 s, five kinds of activity, chart limits. Reading the file and writing the result are in it."
    )
    return Section("Simulator", how, "python -m tests.bench --only simulate", figures)


def _quietly(command: Any, arguments: list[str], stream: Any) -> int:
    standard, sys.stdout = sys.stdout, stream
    try:
        return int(command.main(arguments, standalone_mode=False) or 0)
    finally:
        sys.stdout = standard
