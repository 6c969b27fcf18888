"""Vocabulary for tests of the verdict: a small world of pods and devices with samples minute by minute."""

from collections.abc import Callable, Sequence
from typing import Any

from ebbtide.core.at_work import busy_now
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.gang import Gang
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Judgement
from ebbtide.core.lineup import Lineup
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.verdict import describe, judge, judge_thoroughly
from ebbtide.core.workload import Attribution, Pod

START = 1_780_012_800.0  # a full hour
MINUTE = 60.0
H100 = "NVIDIA H100 80GB HBM3"
RULE = IdleRule(after_seconds=2400, warn_seconds=600, grace_seconds=0, never_used_after_seconds=2400)
"""A judged span of 30 minutes, as the decision cases have it."""

Track = float | Sequence[float | None] | Callable[[int], float | None] | None
"""Values by minute: one for all, a list (the last value holds), a function, or no series at all."""


def healthy(**changes: Any) -> MetricsHealth:
    """A metrics source that can be trusted for a day back."""
    return MetricsHealth(**{"up": True, "reaches_back_to": START - 86_400, "label_mode": "exported", **changes})


def make_pod(name: str = "w-0", *, ready: float | None = 0, devices: int = 1, **changes: Any) -> Pod:
    """A running pod; `ready` in minutes."""
    known: dict[str, Any] = {
        "uid": f"uid-{name}", "namespace": "ml", "name": name, "owner_uid": "job", "node": "n1", "phase": "Running",
        "created_at": START - 60, "bound_at": START - 30, "ended_at": None, "deleting": False,
        "ready_since": None if ready is None else START + ready * MINUTE - 1,
        "accelerators": devices, "accelerator_resource": "nvidia.com/gpu", "cpu": 8.0, "memory_bytes": 1 << 36,
        "failing": None, "unschedulable": False, "checkpointed_at": None, "attribution": Attribution(),
    }  # fmt: skip
    return Pod(**{**known, **changes})


def at_minute(track: Track, minute: int) -> float | None:
    if track is None or isinstance(track, int | float):
        return track
    if callable(track):
        return track(minute)
    return track[min(minute, len(track) - 1)]


class World:
    """One workload. Minutes count from START; samples are scraped once a minute, minute 0 included."""

    def __init__(self, minutes: int = 60, rule: IdleRule = RULE, interval: float = MINUTE) -> None:
        self.minutes, self.rule, self.interval = minutes, rule, interval
        self.book = EvidenceBook(interval)
        self.pods: list[Pod] = []
        self.health = healthy()
        self.floor: float | None = None
        self.raw: dict[tuple[str, str], dict[Signal, dict[float, float]]] = {}
        """All samples by (pod, device), for brute force."""

    def pod(self, name: str = "w-0", **changes: Any) -> "World":
        self.pods.append(make_pod(name, **changes))
        return self

    def device(
        self, id_: str = "GPU-0", pod: str = "w-0", *, model: str = H100, util: Track = 0.0, engine: Track = 0.0,
        tensor: Track = None, dram: Track = None, watts: Track = None, energy: Track = None, memory: Track = None,
        missing: Sequence[int] = (), namespace: str = "ml", launches: Track = None,
    ) -> "World":  # fmt: skip
        """A device; `missing` minutes lose all its samples. `energy` is the mean power that the counter shows."""
        tracks = dict(zip(Signal, (util, engine, tensor, dram, launches, watts, energy, memory), strict=True))
        joules = 1e6
        for minute in range(self.minutes + 1):
            joules += (at_minute(energy, minute) or 0.0) * MINUTE
            for signal, track in tracks.items():
                value = at_minute(track, minute)
                if value is not None and minute not in missing:
                    value = joules * 1000 if signal is Signal.Energy else value
                    self.book.fold(namespace, pod, id_, model, signal, START + minute * MINUTE, value)
                    by_signal = self.raw.setdefault((pod, id_), {})
                    by_signal.setdefault(signal, {})[START + minute * MINUTE] = value
        return self

    def gang(self, at: float | None = None) -> Gang:
        now = START + (self.minutes if at is None else at) * MINUTE
        floor = None if self.floor is None else START + self.floor * MINUTE
        return Gang(now, Lineup.of(self.pods), self.book, self.rule, self.health, self.interval, floor)

    def judge(self, at: float | None = None) -> Judgement:
        """The verdict at a minute with every number; the short cuts never change it."""
        gang = self.gang(at)
        judgement, thorough = judge(gang), judge_thoroughly(gang)
        if busy_now(gang) is None:
            assert judgement == thorough
        else:
            assert told(judgement) == told(thorough)
        return thorough

    def describe(self, at: float | None = None) -> Judgement:
        return describe(self.gang(at), self.judge(at))

    def says(self, at: float | None = None) -> str:
        """Verdict and reason in one word pair; NeverUsed counts as idle."""
        found = self.judge(at)
        return "Idle" if found.reason in {Reason.GPUIdle, Reason.GPUNeverUsed} else f"{found.verdict} {found.reason}"


def told(judgement: Judgement) -> tuple[object, ...]:
    """What a gang that plainly works is told by: all but the clock."""
    return judgement.verdict, judgement.reason, judgement.span_seconds, judgement.after_seconds


def upto(minute: int, value: float, then: float | None) -> Callable[[int], float | None]:
    """One value up to and including a minute, another one after it."""
    return lambda now: value if now <= minute else then
