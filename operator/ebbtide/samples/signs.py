"""Reads signs of life beside the devices, step by step, from the same store of samples."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from ebbtide.core.signs import Line, Reading, Signs
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Instant, Pod, WorkloadKey
from ebbtide.samples.answer import Answer, MetricsError, Series
from ebbtide.samples.history import look_back
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.sign_questions import ACTIVITY, COUNTER, STEP_SECONDS, Named, SignSource, Wants, wants_of
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Frontier, Grid
from ebbtide.samples.ticket import Ticket

_FORGET_SECONDS: Final = 600.0
_LEAST_CPU: Final = 1.0
"""Cores against which a pod is measured that requests none."""


def step_of(interval: float) -> float:
    """Seconds of a step: a minute, unless devices are scraped more seldom, or so often that all runs in seconds."""
    return 2 * interval if interval < _IN_SECONDS else max(STEP_SECONDS, interval)


_IN_SECONDS: Final = 5.0
"""No cluster scrapes its kubelets every 5 s; a demo and a test may."""


class SignReader:
    """Reads what is new since the last call into `book`. Not safe for two threads at a time."""

    def __init__(self, settings: ReadingSettings, source: SignSource, allowed: Mapping[str, str] | None = None) -> None:
        """`allowed`: metrics that users may name, with the label that carries the namespace."""
        self._settings, self._source, self._allowed = settings, source, dict(allowed or {})
        self._step = step_of(settings.sample_interval_seconds)
        self._seen: tuple[object, ...] = ()
        self._wants = Wants()
        self._fresh()
        self._forgotten_at = float("-inf")
        self.queries_last_tick = 0
        self.behind = ""
        """What history of signs is still being read, slice by slice; empty: none."""
        self.book = Signs(self._step)

    def read(self, ticket: Ticket, state: ClusterState, now: Instant) -> None:
        """One slice of each sign that somebody wants. Raises MetricsError."""
        self.queries_last_tick, self.behind = 0, ""
        wants = self._wanted(state)
        back = look_back(self._settings, state.policies)
        with ticket.held():
            self._prepare(wants, now, back)
        if wants.cpu:
            self._read_cpu(ticket, state, now, back)
        if wants.requests:
            self._read_requests(ticket, wants, now, back)

    def _fresh(self) -> None:
        self._cpu, self._requests = (Frontier(self._step, self._step) for _ in range(2))
        self._asked: tuple[Named, ...] = ()
        self._counters: dict[tuple[str, ...], Instant] = {}
        self._asleep: Mapping[WorkloadKey, Instant] = {}

    def _wanted(self, state: ClusterState) -> Wants:
        """Worked out again only where the cluster's lists are others."""
        seen = (state.policies, state.workloads, state.pods)
        if len(self._seen) != len(seen) or any(one is not other for one, other in zip(seen, self._seen, strict=True)):
            self._wants, self._seen = wants_of(state, self._allowed), seen
        return self._wants

    def _prepare(self, wants: Wants, now: Instant, back: float) -> None:
        book = self.book
        book.problems = dict(wants.problems)
        if book.calls:
            book.calls = {key: calls for key, calls in book.calls.items() if key in wants.asleep}
        if not wants.cpu:
            book.cpu_read = None
        if not wants.requests:
            book.requests_read = None
        if now - self._forgotten_at >= _FORGET_SECONDS:
            before = now - back - _FORGET_SECONDS
            book.forget(before)
            self._counters = {name: at for name, at in self._counters.items() if at >= before}
            self._forgotten_at = now

    def _read_cpu(self, ticket: Ticket, state: ClusterState, now: Instant, back: float) -> None:
        book = self.book
        if self._cpu.reach_for(back) or book.cpu_read is None:
            self._cpu, book.cpu_read = _anew(self._step, back), None
            book.cpu.clear()
        pods = sum(len(group) for group in state.pods.values())
        grid = self._cpu.next_grid(now, self._settings.max_points_per_query // max(1, pods))
        if book.cpu_read is not None and grid.end <= book.cpu_read.end:
            return  # nothing new: a sign comes once a step
        asked = "CPU use (idle.cpuBusyAbovePercent 0 turns it off)"
        answer = self._ask(asked, partial(self._source.cpu, self._wants.namespaces, grid))
        folds = _cpu_of(answer, grid, state) if len(answer) else {}
        with ticket.held():
            for key, steps in folds.items():
                line = book.cpu.setdefault(key, Line())
                for at in sorted(steps):
                    line.take(at, steps[at], self._step)
            self._cpu.done(grid, now)
            book.cpu_read = _extended(book.cpu_read, grid)
        if not self._cpu.caught_up(grid, now):
            self.behind = f"CPU use is still being read: {(now - grid.end) / 60:.0f} min are left."

    def _read_requests(self, ticket: Ticket, wants: Wants, now: Instant, back: float) -> None:
        book = self.book
        news = wants.named != self._asked or self._overslept(wants)
        if self._requests.reach_for(back) or book.requests_read is None or news:
            self._requests, book.requests_read = _anew(self._step, back), None
            book.of_workloads.clear()
            self._counters.clear()
        self._asked, self._asleep = wants.named, wants.asleep
        grid = self._requests.next_grid(now, _MOST_STEPS)
        if book.requests_read is not None and grid.end <= book.requests_read.end:
            return
        answer = self._ask("the series of requests", partial(self._source.requests, (*wants.named, *wants.calls), grid))
        rows = list(answer.series())
        with ticket.held():
            first = book.requests_read is None
            for row in rows:
                self._take(wants, row, grid, is_first=first)
            self._requests.done(grid, now)
            book.requests_read = _extended(book.requests_read, grid)

    def _take(self, wants: Wants, row: Series, grid: Grid, *, is_first: bool) -> None:
        labels, mark = row.metric, row.metric.get(SIGNAL_LABEL, "")
        samples = [(_at(grid, number), value) for number, value in row.values if value == value]  # noqa: PLR0124  NaN
        if not samples:
            return
        pod = labels.get("namespace", ""), labels.get("pod", "")
        if mark == ACTIVITY:
            self.book.told[pod] = max(self.book.told.get(pod, 0.0), *(value for _, value in samples))
            return
        named = next((it for it in (*wants.named, *wants.calls) if it.mark == mark), None)
        keys = () if named is None else _meant(wants, named, labels)
        if named is not None and (named.calls or not named.is_counter):
            self._note_calls([key for key in keys if key in wants.asleep], samples)
            if named.calls:
                return
        if named is None:
            lines = [self.book.of_pods.setdefault(pod, Line())]
        else:
            lines = [self.book.of_workloads.setdefault(key, Line()) for key in keys]
        if mark == COUNTER or (named is not None and named.is_counter):
            self._note_birth((mark, *sorted(labels.values())), samples, is_first=is_first)
        for line in lines:
            for at, value in samples:
                line.take(at, value, self._step)

    def _overslept(self, wants: Wants) -> bool:
        """Somebody was paused before what is read for good, and was not known to be: a watch told late of it."""
        settled = self._requests.settled_to
        news = wants.asleep.keys() - self._asleep.keys() if wants.asleep is not self._asleep else ()
        return settled is not None and any(wants.asleep[key] < settled for key in news)

    def _note_calls(self, keys: Iterable[WorkloadKey], samples: Iterable[tuple[Instant, float]]) -> None:
        """Requests that those who sleep are to be woken by, by step."""
        calls = {round(at, 3): value for at, value in samples if value > 0}
        for key in keys if calls else ():
            self.book.calls.setdefault(key, {}).update(calls)

    def _note_birth(self, name: tuple[str, ...], samples: list[tuple[Instant, float]], *, is_first: bool) -> None:
        """A counter that begins while we look begins because of a request: it cannot be seen to change."""
        if name not in self._counters and not is_first:
            samples[0] = samples[0][0], max(1.0, samples[0][1])
        self._counters[name] = samples[-1][0]

    def _ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        self.queries_last_tick += 1
        try:
            answer = question()
        except MetricsError as error:
            raise MetricsError(f"{what}: {error}", oversize=error.oversize) from error
        if answer.warnings:
            raise MetricsError(f"{what}: Prometheus warned that its answer may be partial: {answer.warnings[0]}.")
        return answer


_MOST_STEPS: Final = 1_440
"""A day of minutes: engines are few beside devices."""


def _meant(wants: Wants, named: Named, labels: Mapping[str, str]) -> tuple[WorkloadKey, ...]:
    """Who names the series of this row."""
    values = tuple(labels.get(it, "") for it in named.labels)
    return wants.by_series.get((named.series, labels.get(named.namespace_label, ""), values), ())


def _anew(step: float, back: float) -> Frontier:
    frontier = Frontier(step, step)
    frontier.reach_for(back)
    return frontier


def _extended(read: Reading | None, grid: Grid) -> Reading:
    return Reading(grid.after if read is None else read.begin, grid.end)


def _at(grid: Grid, number: int) -> Instant:
    return grid.start + number * grid.step


def _cpu_of(answer: Answer, grid: Grid, state: ClusterState) -> dict[WorkloadKey, dict[Instant, float]]:
    """Percent of the request, of the busiest pod of each workload at each step, in whole percent upwards."""
    owners: dict[str, dict[str, tuple[WorkloadKey, Pod]]] = {}
    for key, pods in state.pods.items():
        for pod in pods:
            owners.setdefault(pod.namespace, {})[pod.name] = key, pod
    found: dict[WorkloadKey, dict[Instant, float]] = {}
    for row in answer.series():
        owner = owners.get(row.metric.get("namespace", ""), {}).get(row.metric.get("pod", ""))
        if owner is None:
            continue
        steps, request = found.setdefault(owner[0], {}), owner[1].cpu or _LEAST_CPU
        for number, cores in row.values:
            if cores >= 0:
                at = _at(grid, number)
                steps[at] = max(steps.get(at, 0.0), float(-(-100 * cores // request)))
    return found
