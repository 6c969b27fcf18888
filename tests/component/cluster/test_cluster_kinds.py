"""Kinds that are not installed cost nothing, appear when they are, and go without harming others."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ebbtide.cluster.discovery import served_kinds
from ebbtide.cluster.kind_reflectors import KindReflectors
from ebbtide.cluster.reflector import Timing
from ebbtide.cluster.stores import FRESH_SECONDS, Stores
from ebbtide.objects.errors import ApiError
from ebbtide.objects.inventory import Inventory
from tests.cluster_stand_in import StandIn, running
from tests.kinds import BY_KIND

NOW = 1_800_000_000.0
ALWAYS = {"StatefulSet", "CronJob"}
"""Of groups that every API server serves."""


class Cluster(StandIn):
    """A stand-in that knows which groups it serves, and that lists each resource by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: dict[str, list[str]] = {}
        """Group/version to plurals."""
        self.items: dict[str, list[dict[str, Any]]] = {}
        """Plural to what its list shows."""
        self.hanging: set[str] = set()
        """Last parts of paths that are not answered."""
        self.refused: dict[str, tuple[int, str]] = {}
        """Last part of a path to the answer that it gets."""

    def _list(self, request: web.Request) -> web.Response:
        last = request.path.rpartition("/")[2]
        if last in self.refused:
            code, reason = self.refused[last]
            body = {"kind": "Status", "code": code, "reason": reason, "message": f"{last}: {reason}"}
            return web.json_response(body, status=code)
        if request.path == "/apis":
            groups: dict[str, Any] = {}
            for one in self.groups:
                name, _, version = one.partition("/")
                groups.setdefault(name, {"name": name, "versions": []})["versions"].append({"version": version})
            return web.json_response({"kind": "APIGroupList", "groups": list(groups.values())})
        served = self.groups.get(request.path.removeprefix("/apis/"))
        if served is not None:
            return web.json_response({"kind": "APIResourceList", "resources": [{"name": it} for it in served]})
        body = {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": self.items.get(last, [])}
        return web.json_response(body)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.rpartition("/")[2] in self.hanging:
            await asyncio.sleep(60)
        return await super().handle(request)

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    def install(self, kind: str, *, version: str = "") -> None:
        sample = BY_KIND[kind]
        group, _, known = sample.api_version.rpartition("/")
        self.groups.setdefault(f"{group}/{version or known}", []).append(sample.plural)

    def remove(self, kind: str) -> None:
        sample = BY_KIND[kind]
        self.groups[sample.api_version].remove(sample.plural)
        if not self.groups[sample.api_version]:
            del self.groups[sample.api_version]

    def create(self, kind: str, name: str, **metadata: Any) -> None:
        sample = BY_KIND[kind]
        document = sample.manifest(name, namespace="ns", uid=f"uid-{name}", resourceVersion="1", **metadata)
        self.items.setdefault(sample.plural, []).append(document)


@asynccontextmanager
async def kept_warm(cluster: Cluster, path: Path, clock: list[float] | None = None) -> AsyncIterator[Stores]:
    now = clock or [NOW]
    async with running(cluster, path) as client:
        stores = Stores(
            client, lease_namespace="ops", lease_name="lease", clock=lambda: now[0],
            timing=Timing(first_delay=0.02, longest_delay=0.05), look_seconds=0.05,
        )  # fmt: skip
        task = asyncio.create_task(stores.run())
        try:
            await asyncio.wait_for(stores.wait_synced(), 10)
            yield stores
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class SlowToEnd:
    """In the place of a reflector whose connection takes a while to close."""

    reading = 0
    synced, problem = True, ""

    def __init__(self, resource: Any, *_: object) -> None:
        self.resource = resource

    async def run(self) -> None:
        SlowToEnd.reading += 1
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            SlowToEnd.reading -= 1


async def test_whoever_stops_reading_kinds_waits_until_nobody_reads(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.install("JobSet")
    make: Any = SlowToEnd
    async with running(cluster, tmp_path) as client:
        kinds = KindReflectors(client, Inventory(), make)
        task = asyncio.create_task(kinds.run())
        await asyncio.wait_for(kinds.wait_synced(), 10)
        assert SlowToEnd.reading > 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert SlowToEnd.reading == 0


async def eventually(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def names(stores: Stores) -> list[str]:
    return sorted(f"{it.key.kind}/{it.key.name}" for it in stores.state().workloads)


# -- which are served ---------------------------------------------------------------------------------------------


async def served(cluster: Cluster, path: Path, before: Mapping[str, Any] | None = None) -> dict[str, str]:
    async with running(cluster, path) as client:
        found = await served_kinds(client, before or {})
    return {name: resource.api_version for name, resource in found.items()}


async def test_where_nothing_is_installed_one_request_tells_so(tmp_path: Path) -> None:
    cluster = Cluster()
    assert set(await served(cluster, tmp_path)) == ALWAYS
    assert cluster.paths() == ["/apis"]


async def test_each_kind_is_found_in_the_best_version_that_is_served(tmp_path: Path) -> None:
    cluster = Cluster()
    for kind in ("JobSet", "PyTorchJob", "Notebook", "RayJob", "VolcanoJob"):
        cluster.install(kind)
    cluster.install("RayJob", version="v1alpha1")
    cluster.install("MPIJob", version="v2beta1")
    assert await served(cluster, tmp_path) == {
        "CronJob": "batch/v1",
        "JobSet": "jobset.x-k8s.io/v1alpha2",
        "MPIJob": "kubeflow.org/v2beta1",
        "Notebook": "kubeflow.org/v1",
        "PyTorchJob": "kubeflow.org/v1",
        "RayJob": "ray.io/v1",
        "StatefulSet": "apps/v1",
        "VolcanoJob": "batch.volcano.sh/v1alpha1",
    }
    assert cluster.paths().count("/apis/kubeflow.org/v1") == 1, "asked once for all kinds of a group"


async def test_a_group_that_does_not_answer_now_is_taken_as_it_was(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.install("JobSet")
    cluster.install("RayJob")
    async with running(cluster, tmp_path) as client:
        before = await served_kinds(client, {})
        cluster.refused = {"v1alpha2": (503, "ServiceUnavailable"), "v1": (404, "NotFound")}
        assert set(await served_kinds(client, before)) == ALWAYS | {"JobSet"}, "the other is gone for good"
        cluster.refused = {"apis": (503, "ServiceUnavailable")}
        with pytest.raises(ApiError):
            await served_kinds(client, before)


# -- what is kept warm --------------------------------------------------------------------------------------------


async def test_what_is_not_installed_is_neither_listed_nor_watched(tmp_path: Path) -> None:
    cluster = Cluster()
    async with kept_warm(cluster, tmp_path) as stores:
        await asyncio.sleep(0.2)
        assert set(stores.inventory.kinds) == ALWAYS
    asked = {path for path in cluster.paths() if path.startswith("/apis/")}
    groups = {path.split("/")[2] for path in asked}
    assert groups == {"apps", "batch", "ebbtide.dev", "coordination.k8s.io"}


async def test_a_kind_that_is_installed_later_appears_and_one_that_is_removed_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster()
    async with kept_warm(cluster, tmp_path) as stores:
        assert names(stores) == []
        cluster.create("JobSet", "llm")
        cluster.install("JobSet")
        await eventually(lambda: names(stores) == ["JobSet/llm"])
        assert stores.unfresh() == ""
        cluster.remove("JobSet")
        cluster.refused["jobsets"] = (404, "NotFound")
        cluster.end_watches()
        await eventually(lambda: names(stores) == [])
        assert (stores.problems, stores.unfresh()) == ((), "")
        listed = cluster.paths().count("/apis/jobset.x-k8s.io/v1alpha2/jobsets")
        await asyncio.sleep(0.3)
        assert cluster.paths().count("/apis/jobset.x-k8s.io/v1alpha2/jobsets") == listed, "nobody asks any more"
    said = [it for it in caplog.records if "jobsets" in it.getMessage() and it.levelname != "INFO"]
    assert len(said) <= 1, "no storm of errors"


async def test_a_version_that_is_not_served_any_more_is_left_for_one_that_is(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.install("RayCluster", version="v1alpha1")
    cluster.create("RayCluster", "ray")
    async with kept_warm(cluster, tmp_path) as stores:
        [before] = stores.state().workloads
        cluster.groups = {}
        cluster.install("RayCluster")
        await eventually(
            lambda: [it.target.api_version for it in stores.state().workloads if it.target] == ["ray.io/v1"]
        )
    assert before.target is not None
    assert before.target.api_version == "ray.io/v1alpha1"


async def test_a_kind_that_may_not_be_read_is_told_of_and_harms_nobody(tmp_path: Path) -> None:
    cluster = Cluster()
    for kind in ("PyTorchJob", "JobSet", "TrainJob"):
        cluster.install(kind)
        cluster.create(kind, kind.lower())
    cluster.refused["pytorchjobs"] = (403, "Forbidden")
    async with kept_warm(cluster, tmp_path) as stores:
        assert names(stores) == ["JobSet/jobset", "TrainJob/trainjob"]
        state = stores.state()
        assert (state.unfresh, dict(state.unfresh_kinds)) == ("", {})
        assert set(stores.inventory.denied) == {"PyTorchJob"}
        [problem] = stores.problems
        assert problem.startswith("not allowed to list and watch pytorchjobs.kubeflow.org")
        cluster.refused.clear()
        await eventually(lambda: "PyTorchJob/pytorchjob" in names(stores))
        assert stores.problems == ()


async def test_a_kind_that_hangs_does_not_hold_up_the_start(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.install("InferenceService")
    cluster.hanging.add("inferenceservices")
    cluster.create("StatefulSet", "db")
    async with running(cluster, tmp_path) as client:
        stores = Stores(client, lease_namespace="ops", lease_name="lease", clock=lambda: NOW)
        stores.kinds._patience = 0.2
        task = asyncio.create_task(stores.run())
        await asyncio.wait_for(stores.wait_synced(), 5)
        assert stores.synced
        assert names(stores) == ["StatefulSet/db"]
        state = stores.state()
        assert (state.unfresh, set(state.unfresh_kinds)) == ("", {"InferenceService"})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_kind_that_is_not_heard_of_stops_its_own_work_and_what_lies_above_it(tmp_path: Path) -> None:
    cluster, now = Cluster(), [NOW]
    for kind in ("JobSet", "TrainJob", "RayJob", "RayCluster"):
        cluster.install(kind)
    async with kept_warm(cluster, tmp_path, now) as stores:
        now[0] += FRESH_SECONDS + 1
        for reflector in stores.reflectors:
            reflector.last_heard_at = now[0]
        running_kinds = stores.kinds._running
        for name in running_kinds.keys() - {"JobSet"}:
            running_kinds[name][0].last_heard_at = now[0]
        state = stores.state()
        assert state.unfresh == ""
        assert set(state.unfresh_kinds) == {"JobSet", "TrainJob"}
        assert state.unfresh_kinds["TrainJob"].startswith("nothing heard of jobsets.jobset.x-k8s.io for 301 s")


async def test_an_object_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.install("Notebook")
    cluster.create("Notebook", "good")
    cluster.items["notebooks"].append(json.loads('{"metadata": {"name": "bad", "uid": 7}}'))
    async with kept_warm(cluster, tmp_path) as stores:
        assert names(stores) == ["Notebook/good"]
