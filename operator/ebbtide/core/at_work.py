"""The shorter cut of judging: a gang that plainly works. Most of a busy fleet is told by one device each."""

from ebbtide.core.evidence import NEVER
from ebbtide.core.gang import Gang
from ebbtide.core.traces import WORKED
from ebbtide.core.workload import Instant


def busy_now(gang: Gang) -> Instant | None:
    """When a device was busy that shows work with its newest sample and does not just spin; None: look closely.

    Sufficient for Active, not necessary: only the first running pod is looked at. A device that is at work protects
    the whole gang, whatever the others show.
    """
    rule, now, running = gang.rule, gang.now, gang.lineup.running
    if not running or rule.memory_held_after_seconds:
        return None  # how long the judged span is, then depends on what all devices hold
    pod = running[0]
    ready = pod.ready_since or NEVER
    if not pod.node or now < ready + rule.grace_seconds:
        return None
    edge, half = max(now - span_if_used(gang), ready), gang.book.pace.interval / 2
    for device in gang.book.devices(pod.namespace, pod.name):
        if device.thresholds is not rule.thresholds:
            device.bind(rule.thresholds)
        busy = device.last_busy_at
        if busy > edge and busy > device.newest - half and device.head[WORKED] > edge:
            return busy
    return None


def span_if_used(gang: Gang) -> float:
    """The judged span, in seconds, of a gang with a busy sample since Ready whose rule asks for no memory held.

    Where T is learnt, the shortest that it can be: who is at work in that is at work in any longer one.
    """
    rule = gang.rule
    span = rule.span_if_used if gang.timeout is None else rule.span(gang.timeout.floor_seconds)
    return max(span, gang.interval_seconds)
