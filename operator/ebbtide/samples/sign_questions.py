"""What is asked about signs of life beside the devices, of which series, and for whom.

At most two questions a step of a minute, and none that no policy needs: CPU and network, in one, while some policy
counts them, requests and activity while some policy has an idle section and some work may serve. With the
fleet's queries a tick asks six at most.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ebbtide.api.idle_section import IdleSection
from ebbtide.core.series_name import is_counter
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.waking import asleep_since, named_series
from ebbtide.core.workload import Instant, KindClass, SeriesName, Workload, WorkloadKey
from ebbtide.samples.answer import Answer
from ebbtide.samples.span import Grid

STEP_SECONDS: Final = 60.0
"""The least from one sign to the next: cAdvisor and inference engines are scraped at their own pace."""
RATE_STEPS: Final = 3
"""CPU and network use is the mean over so many steps, so that two scrapes lie in it."""
CPU_METRIC: Final = "container_cpu_usage_seconds_total"
NETWORK_METRICS: Final = ("container_network_receive_bytes_total", "container_network_transmit_bytes_total")
"""Counted for a pod as a whole, by interface."""
LOOPBACK: Final = "lo"
"""The interface over which a pod talks with itself."""
CPU, NETWORK, GAUGE, COUNTER, ACTIVITY = "CPU", "Network", "Gauge", "Counter", "Activity"
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
CALL_MEMORY_SECONDS: Final = 3600.0
"""A counter that comes back after less than this is compared with what it was before it went."""


@dataclass(frozen=True, slots=True)
class Named:
    """Series that users named: one metric, the labels they match, and the namespaces they lie in."""

    metric: str
    labels: tuple[str, ...]
    namespace_label: str
    namespaces: tuple[str, ...]
    calls: bool = False
    """A counter, of which is asked how far it rose in each step: what is paused must be woken by that and by nothing
    else, so resets and gaps are told from requests."""

    @property
    def is_counter(self) -> bool:
        """As `series_name.is_counter`."""
        return is_counter(self.metric)

    @property
    def mark(self) -> str:
        """What its rows carry in SIGNAL_LABEL."""
        return f"{self.series}?calls" if self.calls else self.series

    @property
    def series(self) -> str:
        """The metric and the labels that tell its rows apart."""
        return f"{self.metric}/{'/'.join(self.labels)}"


class SignSource(Protocol):
    """A store of samples that answers for signs. Everything raises MetricsError where it cannot."""

    def use(self, marks: Sequence[str], namespaces: Sequence[str], grid: Grid) -> Answer:
        """Rows by namespace, pod and SIGNAL_LABEL, of the `marks` that are asked for; empty namespaces: all.

        The mean over RATE_STEPS steps up to each step: of CPU cores; of NETWORK bytes a second received and sent over
        all interfaces but LOOPBACK. What two jobs tell of the same pod counts once, and so does an interface that is
        told of by several containers.
        """

    def requests(self, named: Sequence[Named], grid: Grid) -> Answer:
        """Rows by namespace and pod of the engines that are known, and by its labels of each that is named.

        SIGNAL_LABEL says which: GAUGE the greatest in the step; COUNTER how often it changed within two steps, so that
        no change lies between two windows; ACTIVITY the greatest; a `Named.mark` as the one or the other, or where
        `calls` how far the counter rose in the step, without rows for steps in which it did not. A series that was
        reset, or begins, rose by its value, unless the source had no samples of anything five steps before.
        """


@dataclass(frozen=True, slots=True)
class Wants:
    """Whose signs are asked for."""

    use: tuple[str, ...] = ()
    """CPU, NETWORK, both or none."""
    requests: bool = False
    namespaces: tuple[str, ...] = ()
    """Of the pods; empty: too many to name."""
    named: tuple[Named, ...] = ()
    by_series: Mapping[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]] = field(default_factory=dict)
    """By (Named.series, namespace, values of the labels)."""
    problems: Mapping[WorkloadKey, str] = field(default_factory=dict)
    asleep: Mapping[WorkloadKey, Instant] = field(default_factory=dict)
    """Since when those are paused for idleness that a request at the series they name would wake."""
    calls: tuple[Named, ...] = ()
    """What is asked for them besides: counters, in the namespaces where somebody sleeps."""


_MOST_NAMESPACES: Final = 100


def wants_of(state: ClusterState, allowed: Mapping[str, str]) -> Wants:
    """What the policies and workloads of a cluster ask for. `allowed`: label of the namespace by metric."""
    sections = [it.spec.idle for it in state.policies if it.spec is not None and it.spec.idle is not None]
    serves = bool(sections) and any(_may_serve(it) for it in state.workloads)
    names = sorted({key.namespace for key, pods in state.pods.items() if pods})
    named, by_series, problems = _named(state.workloads, allowed) if serves else ((), {}, {})
    asleep = _asleep(state.workloads, problems) if named else {}
    return Wants(
        use=_use(sections),
        requests=serves,
        namespaces=tuple(names) if len(names) <= _MOST_NAMESPACES else (),
        named=named,
        by_series=by_series,
        problems=problems,
        asleep=asleep,
        calls=_calls(named, by_series, asleep) if asleep else (),
    )


def _use(sections: Iterable[IdleSection]) -> tuple[str, ...]:
    limits = [(it.cpu_busy_above_percent, it.network_busy_above_megabytes_per_second) for it in sections]
    return tuple(mark for mark, values in zip((CPU, NETWORK), zip(*limits, strict=True), strict=False) if any(values))


def _may_serve(workload: Workload) -> bool:
    """People or programs may use it: a server, a notebook, or whatever names a series."""
    return workload.kind_class is not KindClass.RunToCompletion or named_series(workload) is not None


def _named(
    workloads: Iterable[Workload], allowed: Mapping[str, str]
) -> tuple[tuple[Named, ...], dict[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]], dict[WorkloadKey, str]]:
    spaces: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    found: dict[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]] = {}
    problems: dict[WorkloadKey, str] = {}
    for workload in workloads:
        series, key = named_series(workload), workload.key
        if series is None:
            continue  # as nearly all
        label = allowed.get(series.metric)
        if label is None:
            problems[key] = f"the series {series.metric} that it names is not in the chart value metrics.allowed"
            continue
        names = tuple(name for name, _ in series.labels if name != label)
        spaces.setdefault((series.metric, names), set()).add(key.namespace)
        place = Named(series.metric, names, label, ()).series, key.namespace, _values(series, label)
        found[place] = (*found.get(place, ()), key)
    named = tuple(
        Named(metric, names, allowed[metric], tuple(sorted(where))) for (metric, names), where in sorted(spaces.items())
    )
    return named, found, problems


def _asleep(workloads: Iterable[Workload], problems: Mapping[WorkloadKey, str]) -> dict[WorkloadKey, Instant]:
    them = (it for it in workloads if named_series(it) is not None and it.key not in problems)
    return {it.key: since for it in them if (since := asleep_since(it)) is not None}


def _calls(
    named: Iterable[Named],
    by_series: Mapping[tuple[str, str, tuple[str, ...]], tuple[WorkloadKey, ...]],
    asleep: Mapping[WorkloadKey, Instant],
) -> tuple[Named, ...]:
    """Counters of those who sleep, asked for where they sleep. What else they name tells the moment itself."""
    spaces: dict[str, set[str]] = {}
    for (series, namespace, _), keys in by_series.items():
        if any(key in asleep for key in keys):
            spaces.setdefault(series, set()).add(namespace)
    them = (it for it in named if it.is_counter and it.series in spaces)
    return tuple(replace(it, calls=True, namespaces=tuple(sorted(spaces[it.series]))) for it in them)


def _values(series: SeriesName, namespace_label: str) -> tuple[str, ...]:
    return tuple(value for name, value in series.labels if name != namespace_label)
