"""What wakes a server that was paused for idleness: a request, seen at a series that outlives its pods.

A series is read in steps, each of which tells of the samples after the one before. A step that ends after the pause and
shows a request is news to everybody: nothing read before told of it. Where the pause lies inside the step, the step
before must have been quiet, else it may be the same requests that were known when it was paused. What was never read,
is missing, or could not be asked for wakes nothing.
"""

from collections.abc import Mapping

from ebbtide.core.action import Actor
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.series_name import is_counter, text_of
from ebbtide.core.signs import Signs
from ebbtide.core.situation import Situation
from ebbtide.core.wording import clock, duration
from ebbtide.core.workload import Instant, SeriesName, Workload

_ROUNDING = 3


def named_series(workload: Workload) -> SeriesName | None:
    """The series that shows requests at it, whether it runs or not; None: it names none.

    The one place that knows where a kind says so: its requests keep it alive, and wake it when it is paused.
    """
    return workload.request_series


def asleep_since(workload: Workload) -> Instant | None:
    """When a policy paused it for idleness; None: it is not, or is not any more."""
    target = workload.target
    if target is None or not target.suspended or target.restore is None or target.finished is not None:
        return None
    restore = target.restore
    return restore.at if restore.by == Actor.Policy and restore.reason in IDLE_REASONS else None


def woken(situation: Situation, since: Instant) -> str:
    """Which request ended its idle pause that began then, with the numbers; empty: none is known."""
    signs, series = situation.gang.book.signs, named_series(situation.workload)
    calls = signs.calls.get(situation.workload.key) if signs is not None else None
    if signs is None or series is None or not calls:
        return ""
    at = _first_after(calls, signs, _asked_from(situation, since))
    return "" if at is None else _told(series, at, calls[at], signs, since)


def wake_sentence(situation: Situation) -> str:
    """How requests stand to its pause, to be added to what is said of it; empty: it names no series."""
    signs, series = situation.gang.book.signs, named_series(situation.workload)
    if series is None:
        return ""
    problem = signs.problems.get(situation.workload.key, "") if signs is not None else ""
    if problem:
        return f"; no request wakes it: {problem}"
    if signs is None or signs.requests_read is None:
        return f"; a request that {text_of(series)} shows would wake it, and that is not read now"
    return f"; a request that {text_of(series)} shows wakes it, read up to {_clock(signs.requests_read.end, situation)}"


def _asked_from(situation: Situation, since: Instant) -> Instant:
    """Requests that came while a human held it stopped were the human's to refuse."""
    return since if situation.clock_floor is None else max(since, situation.clock_floor)


def _first_after(calls: Mapping[Instant, float], signs: Signs, after: Instant) -> Instant | None:
    """End of the first step whose requests nobody knew of at that instant."""
    news = (at for at in calls if at - signs.step >= after or (at > after and _before(at, signs) not in calls))
    return min(news, default=None)


def _before(at: Instant, signs: Signs) -> Instant:
    return round(at - signs.step, _ROUNDING)


def _told(series: SeriesName, at: Instant, value: float, signs: Signs, since: Instant) -> str:
    shown = f"rose by {value:.6g}" if is_counter(series.metric) else f"was {value:.6g}"
    within = f"within {duration(signs.step)} up to {clock(at, since)}"
    return f"{text_of(series)} {shown} {within}, {duration(max(at - since, 0.0))} after it was paused"


def _clock(at: Instant, situation: Situation) -> str:
    return clock(min(at, situation.now), situation.now)
