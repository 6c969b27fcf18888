"""A generated day of one GPU pod of an inference service, for where no recorded trace is at hand.

Shapes and numbers are fitted to statistics of the recorded trace (alibaba/clusterdata, cluster-trace-v2026-GenAI);
e2e's tests hold the two side by side. Two thirds of the samples are zero, memory stays held all the while, and work
comes in bursts: lengths of idle and of busy runs are log-normal, so that most are short and a few last hours.
"""

import random
from collections.abc import Iterator

from e2e.exporter.activity import ActivityError, Sample, Series

STEP_SECONDS = 57
DAY_SAMPLES = 1441

# Parameters (mu, sigma) of the run lengths in samples; rounded up to 1 they have means of 8 and 4.
_IDLE_RUN = (0.47, 1.8)
_BUSY_RUN = (0.76, 1.09)
# The longest idle run seen in the trace: 932 samples.
_LONGEST_RUN = 900
# A sample is the mean of 15 readings, so a short burst gives a small value instead of a zero.
_READINGS = 15
_MEMORY_CHANGES = 0.36
_GIB = 1024.0


def _run(random_source: random.Random, mu: float, sigma: float) -> int:
    return min(_LONGEST_RUN, max(1, round(random_source.lognormvariate(mu, sigma))))


def _busy_percent(random_source: random.Random) -> float:
    """One busy sample: mostly about 20 %, a fifth nearly nothing, a tenth far above."""
    kind = random_source.random()
    if kind < 0.2:
        value = random_source.uniform(0.1, 7.0)
    elif kind < 0.9:
        value = random_source.gauss(20.0, 8.0)
    else:
        value = random_source.uniform(35.0, 98.0)
    return min(100.0, max(1.0, round(value * _READINGS)) / _READINGS)


def _duty(random_source: random.Random) -> Iterator[float]:
    idle = random_source.random() < 2 / 3
    while True:
        if idle:
            yield from [0.0] * _run(random_source, *_IDLE_RUN)
        else:
            for _ in range(_run(random_source, *_BUSY_RUN)):
                yield _busy_percent(random_source)
        idle = not idle


def generate(seed: int, count: int = DAY_SAMPLES) -> list[Sample]:
    """`count` samples, 57 s apart, without a gap; the same seed gives the same samples."""
    random_source = random.Random(seed)
    base = random_source.gauss(23.6, 1.2)
    held = base
    values: list[Sample] = []
    for percent in _duty(random_source):
        if random_source.random() < _MEMORY_CHANGES:
            # Working batches free what idle caches hold.
            held = random_source.gauss(base + (0.6 if percent == 0 else -3.4), 4.0)
        values.append(Sample(percent, round(min(44.0, max(12.0, held)) * _GIB)))
        if len(values) == count:
            break
    return values


def profile_series(seed: str, offset_seconds: float, speedup: float) -> Series:
    """The profile of a seed from `offset_seconds` on, sped up; its last sample holds. Raises ActivityError."""
    if not seed.isdecimal():
        raise ActivityError(f"profile:{seed} needs a whole number as its seed")
    values = generate(int(seed))[int(offset_seconds // STEP_SECONDS) :]
    if not values:
        raise ActivityError(f"a profile is over after {DAY_SAMPLES * STEP_SECONDS} s")
    return Series(values, STEP_SECONDS / speedup)
