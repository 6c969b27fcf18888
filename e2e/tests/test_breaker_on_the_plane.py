"""Acceptance test 20 on a real control plane: most of a fleet goes idle in one cycle, and a human lets the pauses come.

Twenty jobs, from which number on the fleet's limits count, under the chart's own limits. The exporter says of twelve of
them at once that they do nothing, as a broken one does. Prometheus scrapes the operator too, so that the alert's own
expression is asked.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import yaml

from e2e.installation import NAMESPACE, SERVICE_ACCOUNT, Document, Installation, cost_policy, namespace, training_job
from e2e.plane import AuditWrite
from e2e.replicas import LEASE_PATH

pytestmark = pytest.mark.plane

WHERE: Final = "fleet"
IDLE: Final = {"afterSeconds": 20, "warnSeconds": 8, "graceSeconds": 2}
"""The verdict comes 8 s before the first pause: the whole jump is in sight before one is due."""
IDLERS: Final = tuple(f"falls-silent-{number:02}" for number in range(12))
WORKERS: Final = tuple(f"works-{number}" for number in range(8))
ALERTS: Final = Path(__file__).resolve().parents[2] / "charts" / "ebbtide" / "files" / "alerts.yaml"
PERSON: Final = "grace@example.com"
UNTIL: Final = "ebbtide.dev/breaker-until"
ALLOWED: Final = 2
"""safety.pausedPercentPerHour of the chart is 10, of twenty devices."""


@pytest.fixture(scope="module")
def it(install: Callable[..., Installation]) -> Installation:
    """An enforcing installation with the chart's limits; all twenty jobs are at work."""
    found = install(nodes=3, values={"enforcement": {"enabled": True}})
    found.prometheus.stop()
    found.prometheus.configure(found.plane.exporter.address, others=[found.operator.url.removeprefix("http://")])
    found.prometheus.start()
    found.apply(namespace(WHERE))
    found.plane.wait_default_service_account(WHERE)
    found.apply(cost_policy(WHERE, IDLE), *(training_job(name, WHERE, "busy:1") for name in (*IDLERS, *WORKERS)))
    found.wait("a fleet at work", lambda: verdicts(found) == {"Active": len(IDLERS) + len(WORKERS)}, 120)
    return found


def statuses(it: Installation) -> dict[str, Document]:
    jobs = it.plane.api.items(f"/apis/ebbtide.dev/v1alpha1/namespaces/{WHERE}/trainingjobs")
    return {job["metadata"]["name"]: job.get("status") or {} for job in jobs}


def verdicts(it: Installation) -> Counter[str]:
    return Counter((status.get("verdict") or {}).get("value", "") for status in statuses(it).values())


def decided(it: Installation, reason: str) -> dict[str, str]:
    """Name to message of the jobs for which that reason decides now."""
    conditions = {
        name: one
        for name, status in statuses(it).items()
        for one in status.get("conditions") or ()
        if one["type"] == "Succeeded"
    }
    return {name: one["message"] for name, one in conditions.items() if one["reason"] == reason}


def marks(it: Installation) -> dict[str, str]:
    return it.plane.api.get(LEASE_PATH)["metadata"].get("annotations") or {}


def told(it: Installation) -> bool:
    """What the operator's metric says."""
    metrics = dict(line.rsplit(" ", 1) for line in it.operator.metrics().splitlines() if not line.startswith("#"))
    return float(metrics["ebbtide_circuit_breaker_open"]) == 1


def alert_fires(it: Installation) -> bool:
    """What Prometheus answers to the expression of the chart's alert, which waits for nothing more."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    (alert,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == "EbbtideBreakerOpen"]
    assert "for" not in alert
    return bool(it.prometheus.query(alert["expr"]))


def suspensions(it: Installation) -> list[AuditWrite]:
    """Every accepted write that suspended a Job, whoever sent it."""
    writes = it.plane.audit().writes(resource="jobs", subresource="", succeeded=True)
    return [one for one in writes if one.verb != "create" and (one.body or {}).get("spec", {}).get("suspend")]


def test_a_fleet_that_goes_idle_at_once_is_not_paused_until_a_human_says_so(it: Installation) -> None:
    it.wait("the breaker being told as closed", lambda: it.prometheus.query("ebbtide_circuit_breaker_open == 0"))
    assert UNTIL not in marks(it)
    assert not alert_fires(it)

    it.plane.exporter.control(activity={f"{WHERE}/falls-silent-*": "idle"})
    it.wait("an open breaker on the Lease", lambda: marks(it).get(UNTIL), 120)
    assert datetime.fromisoformat(marks(it)[UNTIL]) > datetime.now(UTC)
    it.wait("the metric of the open breaker", lambda: told(it))
    it.wait("the alert", lambda: alert_fires(it))

    # Each of them would be paused by now, and is not.
    it.wait("all that are due being refused", lambda: decided(it, "CircuitBreakerOpen").keys() == set(IDLERS), 120)
    assert "`kubectl ebbtide resume --breaker` closes it" in decided(it, "CircuitBreakerOpen")[IDLERS[0]]
    assert suspensions(it) == []

    person = it.person(PERSON, NAMESPACE, "edit")
    assert "idle pauses are allowed again" in it.ebbtide("resume", "--breaker", kubeconfig=person)
    it.wait("the metric of the closed breaker", lambda: not told(it))
    it.wait("the end of the alert", lambda: not alert_fires(it))

    refused = it.wait("pauses up to the limit", lambda: at_the_limit(it), 120)
    assert all("10 % (2)" in message for message in refused.values())
    assert_what_was_written(it)


def at_the_limit(it: Installation) -> dict[str, str] | None:
    """Who is not paused and why, when as many are paused as may be in an hour."""
    refused = decided(it, "TooManyPauses")
    return refused if len(suspensions(it)) >= ALLOWED and len(refused) == len(IDLERS) - ALLOWED else None


def assert_what_was_written(it: Installation) -> None:
    """As many pauses as allowed, of idle work, by the operator, after the human's word; the breaker stays closed."""
    (word,) = it.plane.audit().wait_for(1, user=PERSON, verb="patch", resource="leases", succeeded=True)
    paused = suspensions(it)
    assert len({one.name for one in paused}) == len(paused) == ALLOWED
    assert {one.name for one in paused} <= set(IDLERS)
    assert {one.user for one in paused} == {SERVICE_ACCOUNT}
    assert min(one.received for one in paused) > word.received
    assert not told(it)
    for name in WORKERS:
        assert {event["action"] for event in it.events(name, WHERE)} == {"Create"}
    restore = [json.loads(one.body["metadata"]["annotations"]["ebbtide.dev/restore"]) for one in paused]
    assert [one["reason"] for one in restore] == ["GPUIdle"] * ALLOWED
