"""What policies and catalogs say about themselves."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ebbtide.core.object_status import ObjectStatus, changed_statuses
from ebbtide.core.plan import plan
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog, Policy
from ebbtide.core.status import fingerprint
from ebbtide.core.workload import StoredCondition, Workload
from tests.builders import (
    accepted,
    catalog,
    evidence,
    paused_job,
    policy,
    running_pods,
    settings,
    snapshot,
    state,
    unreadable_policy,
    watched,
    workload,
)

ROW = {"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}


def changed(policies: Iterable[Policy] = (), catalogs: Iterable[Catalog] = (), *works: Workload) -> list[ObjectStatus]:
    seen = state(*works, policies=policies, catalogs=list(catalogs))
    book = evidence()
    for it in works:
        for holder in running_pods(it):
            watched(book, holder, idle_for=960)
    return list(changed_statuses(plan(snapshot(seen, book)), seen, settings()))


def first_condition(found: ObjectStatus) -> tuple[str, str]:
    [told] = found.status["conditions"]
    return told["status"], told["reason"]


def stored(found: ObjectStatus) -> dict[str, Any]:
    """What the next tick reads back of it."""
    [told] = found.status["conditions"]
    condition = StoredCondition("Accepted", told["status"], told["reason"], 0.0, told["observedGeneration"])
    return {"conditions": (condition,), "status_fingerprint": fingerprint(found.status)}


def test_a_new_policy_is_told_at_once_how_far_it_reaches() -> None:
    works = [workload("a"), workload("b", target=paused_job("b")), workload("c", labels=())]
    [found] = changed([policy(conditions=())], [], *works)
    counts = {name: found.status[name] for name in ("selected", "idle", "paused")}
    assert counts == {"selected": 2, "idle": 1, "paused": 1}
    assert first_condition(found) == ("True", "Accepted")
    assert found.urgent


def test_a_policy_that_cannot_be_read_is_not_accepted() -> None:
    [found] = changed([unreadable_policy(conditions=())])
    assert first_condition(found) == ("False", "UnknownValue")
    assert "it is not used" in found.status["conditions"][0]["message"]


def test_a_policy_with_a_time_zone_that_does_not_exist_is_not_accepted() -> None:
    why = "spec.offPeak.timeZone: 'Mars/Phobos' is no IANA time zone; write one like Europe/Berlin"
    written = replace(unreadable_policy(conditions=()), problem=why, problem_reason=Reason.InvalidTimeZone)
    [found] = changed([written])
    assert first_condition(found) == ("False", "InvalidTimeZone")
    assert found.status["conditions"][0]["message"] == f"{why}; it is not used"


def test_what_is_stored_already_is_not_told_again() -> None:
    known = policy()
    [found] = changed([known])
    assert changed([replace(known, **stored(found))]) == []


def test_new_counts_can_wait_and_a_new_generation_cannot() -> None:
    known = policy()
    [first] = changed([known])
    kept = replace(known, **stored(first))
    [counts] = changed([kept], [], workload())
    assert not counts.urgent
    [again] = changed([replace(kept, generation=2)])
    assert again.urgent


def test_policies_of_one_name_in_two_namespaces_are_told_apart() -> None:
    found = changed([policy(), policy(namespace="speech", uid="other")], [], workload())
    assert {it.namespace: it.status["selected"] for it in found} == {"vision": 1, "speech": 0}


def test_a_catalog_in_another_currency_is_not_used() -> None:
    [found] = changed([], [catalog(ROW, currency="EUR")])
    assert first_condition(found) == ("False", "CurrencyMismatch")


def test_a_catalog_that_cannot_be_read_is_not_accepted() -> None:
    [found] = changed([], [replace(catalog(ROW), spec=None, problem="spec.nodes[0]: bad")])
    assert first_condition(found) == ("False", "UnknownValue")


def test_a_catalog_is_told_once() -> None:
    known = catalog(ROW)
    [found] = changed([], [known])
    assert first_condition(found) == ("True", "Accepted")
    assert changed([], [replace(known, **stored(found))]) == []


def test_the_builders_agree_with_the_store_about_acceptance() -> None:
    assert (accepted().status, accepted().reason) == ("True", "Accepted")
