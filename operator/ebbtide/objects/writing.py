"""The gate that every write passes: leadership, rate, and the points where tests kill the process."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from ebbtide.ports import Leadership

T = TypeVar("T")

CRASH_VARIABLE: Final = "EBBTIDE_CRASH_AT"
"""For tests only: `3:before` kills the process right before it sends its third write, `3:after` right after the
answer to it. Killing at any instruction must be safe; these two are the instants that matter."""


class NotLeaderError(Exception):
    """Another process leads, or nobody does: nothing may be written now."""


@dataclass(slots=True)
class TokenBucket:
    """client-go's habit: so many writes a second on average, and a burst. Waits, never refuses."""

    per_second: float = 20.0
    burst: int = 30
    clock: Callable[[], float] = time.monotonic
    _tokens: float = 0.0
    _at: float | None = None

    async def take(self) -> None:
        """Return when the next write may be sent."""
        now = self.clock()
        earned = self.burst if self._at is None else (now - self._at) * self.per_second
        self._tokens, self._at = min(float(self.burst), self._tokens + earned) - 1, now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self.per_second)


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Kills the process at one write; number 0 never."""

    number: int = 0
    moment: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "CrashPoint":
        """From EBBTIDE_CRASH_AT. ValueError when it is set and not NUMBER:before or NUMBER:after."""
        text = environment.get(CRASH_VARIABLE, "")
        if not text:
            return cls()
        number, _, moment = text.partition(":")
        if not number.isdigit() or moment not in {"before", "after"}:
            raise ValueError(f"{CRASH_VARIABLE}={text!r}: write NUMBER:before or NUMBER:after")
        return cls(int(number), moment)

    def reach(self, number: int, moment: str) -> None:
        """Die here, if this is the point."""
        if (number, moment) == (self.number, self.moment):
            os.kill(os.getpid(), signal.SIGKILL)


class Gate:
    """Lets writes through one by one while this process leads."""

    def __init__(self, leadership: Leadership, bucket: TokenBucket, crash: CrashPoint) -> None:
        self._leadership, self._bucket, self._crash = leadership, bucket, crash
        self.sent = 0
        """Writes sent by this process."""

    async def send(self, write: Callable[[], Awaitable[T]]) -> T:
        """Wait for the turn, ask for leadership at the last moment, send. NotLeaderError, or what `write` raises."""
        self.ask()  # what may not be sent anyway waits for no turn: a replica that resigned is done at once
        await self._bucket.take()
        self.ask()
        self.sent += 1
        number = self.sent
        self._crash.reach(number, "before")
        try:
            return await write()
        finally:
            self._crash.reach(number, "after")

    def ask(self) -> None:
        """NotLeaderError unless this process leads."""
        if not self._leadership.may_write():
            raise NotLeaderError
