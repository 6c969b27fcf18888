"""What a run yields: plain values, in seconds from the start, for tables, JSON and the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class WorkloadName:
    """A workload by its topmost owner."""

    namespace: str
    kind: str
    name: str
    api_version: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """Something the operator did, tried, or (mode Observe) would have done."""

    at: int
    action: str
    workload: WorkloadName
    reason: str
    message: str
    mode: str
    """Enforce or Observe."""
    failed: bool
    problem: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class VerdictSpan:
    """The same verdict for the same reason over [start, end)."""

    start: int
    end: int
    workload: WorkloadName
    verdict: str
    reason: str


class LaneState(StrEnum):
    """What a workload is doing, as people see it."""

    Running = "Running"
    Idle = "Idle"
    """It runs, and the verdict is Idle or NeverUsed."""
    Starting = "Starting"
    """Its pods are bound and not all of them run yet."""
    Stopping = "Stopping"
    """Its pods still hold their devices after a stop."""
    Waiting = "Waiting"
    """It may run and finds no room, or not yet."""
    Held = "Held"
    """It has never run and is kept from it."""
    Paused = "Paused"
    """It has run and is kept from it."""
    Finished = "Finished"
    Gone = "Gone"
    """Deleted."""


@dataclass(frozen=True, slots=True)
class LaneSpan:
    """One state over [start, end)."""

    start: int
    end: int
    state: LaneState
    capacity_class: str
    """Of the nodes under its pods: OnPrem, Reserved, OnDemand, Spot or Unknown; empty without pods on nodes."""
    gpus: int
    """Devices it holds."""
    verdict: str
    """Empty before the first tick."""
    reason: str
    """Why it is paused or held, else the verdict's reason."""
    message: str
    """The sentence with the numbers, as of the beginning of the span; may be empty."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One workload from its creation to the end; spans follow each other without gaps."""

    workload: WorkloadName
    spans: tuple[LaneSpan, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function: each value holds until the next point; None: not known (a node without a price)."""

    name: str
    unit: str
    points: tuple[tuple[int, Decimal | None], ...]


@dataclass(frozen=True, slots=True)
class WorkloadCost:
    """Exact amounts; cost, list_cost and saved None: it ran where nothing has a price."""

    workload: WorkloadName
    cost: Fraction | None
    list_cost: Fraction | None
    saved: Fraction | None
    gpu_hours: Fraction


@dataclass(frozen=True, slots=True)
class Costs:
    """Rounded so that the costs of workloads and `unallocated` add up to `total`."""

    currency: str
    unpriced: bool
    """Something had no price: the totals are without it."""
    workloads: tuple[WorkloadCost, ...]
    unallocated: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Finding:
    """How one expectation ended."""

    passed: bool
    expectation: Mapping[str, Any]
    """As the file says it."""
    found: str
    """What was found, in words."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one file."""

    scenario: str
    file: str
    start: float
    """Instant of second 0, since the epoch, UTC."""
    duration: int
    actions: tuple[ActionRecord, ...]
    verdicts: tuple[VerdictSpan, ...]
    costs: Costs
    findings: tuple[Finding, ...]
    lanes: tuple[Lane, ...]
    curves: tuple[Curve, ...]
    """What an hour costs over time: `nodes` (all nodes that cost) and `held` (what pods hold of it)."""

    @property
    def passed(self) -> bool:
        """All expectations hold."""
        return all(finding.passed for finding in self.findings)


def rounded(amount: Fraction) -> Decimal:
    """Half-even to six places; exact up to there, whatever the size."""
    millionths = round(amount * 1_000_000)  # round() of a Fraction is half-even and exact
    return Decimal(millionths).scaleb(-6)


def shown(amount: Decimal) -> str:
    """Without trailing zeros and exponent; never "-0"."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
