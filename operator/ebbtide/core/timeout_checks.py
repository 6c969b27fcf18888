"""The curve that a learnt timeout was chosen from, as links of the chain that `explain` shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ebbtide.core.action import Check, Result
from ebbtide.core.auto_timeout import AUTO_CEILING_SECONDS, AutoTimeout
from ebbtide.core.idle_history import Learnt
from ebbtide.core.learned_timeout import EVEN, NEED, SELDOM, WRONG_SECONDS, Curve, Point
from ebbtide.core.situation import Situation
from ebbtide.core.wording import duration
from ebbtide.core.workload import Instant

SHOWN_MINUTES: Final = (10, 15, 30, 60, 120, 240)
"""Timeouts to compare with the chosen one."""
_AGAIN: Final = f"busy again within {duration(WRONG_SECONDS)}"


def timeout_checks(situation: Situation) -> Iterator[Check]:
    """What was chosen and from what; nothing where afterSeconds is a number."""
    timeout = situation.gang.timeout
    if timeout is None:
        return
    judgement, now = situation.judgement, situation.now
    # Who plainly works was judged by the shortest T there is: what would hold if it stopped now is what people ask.
    since = now if judgement.idle_since is None else judgement.idle_since
    holds = None if judgement.idle_since is None else judgement.after_seconds
    yield from curve_checks(timeout, since, now, holds)


@dataclass(frozen=True, slots=True)
class Choice:
    """The timeout of one idle run, and why it is that one."""

    timeout: AutoTimeout
    learnt: Learnt
    curve: Curve
    after: int
    """The chosen T, in seconds."""
    least: int
    """The earliest T that still leaves time for a whole warning."""
    is_announced: bool
    """T is what a warning said."""

    def point(self, after: float) -> Point:
        """A T, in seconds, for a run that has just begun."""
        return self.curve.point(self.timeout.age(after))

    def idle(self, point: Point) -> float:
        """Seconds of idle time that each run costs: one step more than its age."""
        return (point.idle + 1) * self.timeout.history.step_seconds

    def restarts(self, point: Point) -> float:
        """Seconds that its restarts count for, each idle run."""
        return point.reached * self.timeout.restart_seconds * self.curve.weight(point)

    def minutes(self, after: float) -> float:
        """What is compared, as it is shown."""
        point = self.point(after)
        return round((self.idle(point) + self.restarts(point)) / 60, 1)

    def is_watched(self, point: Point) -> bool:
        """It is known how many of its pauses are wrong."""
        return point.after * self.timeout.history.step_seconds <= self.learnt.known_seconds

    def verdict(self, after: float) -> str:
        """What became of a T in the comparison; nothing to say of one that costs more."""
        cheaper = self.minutes(after) < self.minutes(self.after)
        if after == self.after:
            return "announced, so it holds" if self.is_announced else "chosen"
        return f"not chosen: {self._against(after)}" if cheaper else ""

    def _against(self, after: float) -> str:
        if self.is_announced:
            return f"{duration(self.after)} was announced"
        if after < self.least:
            return "passed, or too near for a whole warning"
        point, usual = self.point(after), self.timeout.usual_seconds
        if not self.curve.is_fit(point):
            return self._too_wrong(point, under=usual is not None and after < usual)
        if self.after == AUTO_CEILING_SECONDS:
            return f"the least lies beyond {duration(AUTO_CEILING_SECONDS)}, the longest there is"
        if usual is not None and after > self.after >= usual and self.curve.stands(self.timeout.age(self.after)):
            return f"over {duration(usual)} only if a pause then is known not to pay, or to be mostly wrong"
        return "only ages at which what is learnt changes are compared"

    def _too_wrong(self, point: Point, *, under: bool) -> str:
        share = f"over {100 * (SELDOM if under else EVEN):.0f} % of such pauses"
        return f"{share} are wrong" if self.is_watched(point) else f"{share} count as wrong"


def curve_checks(
    timeout: AutoTimeout, idle_since: Instant, now: Instant, holds: float | None = None
) -> Iterator[Check]:
    """What was chosen, from how many runs, within which limits; then the curve at a few timeouts and at the chosen one.

    `holds`, in seconds: the patience of this run, longer than T where it was never used or holds memory.
    """
    learnt, after = timeout.learnt(), timeout.after(idle_since, now)
    yield Check("timeout", Result.Pass, "", _chosen(timeout, learnt, after, after if holds is None else holds))
    if not learnt.enough:
        return
    announced, least = timeout.announced(idle_since) is not None, timeout.least(idle_since, now)
    choice = Choice(timeout, learnt, timeout.curve(learnt), after, least, announced)
    for shown in sorted({after, *(it * 60 for it in SHOWN_MINUTES if it * 60 >= timeout.floor_seconds)}):
        yield Check(f"timeout {duration(shown)}", Result.Skip, "", _costs(choice, shown))


def _chosen(timeout: AutoTimeout, learnt: Learnt, after: int, holds: float) -> str:
    said = f"afterSeconds Auto: {duration(after)}"
    if holds != after:
        said += f", but {duration(holds)} by neverUsedAfterSeconds or memoryHeldAfterSeconds"
    runs = f"{learnt.own_ended:.0f} idle runs of its own and {learnt.siblings_ended:.0f} of its siblings'"
    if not learnt.enough:
        known = f"{runs} ended in {duration(learnt.watched_seconds)}, too few to learn from"
        return f"{said}; {known}; {_limits(timeout)}"
    return f"{said}, learnt from {runs} (old ones count less); {_limits(timeout)}"


def _limits(timeout: AutoTimeout) -> str:
    counts = f"counts {NEED:g} times, and {timeout.wrong_weight:g} times more if wrong ({_AGAIN})"
    restart = f"a restart costs {duration(timeout.restart_seconds)}, {counts}"
    said = f"never under {duration(timeout.floor_seconds)}; {restart}"
    if timeout.usual_seconds is None:
        return said
    return f"{said}; under {duration(timeout.usual_seconds)} only if at most {100 * SELDOM:.0f} % are wrong"


def _costs(choice: Choice, after: float) -> str:
    """Like "1 h: 6.0 min idle + 2.0 min restarts = 8.0 min for each idle run; 12 % last as long, …; chosen"."""
    point = choice.point(after)
    idle, paid = choice.idle(point) / 60, choice.restarts(point) / 60
    paid_for = f"{idle:.1f} min idle + {paid:.1f} min restarts"
    costs = f"{duration(after)}: {paid_for} = {choice.minutes(after):.1f} min for each idle run"
    again = f"{100 * point.wrong:.0f} % of these are {_AGAIN}"
    if not choice.is_watched(point):
        again = f"how many of these are {_AGAIN} was not watched yet and counts as all"
    counted = f"so a restart counts {choice.curve.weight(point):.2f} times"
    said = f"{costs}; {100 * point.reached:.0f} % last as long, {again}, {counted}"
    verdict = choice.verdict(after)
    return f"{said}; {verdict}" if verdict else said
