"""Waiting for a condition with a limit and a sentence about what was missing."""

import time
from collections.abc import Callable
from typing import TypeVar

from e2e.plane.errors import PlaneError

T = TypeVar("T")


def wait_until(probe: Callable[[], T | None], what: str, timeout_seconds: float, every_seconds: float = 0.1) -> T:
    """The first truthy answer of `probe`. Raises PlaneError saying `what` did not happen in time."""
    limit = time.monotonic() + timeout_seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= limit:
            raise PlaneError(f"{what}: not within {timeout_seconds:g} s")
        time.sleep(every_seconds)
