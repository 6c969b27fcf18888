"""After a start history is read slice by slice. A verdict that only waits for that is no news about the workload."""

from collections.abc import Mapping
from typing import Any

from ebbtide.core.decision import Decision
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.workload import Memory, StoredCondition


def waits(decision: Decision, health: MetricsHealth) -> bool:
    """The verdict is Unknown because history is still being read; nothing else is known to be wrong with the source."""
    return health.catching_up and decision.judgement.reason is Reason.MetricsUnavailable


def as_before(status: Mapping[str, Any], memory: Memory) -> Mapping[str, Any]:
    """A desired status with the stored verdict in place of one that waits; as it is where none is stored.

    Where its fingerprint is the stored one, nothing has changed that people should be told before history is read.
    """
    stored = {it.type: it for it in memory.conditions}
    idle = stored.get("Idle")
    if memory.verdict is None or idle is None:
        return status
    verdict = {**status["verdict"], "value": memory.verdict[0], "reason": idle.reason}
    conditions = [_as_stored(it, stored.get(it["type"])) for it in status["conditions"]]
    return {**status, "verdict": verdict, "conditions": conditions}


def _as_stored(wanted: Mapping[str, Any], stored: StoredCondition | None) -> Mapping[str, Any]:
    """A condition that only repeats the verdict's reason, as it stands."""
    if stored is None or wanted["reason"] != Reason.MetricsUnavailable:
        return wanted
    return {**wanted, "status": stored.status, "reason": stored.reason}
