"""The numbers of an `idle` section, as judging needs them."""

from dataclasses import dataclass, field

from ebbtide.api.fields import AUTO
from ebbtide.api.idle_section import IdleSection, ServingMode, SharedDevices
from ebbtide.core.signal import Thresholds, thresholds

AUTO_AFTER_SECONDS = 3600
"""`afterSeconds: Auto` until a workload's own history is learnt: the default of the field."""
MEMORY_HELD_PERCENT = 10.0
"""`memoryHeldAfterSeconds` applies while more of the device memory is held."""


@dataclass(frozen=True, slots=True)
class IdleRule:
    """When a gang counts as idle. Seconds and percent as named; the defaults are those of the section."""

    after_seconds: int = 3600
    warn_seconds: int = 600
    grace_seconds: int = 900
    never_used_after_seconds: int = 7200
    memory_held_after_seconds: int = 0
    busy_above_percent: int = 5
    busy_above_engine_percent: int = 2
    cpu_busy_above_percent: int = 20
    """Of the CPU that a pod requests; 0: CPU does not count."""
    network_busy_above_megabytes_per_second: int = 1
    """Received and sent by one pod; 0: network does not count."""
    counts_requests: bool = True
    """Requests keep it alive."""
    pauses_sharers: bool = False
    """Idle work may be paused although its devices are shared."""
    auto: bool = False
    """T is learnt; `after_seconds` is what holds until it is."""
    thresholds: Thresholds = field(init=False)
    """What counts as busy."""
    span_if_used: float = field(init=False)
    """The judged look-back of a gang that was used and holds no memory that counts, in seconds."""

    def __post_init__(self) -> None:
        """Worked out once: both are asked for per gang and tick."""
        object.__setattr__(self, "span_if_used", self.span(self.after_seconds))
        object.__setattr__(self, "thresholds", thresholds(self.busy_above_percent, self.busy_above_engine_percent))

    @classmethod
    def of(cls, section: IdleSection | None) -> "IdleRule":
        """The rule of a section; without one the verdict is computed with the defaults and nothing follows."""
        if section is None:
            return cls()
        after = section.after_seconds
        return cls(
            after_seconds=AUTO_AFTER_SECONDS if after == AUTO else int(after),
            warn_seconds=section.warn_seconds,
            grace_seconds=section.grace_seconds,
            never_used_after_seconds=section.never_used_after_seconds,
            memory_held_after_seconds=section.memory_held_after_seconds,
            busy_above_percent=section.busy_above_percent,
            busy_above_engine_percent=section.busy_above_engine_percent,
            cpu_busy_above_percent=section.cpu_busy_above_percent,
            network_busy_above_megabytes_per_second=section.network_busy_above_megabytes_per_second,
            counts_requests=section.serving is ServingMode.RequestSignal,
            pauses_sharers=section.shared_devices is SharedDevices.Pause,
            auto=after == AUTO,
        )

    def after(self, *, used: bool, known: bool, memory_held: bool, learnt: int | None = None) -> int:
        """T: the idle time that leads to a pause.

        `used`: some sample since Ready was busy. `known`: the samples reach back to Ready; where they do not, "never
        used" cannot be told from "used long ago" and the longer patience holds.
        `learnt`: stands in for `after_seconds`.
        """
        usual = self.after_seconds if learnt is None else learnt
        if used and not memory_held:
            return usual
        choices = [] if used else [self.never_used_after_seconds]
        if memory_held and self.memory_held_after_seconds:
            choices.append(self.memory_held_after_seconds)
        if not choices or not known:
            choices.append(usual)
        return max(choices)

    def span(self, after: float) -> float:
        """The judged look-back for a T, in seconds; one second where the warning is not shorter than T."""
        return max(after - self.warn_seconds, 1.0)
