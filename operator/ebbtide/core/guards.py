"""The guards of CPU and network: what a pod uses beside its devices keeps its gang alive; what ended is doubt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ebbtide.core.gang import Gang, Tally
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.reason import Reason
from ebbtide.core.series import NEVER
from ebbtide.core.sign import Doubt, Sign
from ebbtide.core.signs import LATEST, LONGEST_HOLE, Reading, Signs, Use
from ebbtide.core.wording import clock, duration, percent
from ebbtide.core.workload import Instant, WorkloadKey


@dataclass(frozen=True, slots=True)
class Guard:
    """One kind of use that is measured of every pod; the busiest pod of a gang counts."""

    name: str
    reason: Reason
    setting: str
    """The field of the policy."""
    series: str
    """What is read, for people."""
    limit: Callable[[IdleRule], int]
    """Work is what is strictly above; 0: it does not count."""
    lines: Callable[[Signs], Mapping[WorkloadKey, Use]]
    read: Callable[[Signs], Reading | None]
    shown: Callable[[float], str]
    """A value with its unit."""
    of: str = ""
    """What the value is a share of."""


def _megabytes(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") + " MB/s"


CPU: Final = Guard(
    "CPU",
    Reason.CPUActive,
    "idle.cpuBusyAbovePercent",
    "container_cpu_usage_seconds_total",
    lambda rule: rule.cpu_busy_above_percent,
    lambda signs: signs.cpu,
    lambda signs: signs.cpu_read,
    percent,
    " of the request",
)
NETWORK: Final = Guard(
    "network",
    Reason.NetworkActive,
    "idle.networkBusyAboveMegabytesPerSecond",
    "container_network_*_bytes_total",
    lambda rule: rule.network_busy_above_megabytes_per_second,
    lambda signs: signs.network,
    lambda signs: signs.network_read,
    _megabytes,
)
GUARDS: Final = (CPU, NETWORK)


def use_sign(guard: Guard, gang: Gang) -> Sign | None:
    """When its use was last above the limit; None: it was not, or is not looked at."""
    signs, key = gang.book.signs, gang.key
    line = None if signs is None or key is None else guard.lines(signs).get(key)
    if signs is None or line is None:
        return None
    limit = guard.limit(gang.rule)
    at = line.holds_above(limit, gang.now, signs.step) if limit else NEVER
    if at == NEVER:
        return None
    above = f"its {guard.name} was above {guard.shown(limit)}{guard.of}"
    return Sign(at, guard.reason, f"{above} at {clock(at, gang.now)}, {duration(gang.now - at)} ago")


def use_doubt(tally: Tally) -> Doubt | None:
    """The first use that counts and is not read over the whole span, or whose series ended or have a hole in it."""
    return _doubt(CPU, tally) or _doubt(NETWORK, tally)


def _doubt(guard: Guard, tally: Tally) -> Doubt | None:
    gang = tally.gang
    signs, key = gang.book.signs, gang.key
    read = None if signs is None else guard.read(signs)
    if signs is None or read is None or key is None or not guard.limit(gang.rule):
        return None
    if not covers(read, signs, tally.edge, gang.now):
        end = clock(min(read.end, gang.now), gang.now)
        return Doubt(Reason.MetricsUnavailable, f"{guard.name} use is still being read: up to {end}")
    use = guard.lines(signs).get(key)
    if use is None:
        return None
    return _ended(guard, use, gang, signs.step) or _unseen(guard, use, tally) or _torn(guard, use, tally, signs.step)


def _unseen(guard: Guard, use: Use, tally: Tally) -> Doubt | None:
    """Others of its gang are measured, and one that ran for the whole span is not: it may have been, long ago."""
    pods = tally.gang.lineup.everyone
    if not any(pod.name in use.pods for pod in pods):
        return None
    for pod in pods:
        ran = pod.ready_since is not None and pod.ready_since <= tally.edge
        if ran and pod.name not in use.pods and not (guard is NETWORK and pod.host_network):
            said = f"no {guard.name} series of pod {pod.name}, and others of its gang have some"
            return Doubt(Reason.MetricsMissing, f"{said} ({guard.setting} 0 turns it off)")
    return None


def _ended(guard: Guard, use: Use, gang: Gang, step: float) -> Doubt | None:
    """A pod was measured since it was Ready, and is not any more: what it does now nobody knows."""
    for pod in gang.lineup.everyone:
        last, ready = use.pods.get(pod.name), pod.ready_since
        if last is not None and ready is not None and last > ready and gang.now - last > LATEST * step:
            said = f"the {guard.name} series of pod {pod.name} ended at {clock(last, gang.now)}"
            return Doubt(Reason.StaleMetrics, f"{said} ({guard.setting} 0 turns it off)")
    return None


def _torn(guard: Guard, use: Use, tally: Tally, step: float) -> Doubt | None:
    start, there = max(tally.edge, tally.rested_at), {pod.name for pod in tally.gang.lineup.everyone}
    holes = [after - before for pod, (before, after) in use.holes.items() if after > start and pod in there]
    hole = max([use.hole_after(start), *holes])
    if hole <= LONGEST_HOLE * step:
        return None
    return Doubt(Reason.InsufficientCoverage, f"its {guard.name} series have a hole of {duration(hole)} in the span")


def covers(read: Reading, signs: Signs, edge: Instant, now: Instant) -> bool:
    """All of (edge, now] was read, but for the newest steps, which come late."""
    return read.begin <= edge and read.end >= now - LATEST * signs.step


def measured(guard: Guard, gang: Gang, span: float) -> float | None:
    """Its greatest use in the span; None: it does not count, or there are no series of it."""
    signs = gang.book.signs
    if signs is None or gang.key is None or not guard.limit(gang.rule):
        return None
    line = guard.lines(signs).get(gang.key)
    return None if line is None else line.peak(gang.now - span)


def use_sentence(guard: Guard, gang: Gang, span: float) -> str:
    """What `explain` says about it."""
    limit = guard.limit(gang.rule)
    if not limit:
        return f"{guard.setting} is 0: {guard.name} does not count"
    peak = measured(guard, gang, span)
    if peak is None:
        return f"{_why_none(guard, gang)}: {guard.name} is not looked at"
    busy = f"busy above {guard.shown(limit)}"
    return f"{guard.name} at most {guard.shown(peak)}{guard.of} in {duration(span)} ({busy}){_left_out(guard, gang)}"


def _why_none(guard: Guard, gang: Gang) -> str:
    pods, signs = gang.lineup.everyone, gang.book.signs
    use = guard.lines(signs).get(gang.key) if signs is not None and gang.key is not None else None
    if use is not None:
        return f"its {guard.name} series ended at {clock(use.last, gang.now)}"
    if guard is NETWORK and pods and all(pod.host_network for pod in pods):
        return "its pods have the network of their node (hostNetwork), where all traffic counts"
    return f"no {guard.name} series of its pods ({guard.series})"


def _left_out(guard: Guard, gang: Gang) -> str:
    count = sum(pod.host_network for pod in gang.lineup.everyone) if guard is NETWORK else 0
    return f"; not looked at of {count} with hostNetwork" if count else ""
