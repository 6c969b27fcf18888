"""Models to CustomResourceDefinitions."""

from typing import Any, Final

from ebbtide.api.adopted_workload import AdoptedWorkload
from ebbtide.api.cluster_cost_policy import ClusterCostPolicy
from ebbtide.api.cost_policy import CostPolicy
from ebbtide.api.labels import CATEGORY, GROUP, VERSION
from ebbtide.api.price_catalog import PriceCatalog
from ebbtide.api.resource import Column, Resource
from ebbtide.api.schema import structural_schema
from ebbtide.api.training_job import TrainingJob

KINDS: Final[tuple[type[Resource], ...]] = (TrainingJob, CostPolicy, ClusterCostPolicy, AdoptedWorkload, PriceCatalog)
"""Every kind that this version serves."""


def crd_name(model: type[Resource]) -> str:
    """Name of the CRD, for example trainingjobs.ebbtide.dev."""
    return f"{model.definition.plural}.{GROUP}"


def custom_resource_definition(model: type[Resource]) -> dict[str, Any]:
    """The CRD of one kind, apiextensions.k8s.io/v1. Raises UnsupportedSchemaError."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(model)},
        "spec": {
            "group": GROUP,
            "scope": model.definition.scope,
            "names": _names(model),
            "versions": [_version(model)],
        },
    }


def _names(model: type[Resource]) -> dict[str, Any]:
    definition = model.definition
    return {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.singular,
        "shortNames": [definition.short_name],
        "categories": [CATEGORY],
    }


def _version(model: type[Resource]) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in model.definition.columns],
        "schema": {"openAPIV3Schema": _root_schema(model)},
    }


def _column(column: Column) -> dict[str, Any]:
    entry = {"name": column.name, "type": column.type, "jsonPath": column.json_path, "description": column.description}
    return entry | {"priority": column.priority} if column.priority else entry


def _root_schema(model: type[Resource]) -> dict[str, Any]:
    """The model's schema with the fields that every object has."""
    schema = structural_schema(model)
    envelope = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
        "kind": {"type": "string", "description": model.definition.kind},
        # Only so that rules about the name can point at it; all else about metadata is the API server's.
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    required = [name for name in schema["required"] if name != "metadata"]
    return schema | {"properties": schema["properties"] | envelope, "required": required}
