"""Faults that a test switches on by `POST /control`, with the shape checked at the door.

    {"omit": {"ml/train-*": ["DCGM_FI_PROF_*"]},    series that are missing; "*" is every pod and free device
     "values": {"ml/train-0": {"DCGM_FI_DEV_GPU_UTIL": 150, "DCGM_FI_PROF_DRAM_ACTIVE": "NaN"}},
     "unlabel": ["ml/train-0"],                     rows that lose container, namespace and pod
     "activity": {"ml/train-*": "busy:40 idle"},    instead of the pod's annotation
     "freeze": true,                                the same text for ever
     "status": 503,                                 an answer without metrics
     "delay_seconds": 5}

Only the keys that are sent change; null puts one back, and `DELETE /control` all of them. Patterns are those of the
shell and match `namespace/pod`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat

from e2e.exporter.exposition import FIELD_NAMES, Row

_POD_LABELS = ("container", "namespace", "pod")


class Change(BaseModel):
    """The body of `POST /control`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=True)

    omit: dict[str, list[str]] | None = None
    values: dict[str, dict[str, float | str]] | None = None
    unlabel: list[str] | None = None
    activity: dict[str, str] | None = None
    freeze: bool | None = None
    status: int | None = None
    delay_seconds: NonNegativeFloat | None = None


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong at present; nothing by default."""

    omit: Mapping[str, list[str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    unlabel: tuple[str, ...] = ()
    activity: Mapping[str, str] = field(default_factory=dict)
    freeze: bool = False
    status: int | None = None
    delay_seconds: float = 0.0

    def changed(self, change: Change) -> "Faults":
        """With the keys that the change carries; null is that key's default."""
        sent: dict[str, Any] = {name: getattr(change, name) for name in change.model_fields_set}
        healthy = Faults()
        new = {name: getattr(healthy, name) if value is None else value for name, value in sent.items()}
        if "unlabel" in new:
            new["unlabel"] = tuple(new["unlabel"])
        return replace(self, **new)

    def activity_of(self, pod: str) -> str | None:
        """The activity text that overrides the pod's own; the last matching pattern wins."""
        found = [text for pattern, text in self.activity.items() if fnmatchcase(pod, pattern)]
        return found[-1] if found else None

    def spoil(self, pod: str, row: Row) -> Row:
        """The row of one device as the faults leave it."""
        values = dict(row.values)
        for name in FIELD_NAMES:
            for pattern, fields in self.values.items():
                if fnmatchcase(pod, pattern) and name in fields:
                    values[name] = float(fields[name])
            for pattern, globs in self.omit.items():
                if fnmatchcase(pod, pattern) and any(fnmatchcase(name, glob) for glob in globs):
                    values.pop(name, None)
        if any(fnmatchcase(pod, pattern) for pattern in self.unlabel):
            return Row({**row.labels, **dict.fromkeys(_POD_LABELS, "")}, values)
        return Row(row.labels, values)
