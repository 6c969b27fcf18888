"""A TrainingJob object as the pages show it. Tolerant: an older or newer operator may have written its status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ebbtide.api import labels
from ebbtide.cli import moment
from ebbtide.cli.environment import Object

NONE: Final = "-"
IDLE: Final = frozenset({"Idle", "NeverUsed"})


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Reads what pages need out of `raw`; what is not there is `-` or None."""

    raw: Object

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(_at(self.raw, "metadata", "namespace") or "")

    @property
    def name(self) -> str:
        """Its name."""
        return str(_at(self.raw, "metadata", "name") or "")

    @property
    def created(self) -> datetime | None:
        """When it was created."""
        return moment.parse(_at(self.raw, "metadata", "creationTimestamp"))

    @property
    def annotations(self) -> Mapping[str, str]:
        """What people wrote on it, and we."""
        return _at(self.raw, "metadata", "annotations") or {}

    @property
    def suspended_by_user(self) -> bool:
        """The user's own switch."""
        return _at(self.raw, "spec", "suspend") is True

    def text(self, *path: str) -> str:
        """A value of the status; `-` where it is absent."""
        value = _at(self.raw, "status", *path)
        return NONE if value is None or value == "" else str(value)

    def time(self, *path: str) -> datetime | None:
        """A time of the status."""
        return moment.parse(_at(self.raw, "status", *path))

    def items(self, *path: str) -> Sequence[Mapping[str, Any]]:
        """A list of the status."""
        found = _at(self.raw, "status", *path)
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    def words(self, *path: str) -> list[str]:
        """A list of plain words in the status."""
        found = _at(self.raw, "status", *path)
        return [str(one) for one in found] if isinstance(found, list) else []

    def condition(self, kind: str) -> Mapping[str, Any]:
        """A condition; empty where it is absent."""
        return next((one for one in self.items("conditions") if one.get("type") == kind), {})

    @property
    def verdict(self) -> str:
        """What its devices show."""
        return self.text("verdict", "value")

    @property
    def reason(self) -> str:
        """The deciding reason, as `kubectl get` shows it under STATE; the verdict's before there is one."""
        return str(self.condition("Succeeded").get("reason") or self.text("verdict", "reason"))

    @property
    def idle(self) -> bool:
        """Nobody uses its devices."""
        return self.verdict in IDLE

    @property
    def paused(self) -> bool:
        """Ebbtide or a human keeps it from running."""
        return self.condition("Paused").get("status") == "True"

    @property
    def finished(self) -> bool:
        """It ended, well or badly."""
        return self.condition("Succeeded").get("status") in {"True", "False"}

    @property
    def policy(self) -> str:
        """Kind/name of the governing policy."""
        kind, name = self.text("policy", "kind"), self.text("policy", "name")
        return NONE if name == NONE else f"{kind}/{name}"

    @property
    def override(self) -> str:
        """Paused, Running, or nothing: the human's word as it stands on the object."""
        return str(self.annotations.get(labels.OVERRIDE, ""))


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
