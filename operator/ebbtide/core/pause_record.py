"""status.pause: the present or the last pause, read from the lever itself so that a crash loses nothing."""

from dataclasses import replace

from ebbtide.core.decision import Actor, Decision, Verb
from ebbtide.core.idle import DAY_SECONDS
from ebbtide.core.original import written
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Instant, PauseRecord, Restore


def pause_record(decision: Decision, done: frozenset[Verb]) -> PauseRecord | None:
    """status.pause after this tick; a pause that a crash left unrecorded is found again in the restore annotation."""
    situation = decision.ruled.situation
    before = _before(situation)
    paused = next((it for it in decision.actions if it.verb is Verb.Pause and not it.observed), None)
    if paused is not None and Verb.Pause in done:
        record = _next_record(before, situation.now, str(paused.reason), str(paused.by))
        return replace(record, message=paused.message)
    restore = situation.target.restore if situation.paused_by_us and situation.target else None
    if restore is not None and Verb.Resume not in done:
        is_known = before is not None and before.ended_at is None
        record = before if before and is_known else _next_record(before, restore.at, restore.reason, restore.by)
        return _with_original(record, restore) if situation.workload.adopted else record
    if before is None or before.ended_at is not None:
        return before
    if situation.is_between_queue_entries and situation.target is not None and situation.target.finished is None:
        return before  # it bore the original; the next one tells how the pause stands
    if Verb.Forget not in done and any(action.verb is Verb.Forget for action in decision.actions):
        return before  # it ends, and counts as undone, with the tick that takes the annotation away
    undone = Verb.Forget in done and before.by == Actor.Policy
    return replace(before, reverts=before.reverts + undone, ended_at=situation.now)


def _with_original(record: PauseRecord, restore: Restore) -> PauseRecord:
    return record if record.original else replace(record, original=written(restore.fields))


def _before(situation: Situation) -> PauseRecord | None:
    stored = situation.workload.memory.pause
    return None if stored is None else replace(stored, reverts=situation.reverts)


def _next_record(before: PauseRecord | None, since: Instant, reason: str, by: str) -> PauseRecord:
    """Counts pauses and reverts along, as long as the one before is less than a day old. A human's do not count."""
    counts = int(by != Actor.User)
    if before is None or since - before.since >= DAY_SECONDS:
        return PauseRecord(since, reason, by, counts)
    return PauseRecord(since, reason, by, before.count_today + counts, before.reverts)
