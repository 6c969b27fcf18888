"""Whether Prometheus answers and accelerator metrics flow."""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from ebbtide.cli.checks.line import Line, failed, ok, skipped
from ebbtide.cli.duration import spoken
from ebbtide.metrics.answers import JsonAnswer, Sample
from ebbtide.metrics.client import Limits, PrometheusClient
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.source import PrometheusSource
from ebbtide.samples.answer import MetricsError
from ebbtide.samples.fit import interval_fit
from ebbtide.samples.profile import PodLabels, Profile
from ebbtide.samples.settings import LabelMode
from ebbtide.samples.source import PROFILE_LABEL
from ebbtide.samples.vendors import NVIDIA, VENDORS, own

SOURCE: Final = "Prometheus"
FLOW: Final = "metrics"
_LOOK_BACK: Final = 300.0
"""Prometheus itself calls a series stale after five minutes."""
_SECONDS: Final = 15.0
_Row: TypeAlias = tuple[Profile, dict[str, str]]
"""The labels of a series, and whose they are."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask, and what the operator was told about it."""

    url: str
    told: bool
    """The user gave the address; else it is the operator's, which may mean nothing here."""
    sample_interval_seconds: float = 30.0
    match_labels: tuple[tuple[str, str], ...] = ()
    token_file: Path | None = None
    ca_file: Path | None = None
    profiles: tuple[Profile, ...] = VENDORS


def of_source(source: Source, now: float) -> list[Line]:
    """Lines about Prometheus and the series in it."""
    if not source.url:
        return [skipped(SOURCE, "its address is not known: give it with --prometheus-url")]
    if not source.told and not _resolves(source.url):
        remedy = "kubectl port-forward to it and give --prometheus-url http://127.0.0.1:PORT"
        return [skipped(SOURCE, f"{source.url} is a name inside the cluster; to look at it from here, {remedy}")]
    client = PrometheusClient(
        source.url, token_file=source.token_file, ca_file=source.ca_file, limits=Limits(seconds=_SECONDS)
    )
    try:
        client.query("vector(1)", now)
    except MetricsError as error:
        return [failed(SOURCE, f"{error} Set metrics.prometheusUrl of the chart, or give --prometheus-url.")]
    return [ok(SOURCE, f"{source.url} answers"), *_flow(client, source, now)]


def _resolves(url: str) -> bool:
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        return False
    return True


def _flow(client: PrometheusClient, source: Source, now: float) -> list[Line]:
    writer = QueryWriter(_LOOK_BACK, source.match_labels)
    try:
        answer = client.query(writer.presence(source.profiles), now)
        lines = _devices(answer, source, now)
    except MetricsError as error:
        return [failed(FLOW, str(error))]
    fit = interval_fit(PrometheusSource(client, writer), source.profiles, source.sample_interval_seconds, now)
    return [*lines, *([failed(FLOW, fit.problem)] if fit.problem else [])]


def _devices(answer: JsonAnswer, source: Source, now: float) -> list[Line]:
    if answer.warnings:
        return [failed(FLOW, f"Prometheus warns that answers are incomplete: {'; '.join(answer.warnings)}")]
    samples = list(answer.samples())
    if not samples:
        return [failed(FLOW, _nothing(source))]
    seen = {_profile(sample.metric, source.profiles) for sample in samples}
    silent = [failed(FLOW, _silent(profile)) for profile in own(source.profiles) if profile not in seen]
    return [_found(samples, source, now), *silent]


def _found(samples: Sequence[Sample], source: Source, now: float) -> Line:
    age = now - max(float(sample.value[1]) for sample in samples)
    rows = _by_device([(_profile(sample.metric, source.profiles), sample.metric) for sample in samples])
    found = f"{len(rows)} device{'' if len(rows) == 1 else 's'}, newest sample {spoken(max(0, age))} ago"
    if age > 2 * source.sample_interval_seconds:
        return failed(FLOW, f"{found}, older than two intervals: see whether the exporter's targets are up")
    return ok(FLOW, f"{found}; {_names(rows)}")


def _by_device(series: list[_Row]) -> list[_Row]:
    """One of each device, with a pod where there is one: several targets may report on it, or pods share it."""
    ordered = sorted(series, key=lambda row: _named(row) is not None)
    return list({row[0].device(row[1]) or str(row[1]): row for row in ordered}.values())


def _nothing(source: Source) -> str:
    names = " or ".join(NVIDIA.presence)
    pinned = ", ".join(f"{key}={value}" for key, value in source.match_labels)
    hint = f", or correct metrics.matchLabels ({pinned})" if pinned else ""
    return f"no series {names} in the last 5 min: install dcgm-exporter on the GPU nodes and have it scraped{hint}"


def _silent(profile: Profile) -> str:
    names = " or ".join(profile.presence)
    return f"no series {names} of profile {profile.name} in the last 5 min: see whether {profile.exporter} is scraped"


def _names(series: list[_Row]) -> str:
    """How many devices are held. Plain `pod` may name the exporter itself, as it does beside other labels."""
    forms = [names for row in series if (names := _named(row))]
    found = Counter(names.pod for names in forms if names.mode is not LabelMode.Plain)
    plain = Counter(names.pod for names in forms if names.mode is LabelMode.Plain)
    told = [f"{count} held by a pod (label {label})" for label, count in sorted(found.items())]
    if not told and plain:
        label, count = plain.most_common(1)[0]
        return f"label {label} names a pod on {count}: the holder, or the exporter itself"
    return ", ".join(told) or "none of them is held by a pod"


def _named(row: _Row) -> PodLabels | None:
    """The first labels that name a pod and its namespace."""
    profile, labels = row
    return next((names for names in profile.pod_labels if labels.get(names.pod) and labels.get(names.namespace)), None)


def _profile(labels: dict[str, str], profiles: tuple[Profile, ...]) -> Profile:
    """Whose row it is: where there is one profile only, rows do not say."""
    name = labels.get(PROFILE_LABEL, "")
    return next((profile for profile in profiles if profile.name == name), profiles[0])
