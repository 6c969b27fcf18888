"""What an hour costs: nodes matched to catalog rows, split over their devices, added up per workload.

A node that nothing matches, or that two equally specific rows match, is unpriced: never a guessed constant.
Formulas: P_gpu = share N / g, P_cpu = share N / c, P_ram = share N / r, so that the parts add up to the node.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ebbtide.api.price_catalog import NodeSplit, SplitMode
from ebbtide.api.price_rows import NodeMatch, NodeRow
from ebbtide.api.vocabulary import CapacityClass
from ebbtide.core.capacity import labelled_class
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog
from ebbtide.core.workload import HourlyCost, Instant, Node, Pod

ZERO = Decimal(0)
PRICED_SPLITS = frozenset({SplitMode.GPUOnly, SplitMode.Weights})
WITHOUT_EFFECT = "onPrem, and nodeSplit Residual and OpenCostRatio, have no effect yet"
HOW_TO_END_OVERLAP = "end one with effectiveTo, or match it closer"
HOW_TO_PRICE = (
    "end the onPrem row with effectiveTo and add one with nodeHourly, or set nodeSplit.mode: Weights or GPUOnly"
)
"""What gives nodes a price that a row matches without effect; a second matching row would be a CatalogOverlap."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Price of a node's parts for one hour; amounts None: unpriced, for `reason`."""

    per_device: Decimal | None
    per_cpu: Decimal = ZERO
    per_byte: Decimal = ZERO
    currency: str = ""
    capacity_class: CapacityClass = CapacityClass.Unknown
    reason: Reason = Reason.AllPriced
    row_id: str = ""
    """The row that matches; with amounts None: what it prices by has no effect yet."""
    node: Decimal | None = None
    """The whole node."""


@dataclass(frozen=True, slots=True)
class _Offer:
    row: NodeRow
    split: NodeSplit
    currency: str


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a workload holds now and what that costs."""

    hourly: HourlyCost | None
    """None: no pod is bound."""
    capacity_class: str
    """Empty: no pod is bound."""
    devices: int
    """Held by its bound pods."""


class PriceBook:
    """The rows of all catalogs in force at one instant. Rates and costs are remembered: same input, same answer."""

    def __init__(self, catalogs: Sequence[Catalog], nodes: Mapping[str, Node], currency: str, now: Instant) -> None:
        """Catalogs in another currency than the ledger's are left out."""
        self._nodes = nodes
        used = (it for it in catalogs if it.spec is not None and it.spec.currency == currency)
        self._offers = [offer for catalog in used for offer in _in_force(catalog, now)]
        self.source = (self._offers, nodes)
        """All that rates depend on."""
        self._rates: dict[str, Rate] = {}
        self._alike: dict[Rate, Rate] = {}
        """One object for all nodes of one rate."""
        self._costs: dict[HourlyCost, HourlyCost] = {}
        """One object for all workloads that cost the same."""
        self._amounts: dict[tuple[int, int, float, int], Decimal] = {}
        """Pods of a gang and nodes of a pool are alike: by rate, devices, CPU and memory."""

    def upkeep(self, pods: Iterable[Pod]) -> Upkeep:
        """Devices, hourly cost and capacity class of a workload with these pods."""
        bound = [pod for pod in pods if pod.node]
        devices = sum(pod.accelerators for pod in bound)
        return Upkeep(self.hourly(bound) if bound else None, capacity_class(bound, self), devices)

    def rate(self, node_name: str) -> Rate:
        """The rate of one node."""
        found = self._rates.get(node_name)
        if found is None:
            node = self._nodes.get(node_name)
            found = self._compute(node) if node else Rate(None, reason=Reason.NodeUnpriced)
            found = self._rates[node_name] = self._alike.setdefault(found, found)
        return found

    def list_rate(self, node_name: str) -> Rate:
        """The same at list price: the row's own, else what such a node costs on demand, else its price."""
        node, rate = self._nodes.get(node_name), self.rate(node_name)
        if node is None or rate.per_device is None:
            return rate
        labels = dict(node.labels)
        offer = self._best(labels, labelled_class(labels))
        if isinstance(offer, Reason):
            return rate
        listed = offer.row.list_node_hourly
        if listed is None:
            like = self._best(labels, CapacityClass.OnDemand)
            listed = offer.row.node_hourly if isinstance(like, Reason) else like.row.node_hourly
        return rate if listed is None else _split(offer, node, rate.capacity_class, listed)

    def hourly(self, pods: Iterable[Pod]) -> HourlyCost:
        """One hour of these bound pods; amount None as soon as one of their nodes is unpriced."""
        total, currency, overlap = ZERO, "", False
        unpriced: set[str] = set()
        matched: dict[str, str] = {}
        for pod in pods:
            rate = self.rate(pod.node)
            if rate.per_device is None:
                unpriced.add(pod.node)
                overlap = overlap or rate.reason is Reason.CatalogOverlap
                matched |= {pod.node: rate.row_id} if rate.row_id else {}
                continue
            currency = rate.currency
            total += self._amount(rate, rate.per_device, pod)
        if unpriced:
            return HourlyCost(currency, None, tuple(sorted(unpriced)), overlap, tuple(sorted(matched.items())))
        cost = HourlyCost(currency, total)
        return self._costs.setdefault(cost, cost)

    def _amount(self, rate: Rate, per_device: Decimal, pod: Pod) -> Decimal:
        """One hour of one pod. Rates live as long as this book, so that they may be known by their id."""
        like = (id(rate), pod.accelerators, pod.cpu, pod.memory_bytes)
        found = self._amounts.get(like)
        if found is None:
            found = per_device * pod.accelerators + rate.per_cpu * Decimal(str(pod.cpu))
            found = self._amounts[like] = found + rate.per_byte * pod.memory_bytes
        return found

    def _compute(self, node: Node) -> Rate:
        labels = dict(node.labels)
        stated = labelled_class(labels)
        offer = self._best(labels, stated)
        if isinstance(offer, Reason):
            return Rate(None, capacity_class=stated, reason=offer)
        return _split(offer, node, stated, offer.row.node_hourly)

    def _best(self, labels: Mapping[str, str], stated: CapacityClass) -> _Offer | Reason:
        """The most specific row for such a node, or why there is none."""
        matching = [it for it in self._offers if _matches(it.row.match, labels, stated)]
        if not matching:
            return Reason.NodeUnpriced
        best = max(_specificity(offer.row.match) for offer in matching)
        winners = [offer for offer in matching if _specificity(offer.row.match) == best]
        return winners[0] if len(winners) == 1 else Reason.CatalogOverlap


def capacity_class(pods: Iterable[Pod], prices: PriceBook) -> str:
    """The one class under all bound pods; Unknown when they differ; empty when none is bound."""
    classes = {prices.rate(pod.node).capacity_class for pod in pods if pod.node}
    if not classes:
        return ""
    return str(classes.pop() if len(classes) == 1 else CapacityClass.Unknown)


def _in_force(catalog: Catalog, now: Instant) -> Iterable[_Offer]:
    if catalog.spec is None:
        return
    for row in catalog.spec.nodes:
        ended = row.effective_to is not None and row.effective_to.timestamp() <= now
        if row.effective_from.timestamp() <= now and not ended:
            yield _Offer(row, catalog.spec.node_split, catalog.spec.currency)


def _matches(match: NodeMatch, labels: Mapping[str, str], stated: CapacityClass) -> bool:
    wanted = (
        (match.instance_type, labels.get("node.kubernetes.io/instance-type")),
        (match.region, labels.get("topology.kubernetes.io/region")),
        (match.zone, labels.get("topology.kubernetes.io/zone")),
        (str(match.capacity_class) if match.capacity_class else None, str(stated)),
    )
    plain = all(want is None or want == have for want, have in wanted)
    return plain and (match.node_selector is None or match.node_selector.matches(labels))


def _specificity(match: NodeMatch) -> tuple[bool, ...]:
    """Order of the contract: node selector, zone, region, instance type, capacity class."""
    parts = (match.node_selector, match.zone, match.region, match.instance_type, match.capacity_class)
    return tuple(part is not None for part in parts)


def _split(offer: _Offer, node: Node, stated: CapacityClass, price: Decimal | None) -> Rate:
    row, split = offer.row, offer.split
    given = CapacityClass(str(row.assign_capacity_class)) if row.assign_capacity_class else stated
    if price is None or split.mode not in PRICED_SPLITS:
        # Own machines and the two rate modes are parsed but have no effect yet: unpriced is honest, a guess is not.
        return Rate(None, capacity_class=given, reason=Reason.NodeUnpriced, row_id=row.id)
    hourly = Decimal(price)
    if split.mode is SplitMode.GPUOnly:
        per_device = _part(hourly, node.accelerators)
        return Rate(per_device, ZERO, ZERO, offer.currency, given, row_id=row.id, node=hourly)
    return Rate(
        _part(hourly * split.gpu_percent / 100, node.accelerators),
        _part(hourly * split.cpu_percent / 100, node.cpu),
        _part(hourly * split.memory_percent / 100, node.memory_bytes),
        offer.currency,
        given,
        row_id=row.id,
        node=hourly,
    )


def _part(amount: Decimal, capacity: float) -> Decimal:
    return amount / Decimal(str(capacity)) if capacity else ZERO
