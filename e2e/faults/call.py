"""What a request to the API server means: the verb and the object, read from method and address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BY_METHOD: Final = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})
WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request as RBAC and the audit log name it. What is not about objects, such as /version, has no resource."""

    verb: str
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def writes(self) -> bool:
        return self.verb in WRITES


def call_of(method: str, path: str, query: Mapping[str, str]) -> Call:
    """The call behind a request line."""
    parts = path.strip("/").split("/")
    rest = _after_version(parts)
    if not rest:
        return Call(_BY_METHOD.get(method, method.lower()))
    namespace, rest = _namespaced(rest)
    resource, name, subresource = (*rest, "", "")[:3]
    return Call(_verb(method, name, query), resource, subresource, namespace, name)


def _after_version(parts: list[str]) -> list[str]:
    """`api/v1/…` and `apis/GROUP/VERSION/…` without that prefix; nothing for any other path."""
    lengths = {"api": 2, "apis": 3}
    return parts[lengths[parts[0]] :] if parts[0] in lengths else []


def _namespaced(rest: list[str]) -> tuple[str, list[str]]:
    """`namespaces/NS/pods` is about pods; `namespaces/NS` and its subresources are about the namespace."""
    inside = len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in _NAMESPACE_SUBRESOURCES
    return (rest[1], rest[2:]) if inside else ("", rest)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method == "GET" and not name:
        return "watch" if query.get("watch") in {"1", "true"} else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return _BY_METHOD.get(method, method.lower())
