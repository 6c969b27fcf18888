"""The human's word: what a person asked for, and until when. A human always wins."""

from dataclasses import dataclass
from enum import StrEnum

from ebbtide.core.workload import Instant, Intent, Memory

RUNNING_SECONDS = 4 * 3600
"""An override Running without an end, and a lever a human moved, hold this long (design: labels table)."""
MALFORMED_SECONDS = 24 * 3600
"""A keep-until that cannot be read still vetoes this long: the wish is clear, its end is not."""


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


NOTHING = Word(Wish.Nothing, None, "", "")


def word(intent: Intent, memory: Memory, now: Instant) -> Word:
    """The first that holds of: stop, run, keep. An end in the past is no wish any more."""
    for candidate in (_stop(intent), _run(intent, memory, now), _lever(memory), _keep(intent, memory, now)):
        if candidate is not None and (candidate.until is None or candidate.until > now):
            return candidate
    return NOTHING


def clock_floor(intent: Intent, memory: Memory, now: Instant) -> Instant | None:
    """Where the idle clock starts after a veto or override: its end, or now when it was taken back early."""
    if word(intent, memory, now).wish is not Wish.Nothing:
        return None
    if memory.override_until is None and not memory.override_request:
        return None
    return min(memory.override_until or now, now)


def _stop(intent: Intent) -> Word | None:
    if intent.suspend:
        return Word(Wish.Stop, None, "", "spec.suspend is true; set it to false to let it run")
    if intent.override == "Paused":
        return Word(Wish.Stop, intent.override_until, "", "paused by annotation ebbtide.dev/override")
    return None


def _run(intent: Intent, memory: Memory, now: Instant) -> Word | None:
    if intent.override != "Running":
        return None
    if intent.override_until is not None:
        return Word(Wish.Run, intent.override_until, f"Running/{intent.override_until:.0f}", "resumed by a user")
    return Word(Wish.Run, _first_seen_end("Running", memory, now, RUNNING_SECONDS), "Running", "resumed by a user")


def _lever(memory: Memory) -> Word | None:
    """A human moved the lever itself: as if they had asked for Running."""
    if memory.override_request != "Lever" or memory.override_until is None:
        return None
    return Word(Wish.Run, memory.override_until, "Lever", "a user moved the lever")


def _keep(intent: Intent, memory: Memory, now: Instant) -> Word | None:
    if intent.never_pause:
        return Word(Wish.Keep, None, "NeverPause", "annotation ebbtide.dev/never-pause is true")
    if intent.keep_malformed:
        end = _first_seen_end("Malformed", memory, now, MALFORMED_SECONDS)
        return Word(Wish.Keep, end, "Malformed", "ebbtide.dev/keep-until cannot be read and vetoes for 24 hours")
    if intent.keep_until is not None:
        return Word(Wish.Keep, intent.keep_until, f"Keep/{intent.keep_until:.0f}", "kept by ebbtide.dev/keep-until")
    return None


def _first_seen_end(request: str, memory: Memory, now: Instant, seconds: float) -> Instant:
    """The end counted from the tick that first saw this request, which status.override remembers."""
    if memory.override_request == request and memory.override_until is not None:
        return memory.override_until
    return now + seconds
