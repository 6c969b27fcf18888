"""Which labels name the pod that holds a device.

Told from live series, never guessed: a wrong answer would judge the exporter's own pod, or the wrong work.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ebbtide.core.workload import Instant, Pod
from ebbtide.metrics.profile import Profile
from ebbtide.metrics.settings import LabelMode


@dataclass(frozen=True, slots=True)
class Labelling:
    """The label mode in force; mode None: nothing may be attributed, and `problem` says why, if that is a problem."""

    mode: LabelMode | None
    problem: str = ""


class Census:
    """Counts what live series offer.

    `exported_` labels exist only where a target label of the same name pushed the exporter's own aside, so they prove
    themselves. Plain labels are believed only where they name a pod that requests an accelerator: the exporter itself
    requests none.
    """

    def __init__(self, profile: Profile, pods: Mapping[tuple[str, str], Pod]) -> None:
        self._profile = profile
        self._pods = pods
        self._found: Counter[LabelMode] = Counter()
        self._stranger = ""

    def __bool__(self) -> bool:
        return bool(self._found or self._stranger)

    def add(self, labels: dict[str, str]) -> None:
        """Counts one series by the first label set it carries."""
        for names in self._profile.pod_labels:
            namespace, pod = labels.get(names.namespace, ""), labels.get(names.pod, "")
            if not pod:
                continue
            if names.mode is not LabelMode.Plain or (namespace, pod) in self._pods:
                self._found[names.mode] += 1
            else:
                self._stranger = f"{namespace}/{pod}"
            return

    def labelling(self, wanted: LabelMode, waiting: int) -> Labelling:
        """The mode in force. `waiting`: pods that hold devices for long enough to be named by some series."""
        modes = sorted(self._found)
        if wanted is not LabelMode.Auto:
            return self._forced(wanted, waiting)
        if len(modes) > 1:
            return Labelling(None, self._mixed(modes))
        if modes:
            return Labelling(modes[0])
        return Labelling(None, self._unknown() if waiting and self._stranger else "")

    def _forced(self, wanted: LabelMode, waiting: int) -> Labelling:
        if self._found[wanted] or not waiting or not (self._found or self._stranger):
            return Labelling(wanted)
        label = self._profile.names(wanted).pod
        return Labelling(
            None,
            f"metrics.labelMode is {wanted}, but no live series names a pod with an accelerator in its label {label}: "
            "set metrics.labelMode to Auto, or correct honorLabels of the scrape.",
        )

    def _mixed(self, modes: list[LabelMode]) -> str:
        told = " and ".join(f"{self._found[mode]} by {self._profile.names(mode).pod}" for mode in modes)
        return (
            f"Series name their pods in different ways ({told}): scrape all exporters with the same honorLabels, pin "
            "one job in metrics.matchLabels, or set metrics.labelMode."
        )

    def _unknown(self) -> str:
        return (
            f"No live series names a pod that holds a device: label pod says {self._stranger}, which requests no "
            "accelerator and may be the exporter itself. Check that the exporter maps devices to pods, and honorLabels "
            "of the scrape."
        )


def waiting_pods(pods: Mapping[tuple[str, str], Pod], live_after: Instant) -> int:
    """Pods Ready since before that instant: their devices must have been mapped by now."""
    return sum(pod.ended_at is None and (pod.ready_since or live_after) < live_after for pod in pods.values())
