"""Auto learns in the simulator, and learns the same again after a restart: from history, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden.sim.test_sim_golden import simulate

FILE = Path(__file__).resolve().parents[3] / "examples" / "scenarios" / "29-auto-learns-the-timeout.yaml"


def played(tmp_path: Path, scenario: dict[str, Any]) -> dict[str, Any]:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(scenario), encoding="utf-8")
    result = simulate("-f", str(file), "-o", "json")
    assert result.return_value in {0, 1}, result.stderr
    return json.loads(result.stdout)[0]


def steps(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(it["time"], it["action"], it["workload"]["name"]) for it in found["actions"] if it["action"] != "Create"]


@pytest.fixture(scope="module")
def scenario() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_bursts_are_left_alone_and_silence_is_paused_after_twenty_minutes(tmp_path, scenario):
    found = played(tmp_path, scenario)
    assert all(it["passed"] for it in found["expectations"])
    assert steps(found) == [
        ("2026-03-02T11:01:00Z", "Warn", "silent"),
        ("2026-03-02T11:02:00Z", "Pause", "silent"),
    ]


@pytest.mark.parametrize("at", [6000, 10800, 10860, 10890])
def test_a_restart_changes_nothing_because_history_tells_it_again(tmp_path, scenario, at):
    events = [{"at": at, "operator": "Restart"}]
    again = played(tmp_path, {**scenario, "spec": {**scenario["spec"], "events": events}})
    assert steps(again) == steps(played(tmp_path, scenario))


def test_with_a_hole_in_the_samples_nothing_is_paused_sooner(tmp_path, scenario):
    events = [{"at": 9900, "prometheus": "Down"}, {"at": 10500, "prometheus": "Up"}]
    found = played(tmp_path, {**scenario, "spec": {**scenario["spec"], "events": events}})
    assert all(when >= "2026-03-02T11:02:00Z" for when, action, _ in steps(found) if action == "Pause")
