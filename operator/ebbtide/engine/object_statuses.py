"""The statuses of policies and catalogs."""

from typing import Final

from ebbtide.core.decision import Plan
from ebbtide.core.object_status import changed_statuses
from ebbtide.core.settings import Settings
from ebbtide.core.snapshot import ClusterState, MetricsHealth
from ebbtide.core.workload import Instant
from ebbtide.engine.turns import in_turns
from ebbtide.ports import Clock, Cluster, Notifier, OutcomeKind, StatusWrite

COUNTS_SECONDS: Final = 60.0
"""A policy's counts are written at most this often."""


class ObjectStatuses:
    """Remembers when each was written last; losing that costs one early write, nothing else."""

    def __init__(self, cluster: Cluster, clock: Clock, settings: Settings, notifier: Notifier | None) -> None:
        """`notifier`: it knows the receivers that policies may name."""
        self._cluster, self._clock, self._settings, self._notifier = cluster, clock, settings, notifier
        self._written: dict[str, Instant] = {}

    async def write(self, planned: Plan, state: ClusterState, health: MetricsHealth) -> int:
        """How many were written; counts at most once a minute, a changed acceptance at once.

        While history is read nothing counts as idle yet, and that is not worth telling.
        """
        now = self._clock.now()
        due = [
            found
            for found in changed_statuses(planned, state, self._settings, self._receivers())
            if found.urgent or (not health.catching_up and now - self._written.get(found.uid, 0.0) >= COUNTS_SECONDS)
        ]
        self._written.update((found.uid, now) for found in due)
        writes = [StatusWrite(it.kind, it.namespace, it.name, it.uid, it.status) for it in due]
        outcomes = await in_turns(self._cluster.write_status(write) for write in writes)
        self._forget_gone(state)
        return sum(outcome.kind is OutcomeKind.Done for outcome in outcomes)

    def _receivers(self) -> frozenset[str]:
        return self._notifier.receivers if self._notifier is not None else frozenset()

    def _forget_gone(self, state: ClusterState) -> None:
        objects = {policy.uid for policy in state.policies} | {catalog.uid for catalog in state.catalogs}
        self._written = {uid: at for uid, at in self._written.items() if uid in objects}
