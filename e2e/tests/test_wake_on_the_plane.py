"""What was paused for idleness comes back by a request that a gateway's series shows, on a real control plane.

A page of our own stands for the gateway. The audit log is the witness that nobody but the operator moved the lever.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest

from e2e.installation import ALONE, SERVICE_ACCOUNT, Installation, namespace
from e2e.page import Page
from e2e.tests.test_adoption import World, deployment, policy

pytestmark = pytest.mark.plane

WHERE: Final = "wake"
IDLE: Final = {"afterSeconds": 20, "warnSeconds": 6, "graceSeconds": 2, "neverUsedAfterSeconds": 60}
COUNTER: Final = 'gateway_requests_total{{destination_namespace="wake",model="{}"}}'
GAUGE: Final = 'gateway_queue_depth{destination_namespace="wake",model="queue"}'
NAMED: Final = ("gateway_requests_total", "gateway_queue_depth")
SERVERS: Final = {"chat": 2, "queue": 1, "held": 1}
"""Replicas by name."""
WORKS: Final = "busy:3 idle"
STEPS: Final = 8.0
"""Seconds: four steps in which signs are read here, and then some."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as served:
        for name in SERVERS:
            served.show(COUNTER.format(name), lambda _: 40.0)
        served.show(GAUGE, lambda _: 0.0)
        yield served


@pytest.fixture(scope="module")
def world(install: Callable[..., Installation], page: Page) -> World:
    """All servers paused, each of which has named its series."""
    names = [{"name": name, "namespaceLabel": "destination_namespace"} for name in NAMED]
    it = install(nodes=2, values={"enforcement": {"enabled": True}, **ALONE, "metrics": {"allowed": names}})
    it.prometheus.stop()
    it.prometheus.configure(it.plane.exporter.address, others=[page.address])
    it.prometheus.start(fresh=True)
    it.apply(namespace(WHERE))
    it.plane.wait_default_service_account(WHERE)
    it.apply(policy(WHERE, IDLE), *(server(name, count) for name, count in SERVERS.items()))
    found = World(it)
    for name in SERVERS:
        found.wait_paused("Deployment", name, WHERE, 120)
    return found


def server(name: str, replicas: int) -> dict[str, Any]:
    metric = "gateway_queue_depth" if name == "queue" else "gateway_requests_total"
    marks = {"ebbtide.dev/request-series": f'{metric}{{model="{name}"}}'}
    return deployment(name, WHERE, WORKS, replicas=replicas, annotations=marks)


def stays_paused(world: World, name: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = world.get("Deployment", name, WHERE)
        assert found["spec"]["replicas"] == 0
        time.sleep(0.2)


def test_a_gateway_that_starts_anew_or_is_not_seen_wakes_nobody(world: World, page: Page) -> None:
    """Its counters are reset, then it is away, then it is back as it was; and so is Prometheus."""
    page.show(COUNTER.format("chat"), lambda _: 0.0)
    stays_paused(world, "chat", STEPS)
    page.show(COUNTER.format("chat"), lambda _: None)
    stays_paused(world, "chat", STEPS)
    page.show(COUNTER.format("chat"), lambda _: 0.0)
    world.it.prometheus.stop()
    stays_paused(world, "chat", STEPS)
    world.it.prometheus.start()
    stays_paused(world, "chat", STEPS)
    told = world.it.ebbtide("explain", "deployment/chat", "-n", WHERE)
    assert 'a request that gateway_requests_total{model="chat"} shows wakes it' in " ".join(told.split())


def test_a_request_wakes_it_though_the_operator_was_killed_meanwhile(world: World, page: Page) -> None:
    world.it.operator.kill()
    page.show(COUNTER.format("chat"), lambda _: 3.0)
    time.sleep(STEPS)
    assert world.get("Deployment", "chat", WHERE)["spec"]["replicas"] == 0
    world.it.operator.start()
    found = world.wait_running("Deployment", "chat", WHERE, 60)
    assert found["spec"]["replicas"] == SERVERS["chat"], "as many as it had"
    world.it.wait("its pods", lambda: len(world.pods("chat", WHERE)) == SERVERS["chat"], 30)
    wait_told(world, "chat")
    pause = world.it.wait("the end in status", partial(ended, world, "chat"), 30)
    assert (pause["reason"], pause["by"]) == ("GPUIdle", "Policy")


def test_a_gauge_above_zero_wakes_it(world: World, page: Page) -> None:
    page.show(GAUGE, lambda _: 2.0)
    world.wait_running("Deployment", "queue", WHERE, 60)
    page.show(GAUGE, lambda _: 0.0)
    wait_told(world, "queue")
    events = world.plane.api.items(f"/apis/events.k8s.io/v1/namespaces/{WHERE}/events")
    notes = [it["note"] for it in events if it["reason"] == "Woken" and it["regarding"]["name"] == "queue"]
    assert any(note.startswith('gateway_queue_depth{model="queue"} was 2 within') for note in notes)


def test_who_is_held_by_a_human_is_not_woken_nor_by_a_request_of_that_time(world: World, page: Page) -> None:
    world.annotate("Deployment", "held", "ebbtide.dev/override=Paused", where=WHERE)
    world.wait_reason("Deployment", "held", "PausedByUser", WHERE)
    page.show(COUNTER.format("held"), lambda _: 41.0)
    stays_paused(world, "held", STEPS)
    world.annotate("Deployment", "held", "ebbtide.dev/override-", where=WHERE)
    world.wait_reason("Deployment", "held", "GPUIdle", WHERE)
    stays_paused(world, "held", STEPS)
    page.show(COUNTER.format("held"), lambda _: 42.0)
    world.wait_running("Deployment", "held", WHERE, 60)
    wait_told(world, "held")


def test_nobody_else_moved_a_lever(world: World) -> None:
    """As the audit log tells: people created and annotated; zero and what it was before, by the operator."""
    for name, replicas in SERVERS.items():
        written = list(world.plane.audit().writes(resource="deployments", namespace=WHERE, name=name, succeeded=True))
        others = [it for it in written if it.user != SERVICE_ACCOUNT and it.subresource != "status"]
        assert {it.verb for it in others} <= {"create", "patch"}
        assert not [it for it in others if it.verb == "patch" and "spec" in it.body], "annotations only"
        assert not [it for it in written if it.subresource == "scale"]
        moved = [it for it in written if it.user == SERVICE_ACCOUNT and "replicas" in it.body.get("spec", {})]
        assert [it.body["spec"]["replicas"] for it in moved][:2] == [0, replicas]


def wait_told(world: World, name: str) -> None:
    """The Event comes after the status, which comes after the lever."""
    world.it.wait("the Event", lambda: ("Resume", "Woken") in world.said("Deployment", name, WHERE), 20)


def ended(world: World, name: str) -> dict[str, Any] | None:
    """status.pause of the pause that is over."""
    pause = world.adopted("Deployment", name, WHERE).get("status", {}).get("pause") or {}
    return pause if "endTime" in pause else None
