"""Holding the Lease, and writing only while it is held, against an API server in memory and in virtual time."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from ebbtide.cluster.fence import Fence
from ebbtide.cluster.lease import LeaseLeadership, new_identity, since_boot
from ebbtide.core.election import Terms
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import JOBS, LEASES
from ebbtide.objects.writing import NotLeaderError
from tests.replicas import LEASE, ApiServer, Client, Machine, Network, run

CALM = Network(slow=0, lost=0)
MICRO_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


class Scene:
    """One API server and replicas that stand for election."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.gained: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def replica(self, name: str, terms: Terms | None = None) -> tuple[LeaseLeadership, Client]:
        client = Client(self.server, name, Machine(1.0, 0.0), CALM, random.Random(1))
        where = {"namespace": LEASE[0], "name": LEASE[1], "identity": name}
        clock = asyncio.get_running_loop().time
        found = LeaseLeadership(client, **where, terms=terms, clock=clock, on_gain=lambda: self.gained.append(name))
        self.tasks[name] = asyncio.create_task(found.run())
        return found, client

    @property
    def lease(self) -> dict[str, Any]:
        return self.server.objects[LEASES.kind, LEASE[1]]

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"])


def story(tell: Callable[[Scene], Awaitable[None]]) -> None:
    async def told() -> None:
        scene = Scene()
        await tell(scene)
        for task in scene.tasks.values():
            task.cancel()

    run(told())


def test_the_first_takes_the_place_and_says_so_once() -> None:
    async def tell(scene: Scene) -> None:
        first, _ = scene.replica("a")
        await asyncio.sleep(60)
        assert first.may_write()
        assert scene.gained == ["a"]
        spec = scene.lease["spec"]
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 15, 1)

    story(tell)


def test_times_are_micro_times_and_a_renewal_keeps_when_it_was_acquired() -> None:
    async def tell(scene: Scene) -> None:
        scene.replica("a")
        await asyncio.sleep(1)
        acquired = scene.lease["spec"]["acquireTime"]
        before = scene.lease["spec"]["renewTime"]
        await asyncio.sleep(10)
        assert scene.lease["spec"]["acquireTime"] == acquired
        assert scene.lease["spec"]["renewTime"] != before
        for name in ("acquireTime", "renewTime"):
            assert re.fullmatch(MICRO_TIME, scene.lease["spec"][name])

    story(tell)


def test_the_breakers_annotations_survive_and_do_not_cost_the_place() -> None:
    async def tell(scene: Scene) -> None:
        first, _ = scene.replica("a")
        for number in range(50):
            await asyncio.sleep(0.7)
            scene.server.annotate_lease(str(number))
        await asyncio.sleep(5)
        assert first.may_write()
        assert scene.gained == ["a"]
        assert scene.lease["metadata"]["annotations"] == {"ebbtide.dev/breaker-reset": "49"}

    story(tell)


def test_a_leader_that_dies_is_replaced_after_its_lease() -> None:
    async def tell(scene: Scene) -> None:
        first, _ = scene.replica("a")
        await asyncio.sleep(20)
        second, _ = scene.replica("b")
        await asyncio.sleep(30)
        assert (first.may_write(), second.may_write()) == (True, False)
        scene.tasks["a"].cancel()
        await asyncio.sleep(12.5)
        assert not second.may_write()
        await asyncio.sleep(5.5)
        assert (second.may_write(), scene.holder) == (True, "b")
        assert scene.lease["spec"]["leaseTransitions"] == 2

    story(tell)


def test_who_sees_the_lease_change_takes_over_sooner() -> None:
    """The watch rings at each renewal: the lease runs from the renewal itself, and not from the next look."""

    async def tell(scene: Scene) -> None:
        scene.replica("a")
        await asyncio.sleep(1)
        second, _ = scene.replica("b")

        async def watch() -> None:
            seen = ""
            while True:
                if (version := scene.lease["metadata"]["resourceVersion"]) != seen:
                    seen = version
                    second.lease_changed()
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(30)
        scene.tasks["a"].cancel()
        version, sent = scene.lease["metadata"]["resourceVersion"], asyncio.get_running_loop().time()
        while scene.lease["metadata"]["resourceVersion"] == version:  # noqa: ASYNC110 - an instant is looked for
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - sent <= 15.1
        assert scene.holder == "b"
        watching.cancel()

    story(tell)


def test_who_is_told_to_go_hands_over_at_once_but_not_before_its_last_write_is_answered() -> None:
    async def tell(scene: Scene) -> None:
        first, client = scene.replica("a")
        await asyncio.sleep(1)
        second, _ = scene.replica("b")
        await asyncio.sleep(5)
        scene.server.put(JOBS, "job", {"spec": {}})
        client.machine.stand(3)
        writing = asyncio.create_task(first.fence.merge_patch(JOBS, "ns", "job", {"spec": {"suspend": True}}))
        await asyncio.sleep(0)
        first.resign()
        assert not first.may_write()
        await asyncio.sleep(2.5)
        assert (scene.holder, second.may_write()) == ("a", False)
        await writing
        await asyncio.sleep(2.5)
        assert (scene.holder, second.may_write()) == ("b", True)
        await scene.tasks["a"]
        spec = scene.lease["spec"]
        assert spec["leaseTransitions"] == 2

    story(tell)


def test_without_a_lease_nobody_leads_and_the_remedy_is_told() -> None:
    async def tell(scene: Scene) -> None:
        first, _ = scene.replica("a")
        await asyncio.sleep(5)
        lease = scene.server.objects.pop((LEASES.kind, LEASE[1]))
        await asyncio.sleep(2.1)
        assert not first.may_write()
        scene.server.objects[LEASES.kind, LEASE[1]] = lease
        await asyncio.sleep(3)
        assert first.may_write()

    with structlog.testing.capture_logs() as entries:
        story(tell)
    assert any("it does not exist; `helm upgrade` of the chart brings it back" in str(entry) for entry in entries)


def test_a_leader_cut_off_stops_before_another_begins_and_finds_out_when_it_is_back() -> None:
    async def tell(scene: Scene) -> None:
        first, client = scene.replica("a")
        await asyncio.sleep(1)
        second, _ = scene.replica("b")
        await asyncio.sleep(5)
        client.cut_until = asyncio.get_running_loop().time() + 60
        stopped = began = 0.0
        while not began:
            await asyncio.sleep(0.05)
            now = asyncio.get_running_loop().time()
            stopped = stopped or (0.0 if first.may_write() else now)
            began = now if second.may_write() else 0.0
        assert began - stopped >= 4.9
        await asyncio.sleep(80)
        assert (first.may_write(), second.may_write()) == (False, True)

    story(tell)


def test_a_stopped_process_that_wakes_up_late_writes_nothing() -> None:
    async def tell(scene: Scene) -> None:
        first, client = scene.replica("a")
        await asyncio.sleep(1)
        client.machine.stand(40)
        scene.replica("b")
        await asyncio.sleep(39.99)
        assert scene.holder == "b"
        assert not first.may_write()
        await asyncio.sleep(20)
        assert not first.may_write()
        with pytest.raises(NotLeaderError):
            await first.fence.merge_patch(JOBS, "ns", "job", {})

    story(tell)


class TestFence:
    def test_a_write_is_given_up_when_another_could_begin(self) -> None:
        async def main() -> None:
            stuck = Stuck()
            fence = Fence(stuck, lambda: 4.0)
            began = asyncio.get_running_loop().time()
            with pytest.raises(ApiError, match=r"no answer within 4.0 s, after which another replica may lead"):
                await fence.apply(JOBS, "ns", "a", {}, manager="m")
            assert asyncio.get_running_loop().time() - began == pytest.approx(4.0)
            assert stuck.given_up == 1
            await fence.drained()

        run(main())

    def test_without_time_left_nothing_is_sent(self) -> None:
        async def main() -> None:
            stuck = Stuck()
            fence = Fence(stuck, lambda: 0.0)
            for write in (
                lambda: fence.create(JOBS, "ns", {}, manager="m"),
                lambda: fence.apply(JOBS, "ns", "a", {}, manager="m"),
                lambda: fence.merge_patch(JOBS, "ns", "a", {}, manager="m"),
                lambda: fence.delete(JOBS, "ns", "a"),
            ):
                with pytest.raises(NotLeaderError):
                    await write()
            assert stuck.asked == 0

        run(main())

    def test_a_refusal_passes_through(self) -> None:
        async def main() -> None:
            fence = Fence(Stuck(ApiError(409, "Conflict", "changed")), lambda: 4.0)
            with pytest.raises(ApiError, match="changed"):
                await fence.merge_patch(JOBS, "ns", "a", {}, manager="m")

        run(main())


class Stuck:
    """An API server that never answers, or refuses."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.error, self.asked, self.given_up = error, 0, 0

    async def _never(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        if self.error is not None:
            raise self.error
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            self.given_up += 1
            raise

    get = create = apply = merge_patch = delete = _never


def test_identities_are_unique_and_the_clock_only_runs_forward() -> None:
    assert new_identity() != new_identity()
    assert since_boot() <= since_boot()
