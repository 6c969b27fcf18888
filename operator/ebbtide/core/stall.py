"""Stalled: a device that spins without computing, such as a collective whose peers hang (P8)."""

from ebbtide.core.device_window import Window
from ebbtide.core.signal import Signal

HIGH_PERCENT = 50.0
"""Utilisation and engine of a spinning kernel are near 100 %; half of that keeps light real work out."""


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


def _is_high(window: Window, signal: Signal, limit: float) -> bool:
    newest = window.device.last(signal)
    return window.is_fresh(signal) and newest is not None and newest[1] >= limit


def _is_low(window: Window, signal: Signal) -> bool:
    return window.is_covered(signal) and window.device.last_above(signal, window.limits.ratio) <= window.begin
