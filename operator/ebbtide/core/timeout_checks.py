"""The curve that a learnt timeout was chosen from, as links of the chain that `explain` shows."""

from collections.abc import Iterator
from typing import Final

from ebbtide.core.auto_timeout import AutoTimeout
from ebbtide.core.decision import Check, Result
from ebbtide.core.idle_history import Learnt
from ebbtide.core.learned_timeout import SELDOM, WRONG_SECONDS, Point
from ebbtide.core.situation import Situation
from ebbtide.core.wording import duration

SHOWN_MINUTES: Final = (10, 15, 30, 60, 120, 240)
"""Timeouts to compare with the chosen one."""


def timeout_checks(situation: Situation) -> Iterator[Check]:
    """What was chosen and from what; nothing where afterSeconds is a number."""
    timeout = situation.gang.timeout
    if timeout is None:
        return
    judgement, learnt, now = situation.judgement, timeout.learnt(), situation.now
    # Who plainly works was judged by the shortest T there is: what would hold if it stopped now is what people ask.
    after = timeout.after(now, now) if judgement.idle_since is None else judgement.after_seconds
    yield from curve_checks(timeout, learnt, after)


def curve_checks(timeout: AutoTimeout, learnt: Learnt, after: float) -> Iterator[Check]:
    """What was chosen, from how many runs, within which limits; then the curve at a few timeouts and at `after`."""
    yield Check("timeout", Result.Pass, "", _chosen(timeout, learnt, after))
    if learnt.enough:
        for point in _points(timeout, learnt, after):
            name = f"timeout {duration(point.after * timeout.history.step_seconds)}"
            yield Check(name, Result.Skip, "", _costs(timeout, learnt, point))


def _chosen(timeout: AutoTimeout, learnt: Learnt, after: float) -> str:
    limits = f"never under {duration(timeout.floor_seconds)}, a restart costs {duration(timeout.restart_seconds)}"
    if timeout.usual_seconds is not None:
        usual = duration(timeout.usual_seconds)
        limits += f"; under {usual} only if at most {100 * SELDOM:.0f} % of such pauses are wrong"
    runs = f"{learnt.own_ended:.0f} idle runs of its own and {learnt.siblings_ended:.0f} of its siblings'"
    if not learnt.enough:
        known = f"{runs} ended in {duration(learnt.watched_seconds)}, too few to learn from"
        return f"afterSeconds Auto: {duration(after)}; {known}; {limits}"
    return f"afterSeconds Auto: {duration(after)}, learnt from {runs} (old ones count less); {limits}"


def _points(timeout: AutoTimeout, learnt: Learnt, after: float) -> list[Point]:
    """A few timeouts, the chosen one among them, for a run that has just begun."""
    curve, shown = timeout.curve(learnt), {round(after)}
    shown |= {minutes * 60 for minutes in SHOWN_MINUTES if minutes * 60 >= timeout.floor_seconds}
    return [curve.point(seconds / timeout.history.step_seconds) for seconds in sorted(shown)]


def _costs(timeout: AutoTimeout, learnt: Learnt, point: Point) -> str:
    """Like "6.0 min idle + 2.0 min restart = 8.0 min an idle run; 12 % last that long, …"."""
    idle, paid = point.idle * timeout.history.step_seconds / 60, point.reached * timeout.restart_seconds / 60
    costs = f"{idle:.1f} min idle + {paid:.1f} min restart = {idle + paid:.1f} min for each idle run"
    again = f"{100 * point.wrong:.0f} % of these are busy again within {duration(WRONG_SECONDS)}"
    if point.after * timeout.history.step_seconds > learnt.known_seconds:
        again = f"how many of these are busy again within {duration(WRONG_SECONDS)} was not watched yet"
    return f"{costs}; {100 * point.reached:.0f} % last as long, {again}"
