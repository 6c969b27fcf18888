"""What is taken over from one plan to the next, and what is joined anew. That it decides nothing: tests/property."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ebbtide.core.facts import Facts
from ebbtide.core.plan import plan
from ebbtide.core.snapshot import Snapshot
from ebbtide.core.workload import Attribution, Namespace
from tests.builders import catalog, node, pod, policy, settings, snapshot, state, workload

ROW = {"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}
WORK = workload()
BEFORE = snapshot(
    state(WORK, pods={WORK.key: (pod("a"), pod("b", accelerators=0))}, catalogs=[catalog(ROW)], policies=[policy()])
)
SPOT = replace(node(), labels=(*node().labels, ("karpenter.sh/capacity-type", "spot")))
PAYER = policy(spec={"attribution": {"defaults": {"team": "vision"}}})


def facts(world: Snapshot) -> Facts:
    """What a plan knows after the plan of BEFORE."""
    known = plan(world, plan(BEFORE).memo).memo
    assert known is not None
    return known.facts[WORK.uid]


def changed(**parts: Any) -> Snapshot:
    return replace(BEFORE, cluster=replace(BEFORE.cluster, **parts))


def test_what_has_not_changed_is_the_same_object() -> None:
    first = plan(BEFORE).memo
    assert first is not None
    again = replace(changed(pods=dict(BEFORE.cluster.pods), nodes=dict(BEFORE.cluster.nodes)), now=BEFORE.now + 30)
    second = plan(again, first).memo
    assert second is not None
    assert second.facts[WORK.uid] is first.facts[WORK.uid]
    assert (second.prices, second.policies) == (first.prices, first.policies)


def test_pods_that_came_are_counted_and_rules_stay() -> None:
    first, found = plan(BEFORE).memo, facts(changed(pods={WORK.key: (pod("a"), pod("c"))}))
    assert [it.name for it in found.lineup.running] == ["a", "c"]
    assert found.upkeep.devices == 4
    assert first is not None
    assert found.rules == first.facts[WORK.uid].rules


CHANGES: Mapping[str, tuple[dict[str, Any], str, Any]] = {
    "a policy": ({"policies": [PAYER]}, "rules.attribution", Attribution(team="vision")),
    "no policy": ({"policies": []}, "rules.reference", ""),
    "a namespace": ({"namespaces": {"vision": Namespace("vision", never_pause=True)}}, "rules.allowance", None),
    "a protected namespace": ({"namespaces": {"vision": Namespace("vision", protected=True)}}, "protected", True),
    "a price": ({"catalogs": []}, "upkeep.hourly.amount", None),
    "a node": ({"nodes": {"n1": SPOT}}, "upkeep.capacity_class", "Spot"),
}


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES)
def test_what_changed_is_seen(case: tuple[dict[str, Any], str, Any]) -> None:
    parts, path, want = case
    old: Any = facts(BEFORE)
    found: Any = facts(changed(**parts))
    for name in path.split("."):
        old, found = getattr(old, name), getattr(found, name)
    assert found != old
    assert want is None or found == want


def test_a_changed_workload_is_joined_anew() -> None:
    other = replace(WORK, labels=(("tier", "other"),))
    assert facts(changed(workloads=[other])).rules.reference == ""


def test_the_operators_own_namespace_is_protected_also_when_that_is_new() -> None:
    assert facts(replace(BEFORE, settings=settings(operator_namespace="vision"))).protected
