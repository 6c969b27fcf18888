"""What the executor needs to know of a kind to stop and start it. A kind is one file."""

from collections.abc import Mapping
from typing import Any, Protocol

from ebbtide.objects.resources import Resource


class Lever(Protocol):
    """Fields that stop an object of one kind. One merge patch sets them, together with the original."""

    @property
    def resource(self) -> Resource:
        """Where the objects are."""

    @property
    def stopped(self) -> Mapping[str, object]:
        """JSON pointer to the value that stops."""

    @property
    def running(self) -> Mapping[str, object]:
        """JSON pointer to the value that lets run, for objects without a stored original; empty: nobody can know it."""

    def is_over(self, document: Mapping[str, Any]) -> bool:
        """Whether it has ended for good, so that the lever moves nothing."""
