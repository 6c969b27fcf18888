"""Whether the exporters are scraped as often as the settings say."""

from collections.abc import Sequence
from dataclasses import dataclass

from ebbtide.core.workload import Instant
from ebbtide.samples.answer import MetricsError
from ebbtide.samples.profile import Profile
from ebbtide.samples.source import Source


@dataclass(frozen=True, slots=True)
class Fit:
    """Both empty: the interval fits."""

    problem: str = ""
    """Exporters are scraped more seldom than the settings say."""
    remark: str = ""
    """It could not be checked: not every API has these calls (Mimir, VictoriaMetrics)."""


def interval_fit(source: Source, profiles: Sequence[Profile], configured: float, now: Instant) -> Fit:
    """Compares the slowest scrape of these devices with the configured interval, in seconds. Never raises."""
    try:
        slowest = source.slowest_scrape(profiles, now)
    except MetricsError as error:
        return Fit(remark=f"The scrape interval could not be checked: {error}")
    if slowest is None:
        return Fit(remark="The scrape interval could not be checked: no scrape target serves the devices' series.")
    if slowest.seconds <= configured:
        return Fit()
    return Fit(
        f"{slowest.url} of job {slowest.job} is scraped every {slowest.every}, but "
        f"metrics.sampleIntervalSeconds is {configured:g}: every device will seem to lack samples. Set it to "
        f"{slowest.seconds:g}, or scrape more often."
    )
