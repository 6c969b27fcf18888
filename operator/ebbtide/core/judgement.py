"""What is found of a gang and of its devices: the verdict, and the numbers that explain it."""

from dataclasses import dataclass

from msgspec import Struct

from ebbtide.api.vocabulary import VerdictValue as Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Instant

__all__ = ["DeviceFinding", "Judgement", "Verdict"]


@dataclass(frozen=True, slots=True)
class DeviceFinding:
    """One device in an explanation. Percentages 0-100; None: never measured."""

    id: str
    pod: str
    verdict: Verdict
    reason: Reason
    last_busy_at: Instant | None
    peak_percent: float | None
    coverage_percent: float
    memory_percent: float | None
    power_watts: float | None


class Judgement(Struct, frozen=True, gc=False):
    """Verdict over the gang with the numbers that explain it. Seconds and percent as named.

    A struct, as everything that a tick makes for each workload: a frozen dataclass of this size takes 2.3 µs to make,
    a struct 0.2, and the collector need not look at it.
    """

    verdict: Verdict
    reason: Reason
    message: str
    idle_since: Instant | None = None
    span_seconds: float = 0.0
    after_seconds: float = 0.0
    """T: the idle time that leads to a pause."""
    coverage_percent: float = 0.0
    peak_percent: float | None = None
    families: tuple[str, ...] = ()
    devices: tuple[DeviceFinding, ...] = ()
    newest_common_sample_at: Instant | None = None
    """Oldest, over the devices, of each device's newest valid sample."""
    remark: str = ""
    """What people should hear of although it changes no verdict: a reading that is stuck."""
