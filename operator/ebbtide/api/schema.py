"""JSON schema as pydantic writes it to the structural schema that a CRD needs. Raises on what it does not know."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]

INT32: Final = 2**31 - 1
MAX_LIST: Final = 512
NO_EFFECT: Final = "Accepted; no effect yet."
"""Of a field that this version reads and does nothing with."""

_COMMON: Final = frozenset({"type", "description", "default", "enum", "x-kubernetes-validations"})
_OPEN_OBJECT: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "object": _COMMON
    | {"properties", "required", "additionalProperties", "maxProperties", "minProperties", _OPEN_OBJECT},
    "array": _COMMON | {"items", "maxItems", "minItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"},
    "string": _COMMON | {"format", "pattern", "minLength", "maxLength"},
    "integer": _COMMON | {"format", "minimum", "maximum"},
    "boolean": _COMMON,
}
# RE2 has neither look-around nor back-references.
_NOT_RE2: Final = re.compile(r"\(\?[=!<]|\\[1-9]")


class UnsupportedSchemaError(Exception):
    """A model says something that a CRD cannot say (or not the way it is said)."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'root'}: {problem}")


def structural_schema(model: type[BaseModel]) -> Schema:
    """Structural schema of a model, all references inlined."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    converted = _converted(schema, schema.get("$defs", {}), "", ())
    _pass_down(converted)
    return converted


def _converted(node: Schema, definitions: Mapping[str, Schema], path: str, inside: tuple[str, ...]) -> Schema:
    node, inside = _without_reference(_without_null(node, path), definitions, path, inside)
    node = {key: value for key, value in node.items() if key not in {"title", "$defs"}}
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get(_INT_OR_STRING):
        return _described(node)
    _check_keywords(node, path)
    if node["type"] == "object":
        node = _object(node, definitions, path, inside)
    elif node["type"] == "array":
        node = _array(node, definitions, path, inside)
    elif node["type"] == "integer":
        node |= {"format": "int32" if node.get("maximum", INT32 + 1) <= INT32 else "int64"}
    return _described(node)


def _pass_down(node: Schema, said: str = "") -> None:
    """Whoever asks for a field of a section without effect is told so too: kubectl explain shows one level."""
    said = said or (NO_EFFECT if NO_EFFECT in node.get("description", "") else "")
    for child in [*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])]:
        if said and NO_EFFECT not in child.get("description", said):
            child["description"] = f"{child['description']} {said}"
        _pass_down(child, said)


def _without_null(node: Schema, path: str) -> Schema:
    """Optional[T] is T that may be absent: no null, no default."""
    outer = {key: value for key, value in node.items() if key != "anyOf"}
    if outer.get("default", ...) is None:
        del outer["default"]
    if "anyOf" not in node:
        return outer
    choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
    if len(choices) != 1:
        raise UnsupportedSchemaError(path, "a union of types; use optional fields and a CEL rule instead")
    return _without_null(choices[0], path) | outer


def _without_reference(
    node: Schema, definitions: Mapping[str, Schema], path: str, inside: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    """The referenced schema in place of the reference; what stands beside the reference wins."""
    if "$ref" not in node:
        return node, inside
    name = str(node["$ref"]).removeprefix("#/$defs/")
    if name in inside:
        raise UnsupportedSchemaError(path, f"{name} contains itself")
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return _without_reference({**definitions[name], **beside}, definitions, path, (*inside, name))


def _check_keywords(node: Schema, path: str) -> None:
    if node.get("type") not in _KNOWN:
        raise UnsupportedSchemaError(path, f"type {node.get('type')!r} is not supported")
    unknown = sorted(node.keys() - _KNOWN[node["type"]])
    if unknown:
        raise UnsupportedSchemaError(path, f"{', '.join(unknown)} is not supported for type {node['type']}")
    if isinstance(node.get("default"), dict):
        raise UnsupportedSchemaError(path, "an object default would turn an absent section on for everybody")
    if _NOT_RE2.search(node.get("pattern", "")):
        raise UnsupportedSchemaError(path, "no look-around and no back-references in a pattern (RE2)")


def _object(node: Schema, definitions: Mapping[str, Schema], path: str, inside: tuple[str, ...]) -> Schema:
    values = node.pop("additionalProperties", False)
    if isinstance(values, dict):
        node["additionalProperties"] = _converted(values, definitions, f"{path}.*", inside)
    elif "properties" in node:
        node["properties"] = {
            name: _converted(child, definitions, f"{path}.{name}".lstrip("."), inside)
            for name, child in node["properties"].items()
        }
    elif not node.get(_OPEN_OBJECT):
        raise UnsupportedSchemaError(path, "an object without fields; say which it has, or what type its values have")
    return node


def _array(node: Schema, definitions: Mapping[str, Schema], path: str, inside: tuple[str, ...]) -> Schema:
    if "items" not in node:
        raise UnsupportedSchemaError(path, "a list without a type of items")
    if "x-kubernetes-list-type" not in node:
        raise UnsupportedSchemaError(path, "a list needs a list type (ATOMIC, SET or map_by)")
    if node.get("maxItems", MAX_LIST + 1) > MAX_LIST:
        raise UnsupportedSchemaError(path, f"a list needs at_most({MAX_LIST}) items or fewer")
    return node | {"items": _converted(node["items"], definitions, f"{path}[]", inside)}


def _described(node: Schema) -> Schema:
    """Descriptions in one line, since kubectl explain wraps them, and with the default, since it does not show that."""
    if "description" in node:
        node["description"] = " ".join(f"{node['description']} {_default(node)}".split())
    return node


def _default(node: Schema) -> str:
    default = node.get("default", [])
    if isinstance(default, list):
        return ""
    return f"Default: {str(default).lower() if isinstance(default, bool) else default}."
