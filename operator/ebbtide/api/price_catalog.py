"""PriceCatalog: what nodes, storage, traffic and energy cost, each price with the time in which it holds."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ebbtide.api.conditions import Conditions
from ebbtide.api.fields import (
    Amount,
    Currency,
    Identifier,
    ObjectName,
    Percent,
    at_most,
    map_by,
)
from ebbtide.api.model import ApiModel, Rule
from ebbtide.api.price_rows import EgressRow, EnergyRow, NodeRow, StorageRow
from ebbtide.api.resource import ACCEPTED, AGE, Column, Definition, Resource


class SplitMode(StrEnum):
    """How the price of a node is split over what it has."""

    GPUOnly = "GPUOnly"
    Weights = "Weights"
    Residual = "Residual"
    OpenCostRatio = "OpenCostRatio"


class TariffUnit(StrEnum):
    """What the values of a tariff mean."""

    PricePerKWh = "PricePerKWh"
    PricePerNodeHour = "PricePerNodeHour"
    GramsCO2ePerKWh = "GramsCO2ePerKWh"


def _has_rates(split: "NodeSplit") -> bool:
    return split.cpu_hourly is not None and split.memory_gib_hourly is not None


class NodeSplit(ApiModel):
    """How the price of a node is split into GPU, CPU and memory. In every mode the parts add up to the node."""

    rules: ClassVar = (
        Rule(
            "!has(self.mode) || self.mode != 'Weights' || "
            "self.gpuPercent + self.cpuPercent + self.memoryPercent == 100",
            "gpuPercent, cpuPercent and memoryPercent (95, 3 and 2 unless you write them) must add up to 100: "
            "write all three",
            ".gpuPercent",
            lambda it: it.mode is not SplitMode.Weights or it.gpu_percent + it.cpu_percent + it.memory_percent == 100,
        ),
        Rule(
            "!has(self.mode) || self.mode != 'Residual' || (has(self.cpuHourly) && has(self.memoryGiBHourly))",
            "mode Residual needs cpuHourly and memoryGiBHourly: the GPUs get what these leave of the node's price",
            ".mode",
            lambda it: it.mode is not SplitMode.Residual or _has_rates(it),
        ),
        Rule(
            "!has(self.mode) || self.mode != 'OpenCostRatio' || "
            "(has(self.gpuHourly) && has(self.cpuHourly) && has(self.memoryGiBHourly))",
            "mode OpenCostRatio needs gpuHourly, cpuHourly and memoryGiBHourly: their ratio splits the node's price",
            ".mode",
            lambda it: it.mode is not SplitMode.OpenCostRatio or (_has_rates(it) and it.gpu_hourly is not None),
        ),
    )

    mode: SplitMode = SplitMode.Weights
    """GPUOnly: GPUs carry all. Weights: fixed shares. Residual: GPUs get what CPU and memory at their rates leave.
    OpenCostRatio: in the ratio of three rates. Residual and OpenCostRatio are accepted and have no effect yet: the
    nodes stay unpriced."""
    gpu_percent: Percent = 95
    """Weights: share of the GPUs."""
    cpu_percent: Percent = 3
    """Weights: share of the CPUs."""
    memory_percent: Percent = 2
    """Weights: share of the memory."""
    gpu_hourly: Amount | None = None
    """OpenCostRatio: rate of one GPU for one hour. Accepted; no effect yet."""
    cpu_hourly: Amount | None = None
    """Residual, OpenCostRatio: rate of one CPU for one hour. Accepted; no effect yet."""
    memory_gib_hourly: Amount | None = None
    """Residual, OpenCostRatio: rate of one GiB of memory for one hour. Accepted; no effect yet."""


class ConfigMapKeyRef(ApiModel):
    """A key of a ConfigMap in the operator's namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: Identifier
    """Key in it; its value is CSV with the header from,to,value and RFC 3339 times."""


class Tariff(ApiModel):
    """Prices that change with time, read from a ConfigMap."""

    name: Identifier
    """Names the tariff, for tariffRef."""
    unit: TariffUnit
    """PricePerKWh, PricePerNodeHour or GramsCO2ePerKWh."""
    config_map_ref: ConfigMapKeyRef
    """Where the values stand."""


class PriceCatalogSpec(ApiModel):
    """The prices."""

    currency: Currency
    """ISO 4217; must be the currency of the ledger."""
    node_split: NodeSplit = Field(default_factory=NodeSplit)
    """How the price of a node is split. Absent: Weights, 95/3/2."""
    nodes: Annotated[tuple[NodeRow, ...], at_most(512), map_by("id")] = Field(default_factory=tuple)
    """Prices of nodes. A node that no row matches is unpriced; nothing is guessed."""
    storage: Annotated[tuple[StorageRow, ...], at_most(128), map_by("id")] = Field(default_factory=tuple)
    """Prices of storage. Accepted; no effect yet."""
    egress: Annotated[tuple[EgressRow, ...], at_most(128), map_by("id")] = Field(default_factory=tuple)
    """Prices of traffic. Accepted; no effect yet."""
    energy: Annotated[tuple[EnergyRow, ...], at_most(128), map_by("id")] = Field(default_factory=tuple)
    """Prices and carbon of energy. Accepted; no effect yet."""
    tariffs: Annotated[tuple[Tariff, ...], at_most(64), map_by("name")] = Field(default_factory=tuple)
    """Prices that change with time. Accepted; no effect yet."""


class PriceCatalogStatus(ApiModel):
    """Whether the catalog is used."""

    conditions: Conditions = Field(default_factory=tuple)
    """Accepted: whether the catalog is used, and if not, why."""


class PriceCatalog(Resource):
    """Prices of nodes, storage, traffic and energy, with the times in which they hold.

    The rows of all catalogs form one set.
    """

    definition: ClassVar = Definition(
        kind="PriceCatalog",
        plural="pricecatalogs",
        singular="pricecatalog",
        short_name="pricecat",
        scope="Cluster",
        columns=(Column("CURRENCY", ".spec.currency", description="ISO 4217."), ACCEPTED, AGE),
    )

    spec: PriceCatalogSpec
    """The prices."""
    status: PriceCatalogStatus = Field(default_factory=PriceCatalogStatus)
    """Whether the catalog is used. Written by the operator only."""
