"""The checks that lead to Unknown, in the order of "Idle, exactly": absence of data is never evidence of idleness.

Devices with a busy sample in the window are left out: they are Stalled (an active one ends the chain before).
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from ebbtide.core.device_window import (
    HOLE_POWER_FACTOR,
    MISSING_SHARE,
    Window,
    is_explained,
    newest_busy,
    newest_unattributed,
    sharers,
)
from ebbtide.core.gang import Gang
from ebbtide.core.guards import use_doubt
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.signal import Signal
from ebbtide.core.verdict_case import Case, Check, Hit
from ebbtide.core.wording import clock, count, duration, joined, percent

CLAIMED: Final = "its pods claim devices through DRA (spec.resourceClaims): those are not judged yet"


def _hit(reason: Reason, message: str) -> Hit:
    return Hit(Verdict.Unknown, reason, message)


def _any_device(reason: Reason, finding: Callable[[Window], str], *, name: str) -> Check:
    """A check over the devices one by one; `finding` answers with a sentence, or with nothing."""

    def check(case: Case) -> Hit | None:
        for window in case.quiet:
            found = finding(window)
            if found:
                return _hit(reason, f"{window.device.id} of pod {window.pod.name}: {found}")
        return None

    check.__name__ = check.__qualname__ = name
    check.__doc__ = finding.__doc__
    return check


def claims_devices(case: Case) -> Hit | None:
    """Some pod claims devices through DRA: what those do is not known, so what others do proves nothing."""
    if not case.tally.gang.lineup.claims:
        return None
    return _hit(Reason.MetricsMissing, CLAIMED)


def metrics_unavailable(case: Case) -> Hit | None:
    """The source is down, warned of partial data, does not reach back over the span, or scrapes at another pace."""
    health, now = case.tally.gang.metrics, case.tally.gang.now
    if not health.up:
        return _hit(Reason.MetricsUnavailable, health.message or "the metrics source does not answer")
    if health.interval_problem:
        return _hit(Reason.MetricsUnavailable, health.interval_problem)
    begin = now if health.reaches_back_to is None else max(health.reaches_back_to, case.tally.gang.book.since)
    if begin > case.tally.edge:
        reach = max(0.0, now - begin)
        message = f"the metrics source reaches back {duration(reach)} of {duration(case.tally.span)}"
        return _hit(Reason.MetricsUnavailable, message)
    return None


def attribution_untrusted(case: Case) -> Hit | None:
    """Series cannot be attributed to pods at all."""
    health = case.tally.gang.metrics
    if health.attribution_problem:
        reason = Reason.AttributionBroken if health.label_mode else Reason.LabelModeUnknown
        return _hit(reason, health.attribution_problem)
    for pod, _, _ in case.tally.held if health.distrusted else ():
        found = health.distrusted.get(pod.accelerator_resource)
        if found is not None:
            return _hit(Reason.AttributionBroken if found.label_mode else Reason.LabelModeUnknown, found.problem)
    return None


def pod_identity(case: Case) -> Hit | None:
    """Series name a pod by its name, but by the UID of another: a predecessor's, or another cluster's (P12)."""
    others = case.tally.gang.book.others
    if not others:
        return None
    for pod, start, devices in case.tally.held:
        at = others.get((pod.namespace, pod.name), start)
        if len(devices) < pod.accelerators and at > start:
            now = case.tally.gang.now
            return _hit(Reason.PodIdentity, f"pod {pod.name}: its series name another UID, last at {clock(at, now)}")
    return None


def metrics_missing(case: Case) -> Hit | None:
    """A pod requests more devices than have activity series."""
    for pod, _, devices in case.tally.held:
        if len(devices) < pod.accelerators:
            seen = f"{len(devices)} of {count(pod.accelerators, 'device')}"
            return _hit(Reason.MetricsMissing, f"pod {pod.name}: activity series for {seen} since Ready")
    return None


def use_in_doubt(case: Case) -> Hit | None:
    """CPU or network use counts as activity, and what is known of it does not cover the judged span."""
    doubt = use_doubt(case.tally)
    return None if doubt is None else _hit(doubt.reason, doubt.message)


def clock_too_young(case: Case) -> Hit | None:
    """The idle clock has not run for the span yet."""
    tally = case.tally
    now, since = tally.gang.now, tally.quiet_since
    if now - since >= tally.span:
        return None
    if tally.hole_end > tally.rested_at:
        message = f"a hole in the samples ended at {clock(since, now)}, less than {duration(tally.span)} ago"
        return _hit(Reason.InsufficientCoverage, message)
    message = f"the idle clock runs since {clock(since, now)}, {duration(now - since)} of {duration(tally.span)}"
    return _hit(Reason.HistoryTooShort, message)


def _wrong_owner(window: Window) -> str:
    """The device is not the one requested, or its own row is busy while the pod's is not (conservation check)."""
    if window.pod.accelerator_resource.startswith("nvidia.com/mig-") and not window.device.mig:
        return "the pod requests a MIG instance, but the series names the whole board"
    busy = newest_unattributed(window)
    if busy <= window.begin or is_explained(window, busy):
        return ""
    return f"the device was busy at {clock(busy, window.now)} on a row without a pod while the pod's row was not"


def _stale(window: Window) -> str:
    """The newest sample of some activity signal is older than two intervals."""
    device = window.device
    heard = {signal: max(device.last_at(signal), device.bad_at_of(signal)) for signal in window.present}
    oldest = min(heard.values(), default=device.heard_at())
    if oldest >= window.now - device.pace.stale:
        return ""
    return f"newest sample {duration(window.now - oldest)} old, at most {duration(device.pace.stale)} is fresh"


def _bad_values(window: Window) -> str:
    """Values that cannot be true take the place of samples. A signal that gives nothing else counts as absent."""
    device = window.device
    for signal in window.present:
        if device.bad_at_of(signal) > window.begin and not window.is_covered(signal):
            return f"{signal} has values that cannot be true, the last at {clock(device.bad_at_of(signal), window.now)}"
    if not window.present and device.bad_at > window.begin:
        return f"no activity signal has a value that can be true, the last at {clock(device.bad_at, window.now)}"
    return ""


def _frozen(window: Window) -> str:
    """The energy counter stands still: an idle board draws power, so these are old readings repeated."""
    still = window.stands_still()
    if still <= max(window.device.pace.hole, MISSING_SHARE * window.length):
        return ""
    return f"the energy counter stood still for {duration(still)}, so the readings are frozen"


def _not_covered(window: Window) -> str:
    """More than a tenth of the window is missing, or a hole is longer than three intervals."""
    pace = window.device.pace
    gone = [signal for signal in window.present if not window.is_covered(signal)]
    if not gone:
        return "" if window.present else "no activity sample in the judged span"
    hole = max(window.longest_hole(signal) for signal in gone)
    missing = max(window.missing_share(signal) for signal in gone)
    numbers = f"{percent(100 * missing)} of {duration(window.length)} missing, longest hole {duration(hole)}"
    return f"{gone[0]}: {numbers}; tolerated are 10 % and {duration(3 * pace.interval)}"


def _single_family(window: Window) -> str:
    """Fewer than two families of signals cover the window."""
    families = window.families()
    if len(families) >= 2:
        return ""
    known = "" if window.device.idle_watts.known else f"; idle power of model {window.device.model!r} is not known"
    return f"only {joined(families) or 'no family'} covers the span, two families must agree{known}"


def _disagree(window: Window) -> str:
    """Power or energy speaks against idleness."""
    device, ceiling = window.device, window.device.idle_watts.ceiling
    if not device.mig:
        hot = max((mean for _, mean in window.stretches()), default=0.0)
        if device.hot_at > window.begin:
            return f"power above {ceiling:.0f} W at {clock(device.hot_at, window.now)}, too much for an idle board"
        if hot > ceiling:
            return f"the energy counter shows {hot:.0f} W, above {ceiling:.0f} W, too much for an idle board"
    compared = window.power_over_holes()
    if compared is not None and compared[0] > HOLE_POWER_FACTOR * compared[1]:
        return f"{compared[0]:.0f} W over a hole in the samples, {compared[1]:.0f} W in the rest of the span"
    return ""


def shared_device(case: Case) -> Hit | None:
    """Seen under another pod at the same time, requested or told of as a share, or on a node that shares devices.

    A policy may let sharers be paused: then the whole device must be idle, because what one of them shows may be a copy
    of the device's value, or a part of it that is not proven to be its own. What was begun is noted where it is begun,
    in the pod itself: a sharer whose own launches cover the span is judged by itself.
    """
    gang = case.tally.gang
    for window in case.quiet:
        if not gang.rule.pauses_sharers:
            found = _shared(window, gang)
        else:
            found = "" if _speaks_for_itself(window, gang.metrics.own_launches) else _in_use_by_others(window)
        if found:
            return _hit(Reason.SharedDevice, f"{window.device.id} of pod {window.pod.name}: {found}")
    return None


def _speaks_for_itself(window: Window, own_launches: AbstractSet[str]) -> bool:
    return window.pod.accelerator_resource in own_launches and window.is_covered(Signal.Launches)


def _shared(window: Window, gang: Gang) -> str:
    if window.pod.accelerator_resource.endswith(".shared"):
        return f"the pod requests {window.pod.accelerator_resource}"
    others = sharers(window)
    if others:
        return f"also seen under pod {others[0].namespace}/{others[0].pod}"
    if gang.book.shares.get(window.device.id, window.begin) > window.begin:
        return "its series are those of a share of the device"
    return f"node {window.pod.node} shares its devices" if window.pod.node in gang.sharing_nodes else ""


def _in_use_by_others(window: Window) -> str:
    row = newest_unattributed(window)
    if row > window.begin:
        return f"the device was busy at {clock(row, window.now)}, so it is not idle as a whole"
    for other in sharers(window):
        busy = newest_busy(other, window.limits)
        if busy > window.begin:
            return f"pod {other.namespace}/{other.pod} was busy on it at {clock(busy, window.now)}"
    return ""


wrong_owner = _any_device(Reason.AttributionBroken, _wrong_owner, name="wrong_owner")
stale_metrics = _any_device(Reason.StaleMetrics, _stale, name="stale_metrics")
bad_values = _any_device(Reason.BadValues, _bad_values, name="bad_values")
frozen_metrics = _any_device(Reason.FrozenMetrics, _frozen, name="frozen_metrics")
insufficient_coverage = _any_device(Reason.InsufficientCoverage, _not_covered, name="insufficient_coverage")
single_family = _any_device(Reason.SingleFamily, _single_family, name="single_family")
signals_disagree = _any_device(Reason.SignalsDisagree, _disagree, name="signals_disagree")
