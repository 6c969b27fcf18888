"""What a stored status remembers. Whatever cannot be read is forgotten: that costs a new warning, nothing else."""

import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import msgspec

from ebbtide.api.fields import parse_timestamp
from ebbtide.core.status import fingerprint
from ebbtide.core.workload import Accrued, Attempts, Instant, Memory, PauseRecord, StoredCondition

_MOST_DIGITS = 20
"""Of an amount before the point; more cannot be rounded to cents."""


def memory(status: Mapping[str, Any]) -> Memory:
    """The status of a workload as the plan reads it."""
    idle, override, verdict = _part(status, "idle"), _part(status, "override"), _part(status, "verdict")
    return Memory(
        start_time=_time(status, "startTime"),
        idle_since=_time(idle, "since"),
        warned_at=_time(idle, "warnedAt"),
        warned_without=_word(idle, "withoutPause") or _word(_part(status, "wouldBe"), "withoutPause"),
        pause=_pause(_part(status, "pause")),
        attempts=_attempts(_part(status, "attempts")),
        labelling=_attempts(_part(status, "labelling")),
        override_until=_time(override, "until"),
        override_request=_text(override, "request"),
        would_be=_would_be(_part(status, "wouldBe")),
        conditions=conditions(status),
        capacity_class=_word(status, "capacityClass"),
        verdict=_verdict(verdict),
        verdict_as_of=_time(verdict, "asOf"),
        fingerprint=printed(status),
        spec_hash=_text(status, "observedSpec"),
        accrued=_accrued(_part(status, "accrued")),
        last_checkpoint_at=_time(status, "lastCheckpointTime"),
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
        _condition(
            _word(one, "type"),
            _word(one, "status"),
            _word(one, "reason"),
            _time(one, "lastTransitionTime") or 0.0,
            _count(one, "observedGeneration", 0),
            _text(one, "message") if _text(one, "type") == "Accepted" and _text(one, "status") == "False" else "",
        )
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, Mapping)
    )


@lru_cache(maxsize=4096)
def _condition(*values: Any) -> StoredCondition:
    """One object for all that are equal: eight of each of 5,000 workloads would take 10 MiB."""
    return StoredCondition(*values)


def _pause(stored: Mapping[str, Any]) -> PauseRecord | None:
    since = _time(stored, "since")
    if since is None:
        return None
    hourly, currency = _price(stored.get("cost"))
    return PauseRecord(
        since=since,
        reason=_text(stored, "reason"),
        by=_text(stored, "by"),
        count_today=_count(stored, "countToday", 1),
        reverts=_count(stored, "reverts", 0),
        ended_at=_time(stored, "endTime"),
        version=_text(stored, "resourceVersion"),
        message=_text(stored, "message"),
        original=_text(stored, "original"),
        recent=_times(stored, "recent"),
        startup_seconds=float(_count(stored, "startupSeconds", 0)),
        hourly=hourly,
        currency=currency,
        evidence=msgspec.json.encode(evidence).decode() if (evidence := stored.get("evidence")) else "",
    )


def _price(cost: object) -> tuple[Decimal | None, str]:
    """(amount, currency) of one hour; (None, "") where it cannot be read."""
    if not isinstance(cost, Mapping):
        return None, ""
    try:
        amount = Decimal(_text(cost, "hourly"))
    except InvalidOperation:
        return None, ""
    plain = amount.is_finite() and amount.adjusted() < _MOST_DIGITS
    return (amount, _word(cost, "currency")) if plain else (None, "")


def _accrued(stored: Mapping[str, Any]) -> Accrued | None:
    as_of = _time(stored, "asOf")
    if as_of is None:
        return None
    active, lost, paused, held = (
        float(_count(stored, f"{name}Seconds", 0)) for name in ("active", "lost", "paused", "held")
    )
    return Accrued(as_of, active, lost, paused, held)


def _times(stored: Mapping[str, Any], key: str) -> tuple[Instant, ...]:
    """Sorted; what is no time is left out."""
    listed = stored.get(key)
    told = [_instant(text) for text in (listed if isinstance(listed, list) else ()) if isinstance(text, str)]
    return tuple(sorted(at for at in told if at is not None))


def _attempts(stored: Mapping[str, Any]) -> Attempts | None:
    since = _time(stored, "since")
    return None if since is None else Attempts(_text(stored, "request"), _count(stored, "count", 1), since)


def _would_be(stored: Mapping[str, Any]) -> tuple[str, str, Instant] | None:
    since = _time(stored, "since")
    return None if since is None else (_text(stored, "action"), _text(stored, "reason"), since)


def _verdict(stored: Mapping[str, Any]) -> tuple[str, Instant] | None:
    since = _time(stored, "since")
    return None if since is None else (_word(stored, "value"), since)


def _part(stored: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = stored.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(stored: Mapping[str, Any], key: str) -> str:
    text = stored.get(key)
    return text if isinstance(text, str) else ""


def _word(stored: Mapping[str, Any], key: str) -> str:
    """A text of few values: shared between objects."""
    return sys.intern(_text(stored, key))


def _count(stored: Mapping[str, Any], key: str, default: int) -> int:
    count = stored.get(key)
    return count if isinstance(count, int) else default


def _time(stored: Mapping[str, Any], key: str) -> Instant | None:
    return _instant(_text(stored, key))


@lru_cache(maxsize=4096)
def _instant(text: str) -> Instant | None:
    """Times of one status, and of those written in the same second, are one number."""
    try:
        return parse_timestamp(text).timestamp()
    except ValueError:
        return None
