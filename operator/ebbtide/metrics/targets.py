"""How often the exporters are scraped: two calls for metadata, no query."""

import re

import msgspec

from ebbtide.metrics.client import PrometheusClient
from ebbtide.samples.answer import MetricsError
from ebbtide.samples.source import Scrape

_CALL_SECONDS = 5.0  # nothing waits for this check
_RECENT_SECONDS = 600.0
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


def slowest_scrape(client: PrometheusClient, selectors: list[str], now: float) -> Scrape | None:
    """The most seldom scraped target of the jobs that gave these series lately. Raises MetricsError."""
    try:
        jobs = _jobs(client, selectors, now)
        body = client.metadata("/api/v1/targets", {"state": "active"}, _CALL_SECONDS)
        targets = msgspec.json.decode(body, type=_TargetsBody).data.active_targets
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MetricsError(f"Prometheus answered with something that is not its JSON: {error}.") from error
    scrapes = (_scrape(target) for target in targets if target.labels.get("job") in jobs)
    return max((scrape for scrape in scrapes if scrape.seconds), key=lambda scrape: scrape.seconds, default=None)


def _scrape(target: _Target) -> Scrape:
    every = target.scrape_interval
    return Scrape(target.scrape_url, target.labels["job"], every, seconds(every))


def _jobs(client: PrometheusClient, selectors: list[str], now: float) -> set[str]:
    """Jobs that gave these series lately."""
    start, end = f"{now - _RECENT_SECONDS:.3f}", f"{now:.3f}"
    params: dict[str, str | list[str]] = {"match[]": selectors, "start": start, "end": end}
    return set(
        msgspec.json.decode(client.metadata("/api/v1/label/job/values", params, _CALL_SECONDS), type=_JobsBody).data
    )


def seconds(duration: str) -> float:
    """Seconds of a duration as Prometheus writes it, such as 1m30s; 0.0 for text that is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))
