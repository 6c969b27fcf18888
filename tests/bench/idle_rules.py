"""Rules that decide when to pause, played over a trace: their pauses, what they save, and how often they were wrong."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.bench.idle_trace import BUSY_ABOVE, STEP, WRONG_SECONDS, Run, Trace

HOUR, DAY = 3600, 86_400
PRUNER_WINDOW = 1800
"""gpu-pruner: max over 30 min equals 0 on any GPU."""
DSTACK_BELOW, DSTACK_WINDOW = 10.0, 3600
"""dstack: any GPU below the threshold for the window; both are the user's, these are the ones of its documentation."""
SHIELD_WINDOW = 7200
"""Job Defense Shield: zero for 120 min."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause: when, and the seconds of idle run that were left then."""

    pod: str
    at: float
    left: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rule at one restart cost."""

    saved: float
    """Seconds, restarts taken off."""
    pauses: int
    wrong: int

    @classmethod
    def of(cls, trace: Trace, pauses: Iterable[Pause], restart: int) -> "Outcome":
        found = list(pauses)
        wrong = sum(trace.is_wrong(pause.pod, pause.at) for pause in found)
        return cls(sum(pause.left - restart for pause in found), len(found), wrong)

    def share(self, oracle: float) -> float:
        return self.saved / oracle


NEVER = Outcome(0.0, 0, 0)
"""No pause at all."""


def oracle(trace: Trace, restart: int) -> float:
    """Seconds saved by who pauses at once every run that is longer than a restart."""
    return float(sum(max(0, run.seconds - restart) for run in trace.runs))


def fixed(trace: Trace, after: float) -> Iterator[Pause]:
    """Every run after one timeout."""
    return (each for run in trace.runs if (each := pause_of(run, after)) is not None)


def pause_of(run: Run, after: float) -> Pause | None:
    """A run of g seconds is paused after T if it is longer."""
    return Pause(run.pod, run.start + after, run.seconds - after) if run.seconds > after else None


def gpu_pruner(trace: Trace) -> Iterator[Pause]:
    return _quiet(trace, lambda value: value == 0, PRUNER_WINDOW)


def dstack(trace: Trace) -> Iterator[Pause]:
    return _quiet(trace, lambda value: value < DSTACK_BELOW, DSTACK_WINDOW)


def shield(trace: Trace) -> Iterator[Pause]:
    return _quiet(trace, lambda value: value == 0, SHIELD_WINDOW)


def _quiet(trace: Trace, quiet: Callable[[float], bool], window: int) -> Iterator[Pause]:
    """A pause whenever all samples of a window were quiet; it lasts until the idle run ends, then all begins anew."""
    for pod in sorted(trace.duty):
        samples = trace.duty[pod]
        since = last = None
        paused = False
        for at in sorted(samples):
            value = samples[at]
            follows = last is not None and at - last == STEP
            if not follows or value > BUSY_ABOVE:
                paused = False
            if not quiet(value) or paused:
                since = None
            elif since is None or not follows:
                since = at
            if since is not None and at + STEP - since > window:
                yield Pause(pod, since + window, _left(samples, at, since + window))
                since, paused = None, value <= BUSY_ABOVE
            last = at


def _left(samples: dict[int, float] | object, at: int, paused_at: float) -> float:
    """Seconds of the idle run that were left; none where the sample is not idle."""
    end = at
    while samples.get(end, BUSY_ABOVE + 1) <= BUSY_ABOVE:  # type: ignore[attr-defined]
        end += STEP
    return max(0.0, end - paused_at)


def best_single(trace: Trace, restart: int) -> tuple[int, Outcome]:
    """The one timeout that would have saved most, known afterwards."""
    best = max(_timeouts(trace), key=lambda after: (_saved(trace.runs, after, restart), -after))
    return best, Outcome.of(trace, fixed(trace, best), restart)


def best_each(trace: Trace, restart: int) -> Outcome:
    """The timeout that would have saved most for each pod by itself, known afterwards; never, where each loses."""
    pauses: list[Pause] = []
    for pod in trace.duty:
        runs = [run for run in trace.runs if run.pod == pod]
        timeouts = sorted({0, *(run.seconds for run in runs)})
        best = max(timeouts, key=lambda after: (_saved(runs, after, restart), -after), default=0)
        pauses += [each for run in runs if (each := pause_of(run, best)) is not None]
    return Outcome.of(trace, pauses, restart)


def capped(trace: Trace, pauses: Iterable[Pause]) -> Iterator[Pause]:
    """At most one wrong pause for each pod within a day; whether one was wrong is known half an hour later."""
    free: dict[str, float] = {}
    for pause in sorted(pauses, key=lambda it: (it.pod, it.at)):
        if pause.at >= free.get(pause.pod, 0.0):
            yield pause
            free[pause.pod] = pause.at + (DAY if trace.is_wrong(pause.pod, pause.at) else WRONG_SECONDS)


def best_single_capped(trace: Trace, restart: int) -> Outcome:
    """The one timeout that would have saved most under the cap, known afterwards."""
    each = (Outcome.of(trace, capped(trace, fixed(trace, after)), restart) for after in _timeouts(trace))
    return max(each, key=lambda it: it.saved)


def best_each_capped(trace: Trace, restart: int) -> Outcome:
    """The sum over the pods of what each one's best timeout under the cap would have saved, known afterwards."""
    best = [max(best_single_capped(trace.part([pod]), restart), NEVER, key=lambda it: it.saved) for pod in trace.duty]
    return Outcome(*(sum(column) for column in zip(*((it.saved, it.pauses, it.wrong) for it in best), strict=True)))


def _timeouts(trace: Trace) -> list[int]:
    """The savings fall while T grows, and jump up where a length of run is left behind: the best lies there."""
    return sorted({0, *(run.seconds for run in trace.runs)})


def _saved(runs: Iterable[Run], after: float, restart: int) -> float:
    return sum(run.seconds - after - restart for run in runs if run.seconds > after)
