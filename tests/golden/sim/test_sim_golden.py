"""The complete example of the contract: its figures, and the very bytes of what is printed."""

import json
import os
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebbtide.cli.commands.simulate_command import command

HERE = Path(__file__).parent
EXAMPLE = HERE / "idle-trainer-is-paused.yaml"


def simulate(*arguments: str) -> Result:
    """In this process: that the program does the same as a process of its own is tests/component/sim."""
    with chdir(HERE):
        return CliRunner(env={"COLUMNS": "120"}).invoke(command, arguments, standalone_mode=False)


@pytest.mark.parametrize(
    ("form", "name"), [("json", "idle-trainer-is-paused.json"), ("table", "idle-trainer-is-paused.txt")]
)
def test_the_example_of_the_contract_comes_out_as_recorded(form: str, name: str) -> None:
    """EBBTIDE_UPDATE_GOLDEN=1 records."""
    found, recorded = simulate("-f", EXAMPLE.name, "-o", form), HERE / name
    if os.environ.get("EBBTIDE_UPDATE_GOLDEN") == "1":
        recorded.write_text(found.stdout, encoding="utf-8")
    assert (found.return_value, found.exception) == (0, None)
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
