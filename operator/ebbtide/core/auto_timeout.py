"""`afterSeconds: Auto`: T from what was learnt, within its limits, and settled once it was announced.

Only timeouts that leave time for a whole warning compete: at an idle age a the earliest is a + warnSeconds. When that
one is the cheapest, the judged span T - warnSeconds is reached, the verdict is Idle, and the warning is given. From
then on T is what the warning said, so that no later change of the curve can skip or repeat a warning.
"""

from typing import Final

from msgspec import Struct

from ebbtide.core.action import Verb
from ebbtide.core.idle_history import IdleHistory, Learnt
from ebbtide.core.idle_rule import AUTO_AFTER_SECONDS, IdleRule
from ebbtide.core.learned_timeout import WRONG_SECONDS, Curve
from ebbtide.core.lineup import Lineup
from ebbtide.core.workload import Instant, KindClass, Memory, Workload

AUTO_FLOOR_SECONDS: Final = 600
"""No learnt timeout is shorter."""
LEAST_SAMPLES: Final = 10
"""Nor is the judged span shorter than so many samples: of fewer not one may be missing."""
AUTO_CEILING_SECONDS: Final = 4 * 3600
"""No learnt timeout is longer: so much history is read after a start, and who writes Auto does not ask for "never"."""
WRONG_WEIGHT: Final = 4.0
"""Restarts that a wrong pause counts for besides its own: somebody waits for it."""
START_SECONDS: Final = 300.0
"""From resume to Ready, where the present pods do not tell."""
LONGEST_START_SECONDS: Final = 3600.0
"""A pod that took longer was not starting: it waited for a place, or was not Ready in between."""


class AutoTimeout(Struct, frozen=True, gc=False):
    """What T of one workload depends on besides its idle age. Nothing is worked out until it is asked for."""

    history: IdleHistory
    uid: str
    restart_seconds: float
    warn_seconds: int
    floor_seconds: int
    announced_at: Instant | None
    """When the warning in force was given, or planned."""
    wrong_weight: float = WRONG_WEIGHT
    usual_seconds: int | None = AUTO_AFTER_SECONDS
    """T that holds without anything learnt: a shorter one must be wrong seldom, a longer one needs that one to be wrong
    more often than not, or not worth its restart."""

    def after(self, idle_since: Instant | None, now: Instant) -> int:
        """T in whole seconds, for an idle clock that started then."""
        if idle_since is None:
            return max(AUTO_AFTER_SECONDS, self.floor_seconds)
        announced = self.announced(idle_since)
        if announced is not None:
            return announced
        least = self.least(idle_since, now)
        learnt = self.learnt()
        if not learnt.enough:
            return max(AUTO_AFTER_SECONDS, least)
        best = (self.curve(learnt).best(self.age(least)) + 1) * self.history.step_seconds
        return max(int(min(best, AUTO_CEILING_SECONDS)), least)

    def announced(self, idle_since: Instant) -> int | None:
        """What the warning in force said; None: there is none."""
        if self.announced_at is None or self.announced_at < idle_since:
            return None
        return max(int(self.announced_at - idle_since) + self.warn_seconds, self.floor_seconds)

    def least(self, idle_since: Instant, now: Instant) -> int:
        """The earliest T that still leaves time for a whole warning."""
        return max(int(now - idle_since) + self.warn_seconds, self.floor_seconds)

    def age(self, after: float) -> float:
        """Steps on the curve for a T in seconds.

        A run of age a has been idle for a + 1 steps: the one that was seen last is not yet over in it.
        """
        return max(after / self.history.step_seconds - 1, 0.0)

    def learnt(self) -> Learnt:
        """What is known of its idle runs."""
        return self.history.learnt(self.uid, self.restart_seconds)

    def curve(self, learnt: Learnt) -> Curve:
        """What each timeout costs."""
        step = self.history.step_seconds
        return Curve(
            learnt.hazards,
            learnt.factor,
            restart=self.restart_seconds / step,
            window=WRONG_SECONDS / step,
            wrong_weight=self.wrong_weight,
            known=learnt.known_seconds / step,
            usual=None if self.usual_seconds is None else self.usual_seconds / step - 1,
        )


def auto_timeout(
    history: IdleHistory, workload: Workload, lineup: Lineup, rule: IdleRule, interval_seconds: float, *, enforce: bool
) -> AutoTimeout:
    """The timeout of one workload whose policy says Auto."""
    return AutoTimeout(
        history=history,
        uid=workload.uid,
        restart_seconds=restart_seconds(workload, lineup),
        warn_seconds=rule.warn_seconds,
        floor_seconds=floor_seconds(rule.warn_seconds, interval_seconds),
        announced_at=announced_at(workload.memory, rule.warn_seconds, enforce=enforce),
    )


def floor_seconds(warn_seconds: int, interval_seconds: float) -> int:
    """No T is shorter than this: a whole warning after a judged span that shows something."""
    return max(AUTO_FLOOR_SECONDS, warn_seconds + round(LEAST_SAMPLES * interval_seconds))


def announced_at(memory: Memory, warn_seconds: int, *, enforce: bool) -> Instant | None:
    """When the warning was given. In Observe, when it would have been; a planned pause was announced before it."""
    if enforce:
        return memory.warned_at
    if memory.would_be is None or memory.would_be[0] not in {Verb.Warn, Verb.Pause}:
        return None
    action, _, since = memory.would_be
    return since if action == Verb.Warn else since - warn_seconds


def restart_seconds(workload: Workload, lineup: Lineup) -> float:
    """What a pause costs: from creation to Ready as the slowest of its present pods took, and what may be lost."""
    starts = [pod.ready_since - pod.created_at for pod in lineup.running if pod.ready_since is not None]
    known = [start for start in starts if 0 <= start <= LONGEST_START_SECONDS]
    return max(known, default=START_SECONDS) + _lost_seconds(workload)


def _lost_seconds(workload: Workload) -> float:
    """Work done again at most: back to the last periodic checkpoint, or the time that making one takes."""
    checkpoint = workload.checkpoint
    if workload.kind_class is not KindClass.RunToCompletion:
        return 0.0
    return float(
        {"Periodic": checkpoint.interval_seconds, "OnSignal": checkpoint.grace_seconds}.get(checkpoint.mode, 0)
    )
