"""Kubernetes as the engine sees it: the implementation of `ports.Cluster`."""

from collections.abc import Callable
from dataclasses import replace

from ebbtide.core.action import Action, Actor, Verb
from ebbtide.core.decision import Decision
from ebbtide.core.governing import CLUSTER_KIND
from ebbtide.core.snapshot import ClusterState, Policy
from ebbtide.core.workload import Instant, Workload, WorkloadKey
from ebbtide.objects import outcomes
from ebbtide.objects.executor import Executor
from ebbtide.objects.inventory import Inventory
from ebbtide.ports import EventNote, Outcome, StatusWrite


class KubernetesCluster:
    """Warm stores in, writes out through one executor."""

    def __init__(self, inventory: Inventory, executor: Executor, unfresh: Callable[[], str] = lambda: "") -> None:
        """`unfresh` says which part of the inventory is too old to act on."""
        self._inventory, self._executor, self._unfresh = inventory, executor, unfresh
        self._state: ClusterState | None = None
        """As last seen: where nothing has changed it may be the very same."""
        self._seen: dict[WorkloadKey, Workload] = {}
        self._policies: dict[tuple[str, str], Policy] = {}
        self._versions: dict[str, str] = {}
        """UID to version of the objects that carry the statuses of workloads, as they were seen."""
        self._told: dict[str, str] = {}
        """UID to version of what was told since the last observation: one tick may tell twice."""

    async def observe(self) -> ClusterState:
        """The stores now; never asks the API server."""
        state = self._inventory.state(self._unfresh())
        self._told = {}
        if state is self._state:
            return state
        self._state = state
        self._seen = {workload.key: workload for workload in state.workloads}
        self._versions = {told.uid: told.version for it in state.workloads if (told := it.status_object)}
        self._policies = {(policy.namespace, policy.reference): policy for policy in state.policies}
        return state

    async def execute(self, decision: Decision, action: Action) -> Outcome:
        """Do one action to the workload as the last observation showed it: that is what was decided about."""
        seen = self._seen.get(action.workload)
        if seen is None:
            return outcomes.conflict(f"{action.workload} is not known any more")
        now = self._inventory.workload(seen.uid)
        if now is None or now.intent != seen.intent:
            return outcomes.conflict(f"{action.workload}: its owner changed it since this was decided")
        if changed := self._other_rules(action, seen, now):
            return outcomes.conflict(changed)
        return await self._executor.execute(action, replace(seen, attribution=decision.attribution))

    def _other_rules(self, action: Action, seen: Workload, now: Workload) -> str:
        """Why a pause by policy is planned again: one of many waits for seconds, and rules are edited meanwhile."""
        if action.verb is not Verb.Pause or action.by is not Actor.Policy:
            return ""
        if now.labels != seen.labels:
            return f"{action.workload}: its labels changed since this was decided"
        of_cluster = action.policy.startswith(f"{CLUSTER_KIND}/")
        policy = self._policies.get(("" if of_cluster else action.workload.namespace, action.policy))
        if policy is None:
            return ""
        present = self._inventory.policy(policy.uid)
        same = present is not None and present.generation == policy.generation
        return "" if same else f"{action.policy} changed since this was decided"

    async def write_status(self, write: StatusWrite) -> Outcome:
        """Apply one status, unless the object was replaced by one of the same name."""
        if not self._inventory.has(write.kind, write.uid):
            return outcomes.conflict(f"{write.kind} {write.name} was deleted since it was seen")
        version = self._told.get(write.uid) or self._versions.get(write.uid, "")
        outcome = await self._executor.write_status(write, version)
        if outcome.version:
            self._told[write.uid] = outcome.version
        return outcome

    async def write_breaker(self, open_until: Instant) -> Outcome:
        """Put the breaker's end on the leader Lease."""
        return await self._executor.write_breaker(open_until)

    async def publish(self, note: EventNote) -> Outcome:
        """Publish an Event; repeats within two minutes are dropped."""
        return await self._executor.publish(note)
