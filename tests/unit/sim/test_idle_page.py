"""docs/idle.md tells what the program does: the worked example is its own words, and what it names is there."""

import re
from pathlib import Path

from ebbtide.core.explanation import checks, described, with_numbers
from ebbtide.core.workload import Memory
from ebbtide.simulation import simulate
from tests.builders import NOW, decide, workload
from tests.unit.sim.sim_world import quiet

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "idle.md").read_text()
EXAMPLE = "examples/scenarios/01-idle-is-paused.yaml"


def test_the_worked_example_is_what_the_command_prints() -> None:
    quiet()
    result = simulate(EXAMPLE, (ROOT / EXAMPLE).read_text())
    said = [f"{it.action}: {it.message}" for it in result.actions if it.action != "Create"]
    assert len(said) == 2
    for line in said:
        assert line in PAGE


def test_what_the_page_names_exists() -> None:
    for name in re.findall(r"`((?:e2e|tests|examples)/[\w./-]+)`", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`([\w-]+\.yaml)`\]?", PAGE):
        places = (ROOT / "examples" / "scenarios" / name, ROOT / "examples" / "scenarios" / "hazards" / name)
        assert any(place.exists() for place in places), name


def test_acceptance_28_every_number_behind_a_pause_is_told() -> None:
    warned = Memory(warned_at=NOW - 600, idle_since=NOW - 3000)
    found = with_numbers(decide(workload(memory=warned), idle_for=3000))
    (pause,) = found.actions
    assert pause.verb == "Pause"
    for part in ("2 devices idle since", "peak 0 %", "busy above 5 %", "engine 2 %", "coverage 100 %", "agree"):
        assert part in pause.message, part
    told = " ".join(f"{check.name}: {check.message}" for check in checks(found))
    for part in ("idle since", "CostPolicy/batch", "CPU is not looked at", "checkpoint", "veto", "mode Enforce"):
        assert part in told, part
    device = described(found).devices[0]
    assert (device.peak_percent, device.coverage_percent, device.power_watts) == (0, 100, 70)
