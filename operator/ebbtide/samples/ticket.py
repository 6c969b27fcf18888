"""Permission of a job to touch what it shares with a caller who may stop waiting."""

import contextlib
import threading
from collections.abc import Iterator


class Cancelled(Exception):  # noqa: N818  # says what happened, as asyncio's own does
    """Raised inside a job whose caller has stopped waiting."""


class Ticket:
    """Lets a job touch what it shares with its caller only while the caller waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_up = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A short stretch of work that the caller cannot leave in the middle. Raises Cancelled once it has left."""
        with self._lock:
            if self._given_up:
                raise Cancelled
            yield

    def check(self) -> None:
        """Raises Cancelled when nobody waits any more."""
        if self._given_up:
            raise Cancelled

    def give_up(self) -> None:
        """After this no stretch begins; waits for the one that runs."""
        with self._lock:
            self._given_up = True
