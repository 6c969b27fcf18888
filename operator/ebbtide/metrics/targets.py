"""Whether the exporters are scraped as often as the settings say. Two calls for metadata, no query."""

import re
from dataclasses import dataclass

import msgspec

from ebbtide.metrics.answers import MetricsError
from ebbtide.metrics.client import PrometheusClient
from ebbtide.metrics.profile import Profile
from ebbtide.metrics.queries import QueryWriter

_CALL_SECONDS = 5.0  # nothing waits for this check
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


class _Target(msgspec.Struct, rename="camel"):
    labels: dict[str, str] = {}
    scrape_interval: str = ""
    scrape_url: str = ""


class _Targets(msgspec.Struct, rename="camel"):
    active_targets: list[_Target] = []


class _TargetsBody(msgspec.Struct):
    data: _Targets


class _JobsBody(msgspec.Struct):
    data: list[str]


@dataclass(frozen=True, slots=True)
class Fit:
    """Both empty: the interval fits."""

    problem: str = ""
    """Exporters are scraped more seldom than the settings say."""
    remark: str = ""
    """It could not be checked: not every API has these calls (Mimir, VictoriaMetrics)."""


def interval_fit(client: PrometheusClient, profile: Profile, writer: QueryWriter, configured: float, now: float) -> Fit:
    """Compares the slowest scrape of these devices with the configured interval. Never raises."""
    try:
        jobs = _jobs(client, profile, writer, now)
        body = client.metadata("/api/v1/targets", {"state": "active"}, _CALL_SECONDS)
        targets = msgspec.json.decode(body, type=_TargetsBody).data.active_targets
    except (MetricsError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Fit(remark=f"The scrape interval could not be checked: {error}")
    ours = [target for target in targets if target.labels.get("job") in jobs and seconds(target.scrape_interval)]
    if not ours:
        return Fit(remark="The scrape interval could not be checked: no scrape target serves the devices' series.")
    slowest = max(ours, key=lambda target: seconds(target.scrape_interval))
    if seconds(slowest.scrape_interval) <= configured:
        return Fit()
    return Fit(
        f"{slowest.scrape_url} of job {slowest.labels['job']} is scraped every {slowest.scrape_interval}, but "
        f"metrics.sampleIntervalSeconds is {configured:g}: every device will seem to lack samples. Set it to "
        f"{seconds(slowest.scrape_interval):g}, or scrape more often."
    )


def _jobs(client: PrometheusClient, profile: Profile, writer: QueryWriter, now: float) -> set[str]:
    """Jobs that gave series of these devices in the last ten minutes."""
    selectors = [writer.selector(metric) for metric in profile.presence]
    params: dict[str, str | list[str]] = {"match[]": selectors, "start": f"{now - 600:.3f}", "end": f"{now:.3f}"}
    return set(
        msgspec.json.decode(client.metadata("/api/v1/label/job/values", params, _CALL_SECONDS), type=_JobsBody).data
    )


def seconds(duration: str) -> float:
    """Seconds of a duration as Prometheus writes it, such as 1m30s; 0.0 for text that is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))
