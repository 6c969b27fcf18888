"""Restore after pause is the identity on a real API server, whatever its owners do in between.

Each object has a twin in a second namespace, to which its owners do the same and which nobody ever pauses. In the end
both are the same, the owner's own server-side apply meets no conflict, and the audit log shows what was written. The
many cases are in tests/property/test_restore.py; these few show that the API server agrees. Every
other kind, once each: test_kinds.py.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from e2e.plane import Plane
from e2e.plane.audit import service_account
from ebbtide.cluster.client import connect
from ebbtide.core.action import Action, Verb
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Workload
from ebbtide.objects.executor import Executor
from ebbtide.objects.views_deployment import decode_deployment
from ebbtide.objects.views_job import decode_job
from ebbtide.ports import OutcomeKind

pytestmark = pytest.mark.plane

CASES: Final = 4
"""Of each kind; every case makes up to four edits while the object is paused."""
ACCOUNT: Final = "pauser"
OWNER: Final = "platform"
RESTORE: Final = "ebbtide.dev/restore"
LEVER: Final = {"Deployment": "replicas", "Job": "suspend"}
EDITS: Final = {
    "Deployment": (
        ("scale", "deployment/web", "--replicas=5"),
        ("set", "image", "deployment/web", "main=registry.example/x:2"),
        ("rollout", "restart", "deployment/web"),
        ("patch", "deployment/web", "-p", '{"spec": {"minReadySeconds": 7}}'),
        ("label", "deployment/web", "--overwrite", "tier=gold"),
        ("annotate", "deployment/web", "--overwrite", "note=later"),
    ),
    "Job": (
        ("patch", "job/web", "-p", '{"spec": {"suspend": false}}'),
        ("patch", "job/web", "-p", '{"spec": {"parallelism": 3}}'),
        ("patch", "job/web", "-p", '{"spec": {"activeDeadlineSeconds": 7200}}'),
        ("label", "job/web", "--overwrite", "tier=gold"),
        ("annotate", "job/web", "--overwrite", "note=later"),
    ),
}


class Leader:
    def may_write(self) -> bool:
        return True


class Pair:
    """The object and its twin."""

    def __init__(self, plane: Plane, kind: str, spaces: tuple[str, str]) -> None:
        self.plane, self.kind, self.spaces = plane, kind, spaces

    def apply(self, manifest: dict[str, Any]) -> list[str]:
        """By its owner, server-side and without force: what kubectl said of each, conflicts included."""
        words, text = ("apply", "--server-side", f"--field-manager={OWNER}", "-f", "-"), yaml.safe_dump(manifest)
        done = [self.plane.kubectl(*words, "-n", space, input=text, check=False) for space in self.spaces]
        return [f"{one.returncode} {one.stdout}{one.stderr}" for one in done]

    def edit(self, *words: str) -> None:
        for space in self.spaces:
            self.plane.kubectl(*words, "-n", space)

    def get(self, space: str) -> dict[str, Any]:
        text = self.plane.kubectl("get", f"{self.kind.lower()}/web", "-n", space, "-o", "json", "--show-managed-fields")
        found: dict[str, Any] = json.loads(text.stdout)
        return found

    def seen(self) -> Workload:
        """The first as the operator reads it."""
        text = json.dumps(self.get(self.spaces[0])).encode()
        found = decode_deployment(text)[1] if self.kind == "Deployment" else decode_job(text)[1].foreign
        assert found is not None
        return found

    def shown(self, space: str) -> dict[str, Any]:
        """All that people can see of it, without what tells the twins apart."""
        found = self.get(space)
        spec, meta = found["spec"], found["metadata"]
        spec.pop("selector", None)
        spec["template"]["metadata"].pop("labels", None)
        restarted = spec["template"]["metadata"].get("annotations", {})
        restarted.pop("kubectl.kubernetes.io/restartedAt", None)
        if not restarted:
            spec["template"]["metadata"].pop("annotations", None)
        counted = "deployment.kubernetes.io/revision"
        annotations = {key: text for key, text in meta.get("annotations", {}).items() if key != counted}
        return {"spec": spec, "labels": _own(meta.get("labels", {})), "annotations": annotations}


def _own(labels: dict[str, str]) -> dict[str, str]:
    """Without those that the Job controller numbers."""
    return {key: value for key, value in labels.items() if "batch.kubernetes.io" not in key and "uid" not in key}


def manifest(kind: str, value: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.example/x:1"}
    template: dict[str, Any] = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    version, spec = ("apps/v1", {"selector": {"matchLabels": {"app": "web"}}})
    if kind == "Job":
        version, spec = "batch/v1", {}
        template["spec"]["restartPolicy"] = "Never"
    lever = {} if value is None else {LEVER[kind]: value}
    metadata = {"name": "web", "labels": {"tier": "bronze"}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {**spec, **lever, "template": template}}


@pytest.fixture
def spaces(plane: Plane, namespace: str) -> Iterator[tuple[str, str]]:
    twin = plane.create_namespace(f"{namespace}-twin")
    plane.kubectl("create", "serviceaccount", ACCOUNT, "-n", namespace)
    account = f"--serviceaccount={namespace}:{ACCOUNT}"
    plane.kubectl("create", "rolebinding", ACCOUNT, "-n", namespace, "--clusterrole=admin", account)
    yield namespace, twin
    plane.kubectl("delete", "namespace", twin, "--wait=false")


@asynccontextmanager
async def executor(kubeconfig: Path) -> AsyncIterator[Executor]:
    async with await connect(kubeconfig=str(kubeconfig)) as client:
        yield Executor(client, Leader(), lease_namespace="none", lease_name="none")


async def act(by: Executor, pair: Pair, verb: Verb) -> None:
    """As ticks do it: what changed meanwhile is looked at again."""
    for _ in range(60):
        seen = pair.seen()
        outcome = await by.execute(Action(verb, seen.key, Reason.GPUIdle, "m", policy="CostPolicy/batch"), seen)
        if outcome.kind is OutcomeKind.Done:
            return
        assert outcome.kind is OutcomeKind.Conflict, outcome
        await asyncio.sleep(0.1)
    raise AssertionError(f"{verb} met conflicts for six seconds")


@pytest.mark.parametrize("case", range(CASES))
@pytest.mark.parametrize("kind", sorted(LEVER))
async def test_its_owners_find_what_they_made(plane: Plane, spaces: tuple[str, str], kind: str, case: int) -> None:
    chosen = random.Random(f"{kind}{case}")
    pair, running = Pair(plane, kind, spaces), chosen.choice([1, 3, None] if kind == "Deployment" else [False, None])
    pair.apply(manifest(kind, running))
    edits = chosen.sample(EDITS[kind], chosen.randint(0, 4))
    async with executor(plane.service_account_kubeconfig(spaces[0], ACCOUNT)) as ours:
        await act(ours, pair, Verb.Pause)
        for edit in edits:
            pair.edit(*edit)
        target = pair.seen().target
        assert target is not None
        await act(ours, pair, Verb.Resume if target.suspended else Verb.Forget)
    real, twin = (pair.shown(space) for space in spaces)
    assert real == twin
    fields = pair.get(spaces[0])["metadata"]["managedFields"]
    assert {it["manager"] for it in fields} & {"ebbtide"} == set()
    said = pair.apply(manifest(kind, running))
    assert said[0] == said[1], "where its owners conflict among themselves, they do so for both"
    assert "ebbtide" not in said[0]
    assert pair.shown(spaces[0]) == pair.shown(spaces[1])
    stop, start, *given_up = witnessed(plane, spaces[0], kind)
    assert stop["spec"] == {LEVER[kind]: 0 if kind == "Deployment" else True}
    assert (set(stop["metadata"]), set(start["metadata"])) == ({"annotations", "resourceVersion"},) * 2
    assert start["metadata"]["annotations"] == {RESTORE: None}
    assert ("spec" in start) is target.suspended
    assert all(set(body) == {"metadata"} for body in given_up)
    assert len(given_up) <= 1


def witnessed(plane: Plane, space: str, kind: str) -> list[dict[str, Any]]:
    """Bodies of what was accepted from us, in order, as the API server recorded them."""
    user, plural = service_account(space, ACCOUNT), {"Deployment": "deployments", "Job": "jobs"}[kind]
    found = plane.audit().writes(user=user, resource=plural, subresource="", namespace=space, succeeded=True)
    return [it.body for it in found]
