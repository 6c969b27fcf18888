"""Manifests as an API server would take them: checked, and in the one shape in which it stores them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ebbtide.api.crd import KINDS
from ebbtide.api.fields import parse_timestamp
from ebbtide.api.labels import API_VERSION, GROUP
from ebbtide.api.parsing import Invalid, parse
from ebbtide.objects.document import Document
from ebbtide.sim.feed import decoded
from ebbtide.sim.identity import CLUSTER_SCOPED
from ebbtide.sim.pod_spec import DEVICES, Taint, check_amounts, read_pod_spec, sentence, units
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.strict_fields import unknown_field

OURS: Final = {kind.definition.kind: kind for kind in KINDS}
WORK_SECONDS: Final = f"{GROUP}/simulated-work-seconds"
"""Annotation of a TrainingJob or Job: how much running time its work takes."""
MOST_PODS: Final = 10_000
MOST_DEVICES: Final = 1_024
_NAME: Final = re.compile(r"[a-z0-9A-Z]([-a-z0-9A-Z_.:]{0,251}[a-z0-9A-Z])?")
_TEXTS: Final = ("apiVersion", "kind")
_REPLICAS: Final = {"Job": ("parallelism", "completions", "backoffLimit"), "Deployment": ("replicas",),
                    "StatefulSet": ("replicas",), "ReplicaSet": ("replicas",)}  # fmt: skip
WITH_TEMPLATE: Final = frozenset({("batch", "Job"), ("apps", "Deployment"), ("apps", "StatefulSet")})
"""Kinds whose pods the world makes."""
_STORED_ONLY: Final = ("generation", "resourceVersion", "managedFields", "selfLink", "deletionTimestamp")
_PLACEHOLDER: Final = {"uid": "0", "resourceVersion": "0", "creationTimestamp": "2000-01-01T00:00:00Z"}


def items_of(documents: list[Any], file: str) -> Iterator[tuple[str, Any]]:
    """Every manifest of a file with its place in it; a List is its items."""
    for number, document in enumerate(documents):
        place = f"document {number + 1}" if len(documents) > 1 else ""
        if isinstance(document, Mapping) and str(document.get("kind", "")).endswith("List") and "items" in document:
            items = document["items"]
            if not isinstance(items, list):
                raise Refusal(file, f"{place}.items".lstrip("."), "write a list of manifests")
            yield from ((f"{place}.items[{index}]".lstrip("."), item) for index, item in enumerate(items))
        else:
            yield place, document


def checked(raw: object, file: str, *, whole: bool = True) -> dict[str, Any]:
    """A manifest ready to be stored. `whole` False: a part of one, to be merged into an object. Raises Refusal."""
    if not isinstance(raw, Mapping):
        raise Refusal(file, "", "write a manifest: a map with apiVersion, kind, metadata and spec")
    for name in _TEXTS:
        if not isinstance(raw.get(name), str) or not raw[name]:
            raise Refusal(file, name, f"required, as in any manifest; found {_short(raw.get(name))}")
    _check_kind(raw, file)
    document = _canonical({**raw, "metadata": _metadata(raw, file)})
    if problem := (problem_of(document) if whole else _partly(document)):
        raise Refusal(file, *problem)
    return document


def problem_of(document: Document) -> tuple[str, str] | None:
    """Path and sentence of what an API server would refuse of a whole object; None: it would take it."""
    if document["kind"] in OURS:
        return _partly(document) or _invalid(document)
    try:
        _check_builtin(document)
        meta = {**_PLACEHOLDER, **document["metadata"]}
        decoded({**document, "metadata": meta})
    except msgspec.ValidationError as error:
        return "", sentence(error)
    except ValueError as error:
        return "", str(error)
    return None


def _partly(document: Document) -> tuple[str, str] | None:
    """What can be said of a part of an object: fields that the kind does not have."""
    kind = OURS.get(document["kind"])
    return unknown_field(kind, document) if kind else None


def _invalid(document: Document) -> tuple[str, str] | None:
    parsed = parse(OURS[document["kind"]], document)
    if isinstance(parsed, Invalid):
        return parsed.path, parsed.message
    if document["kind"] == "TrainingJob":
        return _template_problem(document["spec"]["template"], "spec.template")
    return None


def _check_kind(raw: Mapping[str, Any], file: str) -> None:
    ours = raw["apiVersion"].partition("/")[0] == GROUP
    if ours and raw["kind"] not in OURS:
        raise Refusal(file, "kind", f"{raw['kind']} is not known to this version; known are {', '.join(sorted(OURS))}")
    if ours and raw["apiVersion"] != API_VERSION:
        raise Refusal(file, "apiVersion", f"{raw['apiVersion']} is not served; write {API_VERSION}")
    if not ours and raw["kind"] in OURS:
        raise Refusal(file, "apiVersion", f"{raw['kind']} belongs to {API_VERSION}, not to {raw['apiVersion']}")


def _metadata(raw: Mapping[str, Any], file: str) -> dict[str, Any]:
    """With its namespace, and without what only an API server writes."""
    given = raw.get("metadata")
    if not isinstance(given, Mapping):
        raise Refusal(file, "metadata", "required: a map with a name")
    meta = {key: value for key, value in given.items() if key not in _STORED_ONLY and value is not None}
    if not isinstance(meta.get("name"), str) or not _NAME.fullmatch(meta["name"]):
        raise Refusal(file, "metadata.name", f"write the name of an object; found {_short(meta.get('name'))}")
    meta.pop("namespace", None)
    if raw["kind"] not in CLUSTER_SCOPED:
        namespace = given.get("namespace", "default")
        if not isinstance(namespace, str) or not _NAME.fullmatch(namespace):
            raise Refusal(file, "metadata.namespace", f"write the name of a namespace; found {_short(namespace)}")
        meta["namespace"] = namespace
    _check_words(meta, file)
    _check_work(meta, file)
    _check_owners(meta, given, file)
    return meta


def _check_work(meta: Mapping[str, Any], file: str) -> None:
    work = (meta.get("annotations") or {}).get(WORK_SECONDS)
    if work is not None and not (work.isdecimal() and len(work) < 10):
        where = f"metadata.annotations.{WORK_SECONDS}"
        raise Refusal(file, where, f"{_short(work)} is not a number of whole seconds; write one, in quotes")


def _check_words(meta: Mapping[str, Any], file: str) -> None:
    """Labels and annotations are texts (null removes one, in an event), and times are times."""
    for part in ("labels", "annotations"):
        words = meta.get(part, {})
        if not isinstance(words, Mapping):
            raise Refusal(file, f"metadata.{part}", "write a map of texts")
        for key, value in words.items():
            if value is not None and not isinstance(value, str):
                raise Refusal(file, f"metadata.{part}.{key}", f"{_short(value)} is not a text; put it in quotes")
    for part in ("uid", "creationTimestamp"):
        if part in meta and not isinstance(meta[part], str):
            raise Refusal(file, f"metadata.{part}", f"{_short(meta[part])} is not a text; put it in quotes")
    try:
        parse_timestamp(meta.get("creationTimestamp", "2000-01-01T00:00:00Z"))
    except ValueError as error:
        raise Refusal(file, "metadata.creationTimestamp", str(error)) from error


def _check_owners(meta: dict[str, Any], given: Mapping[str, Any], file: str) -> None:
    """Owners are named; their UIDs are found later."""
    owners = given.get("ownerReferences") or []
    if not isinstance(owners, list) or not all(
        isinstance(one, Mapping) and all(isinstance(one.get(key), str) for key in ("apiVersion", "kind", "name"))
        for one in owners
    ):
        raise Refusal(file, "metadata.ownerReferences", "write a list of owners, each with apiVersion, kind and name")
    if owners:
        meta["ownerReferences"] = [dict(one) for one in owners]


def _check_builtin(document: Document) -> None:
    """ValueError with path and sentence."""
    kind, spec = document["kind"], document.get("spec")
    if document["apiVersion"] == "v1" and kind == "Node":
        _check_node(document)
    if document["apiVersion"] == "v1" and kind == "Pod":
        _at("spec", lambda: read_pod_spec(_map(spec)))
    if (document["apiVersion"].rpartition("/")[0], kind) not in WITH_TEMPLATE:
        return
    for name in _REPLICAS[kind]:
        count = _map(spec).get(name)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_PODS):
            raise ValueError(f"spec.{name}: {_short(count)} cannot be; write a whole number from 0 to {MOST_PODS}")
    suspend = _map(spec).get("suspend")
    if suspend is not None and not isinstance(suspend, bool):
        raise ValueError(f"spec.suspend: {_short(suspend)} is neither true nor false")
    if problem := _template_problem(_map(spec).get("template"), "spec.template"):
        raise ValueError(": ".join(part for part in problem if part))


def _template_problem(template: object, path: str) -> tuple[str, str] | None:
    try:
        meta = _map(template).get("metadata") or {}
        for part in ("labels", "annotations"):
            words = _map(_map(meta).get(part) or {})
            if not all(isinstance(value, str) for value in words.values()):
                return f"{path}.metadata.{part}", "all values are texts; put them in quotes"
        read_pod_spec(_map(_map(template).get("spec")))
    except ValueError as error:
        where, _, said = str(error).rpartition(": ") if ": " in str(error) else ("", "", str(error))
        return (f"{path}.spec.{where}" if where else path), said
    return None


def _check_node(document: Document) -> None:
    status, spec = _map(document.get("status") or {}), _map(document.get("spec") or {})
    for part in ("allocatable", "capacity"):
        amounts = _map(status.get(part) or {})
        check_amounts(amounts, f"status.{part}")
        if units(DEVICES, amounts.get(DEVICES, 0)) > MOST_DEVICES:
            raise ValueError(f"status.{part}.{DEVICES}: a node has at most {MOST_DEVICES} devices here")
    try:
        msgspec.convert(spec.get("taints") or [], list[Taint])
    except msgspec.ValidationError as error:
        raise ValueError(f"spec.taints{sentence(error)}") from error


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    """Amounts of a node as texts, which is how they are stored."""
    if document["kind"] != "Node" or not isinstance(document.get("status"), Mapping):
        return document
    status = dict(document["status"])
    for part in ("allocatable", "capacity"):
        if isinstance(status.get(part), Mapping):
            status[part] = {name: str(value) for name, value in status[part].items()}
    return {**document, "status": status}


def _at(path: str, check: Any) -> None:
    try:
        check()
    except ValueError as error:
        raise ValueError(f"{path}.{error}") from error


def _map(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("write a map of fields" if value is not None else "required, but not there")  # noqa: TRY004 - one kind of refusal
    return value


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
