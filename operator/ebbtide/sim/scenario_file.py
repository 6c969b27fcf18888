"""A scenario file and all that it names, read and checked before anything runs. Whatever is wrong is a Refusal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ebbtide.objects.quantity import watching
from ebbtide.samples.profile import Profile
from ebbtide.samples.vendors import ProfileError, profiles, watched
from ebbtide.sim.complaint import refusal
from ebbtide.sim.identity import CLUSTER_SCOPED, Identity, group_of, identity_of
from ebbtide.sim.manifest import WITH_TEMPLATE, checked, items_of
from ebbtide.sim.object_store import uid_of
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.samples_file import CapacityTrace, ExactSeries, capacity_trace, exact, series_file, values
from ebbtide.sim.scenario import API_VERSION, KIND, Activity, Scenario
from ebbtide.sim.series_notation import Value
from ebbtide.sim.yaml_file import documents, read_text


@dataclass(frozen=True, slots=True)
class ActivityTrace:
    """What the pods of a workload do, value by value; the last holds. None: not emitted."""

    activity: Activity
    gpu_percent: tuple[Value, ...] | None
    memory_mib: tuple[Value, ...] | None

    @property
    def last(self) -> int:
        """From this place on nothing changes."""
        return max(len(self.gpu_percent or ()), len(self.memory_mib or ()), 1) - 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario with everything it needs."""

    file: str
    scenario: Scenario
    expectations: tuple[Mapping[str, Any], ...]
    """As they stand in the file."""
    objects: tuple[dict[str, Any], ...]
    """With UIDs, and owners found."""
    activity: tuple[ActivityTrace, ...]
    series: tuple[ExactSeries, ...]
    capacity: tuple[CapacityTrace, ...]
    applied: Mapping[int, dict[str, Any]]
    """Manifests of events, by the event's place."""
    profiles: tuple[Profile, ...]
    """Of all exporters that the operator knows."""


def load(path: str | Path, text: str | None = None) -> Loaded:
    """The file at `path`; with `text` its content is given, and `path` only names it. Raises Refusal."""
    file = str(path)
    found = documents(read_text(Path(path)) if text is None else text, file)
    if len(found) != 1:
        raise Refusal(file, "", f"write one {KIND} into a file; found {len(found)} documents")
    scenario = _parsed(found[0], file)
    known = _profiles(scenario, file)
    with watching(watched(known)):
        return _Reading(file, Path(path).parent, scenario, found[0]["spec"]).loaded(known)


def _profiles(scenario: Scenario, file: str) -> tuple[Profile, ...]:
    try:
        return profiles(scenario.spec.settings.metrics.profiles, "spec.settings.metrics.profiles")
    except ProfileError as error:
        raise Refusal(file, error.path, error.message) from error


def _parsed(raw: object, file: str) -> Scenario:
    if not isinstance(raw, Mapping):
        raise Refusal(file, "", f"write a map with apiVersion: {API_VERSION}, kind: {KIND}, metadata and spec")
    if (raw.get("apiVersion"), raw.get("kind")) != (API_VERSION, KIND):
        said = f"{raw.get('apiVersion')} {raw.get('kind')}"
        raise Refusal(file, "", f"it is {said[:80]}, not a scenario; write apiVersion: {API_VERSION}, kind: {KIND}")
    try:
        return Scenario.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal(error.errors(include_url=False)[0], file) from error


class _Reading:
    """One file being read, with the folder that paths in it start from."""

    def __init__(self, file: str, folder: Path, scenario: Scenario, raw: Mapping[str, Any]) -> None:
        self._file, self._folder, self._scenario, self._raw = file, folder, scenario, raw
        self._spec = scenario.spec
        self._uids: dict[Identity, str] = {}
        self._known: dict[str, tuple[Value, ...]] = {}
        """Activities by their text: thousands of workloads do a handful of different things."""

    def loaded(self, known: tuple[Profile, ...]) -> Loaded:
        objects = self._objects()
        applied = {
            place: self._manifest(event.apply, f"spec.events[{place}].apply", whole=False)
            for place, event in enumerate(self._spec.events)
            if event.apply is not None
        }
        return Loaded(
            file=self._file,
            scenario=self._scenario,
            expectations=tuple(self._raw.get("expect") or ()),
            objects=objects,
            activity=self._activity({identity_of(it) for it in (*objects, *applied.values())}),
            series=self._series(),
            capacity=self._capacity(objects),
            applied=applied,
            profiles=known,
        )

    def _objects(self) -> tuple[dict[str, Any], ...]:
        """All manifests, with UIDs; owners may stand anywhere."""
        found: dict[Identity, tuple[str, str, dict[str, Any]]] = {}
        for file, path, document in self._manifests():
            identity = identity_of(document)
            if identity in found:
                raise Refusal(file, path, f"{identity} is there already; write it once")
            self._uids[identity] = uid = document["metadata"].get("uid") or uid_of(identity)
            document["metadata"]["uid"] = uid
            found[identity] = file, path, document
        if len(set(self._uids.values())) < len(self._uids):
            raise Refusal(self._file, "spec.objects", "two objects have the same metadata.uid; leave it out")
        for file, path, document in found.values():
            self._find_owners(document, file, path)
        return tuple(document for _, _, document in found.values())

    def _manifests(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for place, raw in enumerate(self._spec.objects):
            for inner, item in items_of([raw], self._file):
                path = f"spec.objects[{place}]{'.' if inner else ''}{inner}"
                yield self._file, path, self._manifest(item, path)
        for name in self._spec.object_files:
            file = str(self._folder / name)
            for path, item in items_of(documents(read_text(Path(file)), file), file):
                yield file, path, self._manifest(item, path, file=file)

    def _manifest(self, raw: object, path: str, *, file: str = "", whole: bool = True) -> dict[str, Any]:
        try:
            return checked(raw, file or self._file, whole=whole)
        except Refusal as error:
            raise error.under(path) from error

    def _find_owners(self, document: dict[str, Any], file: str, path: str) -> None:
        """Owner references by name get the owner's UID; a single owner controls unless it says otherwise."""
        meta = document["metadata"]
        owners = meta.get("ownerReferences") or []
        for place, owner in enumerate(owners):
            namespace = "" if owner["kind"] in CLUSTER_SCOPED else meta.get("namespace", "")
            identity = Identity(group_of(owner["apiVersion"]), owner["kind"], namespace, owner["name"])
            if identity not in self._uids:
                where = f"{path}.metadata.ownerReferences[{place}]"
                raise Refusal(file, where, f"there is no {identity} in this scenario; list it too")
            if document["kind"] == "Pod" and identity[:2] in WITH_TEMPLATE:
                where = f"{path}.metadata.ownerReferences[{place}]"
                raise Refusal(file, where, f"the pods of a {identity.kind} are made by the simulation; leave it out")
            owner["uid"] = self._uids[identity]
            owner.setdefault("controller", len(owners) == 1)

    def _activity(self, known: set[Identity]) -> tuple[ActivityTrace, ...]:
        names = {(it.namespace, it.kind, it.name) for it in known}
        found: dict[str, ActivityTrace] = {}
        for place, one in enumerate(self._spec.activity):
            path = f"spec.activity[{place}]"
            if (one.workload.namespace, one.workload.kind, one.workload.name) not in names:
                message = f"there is no {one.workload} in this scenario; name the topmost owner of the pods"
                raise Refusal(self._file, f"{path}.workload", message)
            if str(one.workload) in found:
                raise Refusal(self._file, f"{path}.workload", f"{one.workload} has an activity already; write one")
            found[str(one.workload)] = ActivityTrace(
                one,
                self._values(one.gpu_percent, f"{path}.gpuPercent"),
                self._values(one.memory_mib, f"{path}.memoryMiB"),
            )
        return tuple(found.values())

    def _values(self, text: str | None, path: str) -> tuple[Value, ...] | None:
        if text is None:
            return None
        found = self._known[text] = self._known.get(text) or values(text, self._file, path)
        if not found:
            raise Refusal(self._file, path, "write at least one value, for example '0'")
        return found

    def _series(self) -> tuple[ExactSeries, ...]:
        interval = self._spec.scrape_interval_seconds
        found = [
            exact(one.series, one.values, interval, self._file, f"spec.series[{place}]")
            for place, one in enumerate(self._spec.series)
        ]
        for name in self._spec.series_files:
            found += series_file(self._folder / name)
        seen = set()
        for one in found:
            identity = (one.metric, frozenset(it for it in one.labels.items() if it[1]))
            if identity in seen:
                raise Refusal(
                    self._file, "spec.series", f"{one.metric}{dict(one.labels)} is there twice; write it once"
                )
            seen.add(identity)
        return tuple(found)

    def _capacity(self, objects: tuple[dict[str, Any], ...]) -> tuple[CapacityTrace, ...]:
        """Every node follows one entry at most."""
        nodes = [it["metadata"] for it in objects if identity_of(it)[:2] == ("", "Node")]
        taken: dict[str, int] = {}
        for place, one in enumerate(self._spec.capacity):
            for meta in nodes:
                if selects(one.node_selector, meta.get("labels") or {}):
                    other = taken.setdefault(meta["name"], place)
                    if other != place:
                        message = f"node {meta['name']} is selected by spec.capacity[{other}] too; select it once"
                        raise Refusal(self._file, f"spec.capacity[{place}].nodeSelector", message)
        return tuple(
            capacity_trace(one, self._folder, self._file, f"spec.capacity[{place}]")
            for place, one in enumerate(self._spec.capacity)
        )


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """All labels are there with these values."""
    return all(labels.get(key) == value for key, value in selector.items())
