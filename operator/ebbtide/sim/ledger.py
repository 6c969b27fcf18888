"""What was held by whom and when: the intervals that money is counted from. Seconds from the start."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ebbtide.objects.quantity import Asked


class Share(NamedTuple):
    """A part of a node: what a pod asks for."""

    node: str
    asked: Asked


class Holding(NamedTuple):
    """A share over [start, end)."""

    share: Share
    start: int
    end: int


@dataclass(slots=True)
class _Reference:
    """Shares that the counterfactual counts from a second on."""

    shares: tuple[Share, ...] = ()
    since: int = 0


@dataclass(slots=True, eq=False)
class Account:
    """One workload's: what its pods held, and what they would have held without Ebbtide."""

    completes: bool
    """It runs to completion: then only its own running time and its idle pauses count, else all time."""
    created_at: int
    charged: list[Holding] = field(default_factory=list)
    reference: list[Holding] = field(default_factory=list)
    last_shares: tuple[Share, ...] = ()
    """Of its pods when all of them were last on nodes."""
    _pause: _Reference | None = None
    _always: _Reference | None = None

    def charge(self, share: Share, start: int, end: int) -> None:
        """A pod has ended."""
        if start < end:
            self.charged.append(Holding(share, start, end))

    def whole(self, shares: Iterable[Share], now: int) -> None:
        """All pods that its user wants are on nodes: from now on these are what it would hold."""
        self.last_shares = tuple(shares)
        if self.completes:
            return
        if self._always is None:
            self._always = _Reference(self.last_shares, self.created_at)
        elif self._always.shares != self.last_shares:
            self._close(self._always, now)
            self._always = _Reference(self.last_shares, now)

    def ran(self, start: int, end: int) -> None:
        """Running time that was not run before (or the first start of its pods), of work that completes."""
        if self.completes:
            self._count(self.last_shares, start, end)

    def pause(self, now: int) -> None:
        """An idle pause begins."""
        if self.completes and self._pause is None:
            self._pause = _Reference(self.last_shares, now)

    def resume(self, now: int) -> None:
        """The idle pause, if there is one, ends."""
        if self._pause is not None:
            self._close(self._pause, now)
            self._pause = None

    def end(self, now: int) -> None:
        """It finished or was deleted, or the scenario ends."""
        self.resume(now)
        if self._always is not None:
            self._close(self._always, now)
            self._always = None
        self.created_at = now

    def _close(self, reference: _Reference, now: int) -> None:
        self._count(reference.shares, reference.since, now)

    def _count(self, shares: Iterable[Share], start: int, end: int) -> None:
        if start < end:
            self.reference += [Holding(share, start, end) for share in shares]
