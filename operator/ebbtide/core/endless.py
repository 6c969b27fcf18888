"""Overrides Running without an end: each counts for four hours from when it was first seen, and never again.

Status remembers one request, and while another word is in force a Running may stand beside it: what KEDA scales and its
ScaledObject may bear different words. So what is known of the Running is told before the request in force:

- `Running`: it is in force itself, or was last; its end is that of the whole.
- `Running;REQUEST`: it had ended when that request came.
- `Running=SECONDS;REQUEST`: it ends then, in Unix time.
- `Running+Running` in place of `Running`: one on each object. A second one is newer, so the four hours begin anew.
"""

import re
from dataclasses import dataclass
from math import inf
from typing import Final

from ebbtide.core.workload import Instant, Intent, Memory

RUNNING: Final = "Running"
RUNNING_SECONDS: Final = 4 * 3600
"""An override Running without an end, and a lever a human moved, hold this long (design: labels table)."""
_NAMES: Final = ("", RUNNING, f"{RUNNING}+{RUNNING}")
"""By how many stand."""
_TOLD: Final = re.compile(r"(?P<name>Running(\+Running)?)(?P<before>(=(?P<end>\d{1,12}))?;.*)?")


@dataclass(frozen=True, slots=True)
class Endless:
    """What stands without an end: its request, and when its four hours are over, in Unix seconds."""

    request: str
    end: Instant
    told: str
    """Begins the request of whatever else is in force, so that this is not forgotten."""


def endless(intent: Intent, memory: Memory, now: Instant) -> Endless | None:
    """The Running without an end, of one object or of both; None where none stands."""
    standing = _standing(intent)
    if not standing:
        return None
    name, end, dated = _told(memory, now)
    if _NAMES.index(name) < standing:
        end = now + RUNNING_SECONDS
        return Endless(_NAMES[standing], end, f"{_NAMES[standing]}={end:.0f};")
    name = name if end > now else _NAMES[standing]
    return Endless(name, end, f"{name}={end:.0f};" if dated else f"{name};")


def answered(intent: Intent, request: str) -> str:
    """The request of what still stands after its end, and must not begin again; else empty."""
    found = _TOLD.fullmatch(request)
    seen = _NAMES.index(found["name"]) if found else 0
    return _NAMES[min(seen, _standing(intent))]


def _standing(intent: Intent) -> int:
    return intent.overrides.count((RUNNING, None))


def _told(memory: Memory, now: Instant) -> tuple[str, Instant, bool]:
    """(request, end, whether the end is told apart from that of the whole); an empty request: never seen."""
    found = _TOLD.fullmatch(memory.override_request)
    if found is None:
        return "", -inf, False
    if found["before"]:
        return found["name"], float(found["end"] or -inf), found["end"] is not None
    until = memory.override_until
    return ("", -inf, False) if until is None else (found["name"], until, until > now)
