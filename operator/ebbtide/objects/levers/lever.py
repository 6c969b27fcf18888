"""What the executor needs to know of a kind to stop and start it. A kind is one file."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from ebbtide.objects.pointer import ABSENT, look
from ebbtide.objects.resources import Resource

MOMENT: Final = "MOMENT"
"""As the value of a field that stops: the time of the stop, RFC 3339. Whatever stands there stops."""


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


def is_stopped(document: Mapping[str, Any], lever: Lever) -> bool:
    """The lever stands at its stop, whoever moved it there."""
    return bool(lever.stopped) and all(stands(document, path, value) for path, value in lever.stopped.items())


def stands(document: Mapping[str, Any], path: str, value: object) -> bool:
    """That field is at that stop."""
    found = look(document, path)
    return found not in {ABSENT, ""} if value is MOMENT else found == value
