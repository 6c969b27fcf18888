"""Reading the API server's audit log: who wrote what, and with which body."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from e2e.plane.errors import PlaneError

# Looked for in the raw line, before it is decoded.
_WRITE_VERB = re.compile(rb'"verb":"(?:create|update|patch|delete|deletecollection)"')


@dataclass(frozen=True, slots=True)
class AuditWrite:
    """One finished write request.

    `body` is what the client sent: None for a DELETE without options and where the policy records metadata only.
    `response` is the object as it was stored. `code` is the HTTP status, `at` when it was answered, `received` when it
    arrived. A dry run changed nothing. For a create, `name` comes from the answer where the request carried none.
    """

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    body: Any
    response: Any
    code: int
    at: datetime
    received: datetime
    user_agent: str
    uri: str

    @property
    def dry_run(self) -> bool:
        return "dryRun=All" in self.uri

    @property
    def succeeded(self) -> bool:
        return 200 <= self.code < 300


def service_account(namespace: str, name: str) -> str:
    """The user name under which a ServiceAccount appears."""
    return f"system:serviceaccount:{namespace}:{name}"


class AuditLog:
    """The log from `start` (bytes into the file) to its present end; it is read anew on every call.

    The API server writes the line just after it answered, so a test that has the answer may still have to wait a
    moment for the line: `wait_for`.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._start = start

    def mark(self) -> int:
        """The present end, for `after`."""
        return self._path.stat().st_size if self._path.exists() else 0

    def after(self, mark: int) -> "AuditLog":
        """The same log from a mark on."""
        return AuditLog(self._path, mark)

    def events(
        self, containing: re.Pattern[bytes] | None = None, words: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """Recorded events as they stand in the file, all or those whose line matches `containing` and has all `words`.

        A line that is still being written is left out.
        """
        needed = [word.encode() for word in words]
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._start)
            for line in log:
                asked = all(word in line for word in needed) and (containing is None or containing.search(line))
                if asked and line.endswith(b"\n"):
                    yield json.loads(line)

    def writes(
        self,
        user: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        *,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        succeeded: bool | None = None,
    ) -> Iterator[AuditWrite]:
        """Writes in the order in which they were answered; None matches all, `subresource=""` the object itself.

        Dry runs are left out.
        """
        wanted = {
            "user": user,
            "verb": verb,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
            "succeeded": succeeded,
        }
        # Each stands somewhere in the line of every write that matches; most lines need not be decoded.
        words = [word for word in (user, verb, resource, namespace, name) if word]
        for event in self.events(_WRITE_VERB, words):
            if "objectRef" in event and event["stage"] == "ResponseComplete":
                write = _write(event)
                matches = all(value is None or getattr(write, key) == value for key, value in wanted.items())
                if matches and not write.dry_run:
                    yield write

    def wait_for(self, count: int, timeout_seconds: float = 10.0, **filters: Any) -> list[AuditWrite]:
        """At least `count` matching writes. Raises PlaneError with what was found instead."""
        limit = time.monotonic() + timeout_seconds
        while True:
            found = list(self.writes(**filters))
            if len(found) >= count:
                return found
            if time.monotonic() > limit:
                lines = "".join(f"\n  {w.verb} {w.uri} by {w.user}: {w.code}" for w in found)
                raise PlaneError(f"{len(found)} of {count} expected writes in the audit log for {filters}{lines}")
            time.sleep(0.1)


def _write(event: dict[str, Any]) -> AuditWrite:
    reference = event["objectRef"]
    response = event.get("responseObject")
    metadata = response.get("metadata") if isinstance(response, dict) else None
    return AuditWrite(
        # An impersonated request is the impersonated user's.
        user=(event.get("impersonatedUser") or event["user"]).get("username", ""),
        verb=event["verb"],
        group=reference.get("apiGroup", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name") or (metadata or {}).get("name", ""),
        body=event.get("requestObject"),
        response=response,
        code=event.get("responseStatus", {}).get("code", 0),
        at=datetime.fromisoformat(event["stageTimestamp"]),
        received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        user_agent=event.get("userAgent", ""),
        uri=event["requestURI"],
    )
