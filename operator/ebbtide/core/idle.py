"""From an idle verdict to a warning and a pause: when each is due, and what refuses the pause."""

from dataclasses import dataclass
from math import inf

from msgspec import Struct

from ebbtide.api.cost_policy import LimitsSection
from ebbtide.api.fields import AUTO
from ebbtide.api.idle_section import IdleAction, IdleSection, ServingMode
from ebbtide.core.action import Actor, Verb
from ebbtide.core.deadline import Outlook
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Judgement, Verdict
from ebbtide.core.learned_timeout import WRONG_SECONDS
from ebbtide.core.reason import Reason
from ebbtide.core.restart_cost import restart_cost
from ebbtide.core.timestamps import stamp
from ebbtide.core.wording import duration
from ebbtide.core.workload import Instant, KindClass, Memory, PauseRecord, Pod, Workload

IDLE_VERDICTS = frozenset({Verdict.Idle, Verdict.NeverUsed})
STALE_INTERVALS = 2
"""A decision to pause is carried out only while its newest samples are no older than this."""
DAY_SECONDS = 86400
MOST_DOUBLINGS = 10
"""Of the minimum run; a day is the most it can be in any case."""
NO_SERIES = "no series of its requests is known"


class Countdown(Struct, frozen=True, gc=False):
    """Where an idle workload stands between warning and pause."""

    due: Verb | None
    """Warn, Pause or None: nothing is due at this tick."""
    warned_at: Instant | None
    """The warning in force; a warning older than idleSince is void and shows as None."""
    eligible_after: Instant | None
    """No pause before this instant."""
    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why idle work is not paused although it is due."""

    reason: Reason
    message: str
    until: Instant | None = None
    """When it ends by itself; None: something must change first, and until then no pause can be announced."""


def countdown(
    judgement: Judgement, rule: IdleRule, memory: Memory, now: Instant, *, enforce: bool, may_pause: bool = False
) -> Countdown:
    """What is due now. In Observe a planned warning stands in for a done one, but only for planning.

    `may_pause`: no more than time refuses a pause, so a warning that announced none does not count.
    """
    warned_at = _standing_warning(judgement, memory.warned_at if enforce else _planned_warning(memory, judgement))
    if may_pause and memory.warned_without:
        warned_at = None
    if judgement.verdict not in IDLE_VERDICTS or judgement.idle_since is None:
        return Countdown(None, warned_at, None, "not idle")
    if warned_at is None:
        eligible = max(judgement.idle_since + judgement.after_seconds, now + rule.warn_seconds)
        return Countdown(Verb.Warn, None, eligible, "idle: the warning is due")
    eligible = max(judgement.idle_since + judgement.after_seconds, warned_at + rule.warn_seconds)
    if now < eligible:
        said = f"warned at {stamp(warned_at)}; no pause before {stamp(eligible)}"
        return Countdown(None, warned_at, eligible, said)
    if not _fresh_since(judgement, warned_at):
        return Countdown(None, warned_at, eligible, "waiting for a sample of every device newer than the warning")
    return Countdown(Verb.Pause, warned_at, eligible, "warned, still idle on newer samples: the pause is due")


def _standing_warning(judgement: Judgement, warned_at: Instant | None) -> Instant | None:
    if warned_at is None or judgement.verdict is Verdict.Active:
        return None
    if judgement.idle_since is not None and warned_at < judgement.idle_since:
        return None
    return warned_at


def _planned_warning(memory: Memory, judgement: Judgement) -> Instant | None:
    """Observe mode: since when a Warn has been planned; a planned Pause stands until its idleness ends."""
    if memory.would_be is None or memory.would_be[0] not in {Verb.Warn, Verb.Pause}:
        return None
    action, _, since = memory.would_be
    if action == Verb.Pause and judgement.idle_since is not None and since >= judgement.idle_since:
        return judgement.idle_since
    return since


def planned_since(
    memory: Memory, judgement: Judgement, verb: Verb, reason: Reason, *, announces: bool = True
) -> Instant | None:
    """Observe mode: since when this very step is planned and was told; None: it is new.

    A step that was planned for an earlier idleness is void, as a warning would be. `announces`: a pause follows it.
    """
    if memory.would_be is None or memory.would_be[:2] != (str(verb), str(reason)):
        return None
    if announces and memory.warned_without:
        return None
    since = memory.would_be[2]
    return None if judgement.idle_since is not None and since < judgement.idle_since else since


def _fresh_since(judgement: Judgement, warned_at: Instant) -> bool:
    newest = judgement.newest_common_sample_at
    return newest is not None and newest > warned_at


def outdated(judgement: Judgement, now: Instant, interval_seconds: float) -> str:
    """Confirming: why the evidence is too old to be acted on at this very moment; empty where it is fresh."""
    newest = judgement.newest_common_sample_at
    age = None if newest is None else now - newest
    if age is not None and age <= STALE_INTERVALS * interval_seconds:
        return ""
    said = "some device has no sample" if age is None else f"the newest sample of some device is {age:.0f} s old by now"
    return f"{said}: not paused on it, judged again at the next tick"


def refusal(
    workload: Workload,
    pods: tuple[Pod, ...],
    idle: IdleSection,
    limits: LimitsSection | None,
    *,
    found: Reason,
    requests: str = NO_SERIES,
    now: Instant,
    outlook: Outlook | None = None,
    idle_since: Instant | None = None,
) -> Refusal | None:
    """The first rule that forbids pausing this workload now; None: it may be paused.

    `found`: the verdict's reason. `requests`: why it is not known that nobody asks for its service; empty: it is.
    `outlook`: how its deadline stands; None without one.
    """
    return (
        _queue_managed(workload)
        or _only_notify(idle, found)
        or _no_request_signal(workload, idle, requests)
        or _scratch_at_stake(workload)
        or _deadline_at_stake(outlook, now)
        or checkpoint_missing(workload, idle)
        or checkpoint_too_old(workload, pods, idle, now)
        or _restart_costs_more(workload, pods, idle, idle_since, now)
        or _not_yet(
            _too_many_today(workload, limits, now),
            _wrong_lately(workload, idle, now),
            _minimum_run(workload, pods, limits, now),
        )
    )


def _not_yet(*refusals: Refusal | None) -> Refusal | None:
    """Of those that end by themselves the one that ends last: that is when a pause may come."""
    return max((it for it in refusals if it is not None), key=lambda it: it.until or inf, default=None)


def _queue_managed(workload: Workload) -> Refusal | None:
    if not workload.in_hands_of_queue or workload.itself is not None:
        return None
    said = f"Kueue holds its lever (queue {workload.queue}) and no Workload of Kueue's is seen for it: reported only"
    return Refusal(Reason.QueueManaged, said)


def _only_notify(idle: IdleSection, found: Reason) -> Refusal | None:
    if idle.action == IdleAction.Notify:
        return Refusal(found, "the policy's idle action is Notify: warned, never paused")
    return None


def _no_request_signal(workload: Workload, idle: IdleSection, requests: str) -> Refusal | None:
    """It serves, and its requests are not known to be zero."""
    if workload.kind_class is not KindClass.Serving or idle.serving != ServingMode.RequestSignal or not requests:
        return None
    said = (
        f"it serves, and {requests}: warned, never paused, because quiet devices do not show that nobody needs it; "
        "annotate it with ebbtide.dev/request-series, or let the devices decide by idle.serving: DevicesOnly in the "
        "policy"
    )
    return Refusal(Reason.NoRequestSignal, said)


def _scratch_at_stake(workload: Workload) -> Refusal | None:
    if not workload.scratch:
        return None
    if workload.kind_class is KindClass.Neither:
        said = (
            "a pause ends what somebody works on in it, and what is in memory is lost: warned, never paused; annotate "
            "it with ebbtide.dev/checkpoint: Stateless if it can do without"
        )
        return Refusal(Reason.NoCheckpoint, said)
    said = (
        "its pods keep data in an emptyDir, which a pause deletes: warned, never paused; annotate it with "
        "ebbtide.dev/checkpoint: Stateless if it can do without"
    )
    return Refusal(Reason.NoCheckpoint, said)


def _deadline_at_stake(outlook: Outlook | None, now: Instant) -> Refusal | None:
    """A pause must not make it late: it needs an estimate, and more slack than a restart takes."""
    why = None if outlook is None else outlook.forbids_pause(now)
    return None if why is None else Refusal(*why)


def _restart_costs_more(
    workload: Workload, pods: tuple[Pod, ...], idle: IdleSection, idle_since: Instant | None, now: Instant
) -> Refusal | None:
    """Where it is known when the pause ends, it must save more than the restart costs (P23)."""
    if not idle.resume_after_seconds:
        return None
    cost = restart_cost(workload, pods, last_checkpoint(pods, now, workload.checkpointed_at), idle_since, now)
    if cost.seconds <= idle.resume_after_seconds:
        return None
    said = f"a pause would last {duration(idle.resume_after_seconds)} (idle.resumeAfterSeconds), and {cost.message}"
    return Refusal(Reason.RestartCostsMore, said)


def checkpoint_missing(workload: Workload, idle: IdleSection | None) -> Refusal | None:
    """A stop would lose all work. Without an idle section nobody has allowed that."""
    if (cut := _save_cut_short(workload, idle)) is not None:
        return cut
    where = "annotation ebbtide.dev/checkpoint" if workload.adopted else "spec.checkpoint.mode"
    stops_lose_work = workload.kind_class is KindClass.RunToCompletion and workload.checkpoint.mode == "None"
    if stops_lose_work and (idle is None or idle.without_checkpoint != IdleAction.Pause):
        return Refusal(
            Reason.NoCheckpoint,
            f"a pause would lose its progress: {where} is None; declare Periodic or OnSignal, "
            "or set idle.withoutCheckpoint: Pause in the policy",
        )
    return None


def _save_cut_short(workload: Workload, idle: IdleSection | None) -> Refusal | None:
    """It saves when stopped, and its pods are killed before it has (P22)."""
    needs, gets = workload.checkpoint.grace_seconds, workload.stop_grace_seconds
    accepted = idle is not None and idle.without_checkpoint == IdleAction.Pause
    if workload.checkpoint.mode != "OnSignal" or gets is None or gets >= needs or accepted:
        return None
    said = (
        f"a pause would lose its progress: it needs {needs} s from SIGTERM to its checkpoint, its pods get {gets} s; "
        f"set terminationGracePeriodSeconds in its template to {needs} or more"
    )
    return Refusal(Reason.NoCheckpoint, said)


def checkpoint_too_old(
    workload: Workload, pods: tuple[Pod, ...], idle: IdleSection | None, now: Instant
) -> Refusal | None:
    """The last checkpoint that was told of is older than the policy allows."""
    if idle is None or idle.max_checkpoint_age_seconds is None or workload.checkpoint.mode in {"Stateless", "OnSignal"}:
        return None
    at = last_checkpoint(pods, now, workload.checkpointed_at)
    if at is not None and now - at <= idle.max_checkpoint_age_seconds:
        return None
    said = "no checkpointed-at annotation was found" if at is None else f"the last checkpoint is {now - at:.0f} s old"
    return Refusal(Reason.CheckpointTooOld, f"{said}; the policy allows {idle.max_checkpoint_age_seconds} s")


def last_checkpoint(pods: tuple[Pod, ...], now: Instant, of_whole: Instant | None = None) -> Instant | None:
    """A gang's checkpoint is its oldest; a future time is ignored, and a pod without one leaves the gang without.

    `of_whole`: what the workload itself bears, for the whole gang; the later of both counts.
    """
    marks = [pod.checkpointed_at for pod in pods if pod.ended_at is None]
    known = [mark for mark in marks if mark is not None and mark <= now]
    of_gang = min(known) if marks and len(known) == len(marks) else None
    both = [mark for mark in (of_gang, of_whole) if mark is not None and mark <= now]
    return max(both, default=None)


def _minimum_run(
    workload: Workload, pods: tuple[Pod, ...], limits: LimitsSection | None, now: Instant
) -> Refusal | None:
    """The minimum run doubles with each idle pause within 24 hours after the first: a back-off against flapping."""
    ready = [pod.ready_since for pod in pods if pod.ended_at is None and pod.ready_since is not None]
    if limits is None or not ready:
        return None
    paused = len(pauses_today(workload.memory.pause, now))
    factor = 2 ** min(max(paused - 1, 0), MOST_DOUBLINGS)
    required, ran = min(limits.minimum_run_seconds * factor, DAY_SECONDS), now - max(ready)
    if ran >= required:
        return None
    why = f" ({limits.minimum_run_seconds} s doubled for {paused} idle pauses within 24 hours)" if factor > 1 else ""
    return Refusal(Reason.MinimumRunTime, f"runs for {ran:.0f} s of at least {required} s{why}", max(ready) + required)


def _wrong_lately(workload: Workload, idle: IdleSection, now: Instant) -> Refusal | None:
    """With a learnt timeout, one pause a day that was wanted back at once is enough. A human's pause proves nothing."""
    pause = workload.memory.pause
    if idle.after_seconds != AUTO or pause is None or pause.ended_at is None or pause.by == Actor.User:
        return None
    lasted = pause.ended_at - pause.since
    by_itself = idle.resume_after_seconds and lasted >= idle.resume_after_seconds
    if lasted > WRONG_SECONDS or by_itself or now - pause.ended_at >= DAY_SECONDS:
        return None
    again = pause.ended_at + DAY_SECONDS
    said = (
        f"its pause at {stamp(pause.since)} was ended {lasted:.0f} s later: with afterSeconds Auto, one such a day, "
        f"so again after {stamp(again)}"
    )
    return Refusal(Reason.TooManyPauses, said, again)


def _too_many_today(workload: Workload, limits: LimitsSection | None, now: Instant) -> Refusal | None:
    most = limits.pauses_per_workload_per_day if limits is not None else 0
    paused = pauses_today(workload.memory.pause, now)
    if not most or len(paused) < most:
        return None
    again = paused[len(paused) - most] + DAY_SECONDS
    said = f"paused {len(paused)} times within 24 hours; the policy allows {most}, so again after {stamp(again)}"
    return Refusal(Reason.TooManyPauses, said, again)


def pauses_today(pause: PauseRecord | None, now: Instant) -> tuple[Instant, ...]:
    """When it was paused for idleness within the last 24 hours, oldest first: a window that rolls."""
    if pause is None:
        return ()
    # A status of an earlier version tells only how many there were, and when the last one began.
    starts = pause.recent or (pause.since,) * pause.count_today
    return tuple(at for at in starts if now - at < DAY_SECONDS)
