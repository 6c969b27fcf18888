"""The money of a run: what each workload cost and saved, and what nobody held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from ebbtide.sim.ledger import Account, Holding
from ebbtide.sim.prices import Spans
from ebbtide.sim.result import Costs, Curve, WorkloadCost, WorkloadName, rounded

HOUR = 3600


@dataclass(frozen=True, slots=True)
class NodeTime:
    """A node that costs over [start, end)."""

    node: str
    start: int
    end: int


@dataclass(slots=True)
class _Sum:
    """An amount that is unknown once a part of it is."""

    amount: Fraction = Fraction(0)
    known: bool = True

    def add(self, part: Fraction | None) -> None:
        if part is None:
            self.known = False
        else:
            self.amount += part

    @property
    def value(self) -> Fraction | None:
        return self.amount if self.known else None


@dataclass(slots=True)
class _Tally:
    cost: _Sum = field(default_factory=_Sum)
    listed: _Sum = field(default_factory=_Sum)
    reference: _Sum = field(default_factory=_Sum)
    gpu_seconds: int = 0

    def take(self, account: Account, spans: Spans) -> None:
        for holding in account.charged:
            self.gpu_seconds += holding.share.asked.accelerators * (holding.end - holding.start)
            self.cost.add(spans.cost(holding))
            self.listed.add(spans.cost(holding, listed=True))
        for holding in account.reference:
            self.reference.add(spans.cost(holding, listed=True))

    def of(self, name: WorkloadName) -> WorkloadCost:
        known = self.cost.known and self.listed.known and self.reference.known
        hours = Fraction(self.gpu_seconds, HOUR)
        if not known:
            return WorkloadCost(name, None, None, None, hours)
        saved = self.reference.amount - self.cost.amount
        return WorkloadCost(name, self.cost.amount, self.listed.amount, saved, hours)


def costs(
    accounts: Iterable[tuple[WorkloadName, Account]], nodes: Iterable[NodeTime], spans: Spans, currency: str
) -> Costs:
    """All sums at the end of a run; accounts are closed."""
    tallies: dict[WorkloadName, _Tally] = {}
    for name, account in accounts:
        tallies.setdefault(name, _Tally()).take(account, spans)
    workloads = tuple(tallies[name].of(name) for name in sorted(tallies))
    total, priced = Fraction(0), True
    for time in nodes:
        amount, all_priced = spans.node(time.node, time.start, time.end)
        total += amount
        priced = priced and all_priced
    # What a workload without a price held elsewhere is left out with it: else it would count as nobody's.
    total -= sum((it.cost.amount for it in tallies.values() if not it.cost.known), Fraction(0))
    known = [rounded(it.cost) for it in workloads if it.cost is not None]
    whole = rounded(total)
    unpriced = not priced or len(known) < len(workloads)
    return Costs(currency, unpriced, workloads, whole - sum(known, Decimal(0)), whole)


def node_times(
    existence: Mapping[str, Sequence[tuple[int, int]]], charged: Iterable[Holding], while_used: Iterable[str]
) -> list[NodeTime]:
    """When each node costs: while it exists, or for those of `while_used` while anybody holds a part of it."""
    only_used = frozenset(while_used)
    used: dict[str, list[tuple[int, int]]] = {}
    for holding in charged:
        if holding.share.node in only_used:
            used.setdefault(holding.share.node, []).append((holding.start, holding.end))
    found = []
    for node in sorted(existence):
        spans = _merged(used.get(node, [])) if node in only_used else existence[node]
        found += [NodeTime(node, start, end) for start, end in spans if start < end]
    return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def curves(nodes: Iterable[NodeTime], charged: Iterable[Holding], spans: Spans, currency: str) -> tuple[Curve, ...]:
    """What an hour costs over time: all nodes that cost, and what pods hold of them. What has no price is left out."""
    unit = f"{currency}/h"
    steps: dict[int, Fraction] = {0: Fraction(0)}
    for time in nodes:
        for start, end, parts in spans.pieces(time.node, time.start, time.end):
            _add(steps, start, end, parts.node)
    held: dict[int, Fraction] = {0: Fraction(0)}
    for holding in charged:
        for start, end, parts in spans.pieces(holding.share.node, holding.start, holding.end):
            _add(held, start, end, parts.of(holding.share))
    return Curve("nodes", unit, _points(steps)), Curve("held", unit, _points(held))


def _add(steps: dict[int, Fraction], start: int, end: int, rate: Fraction) -> None:
    steps[start] = steps.get(start, Fraction(0)) + rate
    steps[end] = steps.get(end, Fraction(0)) - rate


def _points(steps: Mapping[int, Fraction]) -> tuple[tuple[int, Decimal | None], ...]:
    points: list[tuple[int, Decimal | None]] = []
    level = Fraction(0)
    for second in sorted(steps):
        level += steps[second]
        value = rounded(level)
        if not points or points[-1][1] != value:
            points.append((second, value))
    return tuple(points)
