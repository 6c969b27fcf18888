"""Whether the cluster is fit for the operator: each check with its remedy. Used at start and by `ebbtide check`."""

from dataclasses import dataclass

from ebbtide.cluster.client import Client
from ebbtide.cluster.rbac import LEASE_NAME
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import LEASES, OWN, TRAINING_JOBS


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `message` says what was found, and when it is not ok, what to do."""

    name: str
    ok: bool
    message: str


async def preflight(client: Client, *, namespace: str, lease_name: str = LEASE_NAME) -> list[Finding]:
    """All checks, in the order in which they would bite."""
    reachable = await _reachable(client)
    if not reachable.ok:
        return [reachable]
    return [reachable, *await _kinds_served(client), await _lease(client, namespace, lease_name)]


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
