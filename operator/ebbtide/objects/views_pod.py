"""Pods: JSON to `Pod`, and their store with the index by owner."""

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from ebbtide.api import labels as keys
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant, Pod, Workload
from ebbtide.objects.document import Json
from ebbtide.objects.levers.kinds import kind_of
from ebbtide.objects.quantity import Container, asked, asks_for_devices
from ebbtide.objects.store import Store
from ebbtide.objects.views_lone_pod import alone
from ebbtide.objects.views_meta import (
    Condition,
    ObjectMeta,
    find,
    instant,
    time_in,
    written_attribution,
)

ENDED: Final = ("Succeeded", "Failed")
FAILING: Final = {
    "CrashLoopBackOff": Reason.CrashLooping,
    "RunContainerError": Reason.CrashLooping,
    "ImagePullBackOff": Reason.ImagePullFailing,
    "ErrImagePull": Reason.ImagePullFailing,
    "InvalidImageName": Reason.ImagePullFailing,
    "ErrImageNeverPull": Reason.ImagePullFailing,
}
"""Why a main container waits, to our reason."""
_REPLICA_SET: Final = "ReplicaSet"
ENDED_PODS_KEPT: Final = 20_000
"""About 10 MB: what a reader of `ended` may fall behind before the oldest are lost."""


class _Waiting(msgspec.Struct, gc=False):
    reason: str | None = None


class _Terminated(msgspec.Struct, rename="camel", gc=False):
    finished_at: str | None = None


class _Running(msgspec.Struct, rename="camel", gc=False):
    started_at: str | None = None


class _State(msgspec.Struct, gc=False):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(msgspec.Struct, gc=False):
    name: str = ""
    state: _State | None = None


class _Spec(msgspec.Struct, rename="camel", gc=False):
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    node_name: str | None = None
    host_network: bool | None = None
    resource_claims: list[msgspec.Raw] | None = None


class _Status(msgspec.Struct, rename="camel", gc=False):
    phase: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    start_time: str | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: ObjectMeta
    spec: _Spec
    status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Pod)


def decode_pod(raw: Json) -> tuple[str, Pod]:
    """One pod."""
    seen = _DECODER.decode(raw)
    meta, spec, status = seen.metadata, seen.spec, seen.status or _Status()
    wants = asked(spec.containers or (), spec.init_containers or (), spec.resource_claims)
    controller = meta.controller
    scheduled = find(status.conditions, "PodScheduled")
    created_at = meta.created_at
    ended_at = _ended_at(meta, status)
    owner_kind = _known_kind(controller.api_version, controller.kind) if controller else ""
    is_apart = bool(wants.accelerator_resource) and not owner_kind
    return meta.uid, Pod(
        uid=meta.uid,
        namespace=sys.intern(meta.namespace),
        name=meta.name,
        owner_uid=sys.intern(controller.uid) if controller else "",
        node=sys.intern(spec.node_name or ""),
        phase=sys.intern(status.phase or ""),
        created_at=created_at,
        bound_at=_bound_at(spec, status, scheduled, created_at),
        ready_since=_ready_since(spec, status),
        ended_at=ended_at,
        deleting=meta.deletion_timestamp is not None,
        accelerators=wants.accelerators,
        accelerator_resource=sys.intern(wants.accelerator_resource),
        cpu=wants.cpu,
        memory_bytes=wants.memory_bytes,
        failing=_failing(status),
        unschedulable=bool(scheduled and scheduled.status == "False" and scheduled.reason == "Unschedulable"),
        checkpointed_at=time_in(meta.annotations, keys.CHECKPOINTED_AT)[0],
        attribution=written_attribution(meta),
        owner_kind=owner_kind,
        alone=alone(meta, wants, status.phase or "", ended_at) if is_apart else None,
        host_network=bool(spec.host_network),
    )


@lru_cache(maxsize=256)
def _known_kind(api_version: str, kind: str) -> str:
    """Of a controller, as policies name it; a ReplicaSet is none of them, and belongs to something that is."""
    found = kind_of(api_version, kind)
    return found.name if found is not None else _REPLICA_SET if kind == _REPLICA_SET else ""


def _bound_at(spec: _Spec, status: _Status, scheduled: Condition | None, created_at: Instant) -> Instant | None:
    if not spec.node_name:
        return None
    if scheduled is not None and scheduled.status == "True" and scheduled.last_transition_time:
        return instant(scheduled.last_transition_time)
    return instant(status.start_time) or created_at  # static pods and pods made with a nodeName skip the scheduler


def _ready_since(spec: _Spec, status: _Status) -> Instant | None:
    """The later of Ready and the newest start of a container at work (P12).

    A container that the kubelet starts again in place within one of its rounds may leave the condition as it was.
    """
    ready = find(status.conditions, "Ready")
    if ready is None or ready.status != "True" or status.phase != "Running":
        return None
    since = instant(ready.last_transition_time)
    begun = _work_begun(spec, status)
    return begun if since is not None and begun is not None and begun > since else since


def _work_begun(spec: _Spec, status: _Status) -> Instant | None:
    """When the newest of the containers that ask for accelerators was started; where none does, of the main ones.

    A sidecar that is started again leaves the work as it is.
    """
    found, every = status.container_statuses or (), (*(spec.containers or ()), *(spec.init_containers or ()))
    if len(every) > 1:
        asking = {one.name for one in every if asks_for_devices(one)}
        if asking:
            found = [one for one in (*found, *(status.init_container_statuses or ())) if one.name in asking]
    begun = [one.state.running.started_at for one in found if one.state and one.state.running]
    return max((at for text in begun if (at := instant(text)) is not None), default=None)


def _ended_at(meta: ObjectMeta, status: _Status) -> Instant | None:
    """When the last container finished; evicted pods may have none, then the last change of a condition."""
    if status.phase not in ENDED:
        return None
    states = [one.state for one in status.container_statuses or () if one.state]
    finished = [instant(one.terminated.finished_at) for one in states if one.terminated]
    changed = [instant(one.last_transition_time) for one in status.conditions or ()]
    known = [at for at in finished if at] or [at for at in changed if at]
    return max(known, default=instant(meta.deletion_timestamp) or meta.created_at)


def _failing(status: _Status) -> Reason | None:
    for one in status.container_statuses or ():
        if one.state and one.state.waiting and one.state.waiting.reason in FAILING:
            return FAILING[one.state.waiting.reason]
    return None


@dataclass(frozen=True, slots=True)
class EndedPod:
    """The last word on a pod that is gone, for the ledger."""

    pod: Pod
    ended_at: Instant
    certain: bool
    """False: it vanished while nothing was heard, and `ended_at` is when it was last known to be there."""


class PodStore(Store[Pod]):
    """Pods by UID and by controller owner. `ended` holds pods that are gone, oldest first, until somebody takes them.

    Pods that ended but still exist are not in `ended`; they are in the store with `ended_at` set.
    """

    def __init__(self, clock: Callable[[], Instant]) -> None:
        super().__init__()
        self.ended: deque[EndedPod] = deque(maxlen=ENDED_PODS_KEPT)
        self._clock = clock
        self._by_owner: dict[str, tuple[Pod, ...]] = {}
        self.alone: dict[str, Workload] = {}
        """Those that may be the top of their chain, by UID."""

    def owned_by(self, uid: str) -> tuple[Pod, ...]:
        """Pods whose controller has that UID."""
        return self._by_owner.get(uid, ())

    def take_ended(self) -> list[EndedPod]:
        """Pods that are gone since the last call."""
        taken = []
        while self.ended:
            taken.append(self.ended.popleft())
        return taken

    def replace(self, items: dict[str, Pod], unseen_since: Instant | None) -> None:
        """Everything there is; those that vanished unseen are recorded with the time they were last known."""
        by_owner: dict[str, list[Pod]] = {}
        for pod in items.values():
            if pod.owner_uid:
                by_owner.setdefault(pod.owner_uid, []).append(pod)
        owned = {uid: tuple(pods) for uid, pods in by_owner.items()}
        apart = {uid: pod.alone for uid, pod in items.items() if pod.alone is not None}
        before, self._items = self._items, items
        self._by_owner, self.alone = owned, apart
        for uid in before.keys() - items.keys():
            self._record(before[uid], unseen_since or self._clock(), certain=False)

    def put(self, uid: str, item: Pod) -> None:
        """Created or changed."""
        before = self._items.get(uid)
        self._items[uid] = item
        if item.alone is not None:
            self.alone[uid] = item.alone
        else:
            self.alone.pop(uid, None)
        if before is not None and before.owner_uid == item.owner_uid:
            self._regroup(item.owner_uid, lambda pods: tuple(item if one.uid == uid else one for one in pods))
        else:
            self._leave(before)
            self._regroup(item.owner_uid, lambda pods: (*pods, item))

    def remove(self, uid: str, last: Pod | None) -> None:
        """Deleted: recorded for the ledger with its final state."""
        before = self._items.pop(uid, None)
        self.alone.pop(uid, None)
        self._leave(before)
        final = last or before
        if final is not None:
            self._record(final, self._clock(), certain=True)

    def _leave(self, pod: Pod | None) -> None:
        if pod is not None:
            self._regroup(pod.owner_uid, lambda pods: tuple(one for one in pods if one.uid != pod.uid))

    def _regroup(self, owner: str, change: Callable[[tuple[Pod, ...]], tuple[Pod, ...]]) -> None:
        """Tuples, so that what `observe` hands out never changes under the plan."""
        if not owner:
            return
        pods = change(self._by_owner.get(owner, ()))
        if pods:
            self._by_owner[owner] = pods
        else:
            self._by_owner.pop(owner, None)

    def _record(self, pod: Pod, gone_at: Instant, *, certain: bool) -> None:
        self.ended.append(EndedPod(pod, pod.ended_at or gone_at, certain or pod.ended_at is not None))
