"""Notices as JSON for webhooks, and as text for people."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from ebbtide.api.cost_policy import NotifyEvent
from ebbtide.core.notice import Notice
from ebbtide.core.timestamps import stamp, stamp_seconds

VERSION: Final = "1"
_WORDS: Final = {
    NotifyEvent.Warn: "is idle",
    NotifyEvent.Pause: "was paused",
    NotifyEvent.Resume: "runs again",
    NotifyEvent.DeadlineAtRisk: "may miss its deadline",
    NotifyEvent.BudgetExceeded: "is over its budget",
    NotifyEvent.Conflict: "is started by somebody else again and again",
}


def payload(notices: Sequence[Notice], cluster: str) -> dict[str, Any]:
    """The body of a generic webhook. Keys are only ever added within a version."""
    return {"version": VERSION, "cluster": cluster, "notifications": [_one(notice) for notice in notices]}


def identity(notice: Notice) -> str:
    """The same for the same change, so that a receiver that was told twice can tell."""
    return hashlib.sha256(notice.key.encode()).hexdigest()[:16]


def subject(notice: Notice, cluster: str) -> str:
    """One line: who and what."""
    key, where = notice.workload, f" on {cluster}" if cluster else ""
    return f"{key.kind} {key.name} in {key.namespace}{where} {_WORDS[notice.event]} ({notice.reason})"


def text(notice: Notice, cluster: str) -> str:
    """For people: who, what, when, what it costs, and the line that prevents it."""
    lines = [subject(notice, cluster), notice.message]
    if notice.acts_after is not None:
        lines.append(f"It acts after {stamp(notice.acts_after)}.")
    if (cost := _cost(notice)) is not None:
        lines.append(f"An hour costs {cost['amount']} {cost['currency']}.")
    if notice.command:
        lines.append(f"{'To prevent it' if notice.event is NotifyEvent.Warn else 'To undo it'}: {notice.command}")
    return "\n".join(lines)


def _one(notice: Notice) -> dict[str, Any]:
    key = notice.workload
    said = {
        "id": identity(notice),
        "event": str(notice.event),
        "time": stamp_seconds(notice.at),
        "workload": {"kind": key.kind, "namespace": key.namespace, "name": key.name},
        "policy": notice.policy,
        "reason": notice.reason,
        "message": notice.message,
        "actsAfter": stamp_seconds(notice.acts_after),
        "costPerHour": _cost(notice),
        "command": notice.command or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _cost(notice: Notice) -> dict[str, str] | None:
    """None where nothing is held, or a price is missing."""
    hourly = notice.hourly
    if hourly is None or hourly.amount is None:
        return None
    return {"amount": f"{hourly.amount:.2f}", "currency": hourly.currency}
