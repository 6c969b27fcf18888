"""What is only observed is planned and told with its money, and nothing of it is done, whichever labels there are.

Acceptance test 10: not one write to the work, read from the audit log; status and metrics show what would be paused and
what that would give back.
"""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from e2e.installation import SERVICE_ACCOUNT, Document, Installation, cost_policy, namespace, training_job

pytestmark = pytest.mark.plane

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
PRICES: Final = EXAMPLES / "quickstart" / "1-prices.yaml"
IDLE: Final = {"afterSeconds": 12, "warnSeconds": 3, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
DISABLED, PLAIN = "disabled", "plain-labels"
ACTIVITIES: Final = {"idle": "busy:5 idle", "unused": "idle", "busy": "busy:1", "fragile": "busy:5 idle"}
EXPECTED: Final = {
    "idle": ("Idle", "GPUIdle", "Pause", "GPUIdle"),
    "unused": ("NeverUsed", "GPUNeverUsed", "Pause", "GPUNeverUsed"),
    "busy": ("Active", "GPUActive", None, None),
    "fragile": ("Idle", "GPUIdle", "Warn", "GPUIdle"),
}
"""Verdict, reason, planned action and its reason; work without checkpoint would only be warned about."""


@pytest.fixture(scope="module")
def it(install: Callable[..., Installation]) -> Installation:
    """The chart with its default `enforcement.enabled: false`."""
    installation = install(nodes=2)
    installation.apply(PRICES.read_text(encoding="utf-8"))
    return installation


def observe(it: Installation, where: str, mode: str) -> dict[str, Document]:
    """The same four jobs under a policy of that mode, until all is planned that will be; gives their statuses."""
    it.apply(namespace(where))
    it.plane.wait_default_service_account(where)
    jobs = [
        training_job(name, where, activity, gpus=2, checkpoint=name != "fragile")
        for name, activity in ACTIVITIES.items()
    ]
    it.apply(cost_policy(where, IDLE, mode=mode), *jobs)

    def judged() -> dict[str, Document] | None:
        found = {name: it.status(name, where) for name in ACTIVITIES}
        return found if {name: outcome(status) for name, status in found.items()} == EXPECTED else None

    return it.wait(f"verdicts and plans in {where}", judged)


def outcome(status: Document) -> tuple[str | None, ...]:
    verdict, planned = status.get("verdict") or {}, status.get("wouldBe") or {}
    return verdict.get("value"), verdict.get("reason"), planned.get("action"), planned.get("reason")


def observed(it: Installation) -> dict[tuple[str, str], int]:
    """(action, reason) to how often /metrics says that it was planned only."""
    pattern = r'^ebbtide_actions_total{action="(\w+)",mode="Observe",reason="(\w+)",result="Observed"} (\S+)$'
    return {
        (verb, why): int(float(count)) for verb, why, count in re.findall(pattern, it.operator.metrics(), re.MULTILINE)
    }


def assert_nothing_was_done(it: Installation, where: str, statuses: dict[str, Document]) -> None:
    """Jobs were created and never written again, nobody was warned, and everything still runs."""
    writes = it.plane.audit().writes(user=SERVICE_ACCOUNT, resource="jobs", namespace=where)
    assert {(write.verb, write.name) for write in writes} == {("create", name) for name in ACTIVITIES}
    for name, status in statuses.items():
        assert {event["action"] for event in it.events(name, where)} == {"Create"}
        assert "warnedAt" not in status.get("idle", {})
        assert "pause" not in status
        assert len(it.pods(name, where)) == 1
        assert it.condition(name, where, "Running")["status"] == "True"


def would_give_back(it: Installation, where: str) -> dict[str, float]:
    """Name to US dollars an hour, as /metrics tell of pauses that are due and only observed."""
    pattern = r'^ebbtide_workload_would_pause_cost_per_hour{currency="USD",(.*)} (\S+)$'
    found = [
        (dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(amount))
        for labels, amount in re.findall(pattern, it.operator.metrics(), re.MULTILINE)
    ]
    return {labels["name"]: amount for labels, amount in found if labels["namespace"] == where}


def assert_money_is_told(it: Installation, where: str, statuses: dict[str, Document]) -> None:
    """Of what would be paused, and of nothing else: in status, in metrics and where people ask."""
    hourly = {name: float(statuses[name]["cost"]["hourly"]) for name in ("idle", "unused")}
    assert min(hourly.values()) > 0
    it.wait("what would be given back", lambda: would_give_back(it, where).keys() == hourly.keys())
    assert would_give_back(it, where) == pytest.approx(hourly, abs=0.005)
    page = " ".join(it.ebbtide("explain", "tjob/idle", "-n", where).split())
    assert f"that would give back {statuses['idle']['cost']['hourly']} USD an hour" in page


def test_by_default_the_chart_only_plans_what_an_enforcing_policy_would_do(it: Installation) -> None:
    statuses = observe(it, DISABLED, "Enforce")
    assert_nothing_was_done(it, DISABLED, statuses)
    assert_money_is_told(it, DISABLED, statuses)
    counts = observed(it)
    assert counts.keys() == {
        ("Warn", "GPUIdle"),
        ("Warn", "GPUNeverUsed"),
        ("Pause", "GPUIdle"),
        ("Pause", "GPUNeverUsed"),
    }
    # Once for each job and step, not once a tick; a hole in the samples of a busy machine begins a step anew.
    assert max(counts.values()) <= 4
    assert mode_of(statuses["idle"]) == ("Stop", "EnforcementDisabled")
    assert "enforcement.enabled is false" in it.ebbtide("explain", "tjob/idle", "-n", DISABLED)


def test_a_policy_in_observe_plans_the_same_and_so_it_does_where_prometheus_honors_labels(it: Installation) -> None:
    it.prometheus.stop()
    it.prometheus.configure(it.plane.exporter.address, honor_labels=True)
    it.prometheus.start(fresh=True)
    it.upgrade({"enforcement": {"enabled": True}})
    statuses = observe(it, PLAIN, "Observe")
    assert it.prometheus.query(f'DCGM_FI_DEV_GPU_UTIL{{namespace="{PLAIN}",pod!=""}}')
    assert not it.prometheus.query('{exported_pod!=""}')
    assert_nothing_was_done(it, PLAIN, statuses)
    assert_money_is_told(it, PLAIN, statuses)
    assert mode_of(statuses["idle"]) == ("Stop", "ObserveOnly")
    assert observed(it)["Pause", "GPUIdle"] >= 1


def test_what_was_only_planned_is_warned_about_first_once_it_is_enforced(it: Installation) -> None:
    """The policy of the first test enforces since the chart was upgraded by the second."""
    it.wait("a pause", lambda: it.job("idle", DISABLED)["spec"].get("suspend"))
    it.wait("its Event", lambda: len(it.events("idle", DISABLED)) == 3, 10)
    created, warned, paused = it.events("idle", DISABLED)
    assert [created["action"], warned["action"], paused["action"]] == ["Create", "Warn", "Pause"]
    waited = datetime.fromisoformat(paused["eventTime"]) - datetime.fromisoformat(warned["eventTime"])
    assert waited.total_seconds() >= IDLE["warnSeconds"] - 0.5
    assert "wouldBe" not in it.status("idle", DISABLED)


def test_the_example_of_adoption_is_told_of_as_its_comments_say_and_left_as_it_is(it: Installation) -> None:
    it.apply(*(one.read_text(encoding="utf-8") for one in sorted((EXAMPLES / "adoption").glob("*.yaml"))))

    def adopted() -> dict[str, Document] | None:
        found = it.plane.api.items("/apis/ebbtide.dev/v1alpha1/namespaces/studio/adoptedworkloads")
        told = {one["metadata"]["name"]: one["status"] for one in found if "verdict" in one.get("status", {})}
        return told if len(told) == 3 else None

    found = it.wait("all three to be told of", adopted, 60)
    assert found.keys() == {"job-train", "deployment-playground", "deployment-search"}
    policies = {(one["policy"]["kind"], one["policy"]["name"]) for one in found.values()}
    assert policies == {("ClusterCostPolicy", "research")}
    reasons = {
        name: next(one["reason"] for one in status["conditions"] if one["type"] == "Succeeded")
        for name, status in found.items()
    }
    assert [name for name, reason in reasons.items() if reason == "VetoedByUser"] == ["deployment-search"]
    written = it.plane.audit().writes(user=SERVICE_ACCOUNT, namespace="studio")
    assert {one.resource for one in written} <= {"adoptedworkloads", "events"}


def mode_of(status: Document) -> tuple[str, str]:
    """How the last link of the chain of checks ended, and why."""
    return next((it["result"], it["reason"]) for it in status["checks"] if it["name"] == "mode")
