"""A workload as the pages show it. Tolerant: an older or newer operator may have written its status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ebbtide.api import labels
from ebbtide.cli import moment
from ebbtide.cli.environment import Object
from ebbtide.core.workload import KindClass
from ebbtide.objects.levers.kind import Kind, part
from ebbtide.objects.levers.kinds import kind_of

NONE: Final = "-"
NO_CHECKPOINT: Final = "None"
IDLE: Final = frozenset({"Idle", "NeverUsed"})


@dataclass(frozen=True, slots=True)
class Workload:
    """Reads what pages need; what is not there is `-` or None."""

    raw: Object
    """The object of ours that carries its status: a TrainingJob or an AdoptedWorkload."""
    target: Object | None = None
    """The adopted object itself, where it was read."""

    @classmethod
    def adopted(cls, target: Object, told: Object | None) -> "Workload":
        """A workload that somebody else created; `told` is its AdoptedWorkload, None where there is none yet."""
        meta = target["metadata"]
        if told is not None and _at(told, "spec", "targetRef", "uid") == meta.get("uid"):
            return cls(told, target)
        reference = {"apiVersion": target["apiVersion"], "kind": target["kind"], "name": meta["name"]}
        return cls({"metadata": {"namespace": meta.get("namespace")}, "spec": {"targetRef": reference}}, target)

    @property
    def shown(self) -> Object:
        """What -o json gives."""
        return self.raw if self.target is None or "kind" in self.raw else self.target

    @property
    def is_adopted(self) -> bool:
        """It is not of one of our kinds."""
        return _at(self.raw, "spec", "targetRef") is not None

    @property
    def kind(self) -> str:
        """Its kind, as policies name it."""
        known = self._known
        return str(known.name if known is not None else self._own_kind)

    @property
    def _own_kind(self) -> str:
        return str(_at(self.raw, "spec", "targetRef", "kind") or self.raw.get("kind") or "TrainingJob")

    @property
    def _known(self) -> Kind | None:
        """How an adopted kind ends and what it loses; None for ours, and for one that a newer operator knows."""
        return kind_of(str(_at(self.raw, "spec", "targetRef", "apiVersion") or ""), self._own_kind)

    @property
    def group(self) -> str:
        """API group of its kind; empty for the core group."""
        version = _at(self.raw, "spec", "targetRef", "apiVersion") or self.raw.get("apiVersion") or labels.API_VERSION
        return str(version).rpartition("/")[0]

    @property
    def word(self) -> str:
        """KIND/NAME as our own messages write it."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def full_word(self) -> str:
        """As `kubectl -o name` writes it."""
        return f"{self._own_kind.lower()}{'.' if self.group else ''}{self.group}/{self.name}"

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(_at(self.raw, "metadata", "namespace") or "")

    @property
    def name(self) -> str:
        """Its name."""
        return str(_at(self.raw, "spec", "targetRef", "name") or _at(self.raw, "metadata", "name") or "")

    @property
    def created(self) -> datetime | None:
        """When it was created; of an adopted one that was not read, when we first saw it."""
        return moment.parse(_at(self.target or self.raw, "metadata", "creationTimestamp"))

    @property
    def annotations(self) -> Mapping[str, str]:
        """What people wrote on it, and we."""
        return _at(self.target or self.raw, "metadata", "annotations") or {}

    @property
    def suspended_by_user(self) -> bool:
        """The switch that only our own kinds have."""
        return not self.is_adopted and _at(self.raw, "spec", "suspend") is True

    @property
    def starts_over(self) -> str:
        """Where it says that a stop loses what it has done; empty where nothing is lost."""
        if not self.is_adopted:
            mode = _at(self.raw, "spec", "checkpoint", "mode") or NO_CHECKPOINT
            return "spec.checkpoint.mode None" if mode == NO_CHECKPOINT else ""
        known = self._known
        loses = known is not None and known.kind_class is KindClass.RunToCompletion and known.stopped
        said = self.annotations.get(labels.CHECKPOINT, NO_CHECKPOINT if loses else "")
        return f"annotation {labels.CHECKPOINT}" if said == NO_CHECKPOINT else ""

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
        return str(self._end or self.condition("Succeeded").get("reason") or self.text("verdict", "reason"))

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
        return self.condition("Succeeded").get("status") in {"True", "False"} or bool(self._end)

    @property
    def _end(self) -> str:
        """How an adopted one says itself that it ended; empty while it has not, and for what never does."""
        known = self._known
        end = known.ended(part(self.target, "status")) if known is not None and self.target else None
        return str(end.reason) if end is not None else ""

    @property
    def unsupported(self) -> str:
        """Why nobody can pause it; empty where somebody can."""
        known = self._known
        return known.unsupported if known is not None else ""

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
