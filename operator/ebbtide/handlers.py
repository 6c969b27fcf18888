"""kopf registry: a change of one of our resources wakes the engine. No decision, no write, no annotation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any

import kopf

from ebbtide.api.labels import GROUP, VERSION

BACKOFFS = (1, 1, 2, 3, 5, 8, 13, 21)


class EndlessBackoff(Iterable[float]):
    """kopf's own back-off ends after 54 s of server errors and then the process exits; ours never ends."""

    def __iter__(self) -> Iterator[float]:
        return chain(BACKOFFS, repeat(30))


class Doorbell:
    """Rings when a spec, an annotation or a label changed, or an object came or went; not for our own status writes."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._seen: dict[str, int] = {}

    def event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """One watch event; `kind` is ADDED, MODIFIED, DELETED, or None during the first listing."""
        meta = body.get("metadata") or {}
        uid = str(meta.get("uid"))
        wish = hash(repr([meta.get(key) for key in ("generation", "annotations", "labels", "deletionTimestamp")]))
        if kind == "DELETED":
            self._seen.pop(uid, None)
        elif self._seen.get(uid) == wish:
            return
        else:
            self._seen[uid] = wish
        self._ring()


def registry(plurals: Iterable[str], wake: Callable[[], None]) -> kopf.OperatorRegistry:
    """Event handlers only: they add no finalizer, no annotation and no write of any kind."""
    found = kopf.OperatorRegistry()
    doorbell = Doorbell(wake)

    async def changed(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's own word
        doorbell.event(type, body)

    for plural in plurals:
        kopf.on.event(GROUP, VERSION, plural, registry=found)(changed)
    kopf.on.login(registry=found)(_login)
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
    found.persistence.finalizer = f"{GROUP}/unused"
    return found


async def _login(**context: Any) -> kopf.ConnectionInfo | None:
    """The pod's ServiceAccount, else the kubeconfig."""
    return kopf.login_with_service_account(**context) or kopf.login_with_kubeconfig(**context)
