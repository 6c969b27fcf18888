"""ClusterCostPolicy: a CostPolicy for many namespaces, before or after those of the namespaces themselves."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from ebbtide.api.cost_policy import CostPolicySpec, CostPolicyStatus
from ebbtide.api.resource import ACCEPTED, AGE, Column, Definition, Resource
from ebbtide.api.selector import LabelSelector


class Precedence(StrEnum):
    """Its place in the order in which policies are asked."""

    Default = "Default"
    Mandatory = "Mandatory"


class ClusterCostPolicySpec(CostPolicySpec):
    """Which workloads of which namespaces, and what may be done to them."""

    namespace_selector: LabelSelector | None = None
    """Labels of the namespace, kubernetes.io/metadata.name included. Absent or {}: every namespace."""
    precedence: Precedence = Precedence.Default
    """Default: governs what no CostPolicy of the namespace does. Mandatory: before all others, named ones included."""
    selector: LabelSelector
    """Labels of the workload object itself; {} selects all of the selected namespaces."""


class ClusterCostPolicy(Resource):
    """Says what may be done to the workloads of many namespaces.

    As CostPolicy, for the namespaces that its namespaceSelector selects. Exactly one policy governs a workload.
    """

    definition: ClassVar = Definition(
        kind="ClusterCostPolicy",
        plural="clustercostpolicies",
        singular="clustercostpolicy",
        short_name="ccostpol",
        scope="Cluster",
        columns=(
            Column("MODE", ".spec.mode", description="Observe or Enforce."),
            Column("PRECEDENCE", ".spec.precedence", description="Default or Mandatory."),
            Column("SELECTED", ".status.selected", "integer", "Workloads it governs."),
            Column("IDLE", ".status.idle", "integer", "Of these, idle."),
            Column("PAUSED", ".status.paused", "integer", "Of these, paused."),
            ACCEPTED,
            AGE,
        ),
    )

    spec: ClusterCostPolicySpec
    """Which workloads, and what may be done to them."""
    status: CostPolicyStatus = Field(default_factory=CostPolicyStatus)
    """What the policy reaches. Written by the operator only."""
