"""What kubectl explain says of fields that this version reads and does nothing with, against the code."""

import ast
import re
from pathlib import Path

import ebbtide
from ebbtide.api.schema import NO_EFFECT
from tests.unit.api.schema_nodes import every_node

PACKAGE = Path(ebbtide.__file__).parent
MARKED = {f"{kind}{path}" for kind, path, node in every_node() if NO_EFFECT in node.get("description", "")}
POLICY = {"offPeak", "spot", "placement", "rightSizing"}
WITHOUT_EFFECT = {
    *(f"{kind}.spec.{field}" for kind in ("CostPolicy", "ClusterCostPolicy") for field in POLICY),
    *(f"TrainingJob.spec.{field}" for field in ("interruptible", "resize", "ttlSecondsAfterFinished")),
    *(f"PriceCatalog.spec.{field}" for field in ("storage", "egress", "energy", "tariffs", "nodes[].onPrem")),
    *(f"PriceCatalog.spec.nodeSplit.{rate}Hourly" for rate in ("gpu", "cpu", "memoryGiB")),
}
ALSO_OTHERS = {"energy"}
"""Fields whose names stand for something else too: nobody can tell by the name alone that they are not read."""


def is_below(path: str, field: str) -> bool:
    return path.startswith((f"{field}.", f"{field}[]"))


def test_all_fields_without_effect_say_so_with_all_that_is_below_them():
    assert {path for path in MARKED if not any(is_below(path, other) for other in MARKED)} == WITHOUT_EFFECT
    below = {
        f"{kind}{path}"
        for kind, path, node in every_node()
        if any(is_below(f"{kind}{path}", field) for field in WITHOUT_EFFECT) and "description" in node
    }
    assert "CostPolicy.spec.offPeak.windows[].start" in below
    assert below <= MARKED


def test_no_code_reads_a_field_that_is_said_to_have_no_effect():
    fields = {re.sub("(?=[A-Z])", "_", field.rpartition(".")[2]).lower() for field in WITHOUT_EFFECT} - ALSO_OTHERS
    assert {"off_peak", "on_prem", "ttl_seconds_after_finished"} <= fields
    files = [file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] != "api"]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    assert fields & {node.attr for node in nodes if isinstance(node, ast.Attribute)} == set()
