"""What a proxy does instead of passing a request on, and to which requests."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from e2e.faults.call import Call

Document: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """The proxy's own answer; the server behind it never hears of the request. `retry_after` in seconds, 0: none."""

    status: int
    reason: str = "InternalError"
    retry_after: int = 0

    def document(self) -> Document:
        """What the API server would say."""
        message = f"a fault test answers {self.status} {self.reason}"
        said = {"status": "Failure", "code": self.status, "reason": self.reason, "message": message}
        return {"apiVersion": "v1", "kind": "Status", "metadata": {}, **said}


@dataclass(frozen=True, slots=True)
class Expired:
    """A watch that begins well and says at once, as its first line, that its version is too old."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is torn down before the request is passed on, or (`after`) when its answer is there: lost."""

    after: bool = False


@dataclass(frozen=True, slots=True)
class Truncated:
    """The answer announces its whole length, and the connection is torn down halfway."""


@dataclass(frozen=True, slots=True)
class Late:
    """The request is passed on after so many seconds; an open watch shows nothing for as long as the fault lasts."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Changed:
    """The real answer, with its JSON changed on the way."""

    change: Callable[[Document], Document]


@dataclass(frozen=True, slots=True)
class Struck:
    """`strike` is called, before the request is passed on or (`after`) when its answer is there; the answer is lost."""

    strike: Callable[[], None]
    after: bool = False


Effect: TypeAlias = Answer | Expired | Cut | Truncated | Late | Changed | Struck


@dataclass(frozen=True, slots=True)
class Fault:
    """An effect on the calls that match. Empty verbs and resources match all; `subresource` and `says` None too.

    `says` looks at the JSON that the request carries; empty for none, and for what is no JSON object.
    """

    effect: Effect
    verbs: Collection[str] = ()
    resources: Collection[str] = ()
    subresource: str | None = None
    names: str = "*"
    says: Callable[[Document], bool] | None = None

    def hits(self, call: Call, body: bytes = b"") -> bool:
        return (
            (not self.verbs or call.verb in self.verbs)
            and (not self.resources or call.resource in self.resources)
            and self.subresource in {None, call.subresource}
            and fnmatchcase(call.name, self.names)
            and (self.says is None or self.says(_document(body)))
        )


def _document(body: bytes) -> Document:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
