"""One kind kept warm: list it, watch it, and list it again often enough to notice what vanished unseen."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from ebbtide.cluster.client import Client
from ebbtide.cluster.problems import reading_problem
from ebbtide.core.workload import Instant
from ebbtide.objects.document import Json
from ebbtide.objects.errors import ApiError, from_status
from ebbtide.objects.resources import Resource

T = TypeVar("T")
Decode: TypeAlias = Callable[[Json], tuple[str, T]]
"""One object's JSON to its UID and what is kept of it. Any exception: the object is logged and left out."""

_log = logging.getLogger(__name__)
_FORBIDDEN: Final = 403
_EVENTS_PER_TURN: Final = 64
"""At 20-60 µs an event this gives the loop back after a few milliseconds even in a burst."""


class Sink(Protocol[T]):
    """Where a reflector puts what it sees. `replace` runs in a worker thread and must swap in one assignment."""

    def replace(self, items: dict[str, T], unseen_since: Instant | None) -> None:
        """Everything there is. What is no longer among it vanished after `unseen_since`."""

    def put(self, uid: str, item: T) -> None:
        """Created or changed."""

    def remove(self, uid: str, last: T | None) -> None:
        """Deleted; `last` is its final state where that could be read."""

    def get(self, uid: str) -> T | None:
        """What is known of that object."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. Relists are spread by a tenth so that kinds and replicas do not list together."""

    relist: float = 720.0
    watch: float = 240.0
    first_delay: float = 0.5
    longest_delay: float = 30.0


DEFAULT_TIMING: Final = Timing()


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    uid: str = ""
    namespace: str = ""
    name: str = ""


class _Identity(msgspec.Struct):
    metadata: _Meta


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Items(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


class Reflector(Generic[T]):
    """`run` never returns and never fails; look at `synced`, `last_heard_at` and `problem` for how it goes."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        decode: Decode[T],
        sink: Sink[T],
        *,
        namespace: str = "",
        field_selector: str = "",
        clock: Callable[[], Instant] = time.time,
        timing: Timing = DEFAULT_TIMING,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.resource = resource
        self.problem = ""
        """Why nothing is heard, with the remedy; empty when all is well."""
        self.last_heard_at: Instant | None = None
        self.denied = False
        """The API server answers that it may not be read."""
        self.skipped = 0
        """Objects of the last list, and since, that could not be read."""
        self._client, self._decode, self.sink = client, decode, sink
        self._namespace, self._field_selector = namespace, field_selector
        self._clock, self._timing, self._on_change = clock, timing, on_change
        self._synced = asyncio.Event()
        self._version = ""
        self._delays = _delays(timing)

    @property
    def synced(self) -> bool:
        """A complete list has been seen; it may be old, see `last_heard_at`."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Return once the first list is complete."""
        await self._synced.wait()

    async def run(self) -> None:
        """List, watch, again; for ever."""
        while True:
            try:
                await self._list()
                await self._follow()
            except ApiError as error:
                self.denied = error.status == _FORBIDDEN
                await self._recover(reading_problem(self.resource, error))
            except Exception as error:  # noqa: BLE001 - a reflector that ends is a store that lies
                _log.exception("reading %s failed unexpectedly", self.resource.full_name)
                await self._recover(f"reading {self.resource.full_name} failed: {error!r}")

    async def _recover(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem
        await asyncio.sleep(next(self._delays))

    async def _list(self) -> None:
        unseen_since = self.last_heard_at
        found: dict[str, T] = {}
        skipped, version = 0, ""
        pages = self._client.list_pages(self.resource, namespace=self._namespace, field_selector=self._field_selector)
        async with aclosing(pages):
            async for page in pages:
                skipped += await asyncio.to_thread(_decode_page, page.body, self._decode, self.sink, found)
                version = page.resource_version
        await asyncio.to_thread(self.sink.replace, found, unseen_since)
        self._version, self.skipped = version, skipped
        self._heard()
        self._synced.set()
        self._on_change()

    async def _follow(self) -> None:
        """Watch until it is time to list again. A watch that the server ends in good order goes on from there."""
        end = time.monotonic() + self._timing.relist * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load
        while (left := end - time.monotonic()) > 0:
            lines = self._client.watch(
                self.resource,
                resource_version=self._version,
                timeout_seconds=max(1, int(min(left, self._timing.watch))),
                namespace=self._namespace,
                field_selector=self._field_selector,
            )
            async with aclosing(lines):
                await self._take_all(lines, end)
            # A server that ends watches at once must not be asked in a tight loop.
            await asyncio.sleep(self._timing.first_delay * random.random())  # noqa: S311 - spreads load

    async def _take_all(self, lines: AsyncGenerator[bytes], end: float) -> None:
        """Until the watch ends; one that outlives `end` is left at its next line."""
        count = 0
        async for line in lines:
            self._take(line)
            count += 1
            if count % _EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)
            if time.monotonic() >= end:
                return

    def _heard(self) -> None:
        self.last_heard_at = self._clock()
        self.problem, self.denied = "", False

    def _take(self, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line, type=_Event)
            if event.type == "ERROR":
                raise from_status(event.object)
            meta = msgspec.json.decode(event.object, type=_Identity).metadata
        except msgspec.DecodeError as error:
            raise ApiError(0, "UnreadableWatch", f"a watch line cannot be read: {error}") from error
        self._version = meta.resource_version
        self._heard()
        self._delays = _delays(self._timing)
        if event.type != "BOOKMARK":
            self._change(event, meta)
            self._on_change()

    def _change(self, event: _Event, meta: _Meta) -> None:
        """An update that cannot be read leaves what was known until the next list; one that changes nothing, too."""
        item = _decode_one(event.object, self._decode)
        if event.type == "DELETED":
            self.sink.remove(meta.uid, item[1] if item else None)
        elif item is None:
            self.skipped += 1
        elif self.sink.get(item[0]) != item[1]:
            self.sink.put(*item)


def _decode_page(body: bytes, decode: Decode[T], known: Sink[T], found: dict[str, T]) -> int:
    """Add the page's objects to `found`; returns how many could not be read. Runs in a worker thread.

    What has not changed stays the object that is known, under the key that is known: nothing is joined again because of
    a relist, and a process with 50,000 pods settles 10 MiB lower.
    """
    skipped = 0
    for raw in msgspec.json.decode(body, type=_Items).items or ():
        decoded = _decode_one(raw, decode)
        if decoded is None:
            skipped += 1
            continue
        uid, item = decoded
        before = known.get(uid)
        if before == item:
            uid, item = getattr(before, "uid", uid), before
        found[uid] = item
    return skipped


def _decode_one(raw: msgspec.Raw, decode: Decode[T]) -> tuple[str, T] | None:
    try:
        return decode(raw)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one object must not hide the others
        _log.warning("%s cannot be read and is left out: %s", _name(raw), error)
        return None


def _name(raw: msgspec.Raw) -> str:
    try:
        meta = msgspec.json.decode(raw, type=_Identity).metadata
    except msgspec.DecodeError:
        return "an object without metadata"
    return f"{meta.namespace}/{meta.name}".lstrip("/")


def _delays(timing: Timing) -> Iterator[float]:
    """Doubling from the first to the longest, each between half and whole, for ever."""
    delay = timing.first_delay
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        delay = min(2 * delay, timing.longest_delay)
