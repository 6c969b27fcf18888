"""AdoptedWorkload: what the operator says about a workload that somebody else created. Nobody else writes it."""

import hashlib
from typing import Annotated, ClassVar, Final

from pydantic import Field, StringConstraints

from ebbtide.api.fields import Message, ObjectName
from ebbtide.api.model import ApiModel, Rule
from ebbtide.api.resource import AGE, Column, Definition, Resource, condition_path
from ebbtide.api.training_job_status import ReasonText, WorkloadStatus

NAME_LIMIT: Final = 253
_HASH_LENGTH: Final = 8
_OWN_NAMES: Final = frozenset({"", "apps", "batch"})
"""API groups whose kinds everybody knows: their names need no group."""


def adopted_name(api_version: str, kind: str, name: str) -> str:
    """Name of the AdoptedWorkload of an object: `<kind>-<name>`, with `.<group>` after a kind of another group.

    Over 253 characters the first 244, a dash and 8 hex digits of the SHA-256 of the whole.
    """
    group = api_version.rpartition("/")[0]
    place = kind.lower() if group in _OWN_NAMES else f"{kind.lower()}.{group}"
    whole = f"{place}-{name}"
    if len(whole) <= NAME_LIMIT:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_HASH_LENGTH]
    # A dot before the dash would not be a name.
    return f"{whole[: NAME_LIMIT - _HASH_LENGTH - 1].rstrip('.')}-{digest}"


class TargetRef(ApiModel):
    """One object, and no other of its name."""

    api_version: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=317)]
    """Group and version, for example apps/v1."""
    kind: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=63)]
    """Kind, for example Deployment."""
    name: ObjectName
    """Name, in the same namespace."""
    uid: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
    """UID: an object that is created anew under the same name gets a new AdoptedWorkload."""


class AdoptedWorkloadSpec(ApiModel):
    """Which workload this is about."""

    rules: ClassVar = (
        Rule(
            "self.targetRef == oldSelf.targetRef",
            "targetRef cannot be changed: the operator writes one AdoptedWorkload for each object",
            ".targetRef",
        ),
    )

    target_ref: TargetRef
    """The object. Cannot be changed."""


class Recommendation(ApiModel):
    """What would make it cheaper."""

    reason: ReasonText
    """Why, for example OverRequested."""
    message: Message = ""
    """What to change, as a sentence with the numbers behind it."""


class AdoptedWorkloadStatus(WorkloadStatus):
    """What Ebbtide sees and does."""

    recommendation: Recommendation | None = None
    """What would make it cheaper. Never set yet."""
    observed_spec: Annotated[str, StringConstraints(max_length=64)] | None = None
    """Hash of the workload's spec without the field that pauses it, as this status was written."""


class AdoptedWorkload(Resource):
    """What Ebbtide sees of a workload that a policy selects and that is not of an Ebbtide kind, and what it does to it.

    Written by the operator only. What people want is said with annotations on the workload itself.
    """

    definition: ClassVar = Definition(
        kind="AdoptedWorkload",
        plural="adoptedworkloads",
        singular="adoptedworkload",
        short_name="adopted",
        scope="Namespaced",
        columns=(
            Column("KIND", ".spec.targetRef.kind", description="Kind of the workload."),
            Column("VERDICT", ".status.verdict.value", description="What its devices show."),
            Column("REASON", condition_path("Succeeded", "reason"), description="The deciding reason."),
            Column("GPUS", ".status.gpus", "integer", "Accelerators held now."),
            Column("CLASS", ".status.capacityClass", description="Kind of capacity; the last one used while paused."),
            Column("COST/H", ".status.cost.hourly", description="Cost of one hour now."),
            Column("TOTAL", ".status.cost.total", description="Cost so far; not counted yet."),
            Column("SAVED", ".status.cost.saved", description="Saved so far; not counted yet."),
            AGE,
        ),
    )

    spec: AdoptedWorkloadSpec
    """Which workload this is about."""
    status: AdoptedWorkloadStatus = Field(default_factory=AdoptedWorkloadStatus)
    """What Ebbtide sees and does. Written by the operator only."""
