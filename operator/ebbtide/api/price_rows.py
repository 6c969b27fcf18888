"""The rows of a PriceCatalog: one price each, and the time in which it holds."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from pydantic import Strict

from ebbtide.api.fields import (
    Amount,
    Factor,
    Identifier,
    ObjectName,
    Percent,
    ShortText,
    Timestamp,
)
from ebbtide.api.model import ApiModel, Rule, wire_name
from ebbtide.api.selector import LabelSelector
from ebbtide.api.vocabulary import PlacementClass


class Traffic(StrEnum):
    """Where traffic goes."""

    Internet = "Internet"
    InterRegion = "InterRegion"
    InterZone = "InterZone"


def _ends_after_it_starts(row: "Row") -> bool:
    return row.effective_to is None or row.effective_to > row.effective_from


def frozen_row(required: Iterable[str], optional: Iterable[str] = ()) -> Rule:
    """A price that was in force stays what it was: only its end may be set."""
    return Rule(
        " && ".join([*map(_same, required), *map(_same_if_there, optional)]),
        "a row cannot be changed but for effectiveTo: end this one with effectiveTo, and add a row with a new id",
    )


def _same(field_name: str) -> str:
    name = wire_name(field_name)
    return f"self.{name} == oldSelf.{name}"


def _same_if_there(field_name: str) -> str:
    """Spelled out: the API server cannot estimate the cost of `self.?name == oldSelf.?name`."""
    name = wire_name(field_name)
    return f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || {_same(field_name)})"


_ENDS_LATER = Rule(
    "!has(self.effectiveTo) || self.effectiveTo > self.effectiveFrom",
    "effectiveTo must be later than effectiveFrom",
    ".effectiveTo",
    _ends_after_it_starts,
)


class Row(ApiModel):
    """A price and the time in which it holds."""

    id: Identifier
    """Names the row in reports; unique in its list."""
    effective_from: Timestamp
    """Holds from this time on."""
    effective_to: Timestamp | None = None
    """Holds until before this time; absent: without end. The only field that may be changed."""


class NodeMatch(ApiModel):
    """Which nodes; all that is given must hold.

    The most specific row wins: a node selector beats the rest, then zone, region, instance type, capacity class.
    """

    rules: ClassVar = (
        Rule(
            "has(self.instanceType) || has(self.region) || has(self.zone) || has(self.capacityClass) || "
            "has(self.nodeSelector)",
            "match needs at least one of instanceType, region, zone, capacityClass, nodeSelector; for every node write "
            "nodeSelector: {}",
            "",
            lambda it: any(getattr(it, name) is not None for name in NodeMatch.model_fields),
        ),
    )

    instance_type: ShortText | None = None
    """Label node.kubernetes.io/instance-type."""
    region: ShortText | None = None
    """Label topology.kubernetes.io/region."""
    zone: ShortText | None = None
    """Label topology.kubernetes.io/zone."""
    capacity_class: PlacementClass | None = None
    """OnPrem, Reserved, OnDemand or Spot."""
    node_selector: LabelSelector | None = None
    """Labels of the node."""


class OnPrem(ApiModel):
    """What an own machine costs: price per hour = capex (1 - salvage) / (8760 h x years) + power + opex."""

    capex: Amount
    """Price of the machine."""
    gpus: Annotated[int, Strict(), Ge(1), Le(1024)]
    """Accelerators in it."""
    salvage_percent: Percent = 0
    """Share of the price that is left at the end."""
    life_years: Annotated[int, Strict(), Ge(1), Le(30)]
    """Years of use."""
    kilowatts: Amount | None = None
    """Power draw at full load; absent: power is not counted."""
    load_percent: Percent = 100
    """Mean draw as a share of kilowatts."""
    pue: Factor | None = None
    """Power usage effectiveness of the room; absent: 1."""
    price_per_kwh: Amount | None = None
    """Price of a kilowatt-hour; needed with kilowatts."""
    annual_opex_percent: Percent = 0
    """Yearly running costs as a share of capex."""

    rules: ClassVar = (
        Rule(
            "has(self.kilowatts) == has(self.pricePerKWh)",
            "kilowatts and pricePerKWh belong together: write both, or none to leave power out",
            ".pricePerKWh",
            lambda it: (it.kilowatts is None) == (it.price_per_kwh is None),
        ),
    )


class NodeRow(Row):
    """What a kind of node costs."""

    match: NodeMatch
    """Which nodes."""
    assign_capacity_class: PlacementClass | None = None
    """Capacity class of these nodes, where their labels do not say it."""
    node_hourly: Amount | None = None
    """Price of one node for one hour."""
    list_node_hourly: Amount | None = None
    """List price, for savings; absent: the on-demand row of the same type and region, else nodeHourly."""
    on_prem: OnPrem | None = None
    """Own machines: the price is computed from what they cost. Accepted; no effect yet. The nodes stay unpriced: write
    nodeHourly instead."""

    rules: ClassVar = (
        _ENDS_LATER,
        frozen_row(
            ("effective_from", "match"),
            ("assign_capacity_class", "node_hourly", "list_node_hourly", "on_prem"),
        ),
        Rule(
            "has(self.nodeHourly) != has(self.onPrem)",
            "write either nodeHourly (a price per hour) or onPrem (what the machine costs), and not both",
            ".nodeHourly",
            lambda it: (it.node_hourly is None) != (it.on_prem is None),
        ),
    )


class StorageRow(Row):
    """What storage costs."""

    storage_class: ObjectName
    """Name of the StorageClass."""
    price_per_gib_month: Amount
    """Price of one GiB for one month."""

    rules: ClassVar = (_ENDS_LATER, frozen_row(("storage_class", "price_per_gib_month", "effective_from")))


class EgressRow(Row):
    """What traffic costs."""

    match: Traffic
    """Internet, InterRegion or InterZone."""
    price_per_gib: Amount
    """Price of one GiB."""

    rules: ClassVar = (_ENDS_LATER, frozen_row(("match", "price_per_gib", "effective_from")))


class EnergyRow(Row):
    """What energy costs, in money and in carbon."""

    pue: Factor | None = None
    """Power usage effectiveness; absent: 1."""
    price_per_kwh: Amount | None = None
    """Price of a kilowatt-hour."""
    grams_co2e_per_kwh: Amount | None = None
    """Grams of CO2 equivalent per kilowatt-hour."""

    rules: ClassVar = (
        _ENDS_LATER,
        frozen_row(("effective_from",), ("pue", "price_per_kwh", "grams_co2e_per_kwh")),
        Rule(
            "has(self.pricePerKWh) || has(self.gramsCO2ePerKWh)",
            "write pricePerKWh, gramsCO2ePerKWh or both",
            "",
            lambda it: it.price_per_kwh is not None or it.grams_co2e_per_kwh is not None,
        ),
    )
