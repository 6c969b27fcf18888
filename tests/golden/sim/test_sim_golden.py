"""The complete example of the contract: its figures, and the very bytes of what is printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLE = HERE / "idle-trainer-is-paused.yaml"
PROGRAM = "from ebbtide.cli.main import run; run()"


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "simulate", *arguments],
        cwd=HERE, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "name"), [("json", "idle-trainer-is-paused.json"), ("table", "idle-trainer-is-paused.txt")]
)
def test_the_example_of_the_contract_comes_out_as_recorded(form: str, name: str) -> None:
    """EBBTIDE_UPDATE_GOLDEN=1 records."""
    found, recorded = simulate("-f", EXAMPLE.name, "-o", form), HERE / name
    if os.environ.get("EBBTIDE_UPDATE_GOLDEN") == "1":
        recorded.write_text(found.stdout, encoding="utf-8")
    assert found.returncode == 0, found.stderr
    assert found.stdout == recorded.read_text(encoding="utf-8")
    assert found.stderr == ""


def test_its_figures_are_those_of_the_contract() -> None:
    recorded = json.loads((HERE / "idle-trainer-is-paused.json").read_text(encoding="utf-8"))[0]
    costs = recorded["costs"]
    one = costs["workloads"][0]
    amounts = {key: one[key] for key in ("cost", "listCost", "saved", "gpuHours")}
    assert amounts == {"cost": "8.026667", "listCost": "8.026667", "saved": "5.733333", "gpuHours": "1.166667"}
    assert (costs["unallocated"], costs["total"], costs["unpriced"]) == ("102.053333", "110.08", False)
    pauses = [action for action in recorded["actions"] if action["action"] == "Pause"]
    assert [(it["time"], it["reason"], it["failed"]) for it in pauses] == [("2026-03-02T09:10:00Z", "GPUIdle", False)]
    assert all(it["passed"] for it in recorded["expectations"])
    assert list(recorded) == ["scenario", "start", "end", "actions", "verdicts", "costs", "expectations"]
