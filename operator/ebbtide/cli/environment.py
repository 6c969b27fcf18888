"""What commands get from outside: the program's name, the API server and the time. Tests hand in their own."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from ebbtide.objects.resources import Resource

if TYPE_CHECKING:  # loading it takes longer than `--help` may
    from ebbtide.cluster.client import Client

Answer = TypeVar("Answer")

Object: TypeAlias = dict[str, Any]
"""An API object as the API server gave it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster: empty means what kubectl would take."""

    kubeconfig: str = ""
    context: str = ""


class Connection(Protocol):
    """The API server with the user's own rights. Every refusal is a Failure."""

    default_namespace: str
    """Of the kubeconfig's context."""

    def all_of(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects, of all namespaces where `namespace` is empty."""

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object; a Failure where it does not exist."""

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object; None where it does not exist or may not be read."""

    def merge_patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, object]) -> Object:
        """The object after one JSON merge patch."""

    def ask(self, question: "Callable[[Client], Coroutine[Any, Any, Answer]]") -> Answer:
        """Any other question; its ApiError goes through."""


Connect: TypeAlias = Callable[[Target], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything a command may reach."""

    program: str
    """What people type: `ebbtide`, or `kubectl ebbtide`."""
    connect: Connect
    now: Callable[[], datetime]
