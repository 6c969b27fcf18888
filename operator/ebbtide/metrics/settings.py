"""How Prometheus is reached, beside how samples are read: chart values under `metrics`."""

from dataclasses import dataclass, field
from pathlib import Path

from ebbtide.samples.settings import ReadingSettings


@dataclass(frozen=True, slots=True)
class MetricsSettings(ReadingSettings):
    """Address and limits of the query API. Seconds unless named otherwise."""

    url: str = field(kw_only=True)
    """Base address of the query API; a trailing slash does not matter."""
    match_labels: tuple[tuple[str, str], ...] = ()
    """Matchers of every query, such as ("job", "dcgm-exporter") or ("cluster", "prod") in a shared store."""
    allowed: tuple[tuple[str, str], ...] = ()
    """Metrics that users may name, each with the label that carries the namespace."""
    token_file: Path | None = None
    """Bearer token, read again for each request because mounted tokens are renewed."""
    ca_file: Path | None = None
    """CA bundle in PEM; None: the system's."""
    query_seconds: float = 30.0
    """One query, the read of its answer included."""
    observe_seconds: float = 45.0
    """All queries of one tick; after this the source counts as down."""
    max_answer_bytes: int = 64 * 1024 * 1024
    """Decoded; larger answers fail the query."""
