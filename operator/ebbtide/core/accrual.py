"""What work has added up to since it was first seen, from what status remembers and what is seen now.

A change of verdict or of a condition is written at once, so between two writes the stored ones held. Only what is known
to be work counts: an idle stretch is none, nor is one about which the metrics said nothing.
"""

from dataclasses import replace

from ebbtide.core.idle import IDLE_VERDICTS, last_checkpoint
from ebbtide.core.judgement import Verdict
from ebbtide.core.restart_cost import lost_work
from ebbtide.core.situation import Situation
from ebbtide.core.workload import Accrued, Instant

_IDLE = frozenset(str(verdict) for verdict in IDLE_VERDICTS)


def accrued(situation: Situation, *, stops_now: bool = False) -> Accrued:
    """Times up to now. The first sight begins with nothing: what was done before, nobody counted.

    `stops_now`: this tick has paused it.
    """
    before, now = situation.workload.memory.accrued, situation.now
    if before is None:
        return Accrued(now)
    if _is_true(situation, "Paused"):
        return _waited(situation, before)
    active = max(before.active + _worked(situation, before.as_of), before.lost)
    if situation.judgement.verdict is Verdict.Starting and _runs(situation) and not stops_now:
        return replace(before, active=active)  # whether it works while it starts, the verdict after it tells
    counted = replace(before, active=active, as_of=now)
    if not _has_stopped(situation, stops_now=stops_now):
        return counted
    lost = lost_work(situation.workload, checkpoint_at(situation), _worked_until(situation), counted.done)
    return replace(counted, lost=counted.lost + lost)


def loss_now(situation: Situation, counted: Accrued) -> float:
    """Seconds of work that a stop now would lose; what is stopped has lost them already."""
    if not _runs(situation):
        return 0.0
    return lost_work(situation.workload, checkpoint_at(situation), _worked_until(situation), counted.done)


def checkpoint_at(situation: Situation) -> Instant | None:
    """The last checkpoint that was told of; of pods that have gone, as status remembers it."""
    workload = situation.workload
    told = last_checkpoint(situation.pods, situation.now, workload.checkpointed_at)
    return told if told is not None else workload.memory.last_checkpoint_at


def _waited(situation: Situation, before: Accrued) -> Accrued:
    passed, now = situation.now - before.as_of, situation.now
    if situation.workload.memory.start_time is None:
        return replace(before, as_of=now, held=before.held + passed)
    return replace(before, as_of=now, paused=before.paused + passed)


def _worked(situation: Situation, as_of: Instant) -> float:
    """Seconds of work since `as_of`; below zero where idleness began before it and was not known yet."""
    stored, judgement = situation.workload.memory.verdict, situation.judgement
    was, ready = stored[0] if stored is not None else "", _last_ready(situation)
    begin = as_of if ready is None else max(as_of, ready)
    if was == Verdict.Active and judgement.verdict not in {Verdict.Active, Verdict.Idle}:
        # When the work stopped is not known, only that it was at work within the judged span.
        return max(0.0, situation.now - judgement.span_seconds - as_of)
    if was not in {Verdict.Active, Verdict.Starting} or not _runs(situation):
        return 0.0
    if judgement.verdict is Verdict.Idle and judgement.idle_since is not None:
        return judgement.idle_since - begin
    return situation.now - begin if judgement.verdict is Verdict.Active else 0.0


def _worked_until(situation: Situation) -> Instant:
    """No work was done after it."""
    memory, judgement = situation.workload.memory, situation.judgement
    if judgement.verdict in IDLE_VERDICTS and judgement.idle_since is not None:
        return judgement.idle_since
    was_idle = memory.verdict is not None and memory.verdict[0] in _IDLE
    return memory.idle_since if was_idle and memory.idle_since is not None else situation.now


def _has_stopped(situation: Situation, *, stops_now: bool) -> bool:
    """It ran when status was written, and since then its pods have gone or were Ready anew."""
    ran, ready = situation.workload.memory.condition("Running"), _last_ready(situation)
    if ran is None or ran.status != "True":
        return False
    before = situation.workload.memory.accrued
    counted_until = ran.since + 1 if before is None else max(ran.since + 1, before.as_of)
    return stops_now or not _runs(situation) or (ready is not None and ready > counted_until)


def _runs(situation: Situation) -> bool:
    """All its pods are Ready, as the condition Running says it."""
    ready = sum(pod.ready_since is not None for pod in situation.pods)
    return bool(situation.pods) and ready >= situation.workload.workers


def _last_ready(situation: Situation) -> Instant | None:
    return max((pod.ready_since for pod in situation.pods if pod.ready_since is not None), default=None)


def _is_true(situation: Situation, kind: str) -> bool:
    found = situation.workload.memory.condition(kind)
    return found is not None and found.status == "True"
