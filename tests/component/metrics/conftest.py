from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from metrics_world import RecordingBook, World
from prometheus_double import PrometheusDouble, Reply, Scraped

from ebbtide.samples import reader


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "EvidenceBook", RecordingBook)


@pytest.fixture
def double() -> Iterator[PrometheusDouble]:
    """Answers nothing useful until a test says what."""
    with PrometheusDouble(lambda _: Reply(b"{}")) as running:
        yield running


@pytest.fixture
def scraped(double: PrometheusDouble) -> Scraped:
    """Samples that the double answers from."""
    double.reply = Scraped()
    return double.reply


@pytest_asyncio.fixture
async def world(double: PrometheusDouble, recorded: None) -> AsyncIterator[Callable[..., World]]:
    """Builds adapters on the double."""
    built: list[World] = []

    def build(**settings: object) -> World:
        built.append(World(double.url, **settings))
        return built[-1]

    yield build
    for one in built:
        await one.adapter.close()
