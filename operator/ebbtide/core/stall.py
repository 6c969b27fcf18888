"""Stalled: a device that spins without computing, such as a collective whose peers hang (P8)."""

from ebbtide.core.device_window import PROFILING, Window
from ebbtide.core.signal import Signal
from ebbtide.core.wording import percent

HIGH_PERCENT = 50.0
"""Utilisation and engine of a spinning kernel are near 100 %; half of that keeps light real work out."""

LONG_INTERVALS = 10
"""A profiling field may read 0 by chance at a few moments of real work, not at so many."""


def is_stalled(window: Window) -> bool:
    """Utilisation and engine are high, yet over the whole window tensor, DRAM and power say nothing runs.

    Only where all five are measured and the model's idle power is known; else the device counts as active. A stuck
    engine counter (high utilisation, engine 0) is not a stall.
    """
    return _is_high(window, Signal.Utilisation, HIGH_PERCENT) and (
        _is_high(window, Signal.Engine, HIGH_PERCENT / 100)
        and _is_low(window, Signal.Tensor)
        and _is_low(window, Signal.Dram)
        and window.is_covered(Signal.Power)
        and window.power_vouches()
    )


def stuck_engine(window: Window) -> str:
    """A sentence where utilisation is high and every profiling field has been 0 for the whole window; else empty."""
    engine = window.device.last(Signal.Engine)
    if engine is None or engine[1] > 0:
        return ""  # so it is for all that work
    long = window.length >= LONG_INTERVALS * window.device.pace.interval
    if not (long and _is_high(window, Signal.Utilisation, HIGH_PERCENT) and window.is_covered(Signal.Engine)):
        return ""
    if any(window.device.peak(signal, window.begin) for signal in PROFILING):
        return ""
    return (
        f"{window.device.id} of pod {window.pod.name}: utilisation is "
        f"{percent((window.device.last(Signal.Utilisation) or (0.0, 0.0))[1])}, but the engine activity "
        "(DCGM_FI_PROF_GR_ENGINE_ACTIVE on NVIDIA) is stuck at 0; it counts as busy. Running `dcgmi dmon -e 1001` in "
        "the exporter of that node, or restarting it, has revived it before"
    )


def _is_high(window: Window, signal: Signal, limit: float) -> bool:
    newest = window.device.last(signal)
    return window.is_fresh(signal) and newest is not None and newest[1] >= limit


def _is_low(window: Window, signal: Signal) -> bool:
    return window.is_covered(signal) and window.device.last_above(signal, window.limits.ratio) <= window.begin
