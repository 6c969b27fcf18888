"""The recorded day of GPU duty cycles and memory (`traces/gpu-pods`), one series for each pod.

Duty is in percent, memory in bytes, samples 57 s apart. A missing sample is unknown, not idle: it becomes a gap.
"""

import csv
import gzip
from functools import cache
from pathlib import Path

from e2e.exporter.activity import ActivityError, Sample, Series
from e2e.shared import shared_dir

STEP_SECONDS = 57
_MIB = 2**20


@cache
def read_column(path: Path) -> dict[str, dict[int, float]]:
    """Pod to second to value of one file."""
    columns: dict[str, dict[int, float]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            columns.setdefault(row["pod"], {})[int(row["seconds"])] = float(row["value"])
    return columns


def trace_folder() -> Path:
    """Raises ActivityError where the recorded data is not there."""
    shared = shared_dir()
    folder = shared / "traces" / "gpu-pods" if shared is not None else None
    if folder is None or not folder.is_dir():
        raise ActivityError("the recorded traces are not here; set EBBTIDE_SHARED, or use profile:SEED")
    return folder


def samples(folder: Path, pod: str) -> list[Sample | None]:
    """The pod's samples from its first to its last; None where duty was not sampled.

    Memory that is missing for a moment stays as it was.
    """
    duty = read_column(folder / "duty.csv.gz").get(pod)
    if not duty:
        raise ActivityError(f"the recorded traces have no pod {pod!r}")
    memory = read_column(folder / "memory.csv.gz").get(pod, {})
    held = next(iter(memory.values()), 0.0)
    values: list[Sample | None] = []
    for second in range(min(duty), max(duty) + 1, STEP_SECONDS):
        held = memory.get(second, held)
        values.append(Sample(duty[second], held / _MIB) if second in duty else None)
    return values


def trace_series(pod: str, offset_seconds: float, speedup: float) -> Series:
    """The recorded pod from `offset_seconds` of its own time on; `speedup` trace seconds pass in one real second."""
    values = samples(trace_folder(), pod)[int(offset_seconds // STEP_SECONDS) :]
    if not values:
        raise ActivityError(f"the recorded pod {pod} is over before {offset_seconds:g} s")
    return Series(values, STEP_SECONDS / speedup, ends=True)
