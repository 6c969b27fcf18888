"""What a restart costs, in seconds of the same devices: the time to come back, and the work that is done twice."""

from dataclasses import dataclass

from ebbtide.core.wording import duration
from ebbtide.core.workload import Instant, Pod, Workload

MOST_STARTUP_SECONDS = 3600.0
"""A pod that was Ready anew after hours, as after a restart of its container, did not take hours to start."""


@dataclass(frozen=True, slots=True)
class RestartCost:
    """Seconds during which its devices are paid for and do nothing new. Price cancels out: both sides pay the same."""

    startup_seconds: float
    """From creation to Ready, as its pods took it: image, queue and node included."""
    redo_seconds: float
    """Work since the last checkpoint."""

    @property
    def seconds(self) -> float:
        """Both."""
        return self.startup_seconds + self.redo_seconds

    @property
    def message(self) -> str:
        """The numbers, as part of a sentence."""
        return (
            f"a restart costs {duration(self.seconds)} ({duration(self.startup_seconds)} until its pods are Ready, "
            f"{duration(self.redo_seconds)} of work done again)"
        )


def restart_cost(
    workload: Workload,
    pods: tuple[Pod, ...],
    checkpoint_at: Instant | None,
    idle_since: Instant | None,
    now: Instant,
) -> RestartCost:
    """As its present pods and checkpoints show it. `checkpoint_at`: the last one told of; None: none was."""
    return RestartCost(startup(pods), _redo(workload, checkpoint_at, idle_since or now, now))


def startup(pods: tuple[Pod, ...]) -> float:
    """The slowest of the gang, in seconds, at most an hour; 0 where none is Ready."""
    taken = [max(0.0, pod.ready_since - pod.created_at) for pod in pods if pod.ready_since is not None]
    return min(max(taken, default=0.0), MOST_STARTUP_SECONDS)


def lost_work(workload: Workload, checkpoint_at: Instant | None, worked_until: Instant, done: float) -> float:
    """Seconds of work that a stop loses, at most what is done. `worked_until`: no work was done after it."""
    match workload.checkpoint.mode:
        case "Periodic":
            interval = float(workload.checkpoint.interval_seconds)
            unsaved = interval if checkpoint_at is None else worked_until - checkpoint_at
        case "OnSignal" | "Stateless":
            unsaved = 0.0
        case _:
            unsaved = done
    return min(max(unsaved, 0.0), done)


def _redo(workload: Workload, checkpoint_at: Instant | None, worked_until: Instant, now: Instant) -> float:
    """Where no time was told, what was done before the idleness is saved after one interval of it."""
    if workload.checkpoint.mode != "Periodic":
        return 0.0  # OnSignal saves when stopped; with None the policy has said that the loss is accepted
    if checkpoint_at is not None:
        return max(0.0, worked_until - checkpoint_at)
    return max(0.0, workload.checkpoint.interval_seconds - (now - worked_until))
