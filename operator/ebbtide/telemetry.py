"""What the operator tells Prometheus about itself. Every metric is listed in docs/metrics.md; a test compares."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ebbtide.core.attribution import missing
from ebbtide.core.decision import Decision
from ebbtide.ports import OutcomeKind, TickReport

WORKLOAD = ("namespace", "kind", "name")
_SILENT = frozenset({OutcomeKind.Unchanged})


class PrometheusTelemetry:
    """Implements ports.Telemetry over one registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._fleet = FleetCollector()
        self.registry.register(self._fleet)
        self._actions = Counter(
            "ebbtide_actions",
            "Actions by what was done, why, in which mode and how it ended; planned ones have mode Observe.",
            ("action", "reason", "mode", "result"),
            registry=self.registry,
        )
        self._breaker = self._gauge("ebbtide_circuit_breaker_open", "1 while the fleet breaker stops all idle pauses.")
        self._up = self._gauge("ebbtide_metrics_up", "1 when the last tick got a full answer from the metrics source.")
        self._unpriced = self._gauge("ebbtide_unpriced_nodes", "Nodes under managed work that no price matches.")
        self._attribution = self._gauge(
            "ebbtide_attribution_missing", "Workloads without an attribution key that their policy requires."
        )
        self._status_writes = Counter(
            "ebbtide_status_writes", "Status writes that the API server accepted.", registry=self.registry
        )
        self._tick = self._histogram("ebbtide_tick_seconds", "One tick, from observing to the last write, in seconds.")
        self._decide = self._histogram("ebbtide_decide_seconds", "The decision for the whole fleet, in seconds.")

    def tick(self, report: TickReport) -> None:
        """Record one finished tick."""
        self._fleet.decisions = report.plan.decisions
        for action, outcome in report.outcomes:
            if outcome.kind in _SILENT:
                continue
            mode = "Observe" if action.observed else "Enforce"
            self._actions.labels(str(action.verb), str(action.reason), mode, str(outcome.kind)).inc()
        self._breaker.set(report.plan.fleet.breaker_open)
        self._up.set(report.metrics.up)
        hourly = [decision.hourly for decision in report.plan.decisions if decision.hourly is not None]
        self._unpriced.set(len({node for cost in hourly for node in cost.unpriced_nodes}))
        self._attribution.set(sum(bool(missing(it.attribution, it.ruled.situation)) for it in report.plan.decisions))
        self._status_writes.inc(report.status_writes)
        self._tick.observe(report.seconds)
        self._decide.observe(report.decide_seconds)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        buckets = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
        return Histogram(name, text, buckets=buckets, registry=self.registry)


class FleetCollector(Collector):
    """Series per workload, made from the last plan when somebody scrapes: nothing is kept for what is gone."""

    def __init__(self) -> None:
        self.decisions: tuple[Decision, ...] = ()

    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering does not collect."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """The families of the last tick."""
        verdicts, costs, info = self._families()
        for decision in self.decisions:
            key = decision.workload
            name = (key.namespace, key.kind, key.name)
            verdicts.add_metric((*name, str(decision.judgement.verdict), str(decision.judgement.reason)), 1)
            if decision.hourly is not None and decision.hourly.amount is not None:
                costs.add_metric((*name, decision.hourly.currency), float(decision.hourly.amount))
            info.add_metric((*name, decision.attribution.team, decision.attribution.project), 1)
        yield from (verdicts, costs, info)

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "ebbtide_workload_verdict",
                "1 for the verdict and reason in force.",
                labels=(*WORKLOAD, "verdict", "reason"),
            ),
            GaugeMetricFamily(
                "ebbtide_workload_cost_per_hour",
                "Price of one hour of the devices, CPU and memory held now; absent when unpriced.",
                labels=(*WORKLOAD, "currency"),
            ),
            GaugeMetricFamily(
                "ebbtide_workload_info", "1; who the workload belongs to.", labels=(*WORKLOAD, "team", "project")
            ),
        )
