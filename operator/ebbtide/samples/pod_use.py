"""CPU and network use of pods, folded to what the idle verdict looks at: one value by workload and step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Final, TypeAlias

from ebbtide.core.signs import LONGEST_HOLE, Spell
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

Steps: TypeAlias = dict[Instant, float]
"""By step the value of the busiest pod."""


@dataclass(slots=True)
class Fold:
    """What one answer says about one workload."""

    steps: Steps = field(default_factory=dict)
    spells: list[Spell] = field(default_factory=list)
    """Of each of its pods."""


Folds: TypeAlias = dict[str, dict[WorkloadKey, Fold]]
"""By mark (CPU, NETWORK) and workload."""


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
        fold, own = lines.setdefault(key, Fold()), {}
        for number, value in row.values:
            if 0 <= value < inf:
                own[times[number]] = float(-(-100 * value // size)) if size else _megabytes(value)
        for at, use in own.items():
            if use > fold.steps.get(at, -1.0):
                fold.steps[at] = use
        if own:
            fold.spells.append(_spell(pod.name, sorted(own), grid.step))
    return found


def _spell(pod: str, times: Sequence[Instant], step: float) -> Spell:
    torn = [(one, other) for one, other in pairwise(times) if other - one > LONGEST_HOLE * step]
    return Spell(pod, times[0], times[-1], torn[-1] if torn else None)


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
