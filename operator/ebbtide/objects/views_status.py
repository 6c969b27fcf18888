"""What a stored status remembers. Whatever cannot be read is forgotten: that costs a new warning, nothing else."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ebbtide.api.fields import parse_timestamp
from ebbtide.core.status import fingerprint
from ebbtide.core.workload import Instant, Memory, PauseRecord, StoredCondition


def memory(status: Mapping[str, Any]) -> Memory:
    """The status of a TrainingJob as the plan reads it."""
    idle, override, verdict = _part(status, "idle"), _part(status, "override"), _part(status, "verdict")
    return Memory(
        start_time=_time(status, "startTime"),
        idle_since=_time(idle, "since"),
        warned_at=_time(idle, "warnedAt"),
        pause=_pause(_part(status, "pause")),
        override_until=_time(override, "until"),
        override_request=_text(override, "request"),
        would_be=_would_be(_part(status, "wouldBe")),
        conditions=conditions(status),
        capacity_class=_text(status, "capacityClass"),
        verdict=_verdict(verdict),
        verdict_as_of=_time(verdict, "asOf"),
        fingerprint=printed(status),
    )


def printed(status: Mapping[str, Any]) -> str:
    """The fingerprint of a stored status; empty, so that it is written again, where its shape is not ours."""
    try:
        return fingerprint(status)
    except (AttributeError, TypeError):
        return ""


def conditions(status: Mapping[str, Any]) -> tuple[StoredCondition, ...]:
    """The conditions of any of our kinds."""
    listed = status.get("conditions")
    return tuple(
        StoredCondition(
            type=_text(one, "type"),
            status=_text(one, "status"),
            reason=_text(one, "reason"),
            since=_time(one, "lastTransitionTime") or 0.0,
            observed_generation=_count(one, "observedGeneration", 0),
            message=_text(one, "message")
            if _text(one, "type") == "Accepted" and _text(one, "status") == "False"
            else "",
        )
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, Mapping)
    )


def _pause(stored: Mapping[str, Any]) -> PauseRecord | None:
    since = _time(stored, "since")
    if since is None:
        return None
    return PauseRecord(
        since=since,
        reason=_text(stored, "reason"),
        by=_text(stored, "by"),
        count_today=_count(stored, "countToday", 1),
        reverts=_count(stored, "reverts", 0),
        ended_at=_time(stored, "endTime"),
        message=_text(stored, "message"),
        evidence=msgspec.json.encode(evidence).decode() if (evidence := stored.get("evidence")) else "",
    )


def _would_be(stored: Mapping[str, Any]) -> tuple[str, str, Instant] | None:
    since = _time(stored, "since")
    return None if since is None else (_text(stored, "action"), _text(stored, "reason"), since)


def _verdict(stored: Mapping[str, Any]) -> tuple[str, Instant] | None:
    since = _time(stored, "since")
    return None if since is None else (_text(stored, "value"), since)


def _part(stored: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = stored.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(stored: Mapping[str, Any], key: str) -> str:
    text = stored.get(key)
    return text if isinstance(text, str) else ""


def _count(stored: Mapping[str, Any], key: str, default: int) -> int:
    count = stored.get(key)
    return count if isinstance(count, int) else default


def _time(stored: Mapping[str, Any], key: str) -> Instant | None:
    try:
        return parse_timestamp(_text(stored, key)).timestamp()
    except ValueError:
        return None
