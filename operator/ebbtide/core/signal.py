"""Signals of a device: units, believable values, and the limits that follow from the sample interval."""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Signal(StrEnum):
    """What is measured on a device, in the unit of the evidence."""

    Utilisation = "Utilisation"
    """Percent 0-100 of the time a kernel was resident. Never used on MIG instances: there it is 0 or absent."""
    Engine = "Engine"
    """Ratio 0-1.0001, as Tensor and Dram."""
    Tensor = "Tensor"
    Dram = "Dram"
    Launches = "Launches"
    """1 where work was begun lately (a kernel launched, an execution completed), 0 where none was."""
    Power = "Power"
    """Watts."""
    Energy = "Energy"
    """Millijoules since boot, a counter."""
    MemoryPercent = "MemoryPercent"
    """Device memory held, percent of all of it; only the newest is kept."""


ACTIVITY = (Signal.Utilisation, Signal.Engine, Signal.Tensor, Signal.Dram, Signal.Launches)
"""Signals that show work; they come first in the order of slots."""
SLOT: dict[Signal, int] = {signal: slot for slot, signal in enumerate(Signal)}
UTILISATION, ENGINE, TENSOR, DRAM, LAUNCHES, POWER, ENERGY, MEMORY = range(8)
SLOTS = len(SLOT)

HIGHEST = (100.0, 1.0001, 1.0001, 1.0001, 1.0001, 5000.0, 1e14, 100.01)
"""Highest believable value by slot; the lowest is 0. DCGM writes "blank" as 2147483632 and above, 1.4e14 for doubles
and 9.2e18; no board draws 5 kW, and 1e14 mJ are 700 W for four years."""
THRESHOLDS_PER_UNIT = (1, 100, 100, 100, 100)
"""Thresholds are whole percent, so old peaks need no finer levels; by slot of an activity signal."""


class Thresholds(NamedTuple):
    """Busy is strictly above: percent for utilisation, a ratio for the others."""

    percent: float
    ratio: float


@lru_cache(maxsize=256)
def thresholds(busy_above_percent: int, busy_above_engine_percent: int) -> Thresholds:
    """One object per pair of whole percentages, so that "the same thresholds as before" is one comparison."""
    return Thresholds(float(busy_above_percent), busy_above_engine_percent / 100)


class Pace(NamedTuple):
    """Limits that follow from the sample interval, in seconds."""

    interval: float
    gap: float
    """Samples further apart than this have missing ones between them: half an interval of jitter is normal."""
    hole: float
    """Longer than this, a gap restarts the idle clock. 5 % of an interval over three of them, so that milliseconds
    of scrape jitter do not turn two missing samples into three."""
    stale: float
    """The newest sample may be this old."""

    @classmethod
    def of(cls, interval: float) -> "Pace":
        """Limits for a sample interval in seconds."""
        return cls(interval, 1.5 * interval, 3.05 * interval, 2.0 * interval)
