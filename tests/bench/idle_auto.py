"""Our Auto over a trace: it sees each sample when it comes, and nothing later."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil

from ebbtide.core.auto_timeout import AutoTimeout, floor_seconds
from ebbtide.core.idle_hazard import Seen
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.idle_rule import AUTO_AFTER_SECONDS
from ebbtide.core.learned_timeout import WRONG_SECONDS
from tests.bench.idle_rules import Pause
from tests.bench.idle_trace import BUSY_ABOVE, STEP, Run, Trace

DAY = 86_400
WARN, GRACE, NEVER_USED = 600, 900, 7200
"""Defaults of the policy's section `idle`."""
PAUSES_PER_HOUR, PERCENT_PER_HOUR, LARGE_FLEET = 60, 10, 20
"""Chart values `safety`; the percentage counts from 20 workloads on."""


@dataclass(slots=True)
class _Pod:
    """One pod on the way through the trace."""

    name: str
    timeout: AutoTimeout
    run: Run | None = None
    wants: list[int] = field(default_factory=list)

    def see(self, at: int) -> None:
        """An idle sample. What was idle in the step before it counts as idle, so that its clock began a step ago."""
        assert self.run is not None
        idle = at - self.run.start + STEP
        if self.timeout.after(at - idle, at) <= idle:
            self.wants.append(idle // STEP - 1)


@dataclass(frozen=True, slots=True)
class Wish:
    """A run and the ages in steps at which Auto would pause it, were it not paused yet."""

    run: Run
    ages: tuple[int, ...]


def wishes(trace: Trace, restart: int, weight: float = 0.0) -> list[Wish]:
    """What Auto wants in each run, by the time of the runs' ends: warning, grace and limits left aside.

    It learns from a run whether it paused it or not: a paused workload that nobody wants back is idle still.
    """
    history, begins = IdleHistory(STEP), {(run.pod, run.start): run for run in trace.runs}
    pods = [_Pod(name, AutoTimeout(history, name, restart, 0, 0, None, weight, None)) for name in sorted(trace.duty)]
    found: list[Wish] = []
    for at in trace.seconds:
        seen = [(pod, _seen(trace.duty[pod.name].get(at))) for pod in pods]
        history.step({"": [(pod.name, what) for pod, what in seen]})
        for pod, what in seen:
            if what is not Seen.Idle:
                found += _end(pod)
                continue
            pod.run = pod.run or begins[pod.name, at]
            pod.see(at)
    return found + [wish for pod in pods for wish in _end(pod)]


def _seen(value: float | None) -> Seen:
    if value is None:
        return Seen.Broken
    return Seen.Busy if value > BUSY_ABOVE else Seen.Idle


def _end(pod: _Pod) -> Iterable[Wish]:
    if pod.run is None:
        return ()
    wish = Wish(pod.run, tuple(pod.wants))
    pod.run, pod.wants = None, []
    return (wish,)


def at_once(asked: Iterable[Wish]) -> Iterator[Pause]:
    """Each run is paused when Auto first wants it."""
    return (_pause(wish.run, wish.ages[0] * STEP) for wish in asked if wish.ages)


def capped(trace: Trace, asked: Iterable[Wish]) -> list[Pause]:
    """At most one wrong pause for each pod within a day. Whether a pause was wrong is known half an hour later."""
    paused: list[Pause] = []
    for pod in sorted(trace.duty):
        free = 0.0
        for wish in sorted((it for it in asked if it.run.pod == pod), key=lambda it: it.run.start):
            age = next((age for age in wish.ages if wish.run.start + age * STEP >= free), None)
            if age is None:
                continue
            pause = _pause(wish.run, age * STEP)
            paused.append(pause)
            free = pause.at + (DAY if trace.is_wrong(pod, pause.at) else WRONG_SECONDS)
    return paused


def _pause(run: Run, after: float) -> Pause:
    return Pause(run.pod, run.start + after, run.seconds - after)


def shipped(trace: Trace, restart: int, *, auto: bool, once: bool) -> list[Pause]:
    """As the operator does it with a policy that says only afterSeconds: a warning, grace, limits of the fleet.

    With Auto also its floor, its ceiling and the weight of wrong pauses. `once`: one of them for each pod and day; the
    operator keeps to that with Auto alone.
    """
    played = _Shipped(trace, restart, auto=auto, once=once)
    for at in trace.seconds:
        played.step(at)
    return played.paused


@dataclass(slots=True)
class _State:
    """One pod as the operator remembers it."""

    clock: int = 0
    """Where the idle clock starts at the earliest: Ready + grace."""
    since: int | None = None
    used: bool = False
    warned: int | None = None
    pause: Pause | None = None
    """While paused."""
    barred: float = 0.0
    """No pause before, after a wrong one."""


class _Shipped:
    """The fleet, tick by tick; a tick for each sample."""

    def __init__(self, trace: Trace, restart: int, *, auto: bool, once: bool) -> None:
        self.trace, self.restart, self.auto, self.once = trace, restart, auto, once
        self.history = IdleHistory(STEP)
        self.states = {pod: _State(clock=min(samples) + GRACE) for pod, samples in sorted(trace.duty.items())}
        self.ends = {pod: max(samples) for pod, samples in trace.duty.items()}
        self.runs = {(run.pod, run.start + place * STEP): run for run in trace.runs for place in range(run.samples)}
        self.paused: list[Pause] = []

    def step(self, at: int) -> None:
        """One tick."""
        seen = {pod: _seen(self.trace.duty[pod].get(at)) for pod in self.states}
        self.history.step({"": seen.items()})
        due = [pod for pod, state in self.states.items() if self._is_due(pod, state, seen[pod], at)]
        for pod in sorted(due, key=lambda it: (self.states[it].since or 0, it)):
            if self._admitted(at):
                self._stop(pod, self.states[pod], at)

    def _is_due(self, pod: str, state: _State, what: Seen, at: int) -> bool:
        """Follows the idle clock and the warning; True when a pause is due."""
        if what is not Seen.Idle:
            self._wake(state, at)
            state.used = state.used or what is Seen.Busy
            return False
        if state.pause is not None:
            return False
        state.since = at if state.since is None else state.since
        since = max(state.since, state.clock)
        if at < since:
            return False
        after = self._after(pod, state, since, at)
        if state.warned is None and at - since >= after - WARN:
            state.warned = at
        return state.warned is not None and at - since >= after and at - state.warned >= WARN and at >= state.barred

    def _wake(self, state: _State, at: int) -> None:
        """Its idle run ended; if it was paused, somebody started it again, and its grace begins."""
        if state.pause is not None:
            state.clock = at + GRACE
            if self.once and self.trace.is_wrong(state.pause.pod, state.pause.at):
                state.barred = at + DAY
        state.since = state.warned = state.pause = None

    def _after(self, pod: str, state: _State, since: int, at: int) -> float:
        if not state.used:
            return NEVER_USED
        if not self.auto:
            return AUTO_AFTER_SECONDS
        floor = floor_seconds(WARN, STEP)
        return AutoTimeout(self.history, pod, self.restart, WARN, floor, state.warned).after(since, at)

    def _admitted(self, at: int) -> bool:
        """The limits of the fleet in the rolling hour."""
        lately = sum(at - pause.at < 3600 for pause in self.paused)
        present = sum(at <= end for end in self.ends.values())
        share = max(1, ceil(present * PERCENT_PER_HOUR / 100)) if present >= LARGE_FLEET else present
        return lately < min(PAUSES_PER_HOUR, share)

    def _stop(self, pod: str, state: _State, at: int) -> None:
        run = self.runs[pod, at]
        state.pause = Pause(pod, at, run.start + run.seconds - at)
        self.paused.append(state.pause)
