"""The real API server behind the commands: one client, blocking, every refusal a sentence."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from ebbtide.cli import kubeconfig
from ebbtide.cli.environment import Answer, Object, Target
from ebbtide.cli.refusal import failure
from ebbtide.cluster.client import Client, connect
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource

MANAGER: Final = "kubectl-ebbtide"
"""Field manager of everything that commands write."""


class Session:
    """Implements Connection."""

    def __init__(self, runner: asyncio.Runner, client: Client, default_namespace: str) -> None:
        self._runner = runner
        self._client = client
        self.default_namespace = default_namespace

    def ask(self, question: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        """Any other question; its ApiError goes through."""
        return self._runner.run(question(self._client))

    def all_of(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects, of all namespaces where `namespace` is empty."""
        return self._ask(self._list(resource, namespace), resource)

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object."""
        return self._ask(self._client.get(resource, namespace, name), resource, namespace, name)

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object; None where it does not exist or may not be read."""
        try:
            return self._runner.run(self._client.get(resource, namespace, name))
        except ApiError as error:
            if error.status in {403, 404}:
                return None
            raise failure(error, resource, namespace, name) from error

    def merge_patch(self, resource: Resource, namespace: str, name: str, body: Mapping[str, object]) -> Object:
        """The object after one JSON merge patch."""
        call = self._client.merge_patch(resource, namespace, name, body, manager=MANAGER)
        return self._ask(call, resource, namespace, name)

    def _ask(
        self, call: Coroutine[Any, Any, Answer], resource: Resource, namespace: str = "", name: str = ""
    ) -> Answer:
        try:
            return self._runner.run(call)
        except ApiError as error:
            raise failure(error, resource, namespace, name) from error

    async def _list(self, resource: Resource, namespace: str) -> list[Object]:
        objects: list[Object] = []
        async for page in self._client.list_pages(resource, namespace=namespace):
            objects += msgspec.json.decode(page.body, type=dict[str, Any])["items"]
        return objects


@contextmanager
def open_session(target: Target) -> Iterator[Session]:
    """A session with the cluster that `target` names; closed at the end."""
    namespace = kubeconfig.namespace(target)
    with asyncio.Runner() as runner:
        try:
            client = runner.run(connect(kubeconfig=target.kubeconfig, context=target.context, user_agent=MANAGER))
        except ApiError as error:
            raise failure(error) from error
        try:
            yield Session(runner, client, namespace)
        finally:
            runner.run(client.close())
