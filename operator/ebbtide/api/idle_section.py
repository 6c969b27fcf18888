"""The section `idle` of a policy: when a workload counts as idle, and what follows."""

from enum import StrEnum
from typing import ClassVar

from ebbtide.api.fields import AUTO, Count, Percent, PositiveSeconds, Seconds, SecondsOrAuto
from ebbtide.api.model import ApiModel, Rule


class IdleAction(StrEnum):
    """What follows when a workload stays idle."""

    Pause = "Pause"
    Notify = "Notify"


class ServingMode(StrEnum):
    """What idleness of a server means."""

    RequestSignal = "RequestSignal"
    DevicesOnly = "DevicesOnly"


class SharedDevices(StrEnum):
    """What is done where several workloads share a device."""

    ReportOnly = "ReportOnly"
    Pause = "Pause"


def _warns_in_time(section: "IdleSection") -> bool:
    return section.after_seconds == AUTO or section.warn_seconds < section.after_seconds


def _holds_longer(section: "IdleSection") -> bool:
    held = section.memory_held_after_seconds
    return held == 0 or section.after_seconds == AUTO or held > section.after_seconds


_AFTER_IS_NUMBER = "has(self.afterSeconds) && type(self.afterSeconds) == int"


class IdleSection(ApiModel):
    """Idle workloads are warned and then paused. Missing metrics are never taken for idleness."""

    rules: ClassVar = (
        Rule(
            f"!({_AFTER_IS_NUMBER} && has(self.warnSeconds)) || self.warnSeconds < self.afterSeconds",
            "warnSeconds (600 unless you write it) must be less than afterSeconds, because the warning comes that long "
            "before the pause: write a smaller warnSeconds or a larger afterSeconds",
            ".warnSeconds",
            _warns_in_time,
        ),
        Rule(
            "!has(self.neverUsedAfterSeconds) || !has(self.warnSeconds) || "
            "self.warnSeconds < self.neverUsedAfterSeconds",
            "warnSeconds must be less than neverUsedAfterSeconds (7200 unless you write it) too: write a smaller "
            "warnSeconds or a larger neverUsedAfterSeconds",
            ".neverUsedAfterSeconds",
            lambda it: it.warn_seconds < it.never_used_after_seconds,
        ),
        Rule(
            f"!has(self.memoryHeldAfterSeconds) || self.memoryHeldAfterSeconds == 0 || !({_AFTER_IS_NUMBER}) || "
            "self.memoryHeldAfterSeconds > self.afterSeconds",
            "memoryHeldAfterSeconds is a longer patience while device memory is held: write more than afterSeconds, "
            "or 0 to turn it off",
            ".memoryHeldAfterSeconds",
            _holds_longer,
        ),
    )

    after_seconds: SecondsOrAuto = 3600
    """Idle this long before a pause, in whole seconds; or Auto: learnt per workload."""
    warn_seconds: Seconds = 600
    """The warning comes this long before the pause; less than afterSeconds."""
    grace_seconds: Seconds = 900
    """The idle clock does not run this long after Ready or a resume."""
    never_used_after_seconds: PositiveSeconds = 7200
    """Instead of afterSeconds where the device was never used since Ready."""
    memory_held_after_seconds: Seconds = 0
    """Longer than afterSeconds: the patience while more than 10 % of device memory is held. 0: off."""
    busy_above_percent: Percent = 5
    """A device is busy when a utilisation signal is above this."""
    busy_above_engine_percent: Percent = 2
    """A device is busy when an engine, tensor or memory ratio is above this; 2 means 0.02."""
    cpu_busy_above_percent: Percent = 20
    """CPU use above this share of the request counts as active, where it is measured. 0: CPU does not count."""
    network_busy_above_megabytes_per_second: Count = 1
    """A pod that receives and sends more than this counts as active, where it is measured. 0: it does not count."""
    action: IdleAction = IdleAction.Pause
    """Pause, or Notify: warn only."""
    without_checkpoint: IdleAction = IdleAction.Notify
    """For run-to-completion work with checkpoint mode None: Notify, or Pause although its progress is lost."""
    max_checkpoint_age_seconds: PositiveSeconds | None = None
    """An ebbtide.dev/checkpointed-at older than this means warn only. Absent: any age will do."""
    serving: ServingMode = ServingMode.RequestSignal
    """RequestSignal: servers are idle only if requests are zero too. DevicesOnly: devices decide."""
    shared_devices: SharedDevices = SharedDevices.ReportOnly
    """ReportOnly: never pause for idleness where a device is shared. Pause: do, once the whole device is idle;
    where launches are counted by pod (HAMi), once the pod itself is."""
    resume_after_seconds: Seconds = 0
    """Resume by itself after this long. 0: never."""
