"""What an hour costs: which row wins, how a node is split, and when nothing is said."""

from decimal import Decimal
from typing import Any

import pytest

from ebbtide.api.vocabulary import CapacityClass
from ebbtide.core.capacity import LABELLED, labelled_class
from ebbtide.core.pricing import PriceBook, Rate, capacity_class
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog
from ebbtide.core.workload import Node
from tests.builders import NOW, catalog, pod

TYPE = {"node.kubernetes.io/instance-type": "p5.48xlarge"}
PLACE = {"topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": "us-east-1a"}
LABELS = {**TYPE, **PLACE, "karpenter.sh/capacity-type": "spot", "site": "dc1"}
BY_TYPE = {"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}
GPU_ONLY = {"nodeSplit": {"mode": "GPUOnly"}}


def machine(name: str = "n1", labels: dict[str, str] = LABELS, accelerators: int = 8) -> Node:
    return Node(name, tuple(sorted(labels.items())), accelerators, 100.0, 1000)


def book(
    *catalogs: Catalog, nodes: tuple[Node, ...] = (machine(),), currency: str = "USD", now: float = NOW
) -> PriceBook:
    return PriceBook(catalogs, {it.name: it for it in nodes}, currency, now)


def rate(*rows: dict[str, Any], **spec: Any) -> Rate:
    return book(catalog(*rows, **spec)).rate("n1")


def row(hourly: str, **match: Any) -> dict[str, Any]:
    return {"match": match, "nodeHourly": hourly}


BY_SELECTOR = row("1", nodeSelector={"matchLabels": {"site": "dc1"}})
BY_ZONE = row("2", zone="us-east-1a")
BY_REGION = row("3", region="us-east-1")
BY_INSTANCE = row("4", instanceType="p5.48xlarge")
BY_CLASS = row("5", capacityClass="Spot")
BY_TYPE_AND_REGION = row("6", instanceType="p5.48xlarge", region="us-east-1")
WINNERS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a node selector beats a zone": ([BY_ZONE, BY_SELECTOR], "1"),
    "a zone beats a region": ([BY_REGION, BY_ZONE], "2"),
    "a region beats an instance type": ([BY_INSTANCE, BY_REGION], "3"),
    "an instance type beats a class": ([BY_CLASS, BY_INSTANCE], "4"),
    "two keys beat one of them": ([BY_REGION, BY_TYPE_AND_REGION], "6"),
    "a zone beats type and region": ([BY_TYPE_AND_REGION, BY_ZONE], "2"),
    "all keys given must hold": ([row("9", zone="us-east-1a", instanceType="other"), BY_INSTANCE], "4"),
}


@pytest.mark.parametrize("case", WINNERS.values(), ids=WINNERS)
def test_the_most_specific_row_wins(case: tuple[list[dict[str, Any]], str]) -> None:
    rows, hourly = case
    assert rate(*rows, **GPU_ONLY).per_device == Decimal(hourly) / 8


UNPRICED: dict[str, tuple[Rate, Reason]] = {
    "no catalog": (book().rate("n1"), Reason.NodeUnpriced),
    "no row matches": (rate(row("1", zone="elsewhere")), Reason.NodeUnpriced),
    "a node that nobody knows": (book(catalog(BY_TYPE)).rate("n9"), Reason.NodeUnpriced),
    "two equally specific rows": (rate(BY_INSTANCE, row("7", instanceType="p5.48xlarge")), Reason.CatalogOverlap),
    "two equally specific rows of two catalogs": (
        book(catalog(BY_INSTANCE), catalog(BY_INSTANCE, name="other")).rate("n1"),
        Reason.CatalogOverlap,
    ),
    "another currency": (book(catalog(BY_TYPE), currency="EUR").rate("n1"), Reason.NodeUnpriced),
    "not in force yet": (rate({**BY_TYPE, "effectiveFrom": "2026-12-01T00:00:00Z"}), Reason.NodeUnpriced),
    "not in force any more": (rate({**BY_TYPE, "effectiveTo": "2026-11-01T00:00:00Z"}), Reason.NodeUnpriced),
    "an own machine, not computed yet": (
        rate({"match": {"instanceType": "p5.48xlarge"}, "onPrem": {"capex": "320000", "gpus": 8, "lifeYears": 4}}),
        Reason.NodeUnpriced,
    ),
}


@pytest.mark.parametrize("case", UNPRICED.values(), ids=UNPRICED)
def test_what_is_not_priced_is_not_guessed(case: tuple[Rate, Reason]) -> None:
    found, reason = case
    assert (found.per_device, found.reason) == (None, reason)


def test_validity_is_half_open() -> None:
    rows = [
        {**BY_TYPE, "id": "old", "effectiveTo": "2026-11-18T11:10:00Z"},
        {**BY_TYPE, "id": "new", "nodeHourly": "40", "effectiveFrom": "2026-11-18T11:10:00Z"},
    ]
    assert book(catalog(*rows), now=NOW - 1).rate("n1").row_id == "old"
    assert book(catalog(*rows), now=NOW).rate("n1").row_id == "new"


def test_gpu_only_puts_the_whole_node_on_its_devices() -> None:
    found = rate(BY_TYPE, **GPU_ONLY)
    assert (found.per_device, found.per_cpu, found.per_byte) == (Decimal(10), 0, 0)


def test_weights_add_up_to_the_node() -> None:
    found = rate(BY_TYPE)
    whole = pod(accelerators=8, cpu=100.0, memory_bytes=1000)
    assert found.per_device == Decimal("9.5")
    assert book(catalog(BY_TYPE)).hourly([whole]).amount == 80


def test_an_hour_of_a_gang_adds_up_its_pods() -> None:
    prices = book(catalog(BY_TYPE, **GPU_ONLY), nodes=(machine("n1"), machine("n2")))
    hourly = prices.hourly([pod("a", node="n1", accelerators=2), pod("b", node="n2", accelerators=4)])
    assert (hourly.amount, hourly.currency, hourly.unpriced_nodes) == (60, "USD", ())


def test_one_unpriced_node_leaves_the_sum_unsaid() -> None:
    prices = book(catalog(BY_TYPE), nodes=(machine("n1"), machine("n2", labels={})))
    hourly = prices.hourly([pod("a", node="n1"), pod("b", node="n2")])
    assert (hourly.amount, hourly.unpriced_nodes) == (None, ("n2",))


OWN = {"match": {"instanceType": "p5.48xlarge"}, "onPrem": {"capex": "320000", "gpus": 8, "lifeYears": 4}}
RATES = {"gpuHourly": "5", "cpuHourly": "0.03", "memoryGiBHourly": "0.004"}
NO_EFFECT: dict[str, Catalog] = {
    "an own machine": catalog(OWN),
    "Residual": catalog(BY_TYPE, nodeSplit={"mode": "Residual", **RATES}),
    "OpenCostRatio": catalog(BY_TYPE, nodeSplit={"mode": "OpenCostRatio", **RATES}),
}


@pytest.mark.parametrize("case", NO_EFFECT.values(), ids=NO_EFFECT)
def test_a_row_that_matches_without_effect_is_told_from_none(case: Catalog) -> None:
    prices = book(case, nodes=(machine("n1"), machine("n2", labels={})))
    found = prices.hourly([pod("a", node="n1"), pod("b", node="n2"), pod("c", node="n1")])
    assert (found.amount, found.unpriced_nodes, found.overlap) == (None, ("n1", "n2"), False)
    assert found.without_effect == (("n1", "row-0"),)


@pytest.mark.parametrize(
    ("labels", "meaning"),
    [
        ({}, CapacityClass.Unknown),
        ({"karpenter.sh/capacity-type": "spot"}, CapacityClass.Spot),
        ({"karpenter.sh/capacity-type": "on-demand"}, CapacityClass.OnDemand),
        ({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}, CapacityClass.Reserved),
        ({"cloud.google.com/gke-spot": "true"}, CapacityClass.Spot),
        ({"cloud.google.com/gke-spot": "false"}, CapacityClass.Unknown),
        ({"kubernetes.azure.com/scalesetpriority": "regular"}, CapacityClass.OnDemand),
        ({"kubernetes.azure.com/scalesetpriority": "new"}, CapacityClass.Unknown),
    ],
)
def test_what_labels_say_about_the_terms_of_a_node(labels: dict[str, str], meaning: CapacityClass) -> None:
    assert labelled_class(labels) is meaning
    assert set(labels) <= {label for label, _, _ in LABELLED}


def test_a_row_can_assign_the_class_of_its_nodes() -> None:
    own = machine(labels=TYPE)
    prices = book(catalog({**BY_TYPE, "assignCapacityClass": "OnPrem"}), nodes=(own,))
    assert capacity_class([pod()], prices) == "OnPrem"


@pytest.mark.parametrize(
    ("nodes", "shown"),
    [((), ""), (("n1",), "Spot"), (("n1", "n1"), "Spot"), (("n1", "n2"), "Unknown"), (("",), "")],
    ids=["no pod", "one", "all alike", "two classes", "not bound"],
)
def test_the_class_under_a_gang(nodes: tuple[str, ...], shown: str) -> None:
    prices = book(nodes=(machine("n1"), machine("n2", labels={"karpenter.sh/capacity-type": "on-demand"})))
    assert capacity_class([pod(str(at), node=it) for at, it in enumerate(nodes)], prices) == shown
