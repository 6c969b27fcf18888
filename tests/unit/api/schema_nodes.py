"""The schemas that users' manifests are held to, node by node. Made once: it takes a fifth of a second."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from ebbtide.api.crd import KINDS, custom_resource_definition
from ebbtide.api.resource import Resource


@cache
def definition(model: type[Resource]) -> dict[str, Any]:
    """The CRD of a kind; nobody changes it."""
    return custom_resource_definition(model)


def schema_of(crd: dict[str, Any]) -> dict[str, Any]:
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@cache
def every_node() -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Kind, path and schema of everything inside."""
    found = [(model.definition.kind, schema_of(definition(model))) for model in KINDS]
    return tuple((kind, path, node) for kind, schema in found for path, node in _nodes(schema))


def _nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from _nodes(schema[inner], f"{path}[]")
