"""The probes and /metrics over real HTTP on this machine."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry, Gauge

from ebbtide.server import CONTENT_TYPE, Probes, Server


@dataclass
class Running:
    url: str
    live: str = ""
    ready: str = ""

    async def get(self, path: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text(), answer.headers["Content-Type"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Running]:
    registry, port = CollectorRegistry(), free_port()
    Gauge("ebbtide_metrics_up", "up", registry=registry).set(1)
    running = Running(f"http://127.0.0.1:{port}")
    served = Server(registry, Probes(lambda: running.live, lambda: running.ready), "127.0.0.1", port)
    await served.start()
    yield running
    await served.stop()


async def test_probes_answer_ok(server: Running) -> None:
    assert (await server.get("/healthz"))[:2] == (200, "ok\n")
    assert (await server.get("/readyz"))[:2] == (200, "ok\n")


async def test_each_probe_says_what_is_wrong(server: Running) -> None:
    server.live, server.ready = "no tick was finished for 400 s", "pods have not been listed yet"
    assert (await server.get("/healthz"))[:2] == (503, "no tick was finished for 400 s\n")
    assert (await server.get("/readyz"))[:2] == (503, "pods have not been listed yet\n")


async def test_metrics_are_served_as_prometheus_reads_them(server: Running) -> None:
    status, body, kind = await server.get("/metrics")
    assert (status, kind) == (200, CONTENT_TYPE)
    assert "ebbtide_metrics_up 1.0" in body


async def test_a_server_that_never_started_can_be_stopped() -> None:
    await Server(CollectorRegistry(), Probes(str, str), "127.0.0.1", 0).stop()


async def test_a_taken_address_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        served = Server(CollectorRegistry(), Probes(str, str), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            await served.start()
        await served.stop()
