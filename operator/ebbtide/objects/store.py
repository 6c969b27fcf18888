"""What is there now, by UID. Read on the event loop; replaced as a whole from a worker thread."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from ebbtide.core.workload import Instant

T = TypeVar("T")


class Store(Generic[T]):
    """The plain store; those with an index build on it."""

    def __init__(self) -> None:
        self._items: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._items)

    def get(self, uid: str) -> T | None:
        """The item with that UID."""
        return self._items.get(uid)

    def values(self) -> Iterable[T]:
        """All items; copy them before giving control back to the loop."""
        return self._items.values()

    def replace(self, items: dict[str, T], unseen_since: Instant | None) -> None:  # noqa: ARG002 - for those who need it
        """Everything there is; one assignment, so readers see the old or the new."""
        self._items = items

    def put(self, uid: str, item: T) -> None:
        """Created or changed."""
        self._items[uid] = item

    def remove(self, uid: str, last: T | None) -> None:  # noqa: ARG002 - for those who need it
        """Deleted."""
        self._items.pop(uid, None)
