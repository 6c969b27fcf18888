"""Signs beside the devices, as PromQL: one question for CPU and network, one for all of requests and activity."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ebbtide.metrics.answers import GridAnswer
from ebbtide.metrics.client import PrometheusClient
from ebbtide.samples.sign_questions import (
    ACTIVITIES,
    ACTIVITY,
    CALL_MEMORY_SECONDS,
    COUNTER,
    COUNTERS,
    CPU,
    CPU_METRIC,
    GAUGE,
    GAUGES,
    LOOPBACK,
    NETWORK,
    NETWORK_METRICS,
    RATE_STEPS,
    Named,
)
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Grid

_OF_TARGETS: Final = frozenset({"job", "instance", "endpoint", "service", "namespace", "pod", "container"})
"""Matchers that pin the exporter of the devices would exclude every other target."""
_POD: Final = ("namespace", "pod")
_TARGET: Final = (*_POD, "job", "instance")
_ALL_SCRAPED_STEPS: Final = 5
"""So many steps after the first scrape of any target every target has been scraped: Prometheus itself calls a series
stale after five minutes."""


class PrometheusSigns:
    """Implements samples.sign_questions.SignSource."""

    def __init__(self, client: PrometheusClient, match_labels: tuple[tuple[str, str], ...] = ()) -> None:
        """Of `match_labels` those are used that do not name a target, such as the cluster in a shared store."""
        self._client = client
        self._matchers = tuple(f"{name}={_quoted(value)}" for name, value in match_labels if name not in _OF_TARGETS)

    def use(self, marks: Sequence[str], namespaces: Sequence[str], grid: Grid) -> GridAnswer:
        """Cores that pods use, and bytes that they receive and send. Raises MetricsError."""
        return self._ask(self.use_query(marks, namespaces, grid.step), grid)

    def requests(self, named: Sequence[Named], grid: Grid) -> GridAnswer:
        """Requests and activity. Raises MetricsError."""
        return self._ask(self.requests_query(named, grid.step), grid)

    def use_query(self, marks: Sequence[str], namespaces: Sequence[str], step: float) -> str:
        """Where two jobs scrape the same kubelet the pod counts once."""
        places = (f"namespace=~{_one_of(namespaces)}",) if namespaces else ()
        window, values = _window(RATE_STEPS * step), {CPU: self._cores, NETWORK: self._bytes}
        by_target = ((mark, f"sum by ({', '.join(_TARGET)}) ({values[mark](places, window)})") for mark in marks)
        return " or ".join(self._part(mark, "max", _POD, summed) for mark, summed in by_target)

    def _cores(self, places: Iterable[str], window: str) -> str:
        selector = self._selector(CPU_METRIC, 'container!=""', 'container!="POD"', *places)
        return f"rate({selector}[{window}])"

    def _bytes(self, places: Iterable[str], window: str) -> str:
        """An interface counts once, whichever containers tell of it."""
        selectors = (self._selector(metric, f"interface!={_quoted(LOOPBACK)}", *places) for metric in NETWORK_METRICS)
        return " or ".join(
            _apart(f"max by ({', '.join(_TARGET)}, interface) (rate({it}[{window}]))" for it in selectors)
        )

    def requests_query(self, named: Sequence[Named], step: float) -> str:
        """Each metric in a part of its own, because a selector over several names may find the same labels twice."""
        once, twice = _window(step), _window(2 * step)
        parts = [
            *(self._part(f"{GAUGE}", "max", _POD, f"max_over_time({self._selector(it)}[{once}])") for it in GAUGES),
            *(self._part(f"{COUNTER}", "sum", _POD, f"changes({self._selector(it)}[{twice}])") for it in COUNTERS),
            *(self._part(ACTIVITY, "max", _POD, f"max_over_time({self._selector(it)}[{once}])") for it in ACTIVITIES),
            *(self._named(it, step) for it in named),
        ]
        return " or ".join(_apart(parts))

    def _named(self, it: Named, step: float) -> str:
        once, twice = _window(step), _window(2 * step)
        selector = self._selector(it.metric, f"{it.namespace_label}=~{_one_of(it.namespaces)}")
        if it.calls:
            risen = self._risen(selector, once, _window((1 + _ALL_SCRAPED_STEPS) * step))
            return self._part(it.mark, "sum", (it.namespace_label, *it.labels), risen)
        values = f"changes({selector}[{twice}])" if it.is_counter else f"max_over_time({selector}[{once}])"
        function = "sum" if it.is_counter else "max"
        return self._part(it.mark, function, (it.namespace_label, *it.labels), values)

    def _risen(self, selector: str, once: str, long_before: str) -> str:
        """How far each counter is above what it was; all of its value if it is below that, or was not there before.

        After an outage of the whole source what comes back is not new, and targets come back one after another: that
        something was there only just before proves nothing of the others.
        """
        now = f"last_over_time({selector}[{once}])"
        before = f"last_over_time({selector}[{_window(CALL_MEMORY_SECONDS)}] offset {once})"
        anything = f"group({self._selector('up')} offset {long_before})"
        began = f"{now} > 0 unless {before} and on () {anything}"
        return f"({now} - {before} > 0) or ({now} > 0 and {now} < {before}) or ({began})"

    def _part(self, mark: str, function: str, keys: Iterable[str], values: str) -> str:
        return f'label_replace({function} by ({", ".join(keys)}) ({values}), "{SIGNAL_LABEL}", "{mark}", "", "")'

    def _selector(self, metric: str, *more: str) -> str:
        matchers = ", ".join((*self._matchers, *more))
        return f"{metric}{{{matchers}}}" if matchers else metric

    def _ask(self, text: str, grid: Grid) -> GridAnswer:
        return GridAnswer(self._client.query_range(text, grid.start, grid.end, grid.step), grid)


def _apart(parts: Iterable[str]) -> Iterable[str]:
    """`or` drops rows that are there already: parts with the same mark get numbers, as labels of their own."""
    for number, part in enumerate(parts):
        yield f'label_replace({part}, "ebbtide_part", "{number}", "", "")'


def _window(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


def _one_of(values: Sequence[str]) -> str:
    return _quoted("|".join(re.escape(value) for value in values))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
