"""Instants, and how they are written: for people, and for the API."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

Instant: TypeAlias = float
"""Seconds since the Unix epoch, UTC."""
_STAMPS = 256
"""Stamps remembered: one status tells the present moment ten times, and a fleet began in a few hundred seconds."""


def stamp(instant: Instant | None) -> str:
    """An instant for people, UTC, to the second; "-" when there is none."""
    return stamp_seconds(instant) or "-"


def stamp_seconds(instant: Instant | None) -> str | None:
    """RFC 3339, UTC, whole seconds."""
    if instant is None:
        return None
    return _seconds(int(instant))


@lru_cache(maxsize=_STAMPS)
def _seconds(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_exact(instant: Instant | None) -> str | None:
    """RFC 3339, UTC, to the millisecond: warnings are compared with samples."""
    return None if instant is None else _milliseconds(instant)


@lru_cache(maxsize=_STAMPS)
def _milliseconds(instant: Instant) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
