"""The pods that request one vendor's devices, by the names under which series know them."""

from collections.abc import Iterable, Iterator, Mapping

from ebbtide.core.workload import BESIDE, CLAIMS, Instant, Pod, WorkloadKey
from ebbtide.samples.profile import PodLabels, Profile, owner_of


class Roster:
    """By namespace and name: 50,000 keys of both together would be 6 MB."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._by_namespace: dict[str, dict[str, Pod]] = {}
        self.resources: set[str] = set()
        """Accelerator resources that its pods request."""

    def add(self, pod: Pod) -> None:
        """Takes in one pod."""
        self._by_namespace.setdefault(pod.namespace, {})[pod.name] = pod

    def __bool__(self) -> bool:
        return bool(self._by_namespace)

    def __iter__(self) -> Iterator[Pod]:
        for pods in self._by_namespace.values():
            yield from pods.values()

    def find(self, namespace: str, name: str) -> Pod | None:
        """The pod of that name."""
        pods = self._by_namespace.get(namespace)
        return pods.get(name) if pods is not None else None

    def named(self, labels: Mapping[str, str], names: PodLabels) -> Pod | None:
        """The pod that a series names by these labels; None: none that we know, or an earlier one of its name."""
        pod = self.find(labels.get(names.namespace, ""), labels.get(names.pod, ""))
        return pod if pod is not None and self._profile.uid(labels) in {pod.uid, ""} else None

    def lost(self, former: "Roster") -> Iterator[Pod]:
        """Pods of a former roster that are gone, or were replaced under their names."""
        return (pod for pod in former if (now := self.find(pod.namespace, pod.name)) is None or now.uid != pod.uid)

    def waiting(self, live_after: Instant) -> int:
        """Pods Ready since before that instant: their devices must have been mapped by now."""
        return sum(pod.ended_at is None and (pod.ready_since or live_after) < live_after for pod in self)


def rosters(pods: Mapping[WorkloadKey, Iterable[Pod]], profiles: tuple[Profile, ...]) -> list[Roster]:
    """One for each profile: a pod is with the one that means its resource most exactly."""
    found = [Roster(profile) for profile in profiles]
    by_resource: dict[str, Roster | None] = {}
    for group in pods.values():
        for pod in group:
            if pod.accelerators <= 0:
                continue
            resource = pod.accelerator_resource
            if resource not in by_resource:
                requested = resource.removesuffix(f"{BESIDE}{CLAIMS}")
                owner = owner_of(requested, profiles)
                by_resource[resource] = None if owner is None else found[owner]
                if owner is not None:
                    found[owner].resources.add(requested)
            roster = by_resource[resource]
            if roster is not None:
                roster.add(pod)
    return found
