"""docs/simulator.md shows what the command prints, and says which scenarios the real control plane plays too."""

import re
from pathlib import Path

from e2e.tests.test_parity import PLAYED, SCENARIOS
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
FILES = {file.name[:2]: file for file in SCENARIOS.glob("*.yaml")}


def numbers(text):
    return set(re.findall(r"`(\d\d)`", text))


def test_the_page_shows_the_whole_output_of_its_command():
    (name, shown), *_ = re.findall(r"\$ ebbtide simulate -f (examples\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert ebbtide(FakeCluster(), "simulate", "-f", str(ROOT / name)).out == shown


def test_the_page_names_the_scenarios_that_only_the_simulator_plays():
    alone = PAGE.partition("all but ")[2].partition("which need")[0]
    assert numbers(alone) == set(FILES) - {one.file.name[:2] for one in PLAYED.values()}


def test_every_scenario_has_a_row():
    table = PAGE.partition("| Rule | File |")[2]
    assert numbers(table) == set(FILES)
