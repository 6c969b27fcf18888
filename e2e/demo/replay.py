"""What each job of the demo does: a stretch of a recorded day in which work stops, or the generated profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from e2e.exporter.activity import ActivityError, Sample
from e2e.exporter.profile import generate
from e2e.exporter.trace import STEP_SECONDS, samples, trace_folder

SPEEDUP = 60
"""An hour of the recorded day and of the policy passes in one minute."""
BUSY_ABOVE = 5.0
LEAD_SAMPLES = 26
"""Work before the idle run, about 25 s of the demo."""
IDLE_SAMPLES = 115
"""The idle run has to outlast warning and pause, about 110 s of the demo."""
POD = "p000"
SEEDS = range(1, 200)


@dataclass(frozen=True, slots=True)
class Replay:
    """An activity for the exporter and a sentence about where it comes from."""

    activity: str
    origin: str


def going_idle() -> Replay:
    """Recorded where the traces are, else generated; either way some work, then two hours of nothing."""
    try:
        start = _stretch(samples(trace_folder(), POD))
    except ActivityError:
        return _generated()
    if start is None:
        return _generated()
    origin = f"GPU duty cycle and memory of recorded pod {POD}, {SPEEDUP} times as fast"
    return Replay(f"trace:{POD}@{start}", origin)


def _generated() -> Replay:
    for seed in SEEDS:
        start = _stretch(generate(seed))
        if start is not None:
            return Replay(
                f"profile:{seed}@{start}", f"a generated day with the statistics of a real one, {SPEEDUP} times as fast"
            )
    raise ActivityError("no generated profile goes idle for long enough")


def _stretch(values: Sequence[Sample | None]) -> int | None:
    """Second at which a stretch begins that ends in a long idle run, preceded by a busy sample; None: there is none."""
    for index, (before, now) in enumerate(pairwise(values), start=1):
        run = values[index : index + IDLE_SAMPLES]
        stops = before is not None and before.percent > BUSY_ABOVE and now is not None and now.percent == 0
        if stops and len(run) == IDLE_SAMPLES and all(it is not None and it.percent == 0 for it in run):
            return max(0, index - LEAD_SAMPLES) * STEP_SECONDS
    return None
