"""The human's word: what a person asked for, and until when. A human always wins."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ebbtide.core.endless import RUNNING, RUNNING_SECONDS, Endless, answered, endless
from ebbtide.core.workload import Instant, Intent, Memory

__all__ = [
    "ALL_ALLOWED",
    "LEVER",
    "MALFORMED",
    "NEVER_PAUSE",
    "NOTHING",
    "RUNNING",
    "RUNNING_SECONDS",
    "Allowance",
    "Wish",
    "Word",
    "clock_floor",
    "is_silent",
    "remembered",
    "word",
]

MALFORMED_SECONDS = 24 * 3600
"""A keep-until that cannot be read still vetoes this long: the wish is clear, its end is not."""
PAUSED = "Paused"
LEVER = "Lever"
NEVER_PAUSE = "NeverPause"
MALFORMED = "Malformed"


class Wish(StrEnum):
    """What the human wants now."""

    Nothing = "Nothing"
    Stop = "Stop"
    Run = "Run"
    Keep = "Keep"


@dataclass(frozen=True, slots=True)
class Word:
    """The wish in force, its end (None: until taken back) and the request it answers, for status.override."""

    wish: Wish
    until: Instant | None
    request: str
    message: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the namespace asks for, and what the policy lets people ask for (its section `overrides`)."""

    never_pause_namespace: bool = False
    never_pause: bool = True
    max_keep_seconds: int = 0
    """keep-until counts at most this far from when it was first seen; 0: no limit."""


NOTHING = Word(Wish.Nothing, None, "", "")
ALL_ALLOWED = Allowance()


def is_silent(intent: Intent, memory: Memory, allowance: Allowance = ALL_ALLOWED) -> bool:
    """Nobody asks for anything, and nothing is remembered that somebody asked for.

    Then, whatever the time is, `word` is NOTHING, `clock_floor` None and `remembered` (None, ""). So it is for nearly
    every workload, and a property test compares.
    """
    spoken = intent.suspend or intent.override or intent.keep_until is not None or intent.keep_malformed
    kept = intent.never_pause or allowance.never_pause_namespace or intent.override_until is not None
    return not (spoken or kept or memory.override_request) and memory.override_until is None


def word(intent: Intent, memory: Memory, now: Instant, allowance: Allowance = ALL_ALLOWED) -> Word:
    """The first that holds of: stop, run, keep. An end in the past is no wish any more.

    Of two overrides, on what is scaled and on its ScaledObject, the same: a stop in force, else the longest run.
    """
    left = endless(intent, memory, now) if intent.override else None
    run, told = _run(intent, left), left.told if left is not None else ""
    beside = run is not None and run.until is not None and run.until > now
    candidates = (_stop(intent, told, beside=beside), run, _lever(memory), _keep(intent, memory, now, allowance, told))
    for candidate in candidates:
        if candidate is not None and (candidate.until is None or candidate.until > now):
            return candidate
    return NOTHING


def clock_floor(intent: Intent, memory: Memory, said: Word, now: Instant) -> Instant | None:
    """Where the idle clock starts after a veto or override: its end, or now when it was taken back early.

    `said` is the word in force; while there is one, the clock does not matter.
    """
    if said.wish is not Wish.Nothing:
        return None
    return max(_ends(intent, memory, now), default=None)


def remembered(intent: Intent, memory: Memory, said: Word, floor: Instant | None) -> tuple[Instant | None, str]:
    """(until, request) for status.override: the word in force, else where the last one ended."""
    if said.wish is not Wish.Nothing:
        return said.until, said.request
    return floor, _answered(intent, memory.override_request)


def _answered(intent: Intent, request: str) -> str:
    """What of a request that has ended still stands as an annotation, and must not begin again."""
    if intent.keep_malformed and request.endswith(MALFORMED):
        return request
    if intent.keep_until is not None and request.endswith(_kept(intent.keep_until)):
        return request
    return answered(intent, request)


def _ends(intent: Intent, memory: Memory, now: Instant) -> Iterator[Instant]:
    if memory.override_until is not None or memory.override_request:
        yield min(now if memory.override_until is None else memory.override_until, now)
    # An end that no status remembers, because it came while nobody looked, still stands on the object.
    if intent.keep_until is not None and _kept(intent.keep_until) not in memory.override_request:
        yield min(intent.keep_until, now)
    yield from (min(until, now) for _, until in intent.overrides if until is not None)


def _stop(intent: Intent, told: str, *, beside: bool) -> Word | None:
    """`beside`: a run is in force on the other object."""
    if intent.suspend:
        return Word(Wish.Stop, None, "Suspended", "spec.suspend is true; set it to false to let it run")
    ends = [until for said, until in intent.overrides if said == PAUSED]
    if not ends:
        return None
    until = None if None in ends else max(it for it in ends if it is not None)
    more = ", which the Running on the other of its two objects does not end" if beside else ""
    return Word(Wish.Stop, until, told + PAUSED, f"paused by annotation ebbtide.dev/override{more}")


def _run(intent: Intent, left: Endless | None) -> Word | None:
    """The longest. `left`: what stands without an end, whether it is over or not."""
    ends = [until for said, until in intent.overrides if said == RUNNING and until is not None]
    last = max(ends, default=None)
    if last is None or (left is not None and left.end >= last):
        return None if left is None else Word(Wish.Run, left.end, left.request, "resumed by a user")
    told = left.told if left is not None else ""
    return Word(Wish.Run, last, f"{told}{RUNNING}/{last:.0f}", "resumed by a user")


def _lever(memory: Memory) -> Word | None:
    """A human moved the lever itself: as if they had asked for Running."""
    if memory.override_request != LEVER or memory.override_until is None:
        return None
    return Word(Wish.Run, memory.override_until, LEVER, "a user moved the lever")


def _keep(intent: Intent, memory: Memory, now: Instant, allowance: Allowance, spent: str) -> Word | None:
    """`spent`: what is told of a Running that has ended and still stands there."""
    if allowance.never_pause and (intent.never_pause or allowance.never_pause_namespace):
        where = "" if intent.never_pause else " of its namespace"
        return Word(Wish.Keep, None, spent + NEVER_PAUSE, f"annotation ebbtide.dev/never-pause{where} is true")
    if intent.keep_malformed:
        request = spent + MALFORMED
        end = _first_seen_end(request, memory, now, MALFORMED_SECONDS)
        return Word(Wish.Keep, end, request, "ebbtide.dev/keep-until cannot be read and vetoes for 24 hours")
    if intent.keep_until is not None:
        request = spent + _kept(intent.keep_until)
        end = _keep_end(intent.keep_until, request, memory, now, allowance)
        return Word(Wish.Keep, end, request, "kept by ebbtide.dev/keep-until")
    return None


def _kept(until: Instant) -> str:
    return f"Keep/{until:.0f}"


def _keep_end(until: Instant, request: str, memory: Memory, now: Instant, allowance: Allowance) -> Instant:
    if not allowance.max_keep_seconds:
        return until
    return min(until, _first_seen_end(request, memory, now, allowance.max_keep_seconds))


def _first_seen_end(request: str, memory: Memory, now: Instant, seconds: float) -> Instant:
    """The end counted from the tick that first saw this request, which status.override remembers."""
    if memory.override_request == request and memory.override_until is not None:
        return memory.override_until
    return now + seconds
