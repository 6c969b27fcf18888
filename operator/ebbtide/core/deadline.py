"""How a deadline stands: what is left to do, and the latest start that still meets it.

latest start = deadline - work left after a pause - margin x declared work - changeover. The margin is a share of the
declared total, because a share of what is left would shrink to nothing (when and where, pitfall 8).
"""

from msgspec import Struct

from ebbtide.api.cost_policy import DeadlineSection
from ebbtide.core.reason import Reason
from ebbtide.core.timestamps import stamp
from ebbtide.core.wording import duration
from ebbtide.core.workload import Instant

NO_SECTION = DeadlineSection()
"""Deadlines are honoured without a section too."""
AT_RISK = frozenset({Reason.BehindPlan, Reason.DeadlineInfeasible, Reason.DeadlineMissed})


class Outlook(Struct, frozen=True, gc=False):
    """A deadline as it stands at one instant. Seconds; latest_start None: nobody knows how long the work takes."""

    reason: Reason
    """OnSchedule, NoEstimate, BehindPlan, DeadlineInfeasible or DeadlineMissed."""
    message: str
    latest_start: Instant | None = None
    restart_seconds: float = 0.0
    """What a pause now would cost: changeover, and work since the last checkpoint."""
    lag_seconds: float = 0.0
    """So long before the latest start it must be started, because nobody looks in between."""

    def forbids_pause(self, now: Instant) -> tuple[Reason, str] | None:
        """Why idle work is not paused; None: there is slack enough."""
        if self.latest_start is None or self.reason in {Reason.DeadlineInfeasible, Reason.DeadlineMissed}:
            return self.reason, f"{self.message}: not paused for idleness"
        slack = self.latest_start - now
        if slack > max(self.restart_seconds, self.lag_seconds):
            return None
        said = (
            f"its deadline leaves {duration(max(slack, 0.0))} of slack (latest start {stamp(self.latest_start)}), "
            f"and a restart costs {duration(self.restart_seconds)}"
        )
        return Reason.RestartCostsMore, said

    def ends_pause(self, now: Instant) -> tuple[Reason, str] | None:
        """Why an idle pause ends now; None: it may last."""
        if self.latest_start is None:
            return self.reason, f"{self.message}: started again, because nobody can tell how long it may wait"
        if now + self.lag_seconds < self.latest_start:
            return None
        return Reason.SafetyNet, f"the latest start that still meets its deadline is {stamp(self.latest_start)}"


def outlook(
    *,
    deadline: Instant,
    expected_seconds: int | None,
    done: float,
    loss: float,
    section: DeadlineSection | None,
    lag_seconds: float,
    now: Instant,
    startup_seconds: float = 0.0,
) -> Outlook:
    """How it stands. `done`: seconds of work done; `loss`: those that a pause now would lose.

    `startup_seconds`: what its pods took to be Ready last time; where that is longer, it is the changeover.
    """
    said, end = section or NO_SECTION, f"its deadline is {stamp(deadline)}"
    if now >= deadline:
        return Outlook(Reason.DeadlineMissed, f"{end} and has passed")
    if expected_seconds is None:
        return Outlook(Reason.NoEstimate, f"{end}, and nobody says how long it takes (expectedSeconds)")
    left = expected_seconds - done
    if left <= 0:
        worked = f"{duration(done)} of the expected {duration(expected_seconds)} are done"
        return Outlook(Reason.NoEstimate, f"{end}, {worked}, and it has not finished")
    margin = expected_seconds * said.margin_percent / 100
    changeover = max(said.changeover_seconds, startup_seconds)
    latest = deadline - left - loss - margin - changeover
    numbers = f"{end}, {duration(left)} of {duration(expected_seconds)} are left to do"
    return Outlook(
        _standing(left, margin, deadline - now),
        f"{numbers}; the latest start is {stamp(latest)}",
        latest,
        loss + changeover,
        lag_seconds,
    )


def _standing(left: float, margin: float, time_left: float) -> Reason:
    if left > time_left:
        return Reason.DeadlineInfeasible
    return Reason.BehindPlan if left + margin > time_left else Reason.OnSchedule
