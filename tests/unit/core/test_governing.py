"""Exactly one policy governs: which one, and what happens when the one that is named cannot be used."""

from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.governing import Governing, PolicyIndex
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Policy
from ebbtide.core.workload import CLAIMS, Intent, Namespace
from tests.adopted import cluster_policy
from tests.builders import NOW, policy, settings, unreadable_policy, workload

VISION = Namespace("vision", labels=(("stage", "research"),))


def governing(
    *policies: Policy, enforcement: bool = True, place: Namespace = VISION, options: Any = None, **changes: Any
) -> Governing:
    known = settings(enforcement=enforcement, **(options or {}))
    return PolicyIndex(policies, known).governing(workload(**changes), place)


def of(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


MANDATORY = of(precedence="Mandatory")
RESEARCH = {"matchLabels": {"stage": "research"}}
PRODUCTION = {"matchLabels": {"stage": "production"}}
NAMED = Intent(policy_name="CostPolicy/mine")
NAMED_FLEET = Intent(policy_name="ClusterCostPolicy/fleet")
CASES: dict[str, tuple[Governing, str]] = {
    "the one that selects it": (governing(policy("a")), "CostPolicy/a"),
    "none": (governing(), ""),
    "of another namespace": (governing(policy("a", namespace="speech")), ""),
    "selects other labels": (governing(policy("a", **of(selector={"matchLabels": {"tier": "web"}}))), ""),
    "selects everything": (governing(policy("a", **of(selector={}))), "CostPolicy/a"),
    "accelerators only, and it has none": (governing(policy("a", **of(selector={})), accelerators=0), ""),
    "accelerators only, and it claims some": (
        governing(policy("a", **of(selector={})), accelerators=0, accelerator_resource=CLAIMS),
        "CostPolicy/a",
    ),
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
    "one of the cluster, where the namespace has none": (governing(cluster_policy()), "ClusterCostPolicy/fleet"),
    "the namespace's own before one of the cluster": (
        governing(cluster_policy(**of(priority=9)), policy("a")),
        "CostPolicy/a",
    ),
    "one of the cluster, where the namespace's own selects other labels": (
        governing(cluster_policy(), policy("a", **of(selector={"matchLabels": {"tier": "web"}}))),
        "ClusterCostPolicy/fleet",
    ),
    "a mandatory one before the namespace's own": (
        governing(cluster_policy(**MANDATORY), policy("a", **of(priority=9))),
        "ClusterCostPolicy/fleet",
    ),
    "a mandatory one before the named one": (
        governing(cluster_policy(**MANDATORY), policy("mine"), intent=NAMED),
        "ClusterCostPolicy/fleet",
    ),
    "the named one before one of the cluster that is no order": (
        governing(cluster_policy(), policy("mine"), intent=NAMED),
        "CostPolicy/mine",
    ),
    "a mandatory one that selects other labels": (
        governing(cluster_policy(**of(precedence="Mandatory", selector={"matchLabels": {"tier": "web"}})), policy("a")),
        "CostPolicy/a",
    ),
    "a mandatory one that selects other kinds": (
        governing(cluster_policy(**of(precedence="Mandatory", kinds=["Deployment"])), policy("a")),
        "CostPolicy/a",
    ),
    "one of the cluster for these namespaces": (
        governing(cluster_policy(**of(namespaceSelector=RESEARCH))),
        "ClusterCostPolicy/fleet",
    ),
    "one of the cluster for other namespaces": (governing(cluster_policy(**of(namespaceSelector=PRODUCTION))), ""),
    "a mandatory one for other namespaces": (
        governing(cluster_policy(**of(precedence="Mandatory", namespaceSelector=PRODUCTION)), policy("a")),
        "CostPolicy/a",
    ),
    "one of the cluster that names the namespace": (
        governing(cluster_policy(**of(namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "vision"}}))),
        "ClusterCostPolicy/fleet",
    ),
    "of two mandatory ones the higher priority": (
        governing(cluster_policy("a", **MANDATORY), cluster_policy("z", **of(precedence="Mandatory", priority=1))),
        "ClusterCostPolicy/z",
    ),
    "of two of the cluster the older": (
        governing(cluster_policy("a"), cluster_policy("z", created_at=NOW - 200_000)),
        "ClusterCostPolicy/z",
    ),
    "of two of the cluster the name": (governing(cluster_policy("b"), cluster_policy("a")), "ClusterCostPolicy/a"),
    "one of the cluster by name, whatever it selects": (
        governing(
            cluster_policy(**of(selector={"matchLabels": {"no": "no"}}, kinds=["Pod"])),
            policy("a"),
            intent=NAMED_FLEET,
        ),
        "ClusterCostPolicy/fleet",
    ),
    "a mandatory one by name where it does not select it": (
        governing(cluster_policy(**of(precedence="Mandatory", kinds=["Pod"])), policy("a"), intent=NAMED_FLEET),
        "ClusterCostPolicy/fleet",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_which_policy_governs(case: tuple[Governing, str]) -> None:
    found, reference = case
    assert found.reference == reference
    place = "" if reference.startswith("ClusterCostPolicy/") else "vision"
    assert found.reference_in_namespace == (f"{place}/{reference}" if reference else "")
    assert found.message


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (governing(), Reason.NoPolicy),
        (governing(policy("a"), intent=NAMED), Reason.PolicyNotFound),
        (governing(policy("a"), policy("mine", namespace="speech"), intent=NAMED), Reason.PolicyNotFound),
        (governing(policy("a"), unreadable_policy("mine"), intent=NAMED), Reason.PolicyInvalid),
        (governing(policy("a"), cluster_policy("other"), intent=NAMED_FLEET), Reason.PolicyNotFound),
        (
            governing(policy("a"), cluster_policy(**of(namespaceSelector=PRODUCTION)), intent=NAMED_FLEET),
            Reason.PolicyNotFound,
        ),
        (
            governing(policy("a"), replace(cluster_policy(), spec=None, problem="spec.mode"), intent=NAMED_FLEET),
            Reason.PolicyInvalid,
        ),
    ],
    ids=[
        "none",
        "named and missing",
        "named and elsewhere",
        "named and not accepted",
        "of the cluster and missing",
        "of the cluster and for other namespaces",
        "of the cluster and not accepted",
    ],
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


@pytest.mark.parametrize(
    ("spec", "options", "writes"),
    [
        ({}, {}, "None"),
        ({"attribution": {}}, {}, "Objects"),
        ({"attribution": {"write": "None"}}, {}, "None"),
        ({"attribution": {"write": "ObjectsAndPods"}}, {}, "Objects"),
        ({"attribution": {"write": "ObjectsAndPods"}}, {"write_pods": True}, "ObjectsAndPods"),
        ({"attribution": {}, "mode": "Observe"}, {}, "None"),
    ],
    ids=["no section", "the default", "not at all", "pods, not granted", "pods", "Observe writes nothing"],
)
def test_where_attribution_labels_are_written(spec: dict[str, Any], options: dict[str, Any], writes: str) -> None:
    assert governing(policy(**of(**spec)), options=options).writes == writes
