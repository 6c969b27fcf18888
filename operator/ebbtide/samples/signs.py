"""Signs of life beside the devices, read from the same store of samples: which questions are asked, and for whom.

At most two questions a step of a minute, and none that no policy needs: CPU while some policy counts it, requests and
activity while some policy has an idle section and some work may serve. They are counted apart from the fleet's queries.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from ebbtide.core.signs import Line, Reading, Signs
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Instant, KindClass, Pod, SeriesName, Workload, WorkloadKey
from ebbtide.samples.answer import Answer, MetricsError, Series
from ebbtide.samples.history import look_back
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Frontier, Grid
from ebbtide.samples.ticket import Ticket

STEP_SECONDS: Final = 60.0
"""The least from one sign to the next: cAdvisor and inference engines are scraped at their own pace."""
RATE_STEPS: Final = 3
"""CPU use is the mean over so many steps, so that two scrapes lie in it."""
CPU_METRIC: Final = "container_cpu_usage_seconds_total"
CPU, GAUGE, COUNTER, ACTIVITY = "CPU", "Gauge", "Counter", "Activity"
"""Kinds of rows, in SIGNAL_LABEL."""
GAUGES: Final = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
    "tgi_batch_current_size",
    "tgi_queue_size",
    "trtllm_num_requests_running",
    "trtllm_num_requests_waiting",
    "nv_inference_pending_request_count",
)
"""Requests in the engines at a moment: vLLM, SGLang, TGI, TensorRT-LLM, Triton."""
COUNTERS: Final = (
    "vllm:request_success_total",
    "sglang:num_requests_total",
    "tgi_request_success",
    "trtllm_request_success_total",
    "nv_inference_request_success",
)
"""Requests that were answered: what comes and goes between two scrapes shows here."""
ACTIVITIES: Final = ("jupyter_server_last_activity_timestamp_seconds",)
"""When a Jupyter server last saw somebody, in seconds since the epoch."""
_COUNTS: Final = ("_total", "_count", "_sum", "_bucket")
_FORGET_SECONDS: Final = 600.0
_LEAST_CPU: Final = 1.0
"""Cores against which a pod is measured that requests none."""


@dataclass(frozen=True, slots=True)
class Named:
    """Series that users named: one metric, the labels they match, and the namespaces they lie in."""

    metric: str
    labels: tuple[str, ...]
    namespace_label: str
    namespaces: tuple[str, ...]

    @property
    def is_counter(self) -> bool:
        """By the ending of its name: what changes shows requests; of others what is above zero does."""
        return self.metric.endswith(_COUNTS)

    @property
    def mark(self) -> str:
        """What its rows carry in SIGNAL_LABEL."""
        return f"{self.metric}/{'/'.join(self.labels)}"


class SignSource(Protocol):
    """A store of samples that answers for signs. Everything raises MetricsError where it cannot."""

    def cpu(self, namespaces: Sequence[str], grid: Grid) -> Answer:
        """Rows by namespace and pod: cores, the mean over RATE_STEPS steps up to each step; empty namespaces: all."""

    def requests(self, named: Sequence[Named], grid: Grid) -> Answer:
        """Rows by namespace and pod of the engines that are known, and by its labels of each that is named.

        SIGNAL_LABEL says which: GAUGE the greatest in the step; COUNTER how often it changed within two steps, so that
        no change lies between two windows; ACTIVITY the greatest; a `Named.mark` as the one or the other.
        """


@dataclass(frozen=True, slots=True)
class Wants:
    """Whose signs are asked for."""

    cpu: bool = False
    requests: bool = False
    namespaces: tuple[str, ...] = ()
    """Of the pods; empty: too many to name."""
    named: tuple[Named, ...] = ()
    by_series: Mapping[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]] = field(default_factory=dict)
    """By (mark, namespace, values of the labels)."""
    problems: Mapping[WorkloadKey, str] = field(default_factory=dict)


_MOST_NAMESPACES: Final = 100


def wants_of(state: ClusterState, allowed: Mapping[str, str]) -> Wants:
    """What the policies and workloads of a cluster ask for. `allowed`: label of the namespace by metric."""
    sections = [it.spec.idle for it in state.policies if it.spec is not None and it.spec.idle is not None]
    serves = bool(sections) and any(_may_serve(it) for it in state.workloads)
    names = sorted({key.namespace for key, pods in state.pods.items() if pods})
    named, by_series, problems = _named(state.workloads, allowed) if serves else ((), {}, {})
    return Wants(
        cpu=any(section.cpu_busy_above_percent for section in sections),
        requests=serves,
        namespaces=tuple(names) if len(names) <= _MOST_NAMESPACES else (),
        named=named,
        by_series=by_series,
        problems=problems,
    )


def _may_serve(workload: Workload) -> bool:
    """People or programs may use it: a server, a notebook, or whatever names a series."""
    return workload.kind_class is not KindClass.RunToCompletion or workload.request_series is not None


def _named(
    workloads: Iterable[Workload], allowed: Mapping[str, str]
) -> tuple[tuple[Named, ...], dict[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]], dict[WorkloadKey, str]]:
    spaces: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    found: dict[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]] = {}
    problems: dict[WorkloadKey, str] = {}
    for workload in workloads:
        series, key = workload.request_series, workload.key
        if series is None:
            continue
        label = allowed.get(series.metric)
        if label is None:
            problems[key] = f"the series {series.metric} that it names is not in the chart value metrics.allowed"
            continue
        names = tuple(name for name, _ in series.labels if name != label)
        spaces.setdefault((series.metric, names), set()).add(key.namespace)
        place = Named(series.metric, names, label, ()).mark, key.namespace, _values(series, label)
        found[place] = (*found.get(place, ()), key)
    named = tuple(
        Named(metric, names, allowed[metric], tuple(sorted(where))) for (metric, names), where in sorted(spaces.items())
    )
    return named, found, problems


def _values(series: SeriesName, namespace_label: str) -> tuple[str, ...]:
    return tuple(value for name, value in series.labels if name != namespace_label)


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

    def _wanted(self, state: ClusterState) -> Wants:
        """Worked out again only where the cluster's lists are others."""
        seen = (state.policies, state.workloads, state.pods)
        if len(self._seen) != len(seen) or any(one is not other for one, other in zip(seen, self._seen, strict=True)):
            self._wants, self._seen = wants_of(state, self._allowed), seen
        return self._wants

    def _prepare(self, wants: Wants, now: Instant, back: float) -> None:
        book = self.book
        book.problems = dict(wants.problems)
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
        if self._requests.reach_for(back) or book.requests_read is None or wants.named != self._asked:
            self._requests, book.requests_read = _anew(self._step, back), None
            book.of_workloads.clear()
            self._counters.clear()
        self._asked = wants.named
        grid = self._requests.next_grid(now, _MOST_STEPS)
        if book.requests_read is not None and grid.end <= book.requests_read.end:
            return
        answer = self._ask("the series of requests", partial(self._source.requests, wants.named, grid))
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
        named = next((it for it in wants.named if it.mark == mark), None)
        if named is None:
            lines = [self.book.of_pods.setdefault(pod, Line())]
        else:
            place = mark, labels.get(named.namespace_label, ""), tuple(labels.get(it, "") for it in named.labels)
            lines = [self.book.of_workloads.setdefault(key, Line()) for key in wants.by_series.get(place, ())]
        if mark == COUNTER or (named is not None and named.is_counter):
            self._note_birth((mark, *sorted(labels.values())), samples, is_first=is_first)
        for line in lines:
            for at, value in samples:
                line.take(at, value, self._step)

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
