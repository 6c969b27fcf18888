"""Fleet limits on idle pauses: a fleet that goes idle in one minute is a broken exporter, not a saving."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

from msgspec import Struct

from ebbtide.core.action import Actor
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Safety
from ebbtide.core.timestamps import stamp
from ebbtide.core.workload import Breaker, Instant, Workload

HOUR = 3600.0
JUMP_SECONDS = 600.0
"""A jump counts within ten minutes (design: fleet limits)."""
SMALL_FLEET = 20
"""Percent and jump rules need this many managed workloads to mean anything."""
IDLE_REASONS = frozenset({Reason.GPUIdle.value, Reason.GPUNeverUsed.value})


class Managed(Struct, frozen=True, gc=False):
    """One workload under an Enforce policy, as the limits count it."""

    workload: Workload
    policy: str
    running: bool
    idle: bool
    judged: bool
    """The verdict says whether it is idle: it is none of Unknown, NotApplicable, Starting, Failing."""


@dataclass(slots=True)
class Quota:
    """How many idle pauses one scope (the fleet or one policy) still allows.

    What was paused and what is admitted in this tick use it up alike, and are told apart: an admitted pause may yet be
    refused by the API server.
    """

    scope: str
    per_hour: int
    percent: int
    count: int = 0
    """Idle pauses of the last hour."""
    devices: int = 0
    """Of these pauses."""
    due_count: int = 0
    """Pauses admitted in this tick."""
    due_devices: int = 0
    total_devices: int = 0
    members: int = 0

    def admit(self, devices: int) -> str:
        """Empty when one more pause of so many devices fits, else the sentence that refuses it."""
        if self.per_hour and self.count + self.due_count + 1 > self.per_hour:
            due = f" and {self.due_count} due now," if self.due_count else ""
            return f"{self.scope}: {self.count} idle pauses in the last hour{due} of at most {self.per_hour}"
        wanted = self.devices + self.due_devices + devices
        if self.percent and self.members >= SMALL_FLEET and wanted > self.allowed_devices:
            due = f" and {self.due_devices} due now" if self.due_devices else ""
            return (
                f"{self.scope}: {self.devices} of {self.total_devices} devices idle-paused in the last hour{due}, "
                f"{devices} more would exceed {self.percent} % ({self.allowed_devices})"
            )
        return ""

    @property
    def allowed_devices(self) -> int:
        """The percentage in devices, rounded up, at least one."""
        return max(1, ceil(self.total_devices * self.percent / 100))

    def take(self, devices: int) -> None:
        """Count one pause of the last hour."""
        self.count += 1
        self.devices += devices

    def reserve(self, devices: int) -> None:
        """Count one pause that is admitted in this tick."""
        self.due_count += 1
        self.due_devices += devices


@dataclass(slots=True)
class Limits:
    """Fleet quota, quotas of policies with a limits section, and whether the breaker is open."""

    fleet: Quota
    policies: dict[str, Quota] = field(default_factory=dict)
    open_until: Instant | None = None

    def admit(self, workload: Workload, policy: str, now: Instant) -> tuple[Reason, str] | None:
        """None when the pause is admitted (and counted), else the reason and the sentence."""
        if self.open_until is not None and now < self.open_until:
            until = stamp(self.open_until)
            message = f"the circuit breaker is open until {until}; `kubectl ebbtide resume --breaker` closes it"
            return Reason.CircuitBreakerOpen, message
        quotas = [self.fleet] + ([self.policies[policy]] if policy in self.policies else [])
        for quota in quotas:
            refused = quota.admit(workload.accelerators)
            if refused:
                return Reason.TooManyPauses, refused
        for quota in quotas:
            quota.reserve(workload.accelerators)
        return None


def idle_paused_recently(workload: Workload, now: Instant) -> bool:
    """Paused for idleness within the rolling hour, still paused or not: rebuilt from what is stored."""
    pause, target = workload.memory.pause, workload.target
    if pause is None and (target is None or target.restore is None):
        return False  # so it is for nearly all
    if pause is not None and pause.recent and now - pause.recent[-1] < HOUR:
        return True
    stored = [] if pause is None else [(pause.by, pause.reason, pause.since)]
    if target is not None and target.restore is not None:
        # A pause that status does not tell of yet: it was done a moment ago, or a crash came between.
        stored.append((target.restore.by, target.restore.reason, target.restore.at))
    return any(by == Actor.Policy and reason in IDLE_REASONS and now - since < HOUR for by, reason, since in stored)


def fill(quota: Quota, members: Iterable[Managed], now: Instant) -> Quota:
    """Count the members of a scope and what was paused in it during the last hour."""
    for member in members:
        quota.members += 1
        recently = idle_paused_recently(member.workload, now)
        if recently:
            quota.take(member.workload.accelerators)
        if member.running or recently:
            quota.total_devices += member.workload.accelerators
    return quota


def fleet_quota(safety: Safety) -> Quota:
    """The fleet's quota from chart values."""
    return Quota("fleet", safety.idle_pauses_per_hour, safety.paused_percent_per_hour)


def idle_share(members: Sequence[Managed]) -> tuple[float, float] | None:
    """(surely, possibly) idle, percent of the running devices; None: nothing runs.

    What is not judged may be idle. A jump is a rise that is sure, so that a fleet judged little by little after a
    restart, or work that has just left its grace, opens no breaker.
    """
    running = [member for member in members if member.running]
    total = sum(member.workload.accelerators for member in running)
    if not total:
        return None
    surely = sum(member.workload.accelerators for member in running if member.idle)
    unjudged = sum(member.workload.accelerators for member in running if not member.judged)
    return 100 * surely / total, 100 * (surely + unjudged) / total


def jumped(
    share: float | None, before: Sequence[tuple[Instant, float]], members: int, safety: Safety, now: Instant
) -> str:
    """The sentence that opens the breaker, or empty. `share` is surely idle now, `before` was possibly idle then."""
    recent = [value for at, value in before if now - at <= JUMP_SECONDS]
    if share is None or not recent or members < SMALL_FLEET or not safety.idle_share_jump_percent:
        return ""
    rise = share - min(recent)
    if rise < safety.idle_share_jump_percent:
        return ""
    return f"the idle share of the fleet rose by {rise:.0f} points to {share:.0f} % within ten minutes"


def open_until(breaker: Breaker, now: Instant) -> Instant | None:
    """End of an open breaker as the Lease tells it; a later reset by a human closes it."""
    if breaker.open_until is None or now >= breaker.open_until:
        return None
    opened_at = breaker.open_until - HOUR
    if breaker.reset_at is not None and breaker.reset_at >= opened_at:
        return None
    return breaker.open_until
