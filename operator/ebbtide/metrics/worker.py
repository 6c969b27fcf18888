"""The one thread that talks to the metrics source. The client is synchronous, and its connection is not shared."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from ebbtide.samples.ticket import Ticket

T = TypeVar("T")
_Job = Callable[[], None]


class WorkerBusyError(Exception):
    """The thread still runs an earlier job."""


class Worker:
    """Runs one job at a time in a daemon thread: a hung connection must not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """True while a job runs, waited for or not."""
        return not self._idle.is_set()

    async def run(self, job: Callable[[Ticket], T], seconds: float) -> T:
        """The job's result or exception.

        Raises TimeoutError after `seconds` (the job is told by its ticket, the thread stays busy until it returns) and
        WorkerBusyError while an earlier job runs.
        """
        if self.busy:
            raise WorkerBusyError
        self._idle.clear()
        self._start()
        ticket = Ticket()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put(lambda: self._do(job, ticket, loop, done))
        try:
            return await asyncio.wait_for(done, seconds)
        finally:
            ticket.give_up()

    def close(self, last: _Job) -> None:
        """Lets the thread end after its job and this last one; does not wait."""
        self._start()
        self._jobs.put(last)
        self._jobs.put(None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _do(
        self, job: Callable[[Ticket], T], ticket: Ticket, loop: asyncio.AbstractEventLoop, done: "asyncio.Future[T]"
    ) -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = job(ticket)
        except Exception as raised:  # noqa: BLE001  # handed to the caller, who decides
            error = raised
        self._idle.set()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, done, result, error)


def _settle(done: "asyncio.Future[T]", result: T | None, error: Exception | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result
