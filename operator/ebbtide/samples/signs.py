"""Reads signs of life beside the devices, step by step, from the same store of samples."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from ebbtide.core.signs import Line, Reading, Signs, Use
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Instant, WorkloadKey
from ebbtide.samples.answer import Answer, MetricsError, Series
from ebbtide.samples.history import look_back
from ebbtide.samples.pod_use import Folds, folded
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.sign_questions import (
    ACTIVITY,
    COUNTER,
    CPU,
    NETWORK,
    STEP_SECONDS,
    Named,
    SignSource,
    Wants,
    wants_of,
)
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Frontier, Grid
from ebbtide.samples.ticket import Ticket

_FORGET_SECONDS: Final = 600.0
_WORDS: Final = {CPU: "CPU", NETWORK: "network"}
_FIELDS: Final = {CPU: "idle.cpuBusyAbovePercent", NETWORK: "idle.networkBusyAboveMegabytesPerSecond"}


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
            self._prepare(wants, state, now, back)
        if wants.use:
            self._read_use(ticket, wants, state, now, back)
        if wants.requests:
            self._read_requests(ticket, wants, now, back)

    def _fresh(self) -> None:
        self._use, self._requests = (Frontier(self._step, self._step) for _ in range(2))
        self._used: tuple[str, ...] = ()
        """What was asked about use."""
        self._asked: tuple[Named, ...] = ()
        self._counters: dict[tuple[str, ...], Instant] = {}
        self._asleep: Mapping[WorkloadKey, Instant] = {}

    def _wanted(self, state: ClusterState) -> Wants:
        """Worked out again only where the cluster's lists are others."""
        seen = (state.policies, state.workloads, state.pods)
        if len(self._seen) != len(seen) or any(one is not other for one, other in zip(seen, self._seen, strict=True)):
            self._wants, self._seen = wants_of(state, self._allowed), seen
        return self._wants

    def _prepare(self, wants: Wants, state: ClusterState, now: Instant, back: float) -> None:
        book = self.book
        book.problems = dict(wants.problems)
        if book.calls:
            book.calls = {key: calls for key, calls in book.calls.items() if key in wants.asleep}
        if not wants.use:
            book.cpu_read = book.network_read = None
            self._used = ()
        if not wants.requests:
            book.requests_read = None
        if now - self._forgotten_at >= _FORGET_SECONDS:
            before = now - back - _FORGET_SECONDS
            book.forget(before, state.pods)
            self._counters = {name: at for name, at in self._counters.items() if at >= before}
            self._forgotten_at = now

    def _read_use(self, ticket: Ticket, wants: Wants, state: ClusterState, now: Instant, back: float) -> None:
        book = self.book
        if self._use.reach_for(back) or wants.use != self._used:
            self._use = _anew(self._step, back)
            book.cpu_read = book.network_read = None
            book.cpu.clear()
            book.network.clear()
        self._used = wants.use
        rows = len(wants.use) * sum(len(group) for group in state.pods.values())
        grid = self._use.next_grid(now, self._settings.max_points_per_query // max(1, rows))
        read = book.cpu_read or book.network_read
        if read is not None and grid.end <= read.end:
            return  # nothing new: a sign comes once a step
        answer = self._ask(_question(wants.use), partial(self._source.use, wants.use, wants.namespaces, grid))
        folds = folded(answer, grid, state)
        with ticket.held():
            self._take_use(folds)
            self._use.done(grid, now)
            book.cpu_read = _extended(read, grid) if CPU in wants.use else None
            book.network_read = _extended(read, grid) if NETWORK in wants.use else None
        if not self._use.caught_up(grid, now):
            self.behind = f"{_words(wants.use)} use is still being read: {(now - grid.end) / 60:.0f} min are left."

    def _take_use(self, folds: Folds) -> None:
        for lines, found in ((self.book.cpu, folds[CPU]), (self.book.network, folds[NETWORK])):
            for key, fold in found.items():
                use = lines.setdefault(key, Use())
                for at in sorted(fold.steps):
                    use.take(at, fold.steps[at], self._step)
                for spell in fold.spells:
                    use.measured(spell, self._step)

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


def _words(use: Iterable[str]) -> str:
    return " and ".join(_WORDS[mark] for mark in use)


def _question(use: Iterable[str]) -> str:
    """Its name for people, with what turns it off."""
    return f"{_words(use)} use ({' and '.join(_FIELDS[mark] for mark in use)} 0 turns it off)"


def _anew(step: float, back: float) -> Frontier:
    frontier = Frontier(step, step)
    frontier.reach_for(back)
    return frontier


def _extended(read: Reading | None, grid: Grid) -> Reading:
    return Reading(grid.after if read is None else read.begin, grid.end)


def _at(grid: Grid, number: int) -> Instant:
    return grid.start + number * grid.step
