"""The numbers behind a judgement: worked out only for what is written or shown."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from ebbtide.core.device_window import Window
from ebbtide.core.evidence import NEVER, DeviceEvidence
from ebbtide.core.gang import Tally, heard
from ebbtide.core.judgement import DeviceFinding, Judgement, Verdict
from ebbtide.core.signal import Signal
from ebbtide.core.verdict_case import Case, Hit
from ebbtide.core.wording import duration, joined, percent
from ebbtide.core.workload import Instant, Pod

_IDLE = (Verdict.Idle, Verdict.NeverUsed)


def described(tally: Tally, judgement: Judgement, judge_one: Callable[[Case], Hit]) -> Judgement:
    """The judgement with coverage, peak, families, devices, and for idle gangs a sentence that carries them."""
    windows = Case(tally).windows
    families = _families(windows)
    coverage = min((window.coverage_percent() for window in windows), default=0.0)
    peak = max((peak for window in windows if (peak := window.peak_percent()) is not None), default=None)
    findings = (_finding(one, judge_one) for one in _singles(tally))
    return replace(
        judgement,
        message=_sentence(judgement, tally, coverage, peak, families),
        coverage_percent=coverage,
        peak_percent=peak,
        families=families,
        devices=tuple(findings),
    )


def _sentence(
    judgement: Judgement, tally: Tally, coverage: float, peak: float | None, families: tuple[str, ...]
) -> str:
    """Like "2 devices idle since 14:03:30Z: peak 0 % (busy above 5 %, …), coverage 100 % of 50 min, … agree"."""
    if judgement.verdict not in _IDLE or peak is None:
        return judgement.message
    rule = tally.gang.rule
    limit = f"busy above {rule.busy_above_percent} %, engine {rule.busy_above_engine_percent} %"
    covered = f"coverage {percent(coverage)} of {duration(tally.span)}"
    return f"{judgement.message}: peak {percent(peak)} ({limit}), {covered}, {joined(families)} agree"


def _families(windows: list[Window]) -> tuple[str, ...]:
    """Families that vouch on some device, in order of first sight; on every idle device at least two of them do."""
    return tuple(dict.fromkeys(name for window in windows for name in window.families()))


def _singles(tally: Tally) -> Iterator[Tally]:
    """The tally once per device: its own samples and holes, the gang's patience."""
    gang = tally.gang
    for pod in gang.lineup.pods:
        if pod.ready_since is not None:
            for device in heard(gang.book.devices(pod.namespace, pod.name), pod.ready_since):
                yield _single(tally, pod, pod.ready_since, device)


def _single(tally: Tally, pod: Pod, ready: Instant, device: DeviceEvidence) -> Tally:
    gang, start = tally.gang, max(ready, tally.gang.book.since)
    in_grace = gang.now < ready + gang.rule.grace_seconds
    busy = device.last_busy_at if device.last_busy_at > ready else NEVER
    judged_busy = NEVER if in_grace or pod.failing is not None else busy
    return replace(
        tally,
        held=[(pod, start, [device])],
        waiting=[pod] if in_grace and pod.failing is None else [],
        failing=[] if pod.failing is None else [pod],
        busy_at=judged_busy,
        last_busy=busy,
        worked_at=device.worked_at if ready < device.worked_at <= judged_busy else NEVER,
        busy_now=busy > device.newest - device.pace.interval / 2,
        hole_end=device.hole_end if device.hole_end - start > device.pace.hole else NEVER,
    )


def _finding(single: Tally, judge_one: Callable[[Case], Hit]) -> DeviceFinding:
    case = Case(single)
    hit, window = judge_one(case), case.windows[0]
    device = window.device
    memory, power = device.last(Signal.MemoryPercent), device.last(Signal.Power)
    return DeviceFinding(
        id=device.id,
        pod=window.pod.name,
        verdict=hit.verdict,
        reason=hit.reason,
        last_busy_at=None if single.last_busy == NEVER else single.last_busy,
        peak_percent=window.peak_percent(),
        coverage_percent=window.coverage_percent(),
        memory_percent=None if memory is None or memory[0] <= window.begin else memory[1],
        power_watts=None if power is None or power[0] <= window.begin else power[1],
    )
