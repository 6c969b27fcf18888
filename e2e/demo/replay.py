"""What each job of the demo does: a stretch of a recorded day in which work stops, or the generated profile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from e2e.exporter.activity import ActivityError, Sample
from e2e.exporter.profile import generate
from e2e.exporter.trace import STEP_SECONDS, read_column, samples, trace_folder

SPEEDUP = 60
"""An hour of the recorded day and of the policy passes in one minute."""
BUSY_ABOVE = 5.0
LEAD_SAMPLES = 20
"""Work before the idle run, 19 s of the demo."""
IDLE_SAMPLES = 100
"""The idle run has to outlast warning and pause, 95 s of the demo."""
SEEDS = range(1, 200)

Stretch = tuple[int, int]
"""How many of the samples before it are busy, and the sample where the lead begins."""


@dataclass(frozen=True, slots=True)
class Replay:
    """An activity for the exporter and a sentence about where it comes from."""

    activity: str
    origin: str


def going_idle(*, recorded: bool = True) -> Replay:
    """The busiest start into a long idle run: recorded where the traces are, else generated. Raises ActivityError.

    Without `recorded` it is generated in any case: an exporter inside a cluster has no traces.
    """
    if not recorded:
        return _generated()
    try:
        folder = trace_folder()
    except ActivityError:
        return _generated()
    pods = sorted(read_column(folder / "duty.csv.gz"))
    pod, start = _busiest((pod, samples(folder, pod)) for pod in pods)
    origin = f"the GPU duty cycle and memory of a real pod ({pod} of a recorded day), {SPEEDUP} times as fast"
    return Replay(f"trace:{pod}@{start * STEP_SECONDS}", origin)


def _generated() -> Replay:
    seed, start = _busiest((str(seed), generate(seed)) for seed in SEEDS)
    origin = f"a generated day with the statistics of a real one, {SPEEDUP} times as fast"
    return Replay(f"profile:{seed}@{start * STEP_SECONDS}", origin)


def _busiest(days: Iterable[tuple[str, Sequence[Sample | None]]]) -> tuple[str, int]:
    found = ((busy, name, start) for name, values in days for busy, start in _stretches(values))
    try:
        _, name, start = max(found, key=lambda it: it[0])
    except ValueError:
        raise ActivityError("nothing goes idle for long enough") from None
    return name, start


def _stretches(values: Sequence[Sample | None]) -> Iterator[Stretch]:
    """Every place where known work is followed by a long idle run."""
    for at in range(LEAD_SAMPLES, len(values) - IDLE_SAMPLES + 1):
        last = values[at - 1]
        if last is None or last.percent <= BUSY_ABOVE:
            continue
        lead = [it.percent > BUSY_ABOVE for it in values[at - LEAD_SAMPLES : at] if it is not None]
        run = values[at : at + IDLE_SAMPLES]
        if len(lead) == LEAD_SAMPLES and all(it is not None and it.percent == 0 for it in run):
            yield sum(lead), at - LEAD_SAMPLES
