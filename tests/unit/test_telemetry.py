"""What the operator tells about itself, and that docs/metrics.md says the same."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ebbtide.core.action import Action, Verb
from ebbtide.core.memory import Memory
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog, ClusterState, MetricsHealth
from ebbtide.core.workload import Attribution, Breaker, Intent, WorkloadKey
from ebbtide.ports import Outcome, OutcomeKind, TickReport
from ebbtide.telemetry import PrometheusTelemetry
from tests.builders import NOW, catalog, healthy, pause_record, policy, snapshot, state, workload

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(ebbtide_\w+)` \| (\w+) \|([^|]*)\| (.*) \|$", re.MULTILINE)
PRICES = catalog({"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}, nodeSplit={"mode": "GPUOnly"})
OURS = Attribution(team="vision", project="catalog")
PAUSE = Action(Verb.Pause, WorkloadKey("vision", "TrainingJob", "resnet"), Reason.GPUIdle, "idle")
DONE = Outcome(OutcomeKind.Done)
GAVE_BACK = {"hourly": Decimal("27.36"), "currency": "EUR"}


def report(
    cluster: ClusterState, *outcomes: tuple[Action, Outcome], metrics: MetricsHealth | None = None, writes: int = 0
) -> TickReport:
    return TickReport(plan(snapshot(cluster)), outcomes, writes, 0.3, 0.02, metrics or healthy())


def exposed(*reports: TickReport) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Everything at /metrics after these ticks: (series, sorted labels) → value."""
    telemetry = PrometheusTelemetry()
    for each in reports:
        telemetry.tick(each)
    text = generate_latest(telemetry.registry).decode()
    families = text_string_to_metric_families(text)
    return {(it.name, tuple(sorted(it.labels.items()))): it.value for family in families for it in family.samples}


def value(series: dict[Any, float], series_name: str, /, **labels: str) -> float | None:
    return series.get((series_name, tuple(sorted(labels.items()))))


RESNET = {"namespace": "vision", "kind": "TrainingJob", "name": "resnet"}


def test_the_page_lists_exactly_the_metrics_of_the_code() -> None:
    telemetry = PrometheusTelemetry()
    given_back = workload("b", memory=Memory(pause=pause_record(**GAVE_BACK)))
    told = report(state(workload(attribution=OURS), given_back, catalogs=[PRICES]), (PAUSE, DONE))
    observed = replace(PAUSE, observed=True)
    decisions = tuple(changed(it, actions=(observed,)) for it in told.plan.decisions)
    telemetry.tick(replace(told, plan=replace(told.plan, decisions=decisions)))
    telemetry.notified("ml-oncall", "Warn", "Sent")
    known = {}
    for family in telemetry.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        known[name] = (family.type, labels, family.documentation)
    written = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, text in ROW.findall(PAGE.read_text())
    }
    assert written == known


def test_the_queries_of_the_page_use_metrics_that_exist() -> None:
    page = PAGE.read_text()
    queries = page.split("## What to watch", 1)[1]
    known = {name for name, *_ in ROW.findall(page)}
    assert set(re.findall(r"ebbtide_\w+", queries)) <= known


def test_the_contracts_metrics_of_this_version_are_there() -> None:
    series = {name for name, _ in exposed(report(state(workload(), catalogs=[PRICES]), (PAUSE, DONE)))}
    assert series >= {
        "ebbtide_workload_verdict",
        "ebbtide_workload_cost_per_hour",
        "ebbtide_workload_info",
        "ebbtide_actions_total",
        "ebbtide_unpriced_nodes",
        "ebbtide_attribution_missing",
        "ebbtide_circuit_breaker_open",
        "ebbtide_metrics_up",
        "ebbtide_tick_seconds_count",
    }


def test_a_workload_tells_verdict_price_and_owner() -> None:
    series = exposed(report(state(workload(attribution=OURS), catalogs=[PRICES])))
    assert value(series, "ebbtide_workload_verdict", **RESNET, verdict="Unknown", reason="MetricsMissing") == 1
    assert value(series, "ebbtide_workload_cost_per_hour", **RESNET, currency="USD") == 20
    assert value(series, "ebbtide_workload_info", **RESNET, team="vision", project="catalog") == 1


def test_what_is_gone_has_no_series() -> None:
    series = exposed(report(state(workload())), report(state()))
    assert not [name for name, labels in series if name.startswith("ebbtide_workload")]


def test_what_is_unpriced_has_no_price_and_its_nodes_are_counted_once() -> None:
    series = exposed(report(state(workload("a"), workload("b"))))
    assert not [name for name, _ in series if name == "ebbtide_workload_cost_per_hour"]
    assert value(series, "ebbtide_unpriced_nodes") == 1


@pytest.mark.parametrize(
    ("action", "outcome", "labels"),
    [
        (PAUSE, DONE, {"mode": "Enforce", "result": "Done"}),
        (replace(PAUSE, observed=True), Outcome(OutcomeKind.Observed), {"mode": "Observe", "result": "Observed"}),
        (PAUSE, Outcome(OutcomeKind.Denied, "no"), {"mode": "Enforce", "result": "Denied"}),
    ],
    ids=["done", "planned", "denied"],
)
def test_actions_are_counted_by_mode_and_result(action: Action, outcome: Outcome, labels: dict[str, str]) -> None:
    series = exposed(report(state(), (action, outcome)), report(state(), (action, outcome)))
    assert value(series, "ebbtide_actions_total", action="Pause", reason="GPUIdle", **labels) == 2


@pytest.mark.parametrize(
    ("changes", "end", "outcome", "wrong"),
    [
        ({}, {}, DONE, 1),
        ({}, {"verb": Verb.Forget}, DONE, 1),
        ({}, {"reason": Reason.Woken}, DONE, 1),
        ({}, {"reason": Reason.PolicyRemoved}, DONE, 0),
        ({}, {}, Outcome(OutcomeKind.Failed, "no"), 0),
        ({"since": NOW - 1801}, {}, DONE, 0),
        ({"by": "User", "reason": "PausedByUser"}, {}, DONE, 0),
        ({"ended_at": NOW - 60}, {}, DONE, 0),
    ],
    ids=["a person", "at the lever", "a request", "policy gone", "refused", "later", "a human's pause", "ended before"],
)
def test_a_pause_that_was_wanted_back_at_once_was_wrong(
    changes: dict[str, Any], end: dict[str, Any], outcome: Outcome, wrong: int
) -> None:
    pause = pause_record(**{"since": NOW - 1800, **changes})
    resume = replace(PAUSE, **{"verb": Verb.Resume, "reason": Reason.ResumedByUser, **end})
    series = exposed(report(state(workload(memory=Memory(pause=pause))), (resume, outcome)))
    assert value(series, "ebbtide_wrong_pauses_total") == wrong


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, 27.36),
        ({"hourly": None, "currency": ""}, None),
        ({"ended_at": NOW - 60}, None),
        ({"by": "User", "reason": "PausedByUser"}, None),
    ],
    ids=["lasts", "unpriced", "over", "a human's"],
)
def test_acceptance_29_money_that_a_pause_gives_back(changes: dict[str, Any], shown: float | None) -> None:
    memory = Memory(pause=pause_record(**{**GAVE_BACK, **changes}))
    series = exposed(report(state(workload(memory=memory))))
    assert value(series, "ebbtide_workload_paused_cost_per_hour", **RESNET, currency="EUR") == shown


@pytest.mark.parametrize(
    ("action", "catalogs", "shown"),
    [
        (replace(PAUSE, observed=True), [PRICES], 20),
        (replace(PAUSE, observed=True), [], None),
        (PAUSE, [PRICES], None),
        (replace(PAUSE, verb=Verb.Warn, observed=True), [PRICES], None),
        (replace(PAUSE, reason=Reason.PausedDuring, observed=True), [PRICES], None),
    ],
    ids=["observed", "unpriced", "enforced", "warned only", "not for idleness"],
)
def test_acceptance_10_money_that_a_pause_would_give_back(
    action: Action, catalogs: list[Catalog], shown: float | None
) -> None:
    told = report(state(workload(), catalogs=catalogs))
    (decision,) = told.plan.decisions
    due = replace(told, plan=replace(told.plan, decisions=(changed(decision, actions=(action,)),)))
    assert value(exposed(due), "ebbtide_workload_would_pause_cost_per_hour", **RESNET, currency="USD") == shown


def test_what_was_so_already_is_no_action() -> None:
    series = exposed(report(state(), (PAUSE, Outcome(OutcomeKind.Unchanged))))
    assert not [name for name, _ in series if name == "ebbtide_actions_total"]


def test_the_breaker_and_the_source_are_told() -> None:
    calm = exposed(report(state()))
    assert (value(calm, "ebbtide_circuit_breaker_open"), value(calm, "ebbtide_metrics_up")) == (0, 1)
    upset = exposed(report(state(breaker=Breaker(open_until=NOW + 60)), metrics=healthy(up=False)))
    assert (value(upset, "ebbtide_circuit_breaker_open"), value(upset, "ebbtide_metrics_up")) == (1, 0)


@pytest.mark.parametrize(
    ("required", "attribution", "missing"),
    [
        (["team", "project"], OURS, 0),
        (["team", "costCenter"], OURS, 1),
        (["modelVersion"], Attribution(model_version="7"), 0),
        ([], Attribution(), 0),
    ],
    ids=["all there", "one missing", "camel case", "nothing required"],
)
def test_attribution_that_a_policy_requires(required: list[str], attribution: Attribution, missing: int) -> None:
    asking = policy(spec={"attribution": {"required": required}})
    series = exposed(report(state(workload(attribution=attribution), policies=[asking])))
    assert value(series, "ebbtide_attribution_missing") == missing


def test_status_writes_and_times_are_counted() -> None:
    series = exposed(report(state(), writes=3), report(state(), writes=2))
    assert value(series, "ebbtide_status_writes_total") == 5
    assert value(series, "ebbtide_tick_seconds_count") == 2
    assert value(series, "ebbtide_decide_seconds_sum") == pytest.approx(0.04)


def test_empty_answers_are_counted_and_reasons_added_up() -> None:
    one, other = workload("a", intent=Intent(keep_until=NOW + 60)), workload("b")
    series = exposed(report(state(one, other), metrics=healthy(empty=True)), report(state(one, other)))
    assert value(series, "ebbtide_metrics_empty_answers_total") == 1
    assert value(series, "ebbtide_workloads", reason="VetoedByUser") == 1
    assert sum(found for (name, _), found in series.items() if name == "ebbtide_workloads") == 2
