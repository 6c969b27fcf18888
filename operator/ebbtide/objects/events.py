"""Kubernetes Events: as values, and without repeats."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from ebbtide.core.workload import Instant
from ebbtide.objects.levers.kinds import resource_of
from ebbtide.objects.resources import EVENTS
from ebbtide.ports import EventNote

REPEAT_SECONDS: Final = 120.0
CONTROLLER: Final = "ebbtide.dev/operator"
CLUSTER_SCOPED_NAMESPACE: Final = "default"
"""Where Kubernetes keeps Events about objects without a namespace."""
MESSAGE_LIMIT: Final = 1024
"""Of events.k8s.io; longer notes are refused."""


class Repeats:
    """Remembers what was said about whom; saying it again within two minutes adds nothing."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._said: dict[tuple[str, str, str], Instant] = {}

    def is_repeat(self, note: EventNote) -> bool:
        """Whether this was said within two minutes."""
        now = self._clock()
        self._said = {key: at for key, at in self._said.items() if now - at < REPEAT_SECONDS}
        return _key(note) in self._said

    def remember(self, note: EventNote) -> None:
        """It was published."""
        self._said[_key(note)] = self._clock()


def _key(note: EventNote) -> tuple[str, str, str]:
    return note.uid, note.reason, note.action


def event(note: EventNote, now: Instant, instance: str) -> dict[str, Any]:
    """An events.k8s.io/v1 Event. The name is that of what it tells, else unique per object and microsecond."""
    namespace = note.workload.namespace or CLUSTER_SCOPED_NAMESPACE
    moment = datetime.fromtimestamp(now, UTC)
    resource = resource_of(note.workload.kind)
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": f"{note.workload.name}.{_mark(note, now)}", "namespace": namespace},
        "eventTime": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "type": note.type,
        "reason": note.reason,
        "action": note.action,
        "note": _shortened(note.message),
        "regarding": {
            "apiVersion": resource.api_version if resource else "",
            "kind": resource.kind if resource else note.workload.kind,
            "namespace": note.workload.namespace,
            "name": note.workload.name,
            "uid": note.uid,
        },
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
    }


def _mark(note: EventNote, now: Instant) -> str:
    if not note.identity:
        return f"{int(now * 1e6):x}"
    return blake2b(f"{note.uid}/{note.identity}".encode(), digest_size=8).hexdigest()


def _shortened(text: str) -> str:
    """The limit is in bytes."""
    raw = text.encode()
    return text if len(raw) <= MESSAGE_LIMIT else raw[: MESSAGE_LIMIT - 3].decode(errors="ignore") + "…"
