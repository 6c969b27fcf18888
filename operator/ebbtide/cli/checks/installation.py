"""The operator's Deployment: whether it is there and up, and what it was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ebbtide.cli.checks.line import Line, failed, ok, skipped
from ebbtide.cli.refusal import INSTALL
from ebbtide.cluster.client import Client
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource

DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
SELECTOR: Final = "app.kubernetes.io/part-of=ebbtide,app.kubernetes.io/component=operator"
TITLE: Final = "operator"
_FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True)
class Installation:
    """What the Deployment says; all empty where it is not there or may not be read."""

    service_account: str = ""
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`--flag` to its values."""
    pod: Mapping[str, Any] = field(default_factory=dict)
    """The spec of its pods."""

    def flag(self, name: str, default: str = "") -> str:
        """The last value of a flag."""
        return (self.flags.get(name) or (default,))[-1]


async def find(client: Client, namespace: str) -> tuple[Installation, Line]:
    """The installation in that namespace."""
    try:
        pages = client.list_pages(DEPLOYMENTS, namespace=namespace, label_selector=SELECTOR)
        found = [one async for page in pages for one in msgspec.json.decode(page.body)["items"]]
    except ApiError as error:
        if error.status == _FORBIDDEN:
            return Installation(), skipped(TITLE, f"its Deployment may not be read with your rights: {error.message}")
        return Installation(), failed(TITLE, error.message)
    if not found:
        remedy = f"say where it is with -n, or install it: {INSTALL}"
        return Installation(), failed(TITLE, f"there is no operator in namespace {namespace}: {remedy}")
    return _installation(found[0]), _readiness(found[0])


def _installation(deployment: Mapping[str, Any]) -> Installation:
    pod = deployment["spec"]["template"]["spec"]
    flags: dict[str, tuple[str, ...]] = {}
    for argument in pod["containers"][0].get("args") or ():
        name, _, value = str(argument).partition("=")
        flags[name] = (*flags.get(name, ()), value)
    return Installation(str(pod.get("serviceAccountName") or "default"), flags, pod)


def _readiness(deployment: Mapping[str, Any]) -> Line:
    meta = deployment["metadata"]
    where = f"Deployment {meta['namespace']}/{meta['name']}"
    ready, wanted = deployment.get("status", {}).get("readyReplicas", 0), deployment["spec"].get("replicas", 1)
    if ready < 1:
        remedy = f"kubectl logs -n {meta['namespace']} deployment/{meta['name']}"
        return failed(TITLE, f"{where}: {ready} of {wanted} ready; see {remedy}")
    acts = "--enforcement" in (deployment["spec"]["template"]["spec"]["containers"][0].get("args") or ())
    mode = "acts on policies that say Enforce" if acts else "only observes (enforcement.enabled is false)"
    return ok(TITLE, f"{where}: {ready} of {wanted} ready; it {mode}")
