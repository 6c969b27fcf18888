"""The API server as a handful of verbs. The only file that knows the kubernetes package, and only its transport."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.request import getproxies

import aiohttp
import msgspec
import yaml
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from ebbtide.cluster.unreachable import unreachable
from ebbtide.objects.errors import ApiError, from_answer
from ebbtide.objects.resources import Resource

PAGE_SIZE: Final = 500
CONNECT_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 60.0
"""Total of a request that is not a watch; the server's own limit is 60 s too."""
SILENCE_SECONDS: Final = 100.0
"""A watch that is silent this long is broken: bookmarks come about every minute."""
TOKEN_SECONDS: Final = 60.0
"""Tokens rotate on disk; the kubelet renews them at 80 % of their life, so a minute's delay is safe."""

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"

_REQUEST: Final = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
_WATCH: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: the answer as it came, and the version that a watch may start from."""

    body: bytes
    resource_version: str


class _PageMeta(msgspec.Struct, rename="camel"):
    resource_version: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")


class _PageHead(msgspec.Struct):
    metadata: _PageMeta


class Client:
    """Bytes and dicts in and out; every refusal is an ApiError. Close it, or use it as an async context."""

    def __init__(self, api: ApiClient, user_agent: str = "ebbtide") -> None:
        api.user_agent = user_agent
        self._api = api
        self.host: str = api.configuration.host

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]  # the package has no annotation here
        await asyncio.sleep(0)  # sockets of connections that were cut are closed at the loop's next turn

    # -- reading ------------------------------------------------------------------------------------------------

    async def list_pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
    ) -> AsyncGenerator[Page]:
        """All objects, `limit` at a time. ApiError with `gone`: it took longer than the server remembers."""
        params = _without_empty(labelSelector=label_selector, fieldSelector=field_selector, limit=str(limit))
        token = ""
        while True:
            query = {**params, "continue": token} if token else params
            body = await self._exchange(
                _Request("GET", resource.path(namespace), query, accept=_accept(resource, "List"))
            )
            head = _page_head(body)
            yield Page(body, head.resource_version or "")
            token = head.continue_ or ""
            if not token:
                return

    async def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        timeout_seconds: int,
        namespace: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[bytes]:
        """Lines of a watch with bookmarks, until the server ends it after `timeout_seconds`."""
        params = _without_empty(fieldSelector=field_selector, resourceVersion=resource_version)
        query = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(timeout_seconds)}
        request = _Request("GET", resource.path(namespace), query, limits=_WATCH, accept=_accept(resource))
        async with self._answer(request) as answer:
            try:
                while line := await answer.content.readline():
                    yield line
            except ValueError as error:  # aiohttp: one line above its 4 MiB buffer; etcd keeps objects below 2 MiB
                raise ApiError(0, "UnreadableWatch", f"the watch of {resource.full_name} broke: {error}") from error

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        return _as_dict(await self._send("GET", resource.path(namespace, name)))

    async def get_path(self, path: str) -> dict[str, Any]:
        """A document that is not an object, such as /version or /apis/GROUP/VERSION."""
        return _as_dict(await self._send("GET", path))

    # -- writing ------------------------------------------------------------------------------------------------

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str, strict: bool = False
    ) -> dict[str, Any]:
        """A new object. `strict`: unknown fields are an error instead of being dropped."""
        params = _without_empty(fieldManager=manager, fieldValidation="Strict" if strict else "")
        return _as_dict(await self._send("POST", resource.path(namespace), params, body))

    async def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = True,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Server-side apply; `body` needs apiVersion and kind."""
        params = {"fieldManager": manager, "force": "true" if force else "false"}
        return _as_dict(await self._send("PATCH", resource.path(namespace, name, subresource), params, body, APPLY))

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        manager: str,
        subresource: str = "",
    ) -> dict[str, Any]:
        """JSON merge patch (RFC 7386): null removes."""
        path = resource.path(namespace, name, subresource)
        return _as_dict(await self._send("PATCH", path, {"fieldManager": manager}, body, MERGE_PATCH))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete in the background; with `uid` only that very object."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        body = {**options, "preconditions": {"uid": uid}} if uid else options
        await self._send("DELETE", resource.path(namespace, name), {}, body)

    # -- transport ----------------------------------------------------------------------------------------------

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
    ) -> bytes:
        return await self._exchange(_Request(method, path, params or {}, body, content_type))

    async def _exchange(self, request: "_Request") -> bytes:
        async with self._answer(request) as answer:
            return await answer.read()

    @asynccontextmanager
    async def _answer(self, request: "_Request") -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer, or ApiError. `call_api` neither authenticates nor looks at the status: both are done here."""
        try:
            parts = await self._api.param_serialize(
                request.method,
                request.path,
                query_params=list(request.params.items()),
                header_params={"Accept": request.accept, "Content-Type": request.content_type},
                body=dict(request.body) if request.body is not None else None,
                auth_settings=["BearerToken"],
            )
            answer = (await self._api.call_api(*parts, _request_timeout=request.limits)).response
            try:
                if not 200 <= answer.status <= 299:
                    raise from_answer(answer.status, answer.reason or "", await answer.read())
                yield answer
            finally:
                _leave(answer)
        except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
            raise unreachable(self.host, error) from error


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    params: Params
    body: Mapping[str, Any] | None = None
    content_type: str = JSON
    limits: aiohttp.ClientTimeout = _REQUEST
    accept: str = JSON


def _leave(answer: aiohttp.ClientResponse) -> None:
    """End an unread watch at once; a read answer has given its connection back already.

    Closing TLS in good order would wait up to 30 s for a server that is in the middle of its stream.
    """
    connection = answer.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    answer.close()


_UNUSABLE: Final = (
    *(kubernetes_config.ConfigException, yaml.YAMLError, OSError),
    *(ValueError, TypeError, KeyError, AttributeError),  # what the loader raises on a file of another shape
)


async def connect(*, kubeconfig: str = "", context: str = "", user_agent: str = "ebbtide") -> Client:
    """A client for a kubeconfig (or the default one), or for the pod this runs in. ApiError when there is none."""
    configuration = Configuration()
    # A session that trusts the environment reads .netrc in another thread for each request: only a proxy is worth that.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
    try:
        if kubeconfig or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
            await _load_kubeconfig(configuration, kubeconfig, context)
        else:
            kubernetes_config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # not annotated
        return Client(ApiClient(configuration), user_agent)
    except _UNUSABLE as error:
        where = kubeconfig or "the default kubeconfig"
        message = f"cannot use {where}: {error}; check --kubeconfig and --context"
        raise ApiError(0, "InvalidKubeconfig", message) from error


async def _load_kubeconfig(configuration: Configuration, path: str, context: str) -> None:
    loader = await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]  # not annotated
        config_file=path or None, context=context or None, client_configuration=configuration, persist_config=False
    )
    hook: Any = _token_refresh(loader.load_and_set)  # declared as None in the package
    configuration.refresh_api_key_hook = hook


def _token_refresh(load: Callable[[Configuration], Awaitable[None]]) -> Callable[[Configuration], Awaitable[None]]:
    """Read token files and ask exec plugins again once a minute; the in-cluster loader does so by itself."""
    due = time.monotonic() + TOKEN_SECONDS

    async def refresh(configuration: Configuration) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + TOKEN_SECONDS
            await load(configuration)

    return refresh


def _accept(resource: Resource, of: str = "") -> str:
    """What the API server is to answer with; a server that knows no partial metadata gives the whole."""
    return f"{JSON};as=PartialObjectMetadata{of};g=meta.k8s.io;v=v1,{JSON}" if resource.metadata_only else JSON


def _page_head(body: bytes) -> _PageMeta:
    try:
        return msgspec.json.decode(body, type=_PageHead).metadata
    except msgspec.DecodeError as error:
        raise ApiError(0, "UnreadableAnswer", f"the API server's list cannot be read: {error}") from error


def _as_dict(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ApiError(0, "UnreadableAnswer", f"the API server's answer cannot be read: {error}") from error


def _without_empty(**params: str) -> dict[str, str]:
    return {key: value for key, value in params.items() if value}
