"""Whether the operator's ServiceAccount holds every right of the one table."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from ebbtide.cli.checks.line import Line, failed, ok, skipped
from ebbtide.cluster import rbac
from ebbtide.cluster.client import Client
from ebbtide.cluster.rbac import Permission
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import Resource

REVIEWS: Final = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
TITLE: Final = "permissions"
_AT_ONCE: Final = 8
_FORBIDDEN: Final = 403


async def of_operator(client: Client, namespace: str, service_account: str) -> list[Line]:
    """One line if all is well, else one for each right that is missing."""
    if not service_account:
        return [skipped(TITLE, "the operator's ServiceAccount is not known, see above")]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(row: Permission, where: str, verb: str) -> bool:
        async with turn:
            body = _review(row, where, verb, namespace, service_account)
            answer = await client.create(REVIEWS, "", body, manager="kubectl-ebbtide")
            return bool(answer.get("status", {}).get("allowed"))

    asked = list(_rights(namespace))
    try:
        answers = await asyncio.gather(*(one(*right) for right in asked))
    except ApiError as error:
        if error.status == _FORBIDDEN:
            return [skipped(TITLE, "your rights do not allow to ask about others: create subjectaccessreviews")]
        return [failed(TITLE, f"cannot be asked: {error.message}")]
    denied = [right for right, allowed in zip(asked, answers, strict=True) if not allowed]
    chosen = {row: kind for kind, rows in rbac.KINDS.items() for row in rows}
    off = list(dict.fromkeys(chosen[row] for row, _, _ in denied if row in chosen))
    missing = [right for right in denied if right[0] not in chosen]
    who = f"ServiceAccount {namespace}/{service_account}"
    fit = ok(TITLE, f"{who} holds all {len(asked) - len(denied)} rights")
    return [*(_missing(who, missing) or [fit]), *(_switched_off(kind) for kind in off)]


def _switched_off(kind: str) -> Line:
    """No failure: the chart's values say which kinds may be paused."""
    return skipped(f"kind {kind}", f"only reported, never paused: the chart's kinds.{kind}=true grants patch")


def _rights(namespace: str) -> Iterator[tuple[Permission, str, str]]:
    kinds = tuple(row for rows in rbac.KINDS.values() for row in rows)
    for rows, where in ((rbac.CLUSTER, ""), (kinds, ""), (rbac.NAMESPACE, namespace)):
        for row in rows:
            for verb in row.verbs:
                yield row, where, verb


def _missing(who: str, rights: list[tuple[Permission, str, str]]) -> list[Line]:
    verbs: dict[Permission, list[str]] = {}
    for row, _, verb in rights:
        verbs.setdefault(row, []).append(verb)
    remedy = "helm upgrade with rbac.create=true"
    return [
        failed(TITLE, f"{who} may not {', '.join(lost)} {_full_name(row)}, needed for: {row.why}; {remedy}")
        for row, lost in verbs.items()
    ]


def _full_name(row: Permission) -> str:
    return f"{row.resource}.{row.group}" if row.group else row.resource


def _review(row: Permission, where: str, verb: str, namespace: str, service_account: str) -> dict[str, Any]:
    resource, _, subresource = row.resource.partition("/")
    wanted = {
        "group": row.group,
        "resource": resource,
        "subresource": subresource,
        "name": row.name,
        "namespace": where,
        "verb": verb,
    }
    spec = {
        "user": f"system:serviceaccount:{namespace}:{service_account}",
        "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
        "resourceAttributes": {key: value for key, value in wanted.items() if value},
    }
    return {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": spec}
