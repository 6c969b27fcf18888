"""How workloads stand, as somebody with kubectl would see it at one instant."""

from collections.abc import Mapping
from typing import Any

from ebbtide.api.adopted_workload import adopted_name
from ebbtide.api.labels import GROUP
from ebbtide.core.workload import WorkloadKey
from ebbtide.objects.document import Document
from ebbtide.objects.levers.kinds import resource_of
from ebbtide.sim.crew import Top
from ebbtide.sim.expecting import Standing, next_start_text
from ebbtide.sim.identity import Identity
from ebbtide.sim.lanes import LaneBook
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.result import WorkloadName
from ebbtide.sim.words import Reference
from ebbtide.sim.world import WORKLOADS, World

_MOST_NAMED = 10


class Onlooker:
    """Answers from the objects and from the world."""

    def __init__(self, store: ObjectStore, world: World, lanes: LaneBook) -> None:
        self._store, self._world, self._lanes = store, world, lanes

    def top(self, namespace: str, kind: str, name: str) -> Top | None:
        """The newest workload of that name, even if it is gone."""
        found = self._world.tops.of_name(namespace, kind, name)
        return found[-1] if found else None

    def _wanted(self, wanted: Reference) -> Top | None:
        top = self.top(wanted.namespace, wanted.kind, wanted.name)
        return top if top and wanted.api_version in {None, top.name.api_version} else None

    def missing(self, wanted: Reference) -> str:
        """What is wrong with a name; empty: nothing."""
        return "" if self._wanted(wanted) else f"there is no {wanted}; {self.known()}"

    def known(self) -> str:
        """The workloads that there are."""
        names = [str(top.name) for top in self._world.tops.all]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"there are {', '.join(sorted(names)[:_MOST_NAMED])}{more}" if names else "there are no workloads"

    def name_of(self, key: WorkloadKey) -> WorkloadName:
        """A workload of the plan by its whole name."""
        return WorkloadName(key.namespace, key.kind, key.name, self.api_version(key))

    def api_version(self, key: WorkloadKey) -> str:
        """Of a workload of the plan."""
        top = self.top(key.namespace, key.kind, key.name)
        if top is not None:
            return top.name.api_version
        known = resource_of(key.kind)
        return known.api_version if known is not None else ""

    def succeeded_at(self, wanted: Reference) -> int | None:
        """When it finished well."""
        top = self._wanted(wanted)
        return top.succeeded_at if top else None

    def standing(self, wanted: Reference) -> Standing | None:
        """None: there is no such workload now."""
        top = self._wanted(wanted)
        if top is None or top.removed_at is not None:
            return None
        status, carrier = self._status(top), self._carrier(top)
        conditions = [*_conditions(status), *_conditions(carrier.get("status") or {})]
        verdict, verdict_reason = self._lanes.verdict((wanted.namespace, wanted.kind, wanted.name)) or ("", "")
        paused = next((one for one in conditions if one.get("type") == "Paused"), None)
        spec, plan = carrier.get("spec"), status.get("plan")
        replicas = spec.get("replicas") if isinstance(spec, Mapping) else None
        return Standing(
            verdict=verdict,
            verdict_reason=verdict_reason,
            paused=paused.get("status") == "True" if paused else _is_paused(top),
            paused_reason=str(paused.get("reason", "")) if paused else "",
            running=top.runs_now,
            started=top.started_at is not None,
            capacity_class=self._lanes.capacity_class(top.name),
            replicas=replicas if isinstance(replicas, int) else None,
            next_start=next_start_text(plan.get("nextStart")) if isinstance(plan, Mapping) else None,
            conditions=conditions,
        )

    def _status(self, top: Top) -> Mapping[str, Any]:
        """What the operator tells of it: on the object itself, or on its AdoptedWorkload."""
        identity = top.identity
        if identity.kind not in WORKLOADS:
            name = adopted_name(top.name.api_version, identity.kind, identity.name)
            identity = Identity(GROUP, "AdoptedWorkload", identity.namespace, name)
        found = self._store.get(identity)
        status = found.get("status") if found else None
        return status if isinstance(status, Mapping) else {}

    def _carrier(self, top: Top) -> Document:
        """The object with the lever; an empty one where there is none yet."""
        live = [crew for crew in top.crews if not crew.removed]
        found = self._store.get(live[-1].carrier if live else top.identity)
        return found or {}


def _conditions(status: Any) -> list[Mapping[str, Any]]:
    listed = status.get("conditions") if isinstance(status, Mapping) else None
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _is_paused(top: Top) -> bool:
    """Where nothing is told: whether Ebbtide's annotation says so."""
    return any(crew.orders.stopped and crew.orders.by_us for crew in top.crews)
