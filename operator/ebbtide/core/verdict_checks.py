"""The checks of the chain that lead to Active, Starting, Failing, Stalled, Idle and NeverUsed.

Order and rule: "Idle, exactly" of the API. Each check answers None, or the verdict over the gang with its reason.
"""

from functools import lru_cache

from ebbtide.core.device_window import Window
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.stall import is_stalled
from ebbtide.core.verdict_case import Case, Hit
from ebbtide.core.wording import clock, count, duration
from ebbtide.core.workload import Instant


def no_running_pod(case: Case) -> Hit | None:
    """Nothing holds an accelerator: no pod requests one, or none is bound to a node yet."""
    lineup = case.tally.gang.lineup
    if not lineup.pods:
        return Hit(Verdict.NotApplicable, Reason.NoAccelerator, "no pod holds an accelerator")
    if lineup.bound:
        return None
    return Hit(Verdict.NotApplicable, Reason.Unschedulable, f"{count(len(lineup.pods), 'pod')} not bound to a node yet")


def active(case: Case) -> Hit | None:
    """A device was busy inside the judged span, and not merely spinning."""
    tally = case.tally
    if tally.busy_at <= tally.edge:
        return None
    if tally.worked_at <= tally.edge and all(_spins(case, window) for window in case.windows if window.busy):
        return None
    reason = Reason.GPUActive if tally.busy_now else Reason.RecentlyActive
    return Hit(Verdict.Active, reason, busy_sentence(tally.busy_at, tally.gang.now, tally.span))


def _spins(case: Case, window: Window) -> bool:
    """For the whole span: a start-up that waits for others looks the same for a while."""
    return window.begin <= case.tally.edge and is_stalled(window)


@lru_cache(maxsize=256)
def busy_sentence(at: Instant, now: Instant, span: float) -> str:
    """Like "last busy sample at 14:03:30Z, 20 s ago; idle after 50 min without one"."""
    since = f"{clock(at, now)}, {duration(now - at)} ago"
    return f"last busy sample at {since}; idle after {duration(span)} without one"


def failing(case: Case) -> Hit | None:
    """A main container crash-loops or cannot be pulled."""
    pods = case.tally.failing
    if not pods or pods[0].failing is None:
        return None
    return Hit(Verdict.Failing, pods[0].failing, f"{count(len(pods), 'pod')} failing, the first is {pods[0].name}")


def starting(case: Case) -> Hit | None:
    """A pod is not Ready yet, or not long enough."""
    tally = case.tally
    if not tally.waiting:
        return None
    pod = next((each for each in tally.waiting if each.ready_since is None), tally.waiting[0])
    if pod.ready_since is None:
        reason = Reason.Unschedulable if pod.unschedulable and not pod.node else Reason.InGracePeriod
        return Hit(Verdict.Starting, reason, f"pod {pod.name} is not Ready")
    end = pod.ready_since + tally.gang.rule.grace_seconds
    message = f"pod {pod.name} is Ready for {duration(tally.gang.now - pod.ready_since)}; grace ends at "
    return Hit(Verdict.Starting, Reason.InGracePeriod, message + clock(end, tally.gang.now))


def all_stalled(case: Case) -> Hit | None:
    """Every device spins: what the others show cannot make this Unknown."""
    complete = all(len(devices) >= pod.accelerators for pod, _, devices in case.tally.held)
    return stalled(case) if case.tally.busy_at > case.tally.edge and complete and not case.quiet else None


def active_beside(case: Case) -> Hit | None:
    """The devices are quiet, but its CPU works, it moves data, it serves requests, or people use its notebook."""
    tally, sign = case.tally, case.sign
    if tally.busy_at > tally.edge or sign.at <= tally.edge:
        return None  # a collective that hangs spins the CPU too: that is no sign of work
    return Hit(Verdict.Active, sign.reason, f"devices are quiet, but {sign.message}")


def stalled(case: Case) -> Hit | None:
    """Some device spins, and none works (`active` did not hold)."""
    tally = case.tally
    if tally.busy_at <= tally.edge:
        return None
    spinning = len(case.windows) - len(case.quiet)
    message = (
        f"{count(spinning, 'device')} busy by utilisation and engine, but tensor, DRAM and power show no work for "
    )
    return Hit(Verdict.Stalled, Reason.GPUStalled, message + duration(tally.span))


def idle(case: Case) -> Hit:
    """Nothing speaks against it."""
    tally, devices = case.tally, sum(len(held) for _, _, held in case.tally.held)
    since = tally.quiet_since if tally.idle_since is None else tally.idle_since
    text = f"{count(devices, 'device')} idle since {clock(since, tally.gang.now)}"
    if tally.used or not tally.known:
        return Hit(Verdict.Idle, Reason.GPUIdle, text)
    return Hit(Verdict.NeverUsed, Reason.GPUNeverUsed, f"{text}, never used since Ready")
