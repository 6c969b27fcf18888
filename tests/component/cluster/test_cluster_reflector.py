"""The reflector against protocol faults, played by a stand-in (see cluster_stand_in)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ebbtide.cluster.reflector import Reflector, Timing
from ebbtide.objects.resources import PODS, TRAINING_JOBS, Resource
from ebbtide.objects.store import Store
from tests.cluster_stand_in import StandIn, eventually, running, thing

FAST = Timing(relist=60.0, watch=60.0, first_delay=0.01, longest_delay=0.02)


def decode(raw: bytes | msgspec.Raw) -> tuple[str, str]:
    stored = msgspec.json.decode(raw)
    if stored.get("bad"):
        raise ValueError("bad on purpose")
    return stored["metadata"]["uid"], stored["metadata"]["name"]


class Watched:
    """A reflector of names, with the time it believes in."""

    def __init__(self, client: Any, resource: Resource, timing: Timing) -> None:
        self.now = 1000.0
        self.changes = 0
        self.store: Store[str] = Store()
        self.reflector = Reflector(
            client, resource, decode, self.store, clock=lambda: self.now, timing=timing, on_change=self.changed
        )

    def changed(self) -> None:
        self.changes += 1

    def names(self) -> list[str]:
        return sorted(self.store.values())


@asynccontextmanager
async def watching(
    stand_in: StandIn, folder: Path, resource: Resource = PODS, timing: Timing = FAST
) -> AsyncIterator[Watched]:
    async with running(stand_in, folder) as client:
        watched = Watched(client, resource, timing)
        task = asyncio.create_task(watched.reflector.run())
        try:
            yield watched
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def having(*names: str) -> StandIn:
    return StandIn({f"uid-{name}": thing(name) for name in names})


async def synced(watched: Watched, stand_in: StandIn) -> None:
    await asyncio.wait_for(watched.reflector.wait_synced(), 5)
    await eventually(lambda: stand_in.streams, "a watch")


async def test_a_list_of_several_pages_is_complete(tmp_path: Path) -> None:
    stand_in = having(*(f"pod-{number}" for number in range(1234)))
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        assert len(watched.store) == 1234
        assert [one.query.get("limit") for one in stand_in.asked[:3]] == ["500"] * 3
        assert stand_in.asked[3].query["resourceVersion"] == "100"
        assert stand_in.asked[3].query["allowWatchBookmarks"] == "true"


async def test_events_change_the_store_and_ring_the_bell(tmp_path: Path) -> None:
    stand_in = having("a", "b")
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        before = watched.changes
        stand_in.emit("ADDED", thing("c"))
        stand_in.emit("MODIFIED", thing("renamed", uid="uid-a"))
        stand_in.emit("DELETED", thing("b"))
        await eventually(lambda: watched.names() == ["c", "renamed"], "three events")
        assert watched.changes == before + 3


async def test_a_bookmark_is_heard_and_the_next_watch_starts_from_it(tmp_path: Path) -> None:
    stand_in = having("a")
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        watched.now = 1060.0
        stand_in.bookmark("777")
        await eventually(lambda: watched.reflector.last_heard_at == 1060.0, "the bookmark")
        stand_in.end_watches()
        await eventually(lambda: stand_in.count("GET", watch=True) == 2, "a second watch")
        assert stand_in.asked[-1].query["resourceVersion"] == "777"
        assert stand_in.count("GET") == 1, "a watch that ended in good order needs no new list"


@pytest.mark.parametrize("fault", ["410 answer", "410 event", "500 event", "broken", "garbage"])
async def test_after_a_fault_objects_that_vanished_unseen_are_gone(tmp_path: Path, fault: str) -> None:
    stand_in = having("stays", "vanishes")
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        del stand_in.objects["uid-vanishes"]
        stand_in.objects["uid-new"] = thing("new")
        if fault == "410 answer":
            stand_in.refuse(410, "Expired", "too old resource version", when=lambda asked: "watch" in asked.query)
            stand_in.end_watches()
        elif fault == "broken":
            stand_in.cut_watches()
        elif fault == "garbage":
            stand_in.emit_raw(b"{half a line\n")
        else:
            stand_in.emit(
                "ERROR", {"kind": "Status", "code": int(fault[:3]), "message": "said so", "reason": "Expired"}
            )
        await eventually(lambda: watched.names() == ["new", "stays"], "the new list")
        assert stand_in.count("GET") == 2


async def test_a_list_comes_again_after_its_time_without_any_fault(tmp_path: Path) -> None:
    stand_in = having("a")
    often = Timing(relist=0.2, watch=60.0, first_delay=0.01, longest_delay=0.02)
    async with watching(stand_in, tmp_path, timing=often) as watched:
        await synced(watched, stand_in)
        stand_in.objects.clear()
        stand_in.end_watches()
        await eventually(lambda: not watched.names(), "the relist")


async def test_one_bad_object_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stand_in = having("good")
    stand_in.objects["uid-bad"] = thing("broken", bad=True)
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        assert watched.names() == ["good"]
        assert watched.reflector.skipped == 1
        assert "ns/broken cannot be read and is left out: bad on purpose" in caplog.text
        stand_in.emit("MODIFIED", thing("worse", uid="uid-good", bad=True))
        stand_in.emit("ADDED", thing("next"))
        await eventually(lambda: "next" in watched.names(), "the event after the bad one")
        assert watched.names() == ["good", "next"], "what was known of an object stays until it can be read again"


async def test_a_missing_crd_is_asked_for_until_it_is_there_and_the_remedy_is_said(tmp_path: Path) -> None:
    stand_in = having("a")
    for _ in range(3):
        stand_in.answer(404, "404 page not found")
    async with watching(stand_in, tmp_path, TRAINING_JOBS) as watched:
        await eventually(lambda: watched.reflector.problem, "a problem")
        assert "the CRD trainingjobs.ebbtide.dev is not installed" in watched.reflector.problem
        assert not watched.reflector.synced
        await synced(watched, stand_in)
        assert watched.reflector.problem == ""


async def test_a_refusal_names_the_remedy(tmp_path: Path) -> None:
    stand_in = having("a")
    stand_in.refuse(403, "Forbidden", 'User "x" cannot list pods')
    async with watching(stand_in, tmp_path) as watched:
        await eventually(lambda: watched.reflector.problem, "a problem")
        assert watched.reflector.problem.startswith("not allowed to list and watch pods: apply the chart's ClusterRole")
        await synced(watched, stand_in)


async def test_a_list_that_expires_between_pages_starts_again(tmp_path: Path) -> None:
    stand_in = having(*(f"pod-{number}" for number in range(700)))
    stand_in.refuse(410, "Expired", "the continue token expired", when=lambda asked: "continue" in asked.query)
    async with watching(stand_in, tmp_path) as watched:
        await synced(watched, stand_in)
        assert len(watched.store) == 700


async def test_a_sink_that_fails_does_not_end_the_reflector(tmp_path: Path) -> None:
    stand_in = having("a")
    async with running(stand_in, tmp_path) as client:
        watched = Watched(client, PODS, FAST)
        real, failures = watched.store.replace, [RuntimeError("on purpose")]

        def failing(items: dict[str, str], unseen_since: float | None) -> None:
            if failures:
                raise failures.pop()
            real(items, unseen_since)

        watched.store.replace = failing  # type: ignore[method-assign]  # the fault is the point
        task = asyncio.create_task(watched.reflector.run())
        await eventually(lambda: watched.names() == ["a"], "the second list")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
