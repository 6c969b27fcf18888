"""Numbers as people read them: instants, durations and counts in messages."""

from datetime import UTC, datetime
from functools import lru_cache

from ebbtide.core.workload import Instant

DAY_SECONDS = 86_400
_WORDS = 512
"""Instants and durations remembered: those of a fleet fall into a few hundred different seconds."""


def clock(at: Instant, now: Instant) -> str:
    """14:03:30Z on the day of `now`, else 2026-03-02T14:03:30Z."""
    return _clock(int(at), int(now) // DAY_SECONDS)


@lru_cache(maxsize=_WORDS)
def _clock(whole: int, day: int) -> str:
    if whole // DAY_SECONDS != day:
        return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    minutes, seconds = divmod(whole % DAY_SECONDS, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}Z"


def duration(seconds: float) -> str:
    """90 s, 50 min, 2 h, 1 h 50 min."""
    return _duration(round(seconds))


@lru_cache(maxsize=_WORDS)
def _duration(whole: int) -> str:
    if whole < 120 or (whole % 60 and whole < 3600):
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, noun: str) -> str:
    """1 device, 2 devices."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(value: float) -> str:
    """0 %, 0.4 %, 97 %: one decimal below ten."""
    text = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{text.removesuffix('.0')} %"


def joined(words: tuple[str, ...]) -> str:
    """One, one and two, one, two and three."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)
