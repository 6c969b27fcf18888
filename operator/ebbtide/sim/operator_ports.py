"""The operator of a simulation: its ports over the simulated cluster, and what events do to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ebbtide.core.settings import Safety, Settings
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.executor import Executor
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.writing import CrashPoint
from ebbtide.ports import Clock, Cluster, Metrics, TickReport
from ebbtide.samples.profile import Profile
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.vendors import VENDORS
from ebbtide.sim.api_server import SimulatedApiServer
from ebbtide.sim.exporter import Exporter
from ebbtide.sim.scenario import OperatorState, Spec
from ebbtide.sim.simulated_metrics import Condition, SimulatedMetrics
from ebbtide.sim.swift_metrics import SwiftMetrics

NAMESPACE: Final = "ebbtide-system"
LEASE: Final = "ebbtide-leader"
_NO_LIMIT: Final = 10**9
"""Writes a second: they take effect at once."""


class Ticking(Protocol):
    """An engine, as far as a simulation needs it."""

    async def tick(self) -> TickReport:
        """One round over the fleet."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What an engine is built on."""

    cluster: Cluster
    metrics: Metrics
    clock: Clock
    settings: Settings


Build = Callable[[Ports], Ticking]


class AlwaysLeads:
    """Implements ports.Leadership: there is one operator."""

    def may_write(self) -> bool:
        """True."""
        return True


def settings_of(spec: Spec) -> Settings:
    """Chart values of a scenario."""
    said = spec.settings
    safety = said.safety
    return Settings(
        enforcement=said.enforcement.enabled,
        tick_seconds=float(spec.tick_seconds),
        sample_interval_seconds=float(spec.scrape_interval_seconds),
        safety=Safety(safety.idle_pauses_per_hour, safety.paused_percent_per_hour, safety.idle_share_jump_percent),
        operator_namespace=NAMESPACE,
        currency=said.currency,
        cluster=said.cluster,
    )


class Operator:
    """Up or down; started anew it remembers nothing."""

    def __init__(
        self,
        build: Build,
        *,
        api: SimulatedApiServer,
        inventory: Inventory,
        exporter: Exporter,
        version: Callable[[], int],
        settings: Settings,
        allowed: Mapping[str, str],
        profiles: tuple[Profile, ...] = VENDORS,
    ) -> None:
        """`version` changes with the pods of the cluster; `allowed`: metrics that users may name."""
        self._profiles = profiles
        self._build, self._api, self._inventory = build, api, inventory
        self._exporter, self._version, self._settings, self._allowed = exporter, version, settings, allowed
        self._clock: Clock = exporter.clock
        self._condition = Condition.Up
        self._metrics: SimulatedMetrics | None = None
        self._engine: Ticking | None = None
        self._start()

    def set_prometheus(self, condition: Condition) -> None:
        """What Prometheus answers from now on."""
        self._condition = condition
        if self._metrics is not None:
            self._metrics.condition = condition

    def set_operator(self, state: OperatorState) -> None:
        """Down, up, or started anew; up where it is up changes nothing."""
        if state is OperatorState.Down or state is OperatorState.Restart:
            self._engine = self._metrics = None
        if self._engine is None and state is not OperatorState.Down:
            self._start()

    async def tick(self) -> TickReport | None:
        """One tick; None while it is down."""
        return await self._engine.tick() if self._engine else None

    def _start(self) -> None:
        executor = Executor(
            self._api,
            AlwaysLeads(),
            lease_namespace=NAMESPACE,
            lease_name=LEASE,
            clock=self._clock.now,
            writes_per_second=_NO_LIMIT,
            burst=_NO_LIMIT,
            crash=CrashPoint(),
            instance="ebbtide",
        )
        reading = ReadingSettings(sample_interval_seconds=self._settings.sample_interval_seconds)
        self._metrics = SwiftMetrics(
            self._exporter, reading, self._clock, self._version, allowed=self._allowed, profiles=self._profiles
        )
        self._metrics.condition = self._condition
        cluster = KubernetesCluster(self._inventory, executor)
        self._engine = self._build(Ports(cluster, self._metrics, self._clock, self._settings))
