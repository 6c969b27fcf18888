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
from ebbtide.core.workload import HourlyCost, Instant, Node, Pod, WorkloadKey

ZERO = Decimal(0)


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


@dataclass(frozen=True, slots=True)
class _Offer:
    row: NodeRow
    split: NodeSplit
    currency: str


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
        self._held: dict[WorkloadKey, tuple[Sequence[Pod], HourlyCost | None, str]] = {}

    def or_before(self, before: "PriceBook | None") -> "PriceBook":
        """The book of an earlier tick where it says the same: what it has worked out needs no second time."""
        return before if before is not None and before.source == self.source else self

    def held(self, key: WorkloadKey, pods: Sequence[Pod]) -> tuple[HourlyCost | None, str]:
        """Hourly cost and capacity class of a workload with these pods; (None, "") while none is bound."""
        known = self._held.get(key)
        if known is None or known[0] != pods:
            bound = [pod for pod in pods if pod.node]
            known = self._held[key] = (pods, self.hourly(bound) if bound else None, capacity_class(bound, self))
        return known[1:]

    def rate(self, node_name: str) -> Rate:
        """The rate of one node."""
        found = self._rates.get(node_name)
        if found is None:
            node = self._nodes.get(node_name)
            found = self._rates[node_name] = self._compute(node) if node else Rate(None, reason=Reason.NodeUnpriced)
        return found

    def hourly(self, pods: Iterable[Pod]) -> HourlyCost:
        """One hour of these bound pods; amount None as soon as one of their nodes is unpriced."""
        total, currency, overlap = ZERO, "", False
        unpriced: set[str] = set()
        for pod in pods:
            rate = self.rate(pod.node)
            if rate.per_device is None:
                unpriced.add(pod.node)
                overlap = overlap or rate.reason is Reason.CatalogOverlap
                continue
            currency = rate.currency
            total += rate.per_device * pod.accelerators
            total += rate.per_cpu * Decimal(str(pod.cpu)) + rate.per_byte * pod.memory_bytes
        return HourlyCost(currency, None if unpriced else total, tuple(sorted(unpriced)), overlap)

    def _compute(self, node: Node) -> Rate:
        labels = dict(node.labels)
        stated = labelled_class(labels)
        matching = [offer for offer in self._offers if _matches(offer.row.match, labels, stated)]
        if not matching:
            return Rate(None, capacity_class=stated, reason=Reason.NodeUnpriced)
        best = max(_specificity(offer.row.match) for offer in matching)
        winners = [offer for offer in matching if _specificity(offer.row.match) == best]
        if len(winners) > 1:
            return Rate(None, capacity_class=stated, reason=Reason.CatalogOverlap)
        return _split(winners[0], node, stated)


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


def _split(offer: _Offer, node: Node, stated: CapacityClass) -> Rate:
    row, split = offer.row, offer.split
    given = CapacityClass(str(row.assign_capacity_class)) if row.assign_capacity_class else stated
    if row.node_hourly is None or split.mode not in {SplitMode.GPUOnly, SplitMode.Weights}:
        # Own machines and the two rate modes are parsed but not priced yet: unpriced is honest, a guess is not.
        return Rate(None, capacity_class=given, reason=Reason.NodeUnpriced, row_id=row.id)
    hourly = Decimal(row.node_hourly)
    if split.mode is SplitMode.GPUOnly:
        return Rate(_part(hourly, node.accelerators), ZERO, ZERO, offer.currency, given, row_id=row.id)
    return Rate(
        _part(hourly * split.gpu_percent / 100, node.accelerators),
        _part(hourly * split.cpu_percent / 100, node.cpu),
        _part(hourly * split.memory_percent / 100, node.memory_bytes),
        offer.currency,
        given,
        row_id=row.id,
    )


def _part(amount: Decimal, capacity: float) -> Decimal:
    return amount / Decimal(str(capacity)) if capacity else ZERO
