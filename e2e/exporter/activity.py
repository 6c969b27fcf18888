"""What a pod's devices do over time: scripts, recorded traces and generated profiles.

A pod says it in the annotation `e2e.ebbtide.dev/activity`; time counts from when the pod became Running.

| text | meaning |
|---|---|
| `80x9 0x200` | promtool's notation in percent, one value a second: ten values of 80, then 201 of 0; the last holds |
| `_x5` | five gaps: no series at all; `_` is one gap |
| `0+10x8` | nine values from 0 in steps of 10; `80-10x8` steps down |
| `busy:40 idle` | 40 s at 85 %, then 0; `busy:40@60` at 60 %; without a number the last state holds |
| `trace:p000` | the recorded pod of gpu-pods, sped up; `trace:p000@16000` begins at that second of the trace |
| `profile:7` | the generated profile with that seed, sped up; `@` as above |
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

BUSY_PERCENT = 85.0
# What a service holds on its device while it does nothing, from the recorded traces: 24 GiB.
HELD_MIB = 24576.0


class ActivityError(ValueError):
    """An activity text that cannot be read; the message says which part."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment of one device: utilisation in percent and used memory in MiB."""

    percent: float
    memory_mib: float


class Activity(Protocol):
    """What a pod does `seconds` after it became Running; None is a gap: the exporter knows nothing."""

    def at(self, seconds: float) -> Sample | None: ...


@dataclass(frozen=True, slots=True)
class Series:
    """Values at a fixed step. The last one holds, unless `ends`: then nothing is known after it."""

    values: Sequence[Sample | None]
    step_seconds: float = 1.0
    ends: bool = False

    def at(self, seconds: float) -> Sample | None:
        index = max(0, math.floor(seconds / self.step_seconds + 1e-9))
        if index < len(self.values):
            return self.values[index]
        return None if self.ends else self.values[-1]


IDLE = Series([Sample(0.0, HELD_MIB)])

_NUMBER = r"-?\d+(?:\.\d+)?"
_REPEATED = re.compile(rf"(?P<start>{_NUMBER})(?:(?P<step>[+-]\d+(?:\.\d+)?))?(?:x(?P<times>\d+))?")
_GAPS = re.compile(r"_(?:x(?P<times>\d+))?")
_STATE = re.compile(rf"(?P<state>busy|idle)(?::(?P<seconds>\d+))?(?:@(?P<percent>{_NUMBER}))?")
# A day of seconds; a typing error must not fill the memory.
_LONGEST = 86400


def _item(text: str) -> list[float | None]:
    if found := _GAPS.fullmatch(text):
        return [None] * int(found["times"] or 1)
    if found := _STATE.fullmatch(text):
        percent = float(found["percent"] or BUSY_PERCENT) if found["state"] == "busy" else 0.0
        return [percent] * int(found["seconds"] or 1)
    if found := _REPEATED.fullmatch(text):
        times = int(found["times"] or 0)
        if times <= _LONGEST:
            start, step = float(found["start"]), float(found["step"] or 0)
            return [start + step * number for number in range(times + 1)]
    raise ActivityError(f"cannot read {text!r} in an activity; write it as 80x9, _x5, busy:40 or idle")


def parse_script(text: str, memory_mib: float = HELD_MIB) -> Series:
    """Reads the script notation. Raises ActivityError."""
    values = [value for item in text.split() for value in _item(item)]
    if not values:
        raise ActivityError("an activity must have at least one value")
    wrong = next((value for value in values if value is not None and not 0 <= value <= 100), None)
    if wrong is not None:
        raise ActivityError(f"{wrong:g} is not a percentage between 0 and 100")
    return Series([None if value is None else Sample(value, memory_mib) for value in values])


Source = Callable[[str, float, float], Series]


def parse_activity(text: str, memory_mib: float, sources: Mapping[str, Source], speedup: float) -> Series:
    """Reads an annotation. `sources` maps a prefix (`trace`, `profile`) to what makes the series of a name.

    Raises ActivityError.
    """
    kind, colon, rest = text.strip().partition(":")
    if not (colon and kind in sources):
        return parse_script(text, memory_mib)
    name, _, start = rest.partition("@")
    try:
        offset = float(start or 0)
    except ValueError:
        raise ActivityError(f"{start!r} in {text!r} is not a number of seconds") from None
    return sources[kind](name, offset, speedup)
