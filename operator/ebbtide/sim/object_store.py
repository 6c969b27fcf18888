"""All objects of the simulated cluster. Documents are never changed in place: whoever holds one keeps what it was."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

from ebbtide.objects.document import Document
from ebbtide.objects.views_meta import rfc3339
from ebbtide.ports import Clock
from ebbtide.sim.identity import Identity, identity_of

Listener: TypeAlias = Callable[[Identity, Document | None, Document | None], None]
"""Identity, the object before (None: created) and after (None: removed)."""

_UIDS: Final = UUID("6b9f1f5e-7d0a-5c1e-9d54-0d1c2b7a9e11")
"""UIDs are made from names, so that the same file gives the same bytes."""


def uid_of(identity: Identity, number: int = 0) -> str:
    """The UID of the object that is the `number`-th of its name."""
    return str(uuid5(_UIDS, "\n".join((*identity, str(number)))))


class ObjectStore:
    """Objects by identity and by UID, with versions, and those who listen."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[Identity, Document] = {}
        self._by_uid: dict[str, Identity] = {}
        self._by_owner: dict[str, dict[Identity, None]] = {}
        self._by_kind: dict[tuple[str, str], dict[Identity, None]] = {}
        self._made: dict[Identity, int] = {}
        self._version = 0
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """From now on, in the order of listening."""
        self._listeners.append(listener)

    def get(self, identity: Identity) -> Document | None:
        """One object. To be read only."""
        return self._objects.get(identity)

    def by_uid(self, uid: str) -> Document | None:
        """One object."""
        identity = self._by_uid.get(uid)
        return self._objects[identity] if identity else None

    def owned_by(self, uid: str) -> list[Identity]:
        """Objects with an owner reference to that UID, in order of creation."""
        return list(self._by_owner.get(uid, ()))

    def of_kind(self, group: str, kind: str) -> Iterable[Identity]:
        """In order of creation; not to be changed meanwhile."""
        return self._by_kind.get((group, kind), {}).keys()

    def within(self, namespace: str) -> list[Identity]:
        """All objects of a namespace, or all cluster-scoped ones, in order of creation."""
        return [identity for identity in self._objects if identity.namespace == namespace]

    def new_uid(self, identity: Identity) -> str:
        """The UID of the next object of that name."""
        return uid_of(identity, self._made.get(identity, 0))

    def create(self, document: Mapping[str, Any]) -> Document:
        """A new object; the caller has looked that the name is free. Its own UID and creation time are kept."""
        identity = identity_of(document)
        given = document["metadata"]
        meta = {
            **given,
            "uid": given.get("uid") or self.new_uid(identity),
            "resourceVersion": self._next(),
            "generation": 1,
            "creationTimestamp": given.get("creationTimestamp") or rfc3339(self._clock.now()),
        }
        self._made[identity] = self._made.get(identity, 0) + 1
        stored = {**document, "metadata": meta}
        self._objects[identity] = stored
        self._by_uid[meta["uid"]] = identity
        self._by_kind.setdefault(identity[:2], {})[identity] = None
        for owner in meta.get("ownerReferences") or ():
            self._by_owner.setdefault(owner["uid"], {})[identity] = None
        self._tell(identity, None, stored)
        return stored

    def replace(self, before: Document, after: Mapping[str, Any]) -> Document:
        """`after` in place of `before`; nothing happens where they say the same."""
        if after == before:
            return before
        identity, old = identity_of(before), before["metadata"]
        news = before.get("spec") != after.get("spec")
        fixed = {"uid": old["uid"], "creationTimestamp": old["creationTimestamp"], "resourceVersion": self._next()}
        meta = {**after["metadata"], **fixed, "generation": old["generation"] + news}
        stored = {**after, "metadata": meta}
        self._objects[identity] = stored
        if meta.get("ownerReferences") != old.get("ownerReferences"):
            self._reown(identity, old, meta)
        self._tell(identity, before, stored)
        return stored

    def remove(self, identity: Identity) -> Document | None:
        """The object as it was, and nothing of what it owns."""
        gone = self._objects.pop(identity, None)
        if gone is None:
            return None
        meta = gone["metadata"]
        del self._by_uid[meta["uid"]]
        del self._by_kind[identity[:2]][identity]
        self._reown(identity, meta, {})
        self._tell(identity, gone, None)
        return gone

    def _reown(self, identity: Identity, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for owner in old.get("ownerReferences") or ():
            self._by_owner.get(owner["uid"], {}).pop(identity, None)
        for owner in new.get("ownerReferences") or ():
            self._by_owner.setdefault(owner["uid"], {})[identity] = None

    def _next(self) -> str:
        self._version += 1
        return str(self._version)

    def _tell(self, identity: Identity, before: Document | None, after: Document | None) -> None:
        for listener in self._listeners:
            listener(identity, before, after)
