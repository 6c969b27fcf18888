"""Clocks that count while a workload runs and stand while it does not, over all pods that it ever has.

A pod names its clock in the annotation `e2e.ebbtide.dev/clock`; without one its activity starts with each new pod.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

Name = tuple[str, str]
"""Namespace, and the annotation's value."""


@dataclass(slots=True)
class Clocks:
    """Seconds run, by clock. `observe` is called every second or so."""

    _run: dict[Name, float] = field(default_factory=dict)
    _running: frozenset[Name] = frozenset()
    _seen_at: float = 0.0

    def observe(self, running: Iterable[Name], now: float) -> None:
        """These workloads have a running pod at this Unix time; those that had one before too ran in between."""
        present = frozenset(running)
        for name in present & self._running:
            self._run[name] = self._run.get(name, 0.0) + now - self._seen_at
        self._running, self._seen_at = present, now

    def running_since(self, name: Name, now: float) -> float:
        """The Unix time at which it would have had to start to have run as long without a break."""
        return now - self._run.get(name, 0.0) - (now - self._seen_at if name in self._running else 0.0)
