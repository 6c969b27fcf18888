"""What status says: the desired status of a workload, and when it is worth a write.

Two statuses are worth the same when their fingerprints are equal: verdict, reasons, conditions, pause, warning,
override, class and prices count; messages, percentages and times of measurement do not.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from ebbtide.core.accrual import accrued, checkpoint_at, loss_now
from ebbtide.core.action import Check, Verb
from ebbtide.core.attempts import attempts_record
from ebbtide.core.conditions import Condition, Problem, conditions_of
from ebbtide.core.decision import Decision
from ebbtide.core.explanation import checks, described
from ebbtide.core.facts import Facts
from ebbtide.core.idle import IDLE_VERDICTS, planned_since
from ebbtide.core.judgement import DeviceFinding, Verdict
from ebbtide.core.labelling import labelling_record
from ebbtide.core.pause_record import pause_record
from ebbtide.core.situation import Situation
from ebbtide.core.slack import outlook_of
from ebbtide.core.timestamps import stamp_exact, stamp_seconds
from ebbtide.core.workload import Attempts, HourlyCost, Instant, PauseRecord, StoredCondition

CENT = Decimal("0.01")
NO_AMOUNT = "-"
MESSAGE, CONDITION_MESSAGE = 1024, 32_768
"""Longest messages that the schema of status takes: of checks, verdict and pause, and of conditions."""
REFRESH_SECONDS = 3600
"""Numbers that only grow are written again at most this often."""

_WHOLE = ("policy", "jobName", "observedSpec", "startTime", "override", "attempts", "labelling", "wouldBe", "gpus",
          "capacityClass")  # fmt: skip
_STILL_PLANNED = IDLE_VERDICTS | {Verdict.Unknown}
"""A planned step stands while nothing speaks against it, as a warning would."""
_PROSE = frozenset({"message", "evidence", "recent", "startupSeconds", "resourceVersion", "cost"})
_COUNTS = ("selected", "idle", "paused", "nextEdge")
"""What a policy's status says besides conditions."""


def fingerprint(status: Mapping[str, Any]) -> str:
    """The part of a status (of any of our kinds) whose change is worth a write, as a digest of 32 hexadecimals."""
    idle, verdict, cost = (_mapping(status, name) for name in ("idle", "verdict", "cost"))
    conditions = [
        [it.get("type"), it.get("status"), it.get("reason"), it.get("observedGeneration")]
        for it in status.get("conditions") or ()
    ]
    significant = {
        **{name: status.get(name) for name in _WHOLE},
        "pause": {name: value for name, value in _mapping(status, "pause").items() if name not in _PROSE},
        "counts": [value for name in _COUNTS if isinstance(value := status.get(name), int | str)],
        "warnedAt": idle.get("warnedAt"),
        "verdict": [verdict.get("value"), verdict.get("reason")],
        "cost": [cost.get("currency"), cost.get("hourly")],
        "conditions": sorted(conditions, key=str),
    }
    # A digest, because one is kept for every workload: the text itself has 700 bytes.
    return blake2b(msgspec.json.encode(significant, order="deterministic"), digest_size=16).hexdigest()


def _mapping(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = status.get(name)
    return value if isinstance(value, Mapping) else {}


@dataclass(slots=True)
class Outline:
    """A cheap stand-in for the fingerprint of the desired status: equal outlines give equal fingerprints."""

    facts: Facts = field(compare=False)
    """Of which `stored` was last seen to be true: where they are the very same, one look is enough."""
    stored: tuple[object, ...]
    said: tuple[object, ...]

    @classmethod
    def of(cls, decision: Decision) -> "Outline":
        """What the significant part of its desired status depends on."""
        situation = decision.ruled.situation
        return cls(situation.facts, _stored(situation), _said(decision))

    def tells_of(self, decision: Decision) -> bool:
        """The outline of this decision is equal."""
        situation = decision.ruled.situation
        if self.said != _said(decision):
            return False
        if self.facts is not situation.facts and self.stored != _stored(situation):
            return False
        self.facts = situation.facts
        return True


def _stored(situation: Situation) -> tuple[object, ...]:
    """A function of the facts. What is stored stands in it as a whole: mostly the very object of the tick before."""
    workload = situation.workload
    return (
        workload.generation,
        workload.spec_hash,
        workload.intent,
        workload.memory.fingerprint,
        situation.target,
        situation.pods,
        situation.facts.upkeep,
        workload.during,
        workload.during_unusable,
        situation.governing.reason,
        situation.facts.rules.reference,
        situation.reverts,
    )


def _said(decision: Decision) -> tuple[object, ...]:
    judgement, situation = decision.judgement, decision.ruled.situation
    return (
        judgement.verdict,
        judgement.reason,
        decision.deciding,
        decision.mode,
        decision.warned_at,
        decision.override,
        decision.refused,
        None if situation.workload.deadline is None else _deadline_reason(situation),
        tuple((action.verb, action.observed) for action in decision.actions) if decision.actions else (),
    )


def _deadline_reason(situation: Situation) -> str:
    """It changes with time alone."""
    found = outlook_of(situation)
    return str(found.reason) if found is not None else ""


def workload_status(
    decision: Decision, *, done: frozenset[Verb], problem: Problem | None = None, version: str = ""
) -> dict[str, Any]:
    """The whole desired status. `done`: verbs of this tick that succeeded; `problem`: why one was refused.

    `version`: of the object with the lever, as what was done left it.
    """
    situation, now = decision.ruled.situation, decision.ruled.situation.now
    memory = situation.workload.memory
    warned = Verb.Warn in done and not any(action.observed for action in decision.actions)
    warned_at = now if warned else decision.warned_at
    stops_now = Verb.Pause in done and not any(action.observed for action in decision.actions)
    verdict = _verdict(decision)
    status: dict[str, Any] = {
        "policy": _policy(decision.policy),
        "jobName": _job_name(situation),
        "observedSpec": situation.observed_spec or None,
        "startTime": stamp_seconds(_start_time(decision)),
        "verdict": verdict,
        "checks": [_check(it) for it in checks(decision)],
        "idle": _idle(decision, warned_at, warned=warned),
        "pause": _pause(pause_record(decision, done, version), verdict),
        "attempts": _attempts(attempts_record(decision, done)),
        "labelling": _attempts(labelling_record(decision, done)),
        "override": _override(_override_noted(decision, done)),
        "wouldBe": _would_be(decision),
        "gpus": decision.gpus,
        "capacityClass": decision.capacity_class or _last_class(decision),
        "lastCheckpointTime": stamp_seconds(checkpoint_at(situation)),
        "accrued": _accrued(situation, stops_now=stops_now),
        "cost": cost(decision.hourly, situation.now),
        "conditions": merged_conditions(
            conditions_of(decision, done, problem), memory.conditions, situation.workload.generation, now
        ),
    }
    return {name: value for name, value in status.items() if value is not None}


def cost(hourly: HourlyCost | None, now: Instant) -> dict[str, Any]:
    """status.cost: what an hour costs as it stands; total and saved wait for a ledger."""
    amount = NO_AMOUNT
    if hourly is None:
        amount = "0.00"
    elif hourly.amount is not None:
        amount = _amount(hourly.amount)
    shown = {"hourly": amount, "total": NO_AMOUNT, "saved": NO_AMOUNT, "asOf": stamp_seconds(now)}
    return shown | ({"currency": hourly.currency} if hourly and hourly.currency else {})


def _amount(exact: Decimal) -> str:
    return str(exact.quantize(CENT, ROUND_HALF_EVEN))


def merged_conditions(
    wanted: Iterable[Condition], stored: Iterable[StoredCondition], generation: int, now: Instant
) -> list[dict[str, Any]]:
    """Conditions for the API, each keeping its transition time while its status stays."""
    before = {it.type: it for it in stored}
    return [_condition(it, before.get(it.type), generation, now) for it in wanted]


def _condition(wanted: Condition, before: StoredCondition | None, generation: int, now: Instant) -> dict[str, Any]:
    kept = before is not None and before.status == wanted.status
    return {
        "type": wanted.type,
        "status": wanted.status,
        "reason": str(wanted.reason),
        "message": _clipped(wanted.message, CONDITION_MESSAGE),
        "lastTransitionTime": stamp_seconds(before.since if kept and before else now),
        "observedGeneration": generation,
    }


def _job_name(situation: Situation) -> str | None:
    job = situation.workload.itself or situation.target
    return job.name if job is not None and not situation.workload.adopted else None


def _policy(reference: str) -> dict[str, str] | None:
    kind, _, name = reference.partition("/")
    return {"kind": kind, "name": name} if name else None


def _start_time(decision: Decision) -> Instant | None:
    situation = decision.ruled.situation
    if situation.workload.memory.start_time is not None:
        return situation.workload.memory.start_time
    ready = [pod.ready_since for pod in situation.pods if pod.ready_since is not None]
    return min(ready) if ready else None


def _last_class(decision: Decision) -> str | None:
    return decision.ruled.situation.workload.memory.capacity_class or None


def _verdict(decision: Decision) -> dict[str, Any]:
    judgement, situation = described(decision), decision.ruled.situation
    found = {
        "value": str(judgement.verdict),
        "reason": str(judgement.reason),
        "message": _clipped(judgement.message),
        "since": stamp_seconds(_verdict_since(decision)),
        "asOf": stamp_seconds(situation.now),
        "spanSeconds": round(judgement.span_seconds),
        "coveragePercent": int(judgement.coverage_percent),
        "peakPercent": _percent(judgement.peak_percent),
        "busyAbovePercent": situation.rule.busy_above_percent if judgement.devices else None,
        "busyAboveEnginePercent": situation.rule.busy_above_engine_percent if judgement.devices else None,
        "everySeconds": max(1, round(situation.lag_seconds)),
        "idleSince": stamp_exact(judgement.idle_since),
        "families": list(judgement.families),
        "devices": [_device(device) for device in judgement.devices[:64]],
    }
    return {name: value for name, value in found.items() if value is not None}


def _verdict_since(decision: Decision) -> Instant:
    memory, situation = decision.ruled.situation.workload.memory, decision.ruled.situation
    same = memory.verdict is not None and memory.verdict[0] == str(decision.judgement.verdict)
    return memory.verdict[1] if same and memory.verdict else situation.now


def _device(found: DeviceFinding) -> dict[str, Any]:
    shown = {
        "id": found.id,
        "pod": found.pod,
        "lastBusyTime": stamp_seconds(found.last_busy_at),
        "peakPercent": _percent(found.peak_percent),
        "coveragePercent": int(found.coverage_percent),
        "memoryPercent": _percent(found.memory_percent),
        "powerWatts": None if found.power_watts is None else round(found.power_watts),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _clipped(text: str, limit: int = MESSAGE) -> str:
    """What the schema takes: a refusal of the API server, quoted in full, must not make the status refused too."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _percent(value: float | None) -> int | None:
    return None if value is None else max(0, min(100, round(value)))


def _check(check: Check) -> dict[str, str]:
    message = _clipped(check.message)
    return {"name": check.name, "result": str(check.result), "reason": str(check.reason), "message": message}


def _accrued(situation: Situation, *, stops_now: bool) -> dict[str, Any] | None:
    """Counted only where a deadline asks for it, and from then on."""
    if situation.workload.deadline is None:
        return None
    counted = accrued(situation, stops_now=stops_now)
    durable = counted.done - (0.0 if stops_now else loss_now(situation, counted))
    return {
        "activeSeconds": round(counted.active),
        "lostSeconds": round(counted.lost),
        "durableSeconds": max(0, round(durable)),
        "pausedSeconds": round(counted.paused),
        "heldSeconds": round(counted.held),
        "asOf": stamp_exact(counted.as_of),
    }


def _idle(decision: Decision, warned_at: Instant | None, *, warned: bool) -> dict[str, Any] | None:
    if decision.judgement.verdict not in IDLE_VERDICTS and warned_at is None:
        return None
    shown = {
        "since": stamp_exact(decision.idle_since),
        "warnedAt": stamp_exact(warned_at),
        "withoutPause": _without_pause(decision, warned=warned) if warned_at is not None else None,
        "eligibleAfter": stamp_exact(decision.eligible_after),
    }
    return {name: value for name, value in shown.items() if value is not None} or None


def _without_pause(decision: Decision, *, warned: bool) -> str | None:
    """Of this tick's warning, else of the one that stands."""
    ruled = decision.ruled
    withheld = ruled.ruling.withheld if warned else ruled.situation.workload.memory.warned_without
    return str(withheld) if withheld else None


def _pause(record: PauseRecord | None, verdict: dict[str, Any]) -> dict[str, Any] | None:
    """A new pause by policy keeps the verdict that led to it; an old one keeps what it has."""
    if record is None:
        return None
    fresh = record.ended_at is None and not record.evidence and verdict["value"] in IDLE_VERDICTS
    shown = {
        "since": stamp_exact(record.since),
        "endTime": stamp_exact(record.ended_at),
        "reason": record.reason,
        "by": record.by,
        "countToday": record.count_today,
        "recent": [stamp_exact(at) for at in record.recent] or None,
        "startupSeconds": round(record.startup_seconds) or None,
        "cost": _given_back(record),
        "reverts": record.reverts,
        "resourceVersion": record.version or None,
        "message": _clipped(record.message) or None,
        "original": record.original or None,
        "evidence": verdict if fresh else json.loads(record.evidence or "null"),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _given_back(record: PauseRecord) -> dict[str, str] | None:
    if record.hourly is None:
        return None
    return {"hourly": _amount(record.hourly), "currency": record.currency}


def _attempts(record: Attempts | None) -> dict[str, Any] | None:
    return {"request": record.request, "count": record.count, "since": stamp_exact(record.since)} if record else None


def _override_noted(decision: Decision, done: frozenset[Verb]) -> tuple[Instant | None, str]:
    """What nothing on the object bears out any more counts when the API server has said that it is so."""
    memory = decision.ruled.situation.workload.memory
    return (
        decision.override
        if is_borne_out(decision) or Verb.Forget in done
        else (memory.override_until, memory.override_request)
    )


def is_borne_out(decision: Decision) -> bool:
    """What is to be forgotten is seen on the object itself."""
    target = decision.ruled.situation.target
    forgets = any(action.verb is Verb.Forget for action in decision.actions)
    return not forgets or (target is not None and (target.restore is not None or bool(target.restore_misplaced)))


def _override(override: tuple[Instant | None, str]) -> dict[str, Any] | None:
    until, request = override
    shown = {"until": stamp_exact(until), "request": request}
    return {name: value for name, value in shown.items() if value} or None


def _would_be(decision: Decision) -> dict[str, Any] | None:
    """Observe mode: the planned step, with the time since when it has been planned."""
    situation, judgement = decision.ruled.situation, decision.judgement
    before, planned = situation.workload.memory.would_be, next((it for it in decision.actions if it.observed), None)
    if planned is not None:
        withheld = decision.ruled.ruling.withheld
        since = planned_since(
            situation.workload.memory, judgement, planned.verb, planned.reason, announces=withheld is None
        )
        shown = (str(planned.verb), str(planned.reason), situation.now if since is None else since)
    elif before is not None and decision.mode == "Observe" and judgement.verdict in _STILL_PLANNED:
        shown = before
    else:
        return None
    told = {"action": shown[0], "reason": shown[1], "since": stamp_exact(shown[2])}
    without = _without_pause(decision, warned=planned is not None)
    return told | ({"withoutPause": without} if without else {})
