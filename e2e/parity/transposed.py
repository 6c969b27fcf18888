"""A scenario file as manifests and events for the plane: seconds divided, names made its own, activity as annotations.

Only what both worlds can do is taken: nodes and prices are the plane's own, `capacity` and exact `series` are refused,
but for those that users name: they are no exporter's.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from ebbtide.sim.series_notation import Mark, parse_values
from ebbtide.sim.series_selector import parse_selector

SCALE: Final = 60
"""A second on the plane is a minute of the file; the files sample and tick once a minute."""
HOME: Final = "ml"
"""The one namespace that the files use."""
ACTIVITY: Final = "e2e.ebbtide.dev/activity"
CLOCK: Final = "e2e.ebbtide.dev/clock"
MEMORY: Final = "e2e.ebbtide.dev/memory-mib"
_PROVIDED: Final = ("Node", "PriceCatalog")
_CLUSTER_SCOPED: Final = ("ClusterCostPolicy",)
_CHECKPOINT: Final = "ebbtide.dev/checkpoint"
_KEEP: Final = "ebbtide.dev/keep-until"

_UNPLAYABLE: Final = ("seriesFiles", "capacity", "objectFiles", "startupSeconds", "terminationSeconds")
_WORK: Final = "ebbtide.dev/simulated-work-seconds"
LONGEST: Final = 10_800
"""Seconds of a file: three minutes on the plane, and all wait for the longest."""

Document = dict[str, Any]


class NotTransposableError(ValueError):
    """The file needs something that the plane cannot play."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: seconds from the start on the plane, and what the file says besides `at`."""

    at: float
    what: Document


@dataclass(frozen=True, slots=True)
class Transposed:
    """One scenario for the plane."""

    name: str
    """Also its namespace there."""
    file: Path
    seconds: float
    namespace: Document
    manifests: list[Document]
    happenings: list[Happening]
    workloads: list[tuple[str, str]]
    """(kind, name) of those with an activity."""
    omit: dict[str, list[str]] = field(default_factory=dict)
    """For the exporter: series that pods of this namespace do not show."""
    series: list[tuple[str, list[float | None]]] = field(default_factory=list)
    """Series that users name, each as an exposition writes it, with a value a second; None: no sample."""
    allowed: dict[str, str] = field(default_factory=dict)
    """For the chart: the metrics that users may name, with the label that carries the namespace."""


def _learns(manifest: Document) -> bool:
    idle = manifest.get("spec", {}).get("idle") or {}
    return bool(idle.get("afterSeconds") == "Auto")


def transposed(file: Path, name: str) -> Transposed:
    """Reads a file. NotTransposableError names what the plane cannot play."""
    spec: Document = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
    if refused := [*(key for key in _UNPLAYABLE if key in spec), *_unplayable(spec)]:
        raise NotTransposableError(f"{file.name}: {', '.join(refused)} cannot be played on the plane")
    if any(_learns(one) for one in spec.get("objects", ())):
        raise NotTransposableError(f"{file.name}: what Auto learns goes by true minutes, which cannot be shortened")
    start = _time(spec["start"])
    objects = [_moved(one, name, start) for one in spec["objects"] if one["kind"] not in _PROVIDED]
    own = next((one for one in objects if one["kind"] == "Namespace"), None)
    activities = {(one["workload"]["kind"], one["workload"]["name"]): one for one in spec.get("activity", [])}
    manifests = [_acting(one, activities) for one in objects if one["kind"] != "Namespace"]
    allowed = _allowed(spec)
    omitted = [series for one in activities.values() for series in one.get("omit", [])]
    return Transposed(
        name=name,
        file=file,
        seconds=spec["durationSeconds"] / SCALE,
        namespace=own or {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        manifests=manifests,
        happenings=list(_happenings(spec, name, start)),
        workloads=list(activities),
        omit={f"{name}/*": omitted} if omitted else {},
        series=[_series(one, allowed, name) for one in spec.get("series", [])],
        allowed=allowed,
    )


def _allowed(spec: Document) -> dict[str, str]:
    words = spec.get("settings", {}).get("metrics", {}).get("allowed", [])
    full = ({"name": one} if isinstance(one, str) else one for one in words)
    return {one["name"]: one.get("namespaceLabel", "namespace") for one in full}


def _series(one: Document, allowed: Mapping[str, str], name: str) -> tuple[str, list[float | None]]:
    """In the scenario's own namespace; those of others are nobody's."""
    metric, labels = parse_selector(one["series"])
    where = labels[allowed[metric]]
    labels[allowed[metric]] = name if where == HOME else f"{name}-{where}"
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    values = [None if isinstance(value, Mark) else value for value in parse_values(one["values"])]
    return f"{metric}{{{shown}}}", values


def again(scenario: Transposed, take: int) -> Transposed:
    """The same for another take, in a namespace of its own."""
    return scenario if take == 1 else transposed(scenario.file, f"{scenario.name}-{take}")


def _unplayable(spec: Document) -> Iterator[str]:
    """What hangs on the file's own clock or on the simulator's knowledge of when work is done."""
    if spec["durationSeconds"] > LONGEST:
        yield f"{spec['durationSeconds']} s"
    if any(parse_selector(one["series"])[0] not in _allowed(spec) for one in spec.get("series", [])):
        yield "series of others than users name"
    applied = [event["apply"] for event in spec.get("events", []) if "apply" in event]
    for one in [*spec["objects"], *applied]:
        if "deadline" in one.get("spec", {}) and one["kind"] == "TrainingJob":
            yield "spec.deadline"
        if _WORK in one["metadata"].get("annotations", {}):
            yield _WORK


def begun(manifest: Document, start: datetime) -> Document:
    """With the offsets that stand for times of the file made times from `start` on."""
    marks = manifest["metadata"].get("annotations", {})
    if isinstance(offset := marks.get(_KEEP), float):
        at = (start + timedelta(seconds=offset)).astimezone(UTC)
        manifest = deepcopy(manifest)
        manifest["metadata"]["annotations"][_KEEP] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return manifest


def _happenings(spec: Document, name: str, start: datetime) -> Iterator[Happening]:
    for event in spec.get("events", []):
        what = {key: value for key, value in event.items() if key != "at"}
        for verb in ("apply", "delete"):
            if verb in what:
                what[verb] = _moved(what[verb], name, start)
        yield Happening(event["at"] / SCALE, what)


def _moved(document: Mapping[str, Any], name: str, start: datetime) -> Document:
    """In the scenario's own namespace, with its seconds divided."""
    moved: Document = _divided(deepcopy(dict(document)))
    meta = moved.get("metadata", moved)  # what a delete names has no metadata
    if moved["kind"] == "Namespace":
        meta["name"] = name
    elif moved["kind"] in _CLUSTER_SCOPED:
        meta["name"] = f"{name}-{meta['name']}"
        _only_here(moved, name)
    else:
        meta["namespace"] = name
    marks = meta.get("annotations", {})
    if _CHECKPOINT in marks:
        marks[_CHECKPOINT] = _divided_mark(marks[_CHECKPOINT])
    if _KEEP in marks:
        marks[_KEEP] = (_time(marks[_KEEP]) - start).total_seconds() / SCALE
    return moved


def _only_here(document: Document, name: str) -> None:
    labels = document["spec"]["namespaceSelector"]["matchLabels"]
    document["spec"]["namespaceSelector"]["matchLabels"] = {
        key: name if value == HOME else value for key, value in labels.items()
    }


def _divided(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seconds(one) if key.endswith("Seconds") else _divided(one) for key, one in value.items()}
    return [_divided(one) for one in value] if isinstance(value, list) else value


def _seconds(value: int) -> int:
    whole, rest = divmod(value, SCALE)
    if rest:
        raise NotTransposableError(f"{value} seconds are not a multiple of {SCALE}")
    return whole


def _divided_mark(text: str) -> str:
    mode, colon, seconds = text.partition(":")
    return f"{mode}:{_seconds(int(seconds))}" if colon else text


def _acting(manifest: Document, activities: Mapping[tuple[str, str], Document]) -> Document:
    """With the exporter's annotations on the pod template."""
    key = (manifest["kind"], manifest["metadata"].get("name", ""))
    if key not in activities:
        return manifest
    activity = activities[key]
    marks = {
        ACTIVITY: activity["gpuPercent"],
        CLOCK: f"{key[0]}.{key[1]}",
        MEMORY: str(activity.get("memoryMiB", "0")).partition("x")[0],
    }
    meta = manifest["spec"]["template"].setdefault("metadata", {})
    meta["annotations"] = {**meta.get("annotations", {}), **marks}
    return manifest


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
