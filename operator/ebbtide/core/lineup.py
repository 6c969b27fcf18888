"""The pods of a workload that hold devices, sorted by what a verdict does with them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ebbtide.core.series import NEVER
from ebbtide.core.workload import Instant, Pod


@dataclass(frozen=True, slots=True)
class Lineup:
    """A function of the pods alone, so that a fleet is sorted when it changes and not at every tick."""

    pods: tuple[Pod, ...]
    """Those that request or claim devices."""
    running: tuple[Pod, ...]
    """Ready and not failing. The very same tuple where that is all of them, as in most of a fleet."""
    waiting: tuple[Pod, ...]
    """Not Ready."""
    failing: tuple[Pod, ...]
    namespace: str
    last_ready: Instant
    """The newest Ready of a running pod."""
    bound: bool
    """Some pod is bound to a node."""
    everyone: tuple[Pod, ...] = ()
    """Those without devices too, such as launchers."""
    claims: bool = False
    """Some pod claims devices through DRA: which they are, and what they do, is not known."""

    @classmethod
    def of(cls, pods: Iterable[Pod]) -> "Lineup":
        """The lineup of pods of one workload that have not ended; those without accelerator are left out."""
        whole = tuple(pods)
        holders = tuple(pod for pod in whole if pod.accelerators or pod.claims)
        holders = whole if len(holders) == len(whole) else holders
        sound = tuple(pod for pod in holders if pod.failing is None)
        running = tuple(pod for pod in sound if pod.ready_since is not None)
        return cls(
            pods=holders,
            running=holders if len(running) == len(holders) else running,
            waiting=tuple(pod for pod in sound if pod.ready_since is None),
            failing=tuple(pod for pod in holders if pod.failing is not None),
            namespace=holders[0].namespace if holders else "",
            last_ready=max((pod.ready_since for pod in running if pod.ready_since is not None), default=NEVER),
            bound=any(pod.node for pod in holders),
            everyone=whole,
            claims=any(pod.claims for pod in holders),
        )
