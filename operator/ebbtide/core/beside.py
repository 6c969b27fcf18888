"""What the signs beside the devices say about one gang: when it was last at work, what is in doubt, what is known."""

from typing import NamedTuple

from ebbtide.core.gang import Gang, Tally
from ebbtide.core.idle import NO_SERIES
from ebbtide.core.reason import Reason
from ebbtide.core.series import NEVER
from ebbtide.core.signs import LATEST, LONGEST_HOLE, Line, Reading, Signs
from ebbtide.core.wording import clock, duration, percent
from ebbtide.core.workload import Instant

MISSING_SHARE = 0.1
"""As for devices: this share of the span may be without a sign of requests."""
LONGEST_STEPS = 3.05


class Sign(NamedTuple):
    """The newest sign of work beside the devices; at NEVER: none."""

    at: Instant
    reason: Reason
    message: str


NONE = Sign(NEVER, Reason.GPUIdle, "")


class Doubt(NamedTuple):
    """Why a sign that counts cannot be trusted to be absent."""

    reason: Reason
    message: str


def newest_sign(gang: Gang) -> Sign:
    """The newest of CPU use, requests and a notebook's own word."""
    found = [sign for sign in (_cpu(gang), _requests(gang), _notebook(gang)) if sign is not None]
    return max(found, default=NONE)


def cpu_doubt(tally: Tally) -> Doubt | None:
    """CPU counts, and is not read over the whole span, or its series ended or have a hole in it."""
    gang = tally.gang
    signs, key = gang.book.signs, gang.key
    if signs is None or not gang.rule.cpu_busy_above_percent or signs.cpu_read is None or key is None:
        return None
    if not _covers(signs.cpu_read, signs, tally.edge, gang.now):
        end = clock(min(signs.cpu_read.end, gang.now), gang.now)
        return Doubt(Reason.MetricsUnavailable, f"CPU use is still being read: up to {end}")
    line = signs.cpu.get(key)
    start = max(tally.edge, tally.rested_at)
    if line is None or line.last <= start:
        return None
    if gang.now - line.last > LATEST * signs.step:
        return Doubt(Reason.StaleMetrics, f"its CPU series ended at {clock(line.last, gang.now)}")
    hole = line.hole_after(start)
    if hole > LONGEST_HOLE * signs.step:
        return Doubt(Reason.InsufficientCoverage, f"its CPU series have a hole of {duration(hole)} in the span")
    return None


def request_doubt(gang: Gang, span: float) -> str:
    """Why it is not known that nobody asked for its service during the span; empty: it is known."""
    signs, edge = gang.book.signs, gang.now - span
    if signs is None or signs.requests_read is None or gang.key is None:
        return NO_SERIES
    if not _covers(signs.requests_read, signs, edge, gang.now):
        return "the series of its requests are still being read"
    if gang.key in signs.problems:
        return signs.problems[gang.key]
    own = signs.of_workloads.get(gang.key)
    return _of_pods(gang, signs, edge) if own is None else _uncovered(own, signs, edge, "the series that it names")


def _of_pods(gang: Gang, signs: Signs, edge: Instant) -> str:
    """Every pod that holds a device must show its requests: who asks one that is silent is not seen."""
    for pod in gang.lineup.running:
        line = signs.of_pods.get((pod.namespace, pod.name))
        if line is None:
            return f"pod {pod.name} has no series of its requests that is known"
        found = _uncovered(line, signs, edge, f"the series of the requests of pod {pod.name}")
        if found:
            return found
    return ""


def cpu_sentence(gang: Gang, span: float) -> str:
    """What `explain` says about CPU."""
    signs, limit = gang.book.signs, gang.rule.cpu_busy_above_percent
    if not limit:
        return "idle.cpuBusyAbovePercent is 0: CPU does not count"
    line = signs.cpu.get(gang.key) if signs is not None and gang.key is not None else None
    peak = None if line is None else line.peak(gang.now - span)
    if peak is None:
        return "no CPU series of its pods (container_cpu_usage_seconds_total): CPU is not looked at"
    return f"CPU at most {percent(peak)} of the request in {duration(span)} (busy above {limit} %)"


def _cpu(gang: Gang) -> Sign | None:
    signs, limit = gang.book.signs, gang.rule.cpu_busy_above_percent
    line = signs.cpu.get(gang.key) if signs is not None and limit and gang.key is not None else None
    if line is None:
        return None
    at = line.holds_above(limit, gang.now, signs.step if signs is not None else 0.0)
    if at == NEVER:
        return None
    said = f"its CPU was above {limit} % of the request at {clock(at, gang.now)}, {duration(gang.now - at)} ago"
    return Sign(at, Reason.CPUActive, said)


def _requests(gang: Gang) -> Sign | None:
    signs = gang.book.signs
    if signs is None or not gang.rule.counts_requests or gang.key is None:
        return None
    if not signs.of_pods and not signs.of_workloads:
        return None  # as in most fleets: nothing is looked up for each pod
    lines: list[Line | None] = [signs.of_pods.get((pod.namespace, pod.name)) for pod in gang.lineup.everyone]
    known = (line for line in (*lines, signs.of_workloads.get(gang.key)) if line)
    at = max((line.holds_above(0.0, gang.now, signs.step) for line in known), default=NEVER)
    if at == NEVER:
        return None
    said = f"requests were served at {clock(at, gang.now)}, {duration(gang.now - at)} ago"
    return Sign(at, Reason.RequestsServed, said)


def _notebook(gang: Gang) -> Sign | None:
    """From the Notebook's annotation, or from its server. A time to come counts as now: clocks differ."""
    signs = gang.book.signs
    if gang.active_at is None and (signs is None or not signs.told):
        return None
    told = () if signs is None else (signs.told.get((pod.namespace, pod.name)) for pod in gang.lineup.everyone)
    at = max((moment for moment in (gang.active_at, *told) if moment is not None), default=NEVER)
    if at == NEVER:
        return None
    at = min(at, gang.now)
    said = f"its notebook was active at {clock(at, gang.now)}, {duration(gang.now - at)} ago"
    return Sign(at, Reason.RecentlyActive, said)


def _covers(read: Reading, signs: Signs, edge: Instant, now: Instant) -> bool:
    return read.begin <= edge and read.end >= now - LATEST * signs.step


def _uncovered(line: Line, signs: Signs, edge: Instant, name: str) -> str:
    end = edge if signs.requests_read is None else signs.requests_read.end
    if end - edge < signs.step:
        return f"the judged span is too short to know: requests are read every {duration(signs.step)}"
    missing, hole = line.absence(edge, end, signs.step)
    if hole > LONGEST_STEPS * signs.step or missing > MISSING_SHARE * max(end - edge, signs.step):
        return f"{name} are not there for {duration(missing)} of {duration(end - edge)}"
    return ""
