"""From an idle verdict to a warning and a pause: when each is due, and what refuses the pause."""

from dataclasses import dataclass

from msgspec import Struct

from ebbtide.api.cost_policy import LimitsSection
from ebbtide.api.fields import AUTO
from ebbtide.api.idle_section import IdleAction, IdleSection, ServingMode
from ebbtide.core.decision import Actor, Judgement, Verb, Verdict
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.learned_timeout import WRONG_SECONDS
from ebbtide.core.reason import Reason
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import Instant, KindClass, Memory, Pod, Workload

IDLE_VERDICTS = frozenset({Verdict.Idle, Verdict.NeverUsed})
DAY_SECONDS = 86400


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


def countdown(judgement: Judgement, rule: IdleRule, memory: Memory, now: Instant, *, enforce: bool) -> Countdown:
    """What is due now. In Observe a planned warning stands in for a done one, but only for planning."""
    warned_at = _standing_warning(judgement, memory.warned_at if enforce else _planned_warning(memory, judgement))
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


def planned_since(memory: Memory, judgement: Judgement, verb: Verb, reason: Reason) -> Instant | None:
    """Observe mode: since when this very step is planned and was told; None: it is new.

    A step that was planned for an earlier idleness is void, as a warning would be.
    """
    if memory.would_be is None or memory.would_be[:2] != (str(verb), str(reason)):
        return None
    since = memory.would_be[2]
    return None if judgement.idle_since is not None and since < judgement.idle_since else since


def _fresh_since(judgement: Judgement, warned_at: Instant) -> bool:
    newest = judgement.newest_common_sample_at
    return newest is not None and newest > warned_at


def refusal(
    workload: Workload,
    pods: tuple[Pod, ...],
    idle: IdleSection,
    limits: LimitsSection | None,
    *,
    found: Reason,
    now: Instant,
) -> Refusal | None:
    """The first rule that forbids pausing this workload now; None: it may be paused. `found`: the verdict's reason."""
    return (
        _queue_managed(workload)
        or _only_notify(idle, found)
        or _no_request_signal(workload, idle)
        or _scratch_at_stake(workload)
        or _deadline_at_stake(workload)
        or _checkpoint_missing(workload, idle)
        or _checkpoint_too_old(workload, pods, idle, now)
        or _minimum_run(pods, limits, now)
        or _wrong_lately(workload, idle, now)
        or _too_many_today(workload, limits, now)
    )


def _queue_managed(workload: Workload) -> Refusal | None:
    if not workload.queue:
        return None
    return Refusal(Reason.QueueManaged, f"Kueue holds its lever (queue {workload.queue}): reported only")


def _only_notify(idle: IdleSection, found: Reason) -> Refusal | None:
    if idle.action == IdleAction.Notify:
        return Refusal(found, "the policy's idle action is Notify: warned, never paused")
    return None


def _no_request_signal(workload: Workload, idle: IdleSection) -> Refusal | None:
    """No kind of series of requests is known to this version."""
    if workload.kind_class is not KindClass.Serving or idle.serving != ServingMode.RequestSignal:
        return None
    said = (
        "it serves, and no series of its requests is known: warned, never paused, because quiet devices do not show "
        "that nobody needs it; idle.serving: DevicesOnly in the policy lets the devices decide"
    )
    return Refusal(Reason.NoRequestSignal, said)


def _scratch_at_stake(workload: Workload) -> Refusal | None:
    if not workload.scratch:
        return None
    said = (
        "its pods keep data in an emptyDir, which a pause deletes: warned, never paused; annotate it with "
        "ebbtide.dev/checkpoint: Stateless if it can do without"
    )
    return Refusal(Reason.NoCheckpoint, said)


def _deadline_at_stake(workload: Workload) -> Refusal | None:
    """Until its remaining time can be estimated nothing would resume it in time: it must not be made late."""
    if workload.deadline is None:
        return None
    said = "it has a deadline, and its remaining time is not estimated yet: warned, never paused for idleness"
    return Refusal(Reason.NoEstimate, said)


def _checkpoint_missing(workload: Workload, idle: IdleSection) -> Refusal | None:
    where = "annotation ebbtide.dev/checkpoint" if workload.adopted else "spec.checkpoint.mode"
    stops_lose_work = workload.kind_class is KindClass.RunToCompletion and workload.checkpoint.mode == "None"
    if stops_lose_work and idle.without_checkpoint != IdleAction.Pause:
        return Refusal(
            Reason.NoCheckpoint,
            f"a pause would lose its progress: {where} is None; declare Periodic or OnSignal, "
            "or set idle.withoutCheckpoint: Pause in the policy",
        )
    return None


def _checkpoint_too_old(workload: Workload, pods: tuple[Pod, ...], idle: IdleSection, now: Instant) -> Refusal | None:
    if idle.max_checkpoint_age_seconds is None or workload.checkpoint.mode in {"Stateless", "OnSignal"}:
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


def _minimum_run(pods: tuple[Pod, ...], limits: LimitsSection | None, now: Instant) -> Refusal | None:
    ready = [pod.ready_since for pod in pods if pod.ended_at is None and pod.ready_since is not None]
    if limits is None or not ready:
        return None
    ran = now - max(ready)
    if ran >= limits.minimum_run_seconds:
        return None
    return Refusal(Reason.MinimumRunTime, f"runs for {ran:.0f} s of at least {limits.minimum_run_seconds} s")


def _wrong_lately(workload: Workload, idle: IdleSection, now: Instant) -> Refusal | None:
    """With a learnt timeout, one pause a day that was wanted back at once is enough. A human's pause proves nothing."""
    pause = workload.memory.pause
    if idle.after_seconds != AUTO or pause is None or pause.ended_at is None or pause.by == Actor.User:
        return None
    lasted = pause.ended_at - pause.since
    by_itself = idle.resume_after_seconds and lasted >= idle.resume_after_seconds
    if lasted > WRONG_SECONDS or by_itself or now - pause.ended_at >= DAY_SECONDS:
        return None
    said = f"its pause at {stamp(pause.since)} was ended {lasted:.0f} s later: with afterSeconds Auto, one such a day"
    return Refusal(Reason.TooManyPauses, said)


def _too_many_today(workload: Workload, limits: LimitsSection | None, now: Instant) -> Refusal | None:
    pause = workload.memory.pause
    if limits is None or not limits.pauses_per_workload_per_day or pause is None or now - pause.since >= DAY_SECONDS:
        return None
    if pause.count_today < limits.pauses_per_workload_per_day:
        return None
    return Refusal(
        Reason.TooManyPauses,
        f"paused {pause.count_today} times within 24 hours; the policy allows {limits.pauses_per_workload_per_day}",
    )
