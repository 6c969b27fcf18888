"""What the operator tells Prometheus about itself. Every metric is listed in docs/metrics.md; a test compares."""

from collections import Counter as Counts
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ebbtide.core.action import Verb
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Decision
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Attribution, HourlyCost, WorkloadKey
from ebbtide.core.wrong_pause import ENDS, is_idle_pause, was_wrong
from ebbtide.ports import OutcomeKind, TickReport

WORKLOAD = ("namespace", "kind", "name")
_SILENT = frozenset({OutcomeKind.Unchanged})


class PrometheusTelemetry:
    """Implements ports.Telemetry over one registry. `leads` is asked when somebody scrapes."""

    def __init__(self, leads: Callable[[], bool] = lambda: False) -> None:
        self.registry = CollectorRegistry()
        self._fleet = FleetCollector()
        self.registry.register(self._fleet)
        self._actions = Counter(
            "ebbtide_actions",
            "Actions by what was done, why, in which mode and how it ended; planned ones have mode Observe.",
            ("action", "reason", "mode", "result"),
            registry=self.registry,
        )
        self._gauge("ebbtide_leader", "1 on the replica that acts, 0 on those that wait.").set_function(leads)
        self._breaker = self._gauge("ebbtide_circuit_breaker_open", "1 while the fleet breaker stops all idle pauses.")
        self._up = self._gauge("ebbtide_metrics_up", "1 when the last tick got a full answer from the metrics source.")
        self._empty = Counter(
            "ebbtide_metrics_empty_answers",
            "Ticks at which the metrics source answered without a single device although pods hold some.",
            registry=self.registry,
        )
        self._unpriced = self._gauge("ebbtide_unpriced_nodes", "Nodes under managed work that have no price.")
        self._attribution = self._gauge(
            "ebbtide_attribution_missing", "Workloads without an attribution key that their policy requires."
        )
        self._wrong_pauses = Counter(
            "ebbtide_wrong_pauses",
            "Pauses for idleness that a person or a request ended within 30 minutes.",
            registry=self.registry,
        )
        self._status_writes = Counter(
            "ebbtide_status_writes", "Status writes that the API server accepted.", registry=self.registry
        )
        self._notifications = Counter(
            "ebbtide_notifications",
            "Notifications by receiver, event and how they ended: Sent, Failed, Dropped or UnknownReceiver.",
            ("receiver", "event", "result"),
            registry=self.registry,
        )
        self._tick = self._histogram("ebbtide_tick_seconds", "One tick, from observing to the last write, in seconds.")
        self._decide = self._histogram("ebbtide_decide_seconds", "The decision for the whole fleet, in seconds.")

    def tick(self, report: TickReport) -> None:
        """Record one finished tick."""
        self._fleet.shown = [Shown.of(decision) for decision in report.plan.decisions]
        self._fleet.deciding = Counts(str(decision.deciding) for decision in report.plan.decisions)
        for action, outcome in report.outcomes:
            if outcome.kind in _SILENT:
                continue
            mode = "Observe" if action.observed else "Enforce"
            self._actions.labels(str(action.verb), str(action.reason), mode, str(outcome.kind)).inc()
        self._wrong_pauses.inc(sum(_ended_wrong_pauses(report)))
        self._breaker.set(report.plan.fleet.breaker_open)
        self._up.set(report.metrics.up)
        self._empty.inc(report.metrics.empty)
        hourly = [decision.hourly for decision in report.plan.decisions if decision.hourly is not None]
        self._unpriced.set(len({node for cost in hourly for node in cost.unpriced_nodes}))
        self._attribution.set(sum(bool(it.ruled.situation.facts.rules.missing) for it in report.plan.decisions))
        self._status_writes.inc(report.status_writes)
        self._tick.observe(report.seconds)
        self._decide.observe(report.decide_seconds)

    def notified(self, receiver: str, event: str, result: str) -> None:
        """Count one notification; called from the threads that send them."""
        self._notifications.labels(receiver, event, str(result)).inc()

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        buckets = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
        return Histogram(name, text, buckets=buckets, registry=self.registry)


def _ended_wrong_pauses(report: TickReport) -> Iterator[bool]:
    """For each accepted end of a pause whether it was wrong."""
    ends = {it.workload: it for it, outcome in report.outcomes if it.verb in ENDS and outcome.kind is OutcomeKind.Done}
    for decision in report.plan.decisions if ends else ():
        if decision.workload in ends:
            yield was_wrong(decision.ruled.situation, ends[decision.workload])


_Families: TypeAlias = tuple[
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
    GaugeMetricFamily,
]


class Shown(NamedTuple):
    """What the series of one workload tell. Kept in place of its decision: a plan for 5,000 workloads is 5 MiB."""

    workload: WorkloadKey
    verdict: str
    reason: str
    hourly: HourlyCost | None
    attribution: Attribution
    given_back: tuple[str, Decimal] | None
    """(currency, amount) of one hour of what it is paused for being idle gave back."""
    would_pause: bool
    """A pause for idleness is due, and only observed."""

    @classmethod
    def of(cls, decision: Decision) -> "Shown":
        """Of one decision."""
        judgement = decision.judgement
        return cls(
            decision.workload,
            judgement.verdict,
            judgement.reason,
            decision.hourly,
            decision.attribution,
            _given_back(decision.ruled.situation),
            any(it.observed and it.verb is Verb.Pause and it.reason in IDLE_REASONS for it in decision.actions),
        )


def _given_back(situation: Situation) -> tuple[str, Decimal] | None:
    pause = situation.workload.memory.pause
    if pause is None or pause.hourly is None or not is_idle_pause(pause):
        return None
    return pause.currency, pause.hourly


class FleetCollector(Collector):
    """Series per workload, made from the last plan when somebody scrapes: nothing is kept for what is gone."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.deciding: Counts[str] = Counts()
        """Workloads by the reason that decides about them."""

    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering does not collect."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """The families of the last tick."""
        verdicts, costs, given_back, would_give_back, info, deciding = self._families()
        for it in self.shown:
            name = (it.workload.namespace, it.workload.kind, it.workload.name)
            verdicts.add_metric((*name, str(it.verdict), str(it.reason)), 1)
            if it.hourly is not None and it.hourly.amount is not None:
                costs.add_metric((*name, it.hourly.currency), float(it.hourly.amount))
                if it.would_pause:
                    would_give_back.add_metric((*name, it.hourly.currency), float(it.hourly.amount))
            if it.given_back is not None:
                currency, amount = it.given_back
                given_back.add_metric((*name, currency), float(amount))
            info.add_metric((*name, it.attribution.team, it.attribution.project), 1)
        for reason, count in sorted(self.deciding.items()):
            deciding.add_metric((reason,), count)
        yield from (verdicts, costs, given_back, would_give_back, info, deciding)

    def _families(self) -> _Families:
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
                "ebbtide_workload_paused_cost_per_hour",
                "Price of one hour of what a pause for idleness gave back, while it lasts; absent when unpriced.",
                labels=(*WORKLOAD, "currency"),
            ),
            GaugeMetricFamily(
                "ebbtide_workload_would_pause_cost_per_hour",
                "Price of one hour of what a pause for idleness would give back that is due and only observed.",
                labels=(*WORKLOAD, "currency"),
            ),
            GaugeMetricFamily(
                "ebbtide_workload_info", "1; who the workload belongs to.", labels=(*WORKLOAD, "team", "project")
            ),
            GaugeMetricFamily(
                "ebbtide_workloads",
                "Workloads by the reason that decides about them; VetoedByUser are the vetoes in force.",
                labels=("reason",),
            ),
        )
