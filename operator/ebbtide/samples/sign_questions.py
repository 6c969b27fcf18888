"""What is asked about signs of life beside the devices, of which series, and for whom.

At most two questions a step of a minute, and none that no policy needs: CPU while some policy counts it, requests and
activity while some policy has an idle section and some work may serve. They are counted apart from the fleet's queries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import KindClass, SeriesName, Workload, WorkloadKey
from ebbtide.samples.answer import Answer
from ebbtide.samples.span import Grid

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
