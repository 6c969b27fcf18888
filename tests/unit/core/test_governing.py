"""Exactly one policy governs: which one, and what happens when the one that is named cannot be used."""

from typing import Any

import pytest

from ebbtide.core.governing import Governing, PolicyIndex
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import Intent
from tests.builders import NOW, policy, settings, unreadable_policy, workload


def governing(*policies: Policy, enforcement: bool = True, **changes: Any) -> Governing:
    return PolicyIndex(policies, settings(enforcement=enforcement)).governing(workload(**changes))


def of(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


NAMED = Intent(policy_name="CostPolicy/mine")
CASES: dict[str, tuple[Governing, str]] = {
    "the one that selects it": (governing(policy("a")), "CostPolicy/a"),
    "none": (governing(), ""),
    "of another namespace": (governing(policy("a", namespace="speech")), ""),
    "selects other labels": (governing(policy("a", **of(selector={"matchLabels": {"tier": "web"}}))), ""),
    "selects everything": (governing(policy("a", **of(selector={}))), "CostPolicy/a"),
    "selects other kinds": (governing(policy("a", **of(kinds=["Deployment"]))), ""),
    "selects its kind": (governing(policy("a", **of(kinds=["Job", "TrainingJob"]))), "CostPolicy/a"),
    "work without accelerator": (governing(policy("a"), accelerators=0), ""),
    "work without accelerator, included": (
        governing(policy("a", **of(include="AllWorkloads")), accelerators=0),
        "CostPolicy/a",
    ),
    "the higher priority": (governing(policy("a"), policy("z", **of(priority=1))), "CostPolicy/z"),
    "the older": (governing(policy("a"), policy("z", created_at=NOW - 200_000)), "CostPolicy/z"),
    "the name": (governing(policy("b"), policy("a")), "CostPolicy/a"),
    "priority beats age": (
        governing(policy("a", **of(priority=1)), policy("z", created_at=NOW - 200_000)),
        "CostPolicy/a",
    ),
    "one that is not accepted is not used": (governing(unreadable_policy("a"), policy("b")), "CostPolicy/b"),
    "the named one, whatever it selects": (
        governing(
            policy("a"), policy("mine", **of(selector={"matchLabels": {"no": "no"}}, kinds=["Pod"])), intent=NAMED
        ),
        "CostPolicy/mine",
    ),
    "the named one, whatever the priority": (
        governing(policy("a", **of(priority=9)), policy("mine"), intent=NAMED),
        "CostPolicy/mine",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_which_policy_governs(case: tuple[Governing, str]) -> None:
    found, reference = case
    assert found.reference == reference
    assert found.reference_in_namespace == (f"vision/{reference}" if reference else "")
    assert found.message


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (governing(), Reason.NoPolicy),
        (governing(policy("a"), intent=NAMED), Reason.PolicyNotFound),
        (governing(policy("a"), policy("mine", namespace="speech"), intent=NAMED), Reason.PolicyNotFound),
        (governing(policy("a"), unreadable_policy("mine"), intent=NAMED), Reason.PolicyInvalid),
    ],
    ids=["none", "named and missing", "named and elsewhere", "named and not accepted"],
)
def test_a_named_policy_never_falls_through(found: Governing, reason: Reason) -> None:
    assert (found.policy, found.reason, found.enforce) == (None, reason, False)


@pytest.mark.parametrize(
    ("mode", "enforcement", "enforces"),
    [("Enforce", True, True), ("Enforce", False, False), ("Observe", True, False)],
)
def test_a_policy_acts_where_both_its_mode_and_the_chart_say_so(mode: str, enforcement: bool, enforces: bool) -> None:
    assert governing(policy(**of(mode=mode)), enforcement=enforcement).enforce is enforces


def test_the_order_of_the_store_does_not_matter() -> None:
    known = [policy("c"), policy("a"), policy("b", **of(priority=-1))]
    assert {governing(*known).reference, governing(*reversed(known)).reference} == {"CostPolicy/a"}
