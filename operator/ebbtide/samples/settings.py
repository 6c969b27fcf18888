"""How samples are read: pace, reach and attribution. Chart values under `metrics`."""

from dataclasses import dataclass
from enum import StrEnum

STEPS_PER_INTERVAL = 2


class LabelMode(StrEnum):
    """Which labels of a device series name the pod that holds the device."""

    Auto = "Auto"
    """Told from live series."""
    Exported = "Exported"
    """`exported_pod`: scraped with honorLabels false, the chart default; plain `pod` is the exporter itself."""
    Plain = "Plain"
    """`pod`: scraped with honorLabels true, or from a target without labels of its own."""
    OldNamespace = "OldNamespace"
    """`pod_name`: exporters started with --use-old-namespace. Found by Auto."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """Pace and limits of reading. Seconds unless named otherwise."""

    sample_interval_seconds: float = 30.0
    """How often the exporters are scraped; checked against the scrape targets, never learnt."""
    label_mode: LabelMode = LabelMode.Auto
    look_back_seconds: float = 7200.0
    """History read after a start; longer where a policy judges longer."""
    max_look_back_seconds: float = 86400.0
    """History is never read further back than this, whatever policies ask."""
    max_points_per_query: int = 500_000
    """History is read in slices of so many points, about 25 bytes each on the wire."""
    targets_check_seconds: float = 600.0
    """How often the scrape interval is compared with the scrape targets."""

    @property
    def step_seconds(self) -> float:
        """Width of one step of a range query: half an interval, so that no step hides a sample; whole milliseconds."""
        return max(1, round(self.sample_interval_seconds * 1000 / STEPS_PER_INTERVAL)) / 1000

    @property
    def overlap_seconds(self) -> float:
        """What each tick reads again.

        A sample shows up to one scrape timeout after its timestamp, and Prometheus keeps that within the interval.
        """
        return STEPS_PER_INTERVAL * self.step_seconds
