"""CPU and network use of pods, folded to what the idle verdict looks at: one value by workload and step."""

from collections.abc import Mapping
from math import inf
from typing import Final, TypeAlias

from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import Instant, Pod, WorkloadKey
from ebbtide.samples.answer import Answer
from ebbtide.samples.sign_questions import CPU, NETWORK
from ebbtide.samples.source import SIGNAL_LABEL
from ebbtide.samples.span import Grid

_LEAST_CPU: Final = 1.0
"""Cores against which a pod is measured that requests none."""
_TENTH: Final = 100_000
"""Bytes in a tenth of a megabyte."""

Folds: TypeAlias = dict[str, dict[WorkloadKey, dict[Instant, float]]]
"""By mark (CPU, NETWORK), workload and step the value of the busiest pod."""


def folded(answer: Answer, grid: Grid, state: ClusterState) -> Folds:
    """CPU in percent of the request, in whole percent upwards; network in MB/s, in tenths upwards.

    Upwards, so that the steps stay few and what is above a whole limit stays above it. The network of pods with
    hostNetwork is left out: it is that of all that runs on the node.
    """
    found: Folds = {CPU: {}, NETWORK: {}}
    owners = _owners(state) if len(answer) else {}
    times = [grid.start + number * grid.step for number in range(len(grid))]
    for row in answer.series():
        labels = row.metric
        owner = owners.get(labels.get("namespace", ""), {}).get(labels.get("pod", ""))
        lines = found.get(labels.get(SIGNAL_LABEL, ""))
        if owner is None or lines is None or (lines is found[NETWORK] and owner[1].host_network):
            continue
        key, pod = owner
        size = (pod.cpu or _LEAST_CPU) if lines is found[CPU] else 0.0
        steps = lines.setdefault(key, {})
        for number, value in row.values:
            if 0 <= value < inf:
                use = float(-(-100 * value // size)) if size else _megabytes(value)
                at = times[number]
                if use > steps.get(at, -1.0):
                    steps[at] = use
    return found


def _owners(state: ClusterState) -> Mapping[str, Mapping[str, tuple[WorkloadKey, Pod]]]:
    """By namespace and name of the pod; made when asked, because of a large fleet it is megabytes."""
    owners: dict[str, dict[str, tuple[WorkloadKey, Pod]]] = {}
    for key, pods in state.pods.items():
        for pod in pods:
            owners.setdefault(pod.namespace, {})[pod.name] = key, pod
    return owners


def _megabytes(bytes_a_second: float) -> float:
    """Whole bytes first: two stores that add up in another order must not differ by a tenth."""
    return -(-round(bytes_a_second) // _TENTH) / 10
