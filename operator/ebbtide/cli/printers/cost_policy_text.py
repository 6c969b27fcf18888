"""The idle section of a CostPolicy in words."""

from collections.abc import Mapping
from typing import Any

from ebbtide.cli.duration import spoken
from ebbtide.cli.environment import Object


def described(policy: Object) -> str:
    """Mode and numbers of what concerns idleness."""
    spec: Mapping[str, Any] = policy.get("spec") or {}
    mode = f"mode {spec.get('mode', 'Observe')}"
    idle = spec.get("idle")
    if not isinstance(idle, Mapping):
        return f"{mode}; it has no idle section, so idleness has no consequence."
    return f"{mode}; {'; '.join([*_idle(idle), *_limits(spec.get('limits'))])}."


def _limits(limits: object) -> list[str]:
    if not isinstance(limits, Mapping):
        return []
    most, least = limits.get("pausesPerWorkloadPerDay", 4), limits.get("minimumRunSeconds", 1800)
    return [*([f"at most {most} pauses in 24 h"] if most else []), f"runs at least {_length(least)} between two"]


def _idle(idle: Mapping[str, Any]) -> list[str]:
    return [
        *_patience(idle),
        f"busy above {idle.get('busyAbovePercent', 5)} % (engines {idle.get('busyAboveEnginePercent', 2)} %)",
        f"without checkpoint: {idle.get('withoutCheckpoint', 'Notify')}",
        *([f"resumes after {_length(idle['resumeAfterSeconds'])}"] if idle.get("resumeAfterSeconds") else []),
    ]


def _patience(idle: Mapping[str, Any]) -> list[str]:
    verb = "pause" if idle.get("action", "Pause") == "Pause" else "notify (no pause)"
    never = idle.get("neverUsedAfterSeconds", 7200)
    held = idle.get("memoryHeldAfterSeconds", 0)
    return [
        f"{verb} after {_length(idle.get('afterSeconds', 3600))} idle, {_length(never)} if never used"
        + (f", {_length(held)} while memory is held" if held else ""),
        f"warning {_length(idle.get('warnSeconds', 600))} before",
        f"grace {_length(idle.get('graceSeconds', 900))} after a start",
    ]


def _length(seconds: object) -> str:
    return spoken(seconds) if isinstance(seconds, int) else str(seconds)
