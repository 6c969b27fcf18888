"""status.pause: the present or the last pause, read from the lever itself so that a crash loses nothing."""

from dataclasses import replace

from ebbtide.core.action import Actor, Verb
from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.decision import Decision
from ebbtide.core.idle import DAY_SECONDS, pauses_today
from ebbtide.core.original import written
from ebbtide.core.restart_cost import startup
from ebbtide.core.situation import Situation
from ebbtide.core.workload import HourlyCost, Instant, PauseRecord, Restore

MOST_REMEMBERED = 64
"""Pauses of 24 hours that are remembered one by one: one every 22 minutes."""


def pause_record(decision: Decision, done: frozenset[Verb], version: str = "") -> PauseRecord | None:
    """status.pause after this tick; a pause that a crash left unrecorded is found again in the restore annotation.

    `version`: of the object with the lever, as what was done left it.
    """
    situation = decision.ruled.situation
    before = _before(situation)
    paused = next((it for it in decision.actions if it.verb is Verb.Pause and not it.observed), None)
    if paused is not None and Verb.Pause in done:
        record = _next_record(before, situation.now, str(paused.reason), str(paused.by))
        started = startup(situation.pods)
        record = replace(record, message=paused.message, startup_seconds=started, version=version)
        return _with_cost(record, decision.hourly)
    restore = situation.target.restore if situation.paused_by_us and situation.target else None
    if restore is not None and Verb.Resume not in done:
        is_known = before is not None and before.ended_at is None
        record = before if before and is_known else _found(situation, before, restore)
        return _with_original(record, restore) if situation.workload.adopted else record
    if before is None or before.ended_at is not None:
        return before
    if situation.is_between_queue_entries and situation.target is not None and situation.target.finished is None:
        return before  # it bore the original; the next one tells how the pause stands
    if Verb.Forget not in done and any(action.verb is Verb.Forget for action in decision.actions):
        return before  # it ends, and counts as undone, with the tick that takes the annotation away
    undone = Verb.Forget in done and before.by == Actor.Policy
    return replace(before, reverts=before.reverts + undone, ended_at=situation.now, version=version or before.version)


def _found(situation: Situation, before: PauseRecord | None, restore: Restore) -> PauseRecord:
    version = situation.target.resource_version if situation.target is not None else ""
    return replace(_next_record(before, restore.at, restore.reason, restore.by), version=version)


def _with_original(record: PauseRecord, restore: Restore) -> PauseRecord:
    return record if record.original or not restore.fields else replace(record, original=written(restore.fields))


def _with_cost(record: PauseRecord, hourly: HourlyCost | None) -> PauseRecord:
    if hourly is None or hourly.amount is None:
        return record
    return replace(record, hourly=hourly.amount, currency=hourly.currency)


def _before(situation: Situation) -> PauseRecord | None:
    stored = situation.workload.memory.pause
    return None if stored is None else replace(stored, reverts=situation.reverts)


def _next_record(before: PauseRecord | None, since: Instant, reason: str, by: str) -> PauseRecord:
    """Counts the idle pauses of a rolling day, and reverts as long as the pause before is less than a day old.

    A human's pause does not count, nor does one while another object runs: neither followed from a judgement.
    """
    counts = by == Actor.Policy and reason in IDLE_REASONS
    recent = (*pauses_today(before, since), *((since,) if counts else ()))[-MOST_REMEMBERED:]
    reverts = before.reverts if before is not None and since - before.since < DAY_SECONDS else 0
    return PauseRecord(since, reason, by, len(recent), reverts, recent=recent)
