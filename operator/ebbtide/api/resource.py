"""What all our kinds have in common: metadata, names, scope, printer columns."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from ebbtide.api.fields import Timestamp
from ebbtide.api.labels import API_VERSION
from ebbtide.api.model import ApiModel


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; priority 1 shows it only with -o wide."""

    name: str
    json_path: str
    type: Literal["string", "integer", "date"] = "string"
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """Names and scope of a kind, and how `kubectl get` shows it."""

    kind: str
    plural: str
    singular: str
    short_name: str
    scope: Literal["Namespaced", "Cluster"]
    columns: tuple[Column, ...] = field(default=())


class ObjectMeta(ApiModel):
    """The part of metadata that Ebbtide reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Resource(ApiModel):
    """An object of one of our kinds. Subclasses add spec and status."""

    definition: ClassVar[Definition]

    metadata: ObjectMeta

    def to_dict(self) -> dict[str, Any]:
        """The manifest."""
        fields = super().to_dict()
        fields["metadata"] = {name: value for name, value in fields["metadata"].items() if value}
        return {"apiVersion": API_VERSION, "kind": self.definition.kind, **fields}


def condition_path(condition_type: str, field_name: str) -> str:
    """JSONPath of one field of one condition, for a column."""
    return f'.status.conditions[?(@.type=="{condition_type}")].{field_name}'


ACCEPTED = Column("ACCEPTED", condition_path("Accepted", "status"), description="Whether the object is used.")
AGE = Column("AGE", ".metadata.creationTimestamp", "date", "Time since creation.")
