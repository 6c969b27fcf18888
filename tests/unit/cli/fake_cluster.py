"""A Connection whose API server is a dict, and a way to run one command line against it."""

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner

from ebbtide.cli.environment import Environment, Object, Target
from ebbtide.cli.failure import Failure
from ebbtide.cli.main import execute
from ebbtide.objects.resources import Resource

NOW = datetime(2026, 11, 22, 14, 3, 42, tzinfo=UTC)


@dataclass
class FakeCluster:
    """Objects in, patches remembered."""

    objects: list[Object] = field(default_factory=list)
    default_namespace: str = "vision"
    unreadable: frozenset[str] = frozenset()
    """Kinds that `find` may not read."""
    patches: list[tuple[str, str, str, Any]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    server: Any = None
    """What `ask` hands to questions in place of the client."""

    def all_of(self, resource: Resource, namespace: str = "") -> list[Object]:
        return [one for one in self.objects if one["kind"] == resource.kind and namespace in ("", _namespace(one))]

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        for one in self.all_of(resource, namespace):
            if one["metadata"]["name"] == name:
                return copy.deepcopy(one)
        raise Failure(f"There is no {resource.kind} {name} in namespace {namespace}.")

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        try:
            return None if resource.kind in self.unreadable else self.get(resource, namespace, name)
        except Failure:
            return None

    def merge_patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, object]) -> Object:
        self.patches.append((resource.full_name, namespace, name, body))
        return self.get(resource, namespace, name)

    def ask(self, question: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        with asyncio.Runner() as runner:
            return runner.run(question(self.server))

    @contextmanager
    def connect(self, target: Target) -> Iterator["FakeCluster"]:
        self.targets.append(target)
        yield self


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def ebbtide(cluster: FakeCluster, *arguments: str, program: str = "kubectl ebbtide", now: datetime = NOW) -> Result:
    """What one command line prints and how it ends."""
    environment = Environment(program, cluster.connect, lambda: now)
    with CliRunner().isolation() as (out, err, _):
        code = execute(arguments, environment)
        return Result(code, out.getvalue().decode(), err.getvalue().decode())


def _namespace(one: Object) -> str:
    return str(one["metadata"].get("namespace", ""))
