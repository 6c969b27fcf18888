"""kopf registry: a change of one of our resources wakes the engine. No logic, no writes, no annotations."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import kopf

GROUP, VERSION = "ebbtide.dev", "v1alpha1"
BACKOFFS = (1, 1, 2, 3, 5, 8, 13, 21)


class EndlessBackoff(Iterable[float]):
    """kopf's own back-off ends after 54 s of server errors and then the process exits; ours never ends."""

    def __iter__(self) -> Iterator[float]:
        return chain(BACKOFFS, repeat(30))


def registry(plurals: Iterable[str], wake: Callable[[], None]) -> kopf.OperatorRegistry:
    """Event handlers only: they add no finalizer, no annotation and no write of any kind."""
    found = kopf.OperatorRegistry()

    async def changed(**_: Any) -> None:
        wake()

    for plural in plurals:
        kopf.on.event(GROUP, VERSION, plural, registry=found)(changed)
    return found


def settings() -> kopf.OperatorSettings:
    """Settings that keep kopf to the one thing it does here."""
    found = kopf.OperatorSettings()
    found.peering.standalone = True
    found.posting.enabled = False
    found.scanning.disabled = True
    found.watching.chunk_size = 500
    found.networking.request_timeout = 30
    found.networking.connect_timeout = 10
    found.networking.error_backoffs = EndlessBackoff()
    found.persistence.finalizer = "ebbtide.dev/unused"
    return found
