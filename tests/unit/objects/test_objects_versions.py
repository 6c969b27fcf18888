"""A status names the version that it was decided from, so that what was told since is not undone."""

import json
from dataclasses import dataclass, field
from typing import Any

from ebbtide.core.workload import Workload
from ebbtide.objects.adapter import KubernetesCluster
from ebbtide.objects.errors import ApiError
from ebbtide.objects.executor import Executor
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.ports import OutcomeKind, StatusWrite
from tests.fakes import FakeLeadership

WRITE = StatusWrite("TrainingJob", "ns", "a", "tj", {"gpus": 1})


@dataclass
class Stored:
    """The one TrainingJob of an API server; an apply on another version is refused."""

    version: int = 5
    named: list[str | None] = field(default_factory=list)

    async def apply(self, *where: Any, **_: Any) -> dict[str, Any]:
        self.named.append(where[3]["metadata"].get("resourceVersion"))
        if self.named[-1] not in {None, str(self.version)}:
            raise ApiError(409, "Conflict", "the object has been modified")
        self.version += 1
        return {"metadata": {"resourceVersion": str(self.version)}}

    def seen(self) -> Workload:
        meta = {"name": "a", "namespace": "ns", "uid": "tj", "resourceVersion": str(self.version)}
        document = {"metadata": meta, "spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}
        return decode_training_job(json.dumps(document).encode())[1]


class Scene:
    def __init__(self) -> None:
        self.stored, self.inventory = Stored(), Inventory()
        executor = Executor(self.stored, FakeLeadership(), lease_namespace="ops", lease_name="lease")  # type: ignore[arg-type]
        self.cluster = KubernetesCluster(self.inventory, executor)
        self.catch_up()

    def catch_up(self) -> None:
        """The watch brings what is stored."""
        self.inventory.training_jobs.put("tj", self.stored.seen())


async def test_it_names_the_version_of_the_observation() -> None:
    scene = Scene()
    await scene.cluster.observe()
    scene.catch_up()
    assert (await scene.cluster.write_status(WRITE)).kind is OutcomeKind.Done
    assert scene.stored.named == ["5"]


async def test_one_tick_may_tell_twice() -> None:
    scene = Scene()
    await scene.cluster.observe()
    kinds = [(await scene.cluster.write_status(WRITE)).kind for _ in range(3)]
    assert kinds == [OutcomeKind.Done] * 3
    assert scene.stored.named == ["5", "6", "7"]


async def test_what_was_told_by_another_replica_since_is_not_undone() -> None:
    scene = Scene()
    await scene.cluster.observe()
    scene.stored.version = 9
    assert (await scene.cluster.write_status(WRITE)).kind is OutcomeKind.Conflict
    scene.catch_up()
    assert (await scene.cluster.write_status(WRITE)).kind is OutcomeKind.Conflict, "decided before it was seen"
    await scene.cluster.observe()
    assert (await scene.cluster.write_status(WRITE)).kind is OutcomeKind.Done


async def test_a_picture_that_lags_behind_ones_own_write_tells_nothing() -> None:
    scene = Scene()
    await scene.cluster.observe()
    await scene.cluster.write_status(WRITE)
    await scene.cluster.observe()
    assert (await scene.cluster.write_status(WRITE)).kind is OutcomeKind.Conflict
