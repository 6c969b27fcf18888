"""Who belongs to whom at one instant: owner chains down to the pods and up to the top, without asking anybody."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ebbtide.core.workload import Pod, Workload
from ebbtide.objects.views_deployment import ReplicaSetStore
from ebbtide.objects.views_pod import PodStore

_HIGHEST = 16
"""Owners above owners; more is a circle."""


class Family:
    """Only objects with a controller are looked at: a fleet of plain Jobs and Deployments costs nothing here."""

    def __init__(
        self,
        parts: Iterable[Workload],
        pods: PodStore,
        replica_sets: ReplicaSetStore,
        known: Callable[[str], Workload | None],
        between: Mapping[str, str],
    ) -> None:
        """`parts`: objects that a controller has. `known`: an object of a supported kind by its UID.

        `between`: owners that nobody watches, each with what is above it, by UID.
        """
        self._pods, self._replica_sets, self._known = pods, replica_sets, known
        self._above: dict[str, str] = {}
        self._below: dict[str, list[str]] = {}
        self._tops: dict[str, Workload | None] = {}
        for one in parts:
            self._above[one.uid] = one.controller_uid
            self._below.setdefault(one.controller_uid, []).append(one.uid)
        for uid, above in between.items():
            self._above[uid] = above
            self._below.setdefault(above, []).append(uid)

    def top(self, controller_uid: str) -> Workload | None:
        """The topmost of that object and its owners that is of a supported kind and there; None: none of them is."""
        if controller_uid not in self._tops:
            self._tops[controller_uid] = self._highest(controller_uid)
        return self._tops[controller_uid]

    def _highest(self, uid: str) -> Workload | None:
        found = None
        for _ in range(_HIGHEST):
            if not uid:
                break
            found = self._known(uid) or found
            uid = self._owner(uid)
        return found

    def pods_below(self, uid: str) -> tuple[Pod, ...]:
        """Pods of the object, of its ReplicaSets, and of everything that it controls."""
        if uid not in self._below:
            return self._own(uid)
        return tuple(self._all(uid, _HIGHEST))

    def _own(self, uid: str) -> tuple[Pod, ...]:
        sets = self._replica_sets.of(uid)
        if not sets:
            return self._pods.owned_by(uid)
        found = [pods for one in sets if (pods := self._pods.owned_by(one))]
        return found[0] if len(found) == 1 else tuple(pod for pods in found for pod in pods)

    def _all(self, uid: str, deepest: int) -> Iterator[Pod]:
        if not deepest:
            return
        for pod in self._own(uid):
            yield pod
            if pod.uid in self._below:  # a leader of a LeaderWorkerSet controls the StatefulSet of its workers
                yield from self._all(pod.uid, deepest - 1)
        for child in self._below.get(uid, ()):
            yield from self._all(child, deepest - 1)

    def _owner(self, uid: str) -> str:
        above = self._above.get(uid) or self._replica_sets.get(uid)
        if above:
            return above
        pod = self._pods.get(uid)
        return pod.owner_uid if pod else ""
