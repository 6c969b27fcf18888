"""Whether the cluster is fit for the operator: each check with its remedy. Used at start and by `ebbtide check`."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Final

from ebbtide.cluster import rbac
from ebbtide.cluster.client import Client
from ebbtide.cluster.rbac import Permission
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import ACCESS_REVIEWS, LEASES, OWN, TRAINING_JOBS

_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `message` says what was found, and when it is not ok, what to do."""

    name: str
    ok: bool
    message: str


async def preflight(
    client: Client, *, namespace: str, lease_name: str = rbac.LEASE_NAME, permissions: bool = True
) -> list[Finding]:
    """All checks, in the order in which they would bite. With `permissions`: may the caller do the operator's work."""
    reachable = await _reachable(client)
    if not reachable.ok:
        return [reachable]
    found = [reachable, *await _kinds_served(client), await _lease(client, namespace, lease_name)]
    if permissions:
        found += await _permissions(client, (*rbac.CLUSTER, *chain.from_iterable(rbac.KINDS.values())), "")
        found += await _permissions(client, rbac.NAMESPACE, namespace)
    return found


async def missing_for_operator(client: Client) -> list[str]:
    """What the operator cannot start without, one sentence each; empty when it can start.

    Missing permissions are no reason not to start: what they deny is reported while the rest works.
    """
    reachable = await _reachable(client)
    found = [reachable, *(await _kinds_served(client) if reachable.ok else ())]
    return [f"{one.name}: {one.message}" for one in found if not one.ok]


async def _reachable(client: Client) -> Finding:
    try:
        version = (await client.get_path("/version")).get("gitVersion", "unknown")
    except ApiError as error:
        return Finding("API server", ok=False, message=error.message)
    return Finding("API server", ok=True, message=f"{client.host} answers, version {version}")


async def _kinds_served(client: Client) -> list[Finding]:
    path = f"/apis/{TRAINING_JOBS.api_version}"
    try:
        served = {one["name"] for one in (await client.get_path(path)).get("resources", ())}
    except ApiError as error:
        if not error.not_found:
            return [Finding("CRDs", ok=False, message=error.message)]
        served = set()
    return [
        Finding(f"CRD {kind.full_name}", ok=True, message=f"{kind.api_version} is served")
        if {kind.plural, f"{kind.plural}/status"} <= served
        else Finding(
            f"CRD {kind.full_name}",
            ok=False,
            message="not installed: install the chart with crds.enabled=true, or `kubectl apply -f crds/`",
        )
        for kind in OWN
    ]


async def _lease(client: Client, namespace: str, name: str) -> Finding:
    title = f"Lease {namespace}/{name}"
    try:
        await client.get(LEASES, namespace, name)
    except ApiError as error:
        remedy = "install the chart in that namespace, which ships it" if error.not_found else error.message
        return Finding(title, ok=False, message=f"cannot be read: {remedy}")
    return Finding(title, ok=True, message="is there")


async def _permissions(client: Client, rows: Iterable[Permission], namespace: str) -> list[Finding]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(row: Permission) -> Finding:
        async with turn:
            return await _permission(client, row, namespace)

    return list(await asyncio.gather(*(one(row) for row in rows)))


async def _permission(client: Client, row: Permission, namespace: str) -> Finding:
    name = f"{row.resource}.{row.group}" if row.group else row.resource
    title = f"permission {', '.join(row.verbs)} {name}"
    try:
        missing = [verb for verb in row.verbs if not await _allowed(client, row, verb, namespace)]
    except ApiError as error:
        return Finding(title, ok=False, message=f"cannot be asked: {error.message}")
    if not missing:
        return Finding(title, ok=True, message=row.why)
    message = f"may not {', '.join(missing)}: needed for {row.why}; install the chart with rbac.create=true"
    return Finding(title, ok=False, message=message)


async def _allowed(client: Client, row: Permission, verb: str, namespace: str) -> bool:
    resource, _, subresource = row.resource.partition("/")
    wanted = {
        "group": row.group,
        "resource": resource,
        "subresource": subresource,
        "name": row.name,
        "namespace": namespace,
        "verb": verb,
    }
    body = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": {key: value for key, value in wanted.items() if value}},
    }
    answer = await client.create(ACCESS_REVIEWS, "", body, manager="ebbtide")
    return bool(answer.get("status", {}).get("allowed"))
