"""The implementation of ports.Notifier: a queue and a thread for each receiver, so that none waits for another."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Final

import structlog

from ebbtide.core.notice import Notice
from ebbtide.notify.channels import Channel, DeliveryError, Patience, channel
from ebbtide.notify.receivers import Receiver, ReceiversError, read

log = structlog.get_logger(__name__)

QUEUE: Final = 500
"""Notices that wait for one receiver; more are dropped and counted."""
TOGETHER: Final = 20
"""Most notices in one message."""
REMEMBERED: Final = 10_000
"""Changes that were told, so that none is told twice."""


class Result(StrEnum):
    """How it ended; the label `result` of ebbtide_notifications_total."""

    Sent = "Sent"
    Failed = "Failed"
    Dropped = "Dropped"
    UnknownReceiver = "UnknownReceiver"


Count = Callable[[str, str, Result], None]
"""(receiver, event, result) of one notice."""


class Mailroom:
    """Takes notices in no time; what cannot be delivered is counted and logged, never kept for ever."""

    def __init__(self, path: Path, count: Count, *, cluster: str = "", patience: Patience | None = None) -> None:
        """`path`: the mounted file of receivers; it is read again when it changes."""
        self._path, self._count, self._cluster = path, count, cluster
        self._patience = patience or Patience()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._known: dict[str, Receiver] = {}
        self._desks: dict[str, _Desk] = {}
        self._version: tuple[int, int] | None = None
        self._read_again()

    @property
    def receivers(self) -> frozenset[str]:
        """The names in the file as it is now."""
        self._read_again()
        return frozenset(self._known)

    def notify(self, notice: Notice) -> None:
        """Queue one notice. Never blocks and never raises."""
        if notice.key in self._seen:
            return
        self._seen[notice.key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        receiver = self._known.get(notice.receiver)
        if receiver is None:
            self._count("", str(notice.event), Result.UnknownReceiver)
            return
        self._desk(receiver).put(notice)

    def close(self, within: float = 5.0) -> None:
        """Deliver what waits, for at most so many seconds."""
        end = time.monotonic() + within
        for desk in self._desks.values():
            desk.stop()
        for desk in self._desks.values():
            desk.join(max(0.0, end - time.monotonic()))

    def _desk(self, receiver: Receiver) -> "_Desk":
        desk = self._desks.get(receiver.name)
        if desk is None or desk.receiver != receiver:
            if desk is not None:
                desk.stop()
            desk = _Desk(receiver, channel(receiver, self._cluster, self._patience), self._count)
            self._desks[receiver.name] = desk
        return desk

    def _read_again(self) -> None:
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_ino)
        except OSError:
            version = (0, 0)
        if version == self._version:
            return
        self._version = version
        try:
            self._known = read(self._path)
        except ReceiversError as error:
            # What was read before still holds: a mistake in the file must not silence everybody.
            log.error("receivers cannot be read", why=str(error))  # noqa: TRY400 - a sentence for people


class _Desk:
    """One receiver's queue and thread."""

    def __init__(self, receiver: Receiver, way: Channel, count: Count) -> None:
        self.receiver = receiver
        self._way, self._count = way, count
        self._queue: Queue[Notice | None] = Queue(QUEUE)
        self._full, self._failing = False, False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"notify-{receiver.name}", daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> None:
        try:
            self._queue.put_nowait(notice)
        except Full:
            self._count(self.receiver.name, str(notice.event), Result.Dropped)
            if not self._full:
                log.warning("notifications are dropped: too many wait", receiver=self.receiver.name, waiting=QUEUE)
            self._full = True
        else:
            self._full = False

    def stop(self) -> None:
        """End once the queue is empty."""
        self._stopping.set()
        try:
            self._queue.put_nowait(None)
        except Full:
            return  # the thread finds the event when it has caught up

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        for notice in self._rest() if self._thread.is_alive() else ():
            self._count(self.receiver.name, str(notice.event), Result.Dropped)

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            batch = [*([first] if first is not None else ()), *self._rest(TOGETHER - 1)]
            if batch:
                self._deliver(batch)
            if self._stopping.is_set() and self._queue.empty():
                return

    def _rest(self, most: int = QUEUE) -> list[Notice]:
        found: list[Notice] = []
        while len(found) < most:
            try:
                notice = self._queue.get_nowait()
            except Empty:
                break
            if notice is not None:
                found.append(notice)
        return found

    def _deliver(self, batch: list[Notice]) -> None:
        """Whatever goes wrong here, the next message is tried."""
        why = ""
        try:
            self._way.send(batch)
        except DeliveryError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - a receiver must not end the thread that serves it
            why = type(error).__name__
        if why:
            log.warning("notifications were lost", receiver=self.receiver.name, lost=len(batch), why=why)
        elif self._failing:
            log.info("notifications arrive again", receiver=self.receiver.name)
        self._failing = bool(why)
        for notice in batch:
            self._count(self.receiver.name, str(notice.event), Result.Failed if why else Result.Sent)
