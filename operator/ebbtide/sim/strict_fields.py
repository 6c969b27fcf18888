"""Fields that a kind of ours does not have: an API server drops them, a scenario tells of them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from ebbtide.api.resource import Resource
from ebbtide.api.schema import structural_schema


def unknown_field(kind: type[Resource], document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Path and sentence of the first field of spec or status that the kind does not have."""
    properties = {**_properties(kind), "apiVersion": {}, "kind": {}, "metadata": {}}
    return _in_object({"properties": properties}, document, "")


@cache
def _properties(kind: type[Resource]) -> dict[str, Any]:
    found: dict[str, Any] = structural_schema(kind)["properties"]
    return found


def _in_object(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> tuple[str, str] | None:
    fields = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, inner in value.items():
        where = f"{path}.{name}".removeprefix(".")
        if name in fields:
            found = _in_value(fields[name], inner, where)
        elif isinstance(others, Mapping):
            found = _in_value(others, inner, where)
        elif not fields or schema.get("x-kubernetes-preserve-unknown-fields"):
            found = None
        else:
            found = where, f"unknown field; known here: {', '.join(sorted(fields))}"
        if found:
            return found
    return None


def _in_value(schema: Mapping[str, Any], value: object, path: str) -> tuple[str, str] | None:
    if isinstance(value, Mapping):
        return _in_object(schema, value, path)
    if isinstance(value, list | tuple):
        items = schema.get("items", {})
        return next((hit for place, it in enumerate(value) if (hit := _in_value(items, it, f"{path}[{place}]"))), None)
    return None
