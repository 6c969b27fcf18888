"""Capacity classes: what a node's labels say about the terms on which it runs."""

from collections.abc import Mapping

from ebbtide.api.vocabulary import CapacityClass

LABELLED: tuple[tuple[str, str, CapacityClass], ...] = (
    ("karpenter.sh/capacity-type", "spot", CapacityClass.Spot),
    ("karpenter.sh/capacity-type", "on-demand", CapacityClass.OnDemand),
    ("karpenter.sh/capacity-type", "reserved", CapacityClass.Reserved),
    ("eks.amazonaws.com/capacityType", "SPOT", CapacityClass.Spot),
    ("eks.amazonaws.com/capacityType", "ON_DEMAND", CapacityClass.OnDemand),
    ("eks.amazonaws.com/capacityType", "CAPACITY_BLOCK", CapacityClass.Reserved),
    ("cloud.google.com/gke-spot", "true", CapacityClass.Spot),
    ("cloud.google.com/gke-preemptible", "true", CapacityClass.Spot),
    ("cloud.google.com/gke-provisioning", "spot", CapacityClass.Spot),
    ("cloud.google.com/gke-provisioning", "standard", CapacityClass.OnDemand),
    ("kubernetes.azure.com/scalesetpriority", "spot", CapacityClass.Spot),
    ("kubernetes.azure.com/scalesetpriority", "regular", CapacityClass.OnDemand),
)
"""Label, value and what it means. What nothing says is Unknown: "not spot" is never taken for on-demand."""


def labelled_class(labels: Mapping[str, str]) -> CapacityClass:
    """The class that the node's labels state; Unknown when they state none."""
    for label, value, meaning in LABELLED:
        if labels.get(label) == value:
            return meaning
    return CapacityClass.Unknown
