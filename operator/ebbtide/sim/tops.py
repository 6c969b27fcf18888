"""The topmost owners: every piece of work by the name that people give it."""

from ebbtide.objects.document import Document
from ebbtide.sim.clock import SimulatedClock
from ebbtide.sim.crew import Top, runs_to_completion
from ebbtide.sim.identity import Identity, controller_of, identity_of
from ebbtide.sim.ledger import Account
from ebbtide.sim.object_store import ObjectStore
from ebbtide.sim.result import WorkloadName

_HIGHEST = 16
"""Owners above owners; more is a circle."""


class Tops:
    """By UID, in the order of first sight; those that were deleted stay."""

    def __init__(self, store: ObjectStore, clock: SimulatedClock) -> None:
        self._store, self._clock = store, clock
        self._by_uid: dict[str, Top] = {}
        self.all: list[Top] = []
        """In order of first sight."""
        self._by_name: dict[tuple[str, str, str], list[Top]] = {}

    def named(self, identity: Identity) -> Top | None:
        """The one of that name that is there now."""
        there = self._store.get(identity)
        return self._by_uid.get(there["metadata"]["uid"]) if there else None

    def of(self, document: Document) -> Top:
        """The topmost owner of an object, which may be the object itself."""
        for _ in range(_HIGHEST):
            owner = controller_of(document)
            above = self._store.by_uid(owner["uid"]) if owner else None
            if above is None:
                break
            document = above
        return self._by_uid.get(document["metadata"]["uid"]) or self._new(document)

    def of_name(self, namespace: str, kind: str, name: str) -> list[Top]:
        """All that ever had that name, the newest last."""
        return self._by_name.get((namespace, kind, name), [])

    def removed(self, uid: str) -> None:
        """That object is deleted."""
        top = self._by_uid.get(uid)
        if top is not None and top.removed_at is None:
            top.removed_at = self._clock.second
            top.account.end(self._clock.second)

    def _new(self, document: Document) -> Top:
        identity, now = identity_of(document), self._clock.second
        name = WorkloadName(identity.namespace, identity.kind, identity.name, document["apiVersion"])
        uid = document["metadata"]["uid"]
        top = Top(name, identity, uid, now, Account(runs_to_completion(identity.kind), now))
        self._by_uid[uid] = top
        self.all.append(top)
        self._by_name.setdefault((name.namespace, name.kind, name.name), []).append(top)
        return top
