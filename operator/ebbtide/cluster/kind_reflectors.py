"""A reflector for each further kind of workload that is served: begun when it appears, ended when it goes."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from ebbtide.cluster.client import Client
from ebbtide.cluster.discovery import served_kinds
from ebbtide.cluster.reflector import Reflector
from ebbtide.objects.errors import ApiError
from ebbtide.objects.inventory import Inventory
from ebbtide.objects.levers.kinds import BY_NAME
from ebbtide.objects.levers.kueue_workload import KUEUE_WORKLOAD
from ebbtide.objects.queueing import entry_decoder
from ebbtide.objects.resources import Resource
from ebbtide.objects.views_kind import decoder

LOOK_SECONDS: Final = 60.0
"""How often it is looked for kinds that were installed or removed: one small request."""
FIRST_SECONDS: Final = 1.0
"""How soon it is tried again while the API server has not told yet."""
PATIENCE_SECONDS: Final = 20.0
"""So long the start waits for a kind that neither is listed nor says why, as behind a conversion webhook that hangs."""
_SYNCED_SECONDS: Final = 0.05

_log = logging.getLogger(__name__)


class KindReflectors:
    """`run` never returns and never fails. What goes wrong with one kind is that kind's: see `old` and `denied`."""

    def __init__(
        self,
        client: Client,
        inventory: Inventory,
        reflector: Callable[..., Reflector[Any]],
        *,
        look_seconds: float = LOOK_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`reflector` makes one from resource, decoder and sink."""
        self._client, self._inventory, self._make = client, inventory, reflector
        self._look_seconds, self._patience = look_seconds, patience_seconds
        self._served: dict[str, Resource] = {}
        self._running: dict[str, tuple[Reflector[Any], asyncio.Task[None]]] = {}
        self._looked, self._looked_at = asyncio.Event(), 0.0

    async def run(self) -> None:
        """Look, and look again; for ever."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._look_seconds if self._looked.is_set() else FIRST_SECONDS)
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            # Who stops us closes the client next: nobody may still be reading through it.
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def synced(self) -> bool:
        """It is known what is served, and each of it was listed once, or cannot be, or takes too long to wait for."""
        if not self._looked.is_set():
            return False
        waited = time.monotonic() - self._looked_at > self._patience
        return waited or all(one.synced or one.problem for one, _ in self._running.values())

    async def wait_synced(self) -> None:
        """Return once it is so."""
        await self._looked.wait()
        while not self.synced:  # noqa: ASYNC110 - a kind may also be ready by showing a problem, and tells nobody
            await asyncio.sleep(_SYNCED_SECONDS)

    @property
    def problems(self) -> tuple[str, ...]:
        """What cannot be read now, each with its remedy."""
        return tuple(one.problem for one, _ in self._running.values() if one.problem)

    def tell(self, stale: Callable[[Reflector[Any]], str]) -> None:
        """Give the inventory what holds at this instant: which kinds may not be read, and which are too old.

        A kind is no fresher than those between it and its pods.
        """
        denied = {name: one.problem for name, (one, _) in self._running.items() if one.denied}
        old = {name: why for name, (one, _) in self._running.items() if name not in denied and (why := stale(one))}
        for name in self._running.keys() - denied.keys() - old.keys() - {KUEUE_WORKLOAD.name}:
            why = next((why for it in BY_NAME[name].between if (why := old.get(it) or denied.get(it) or "")), "")
            if why:
                old[name] = why
        self._inventory.denied, self._inventory.old = denied, old

    async def _look(self) -> None:
        try:
            served = await served_kinds(self._client, self._served)
        except ApiError as error:
            _log.warning("cannot see which kinds of workload are installed: %s", error.message)
            return
        for name in [name for name, resource in self._served.items() if served.get(name) != resource]:
            self._end(name)
        for name, resource in served.items():
            if name not in self._running:
                self._begin(name, resource)
        self._served = served
        if not self._looked.is_set():
            self._looked_at = time.monotonic()
            self._looked.set()

    def _begin(self, name: str, resource: Resource) -> None:
        reflector = self._reflector(name, resource)
        task = asyncio.create_task(reflector.run(), name=f"reflector {resource.full_name}")
        self._running[name] = (reflector, task)
        _log.info("%s are served in %s", resource.full_name, resource.api_version)

    def _reflector(self, name: str, resource: Resource) -> Reflector[Any]:
        if name == KUEUE_WORKLOAD.name:
            return self._make(resource, entry_decoder(resource), self._inventory.queue)
        return self._make(resource, decoder(BY_NAME[name], resource), self._inventory.serve(name))

    def _end(self, name: str) -> None:
        reflector, task = self._running.pop(name)
        task.cancel()
        self._inventory.drop(name)
        _log.info("%s are not served any more", reflector.resource.full_name)
