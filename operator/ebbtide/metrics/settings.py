"""How the metrics source is reached and read: chart values under `metrics`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_STEPS_PER_INTERVAL = 2


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
class MetricsSettings:
    """Address, limits and pace of the metrics source. Seconds unless named otherwise."""

    url: str
    """Base address of the query API; a trailing slash does not matter."""
    sample_interval_seconds: float = 30.0
    """How often the exporters are scraped; checked against the scrape targets, never learnt."""
    label_mode: LabelMode = LabelMode.Auto
    match_labels: tuple[tuple[str, str], ...] = ()
    """Matchers of every query, such as ("job", "dcgm-exporter") or ("cluster", "prod") in a shared store."""
    token_file: Path | None = None
    """Bearer token, read again for each request because mounted tokens are renewed."""
    ca_file: Path | None = None
    """CA bundle in PEM; None: the system's."""
    look_back_seconds: float = 7200.0
    """History read after a start; longer where a policy judges longer."""
    max_look_back_seconds: float = 86400.0
    """History is never read further back than this, whatever policies ask."""
    query_seconds: float = 30.0
    """One query, the read of its answer included."""
    observe_seconds: float = 45.0
    """All queries of one tick; after this the source counts as down."""
    max_answer_bytes: int = 64 * 1024 * 1024
    """Decoded; larger answers fail the query."""
    max_points_per_query: int = 1_000_000
    """History is read in slices of so many points, about 25 bytes each."""
    targets_check_seconds: float = 600.0
    """How often the scrape interval is compared with the scrape targets."""

    @property
    def step_seconds(self) -> float:
        """Width of one step of a range query: half an interval, so that no step hides a sample; whole milliseconds."""
        return max(1, round(self.sample_interval_seconds * 1000 / _STEPS_PER_INTERVAL)) / 1000

    @property
    def overlap_seconds(self) -> float:
        """What each tick reads again.

        A sample shows up to one scrape timeout after its timestamp, and Prometheus keeps that within the interval.
        """
        return _STEPS_PER_INTERVAL * self.step_seconds
