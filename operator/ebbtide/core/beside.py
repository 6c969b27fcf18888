"""What the signs beside the devices say about one gang: when it was last at work, what is in doubt, what is known."""

from ebbtide.core.gang import Gang
from ebbtide.core.guards import CPU, NETWORK, covers, use_sign
from ebbtide.core.idle import NO_SERIES
from ebbtide.core.reason import Reason
from ebbtide.core.series import NEVER
from ebbtide.core.sign import NONE, Sign
from ebbtide.core.signs import Line, Signs
from ebbtide.core.wording import clock, duration
from ebbtide.core.workload import Instant

MISSING_SHARE = 0.1
"""As for devices: this share of the span may be without a sign of requests."""
LONGEST_STEPS = 3.05


def newest_sign(gang: Gang) -> Sign:
    """The newest of CPU use, network use, requests and a notebook's own word."""
    signs = (use_sign(CPU, gang), use_sign(NETWORK, gang), _requests(gang), _notebook(gang))
    found = [sign for sign in signs if sign is not None]
    return max(found) if found else NONE


def request_doubt(gang: Gang, span: float) -> str:
    """Why it is not known that nobody asked for its service during the span; empty: it is known."""
    signs, edge = gang.book.signs, gang.now - span
    if signs is None or signs.requests_read is None or gang.key is None:
        return NO_SERIES
    if not covers(signs.requests_read, signs, edge, gang.now):
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
    at = notebook_at(gang)
    if at is None:
        return None
    said = f"its notebook was active at {clock(at, gang.now)}, {duration(gang.now - at)} ago"
    return Sign(at, Reason.RecentlyActive, said)


def notebook_at(gang: Gang) -> Instant | None:
    """Newest activity in a notebook, by its annotation or its server; a time to come counts as now: clocks differ."""
    signs = gang.book.signs
    if gang.active_at is None and (signs is None or not signs.told):
        return None
    told = () if signs is None else (signs.told.get((pod.namespace, pod.name)) for pod in gang.lineup.everyone)
    at = max((moment for moment in (gang.active_at, *told) if moment is not None), default=NEVER)
    return None if at == NEVER else min(at, gang.now)


def _uncovered(line: Line, signs: Signs, edge: Instant, name: str) -> str:
    end = edge if signs.requests_read is None else signs.requests_read.end
    if end - edge < signs.step:
        return f"the judged span is too short to know: requests are read every {duration(signs.step)}"
    missing, hole = line.absence(edge, end, signs.step)
    if hole > LONGEST_STEPS * signs.step or missing > MISSING_SHARE * max(end - edge, signs.step):
        return f"{name} are not there for {duration(missing)} of {duration(end - edge)}"
    return ""
