"""The pack of hazards: every file holds, and every hazard P1 to P24 has one that says which it is."""

import re
from pathlib import Path

import pytest

from ebbtide.simulation import simulate
from tests.unit.sim.sim_world import hold, quiet

PACK = Path(__file__).parents[3] / "examples" / "scenarios" / "hazards"
FILES = sorted(PACK.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_what_the_file_expects_comes_of_it(file: Path) -> None:
    quiet()
    result = simulate(file.name, file.read_text())
    hold(result)
    assert result.scenario == file.stem


def test_every_hazard_has_a_file_that_carries_its_number() -> None:
    named = {int(found.group(1)) for file in FILES if (found := re.match(r"p(\d\d)-", file.name))}
    assert named == set(range(1, 25))
    for file in FILES:
        found = re.match(r"p(\d\d)-", file.name)
        first = file.read_text().split("\n", 1)[0]
        assert found is None or f"P{int(found.group(1))}" in first, file.name


def test_every_file_tells_what_it_shows_and_stands_in_the_table_of_the_page() -> None:
    page = (PACK.parents[2] / "docs" / "idle.md").read_text()
    for file in FILES:
        assert file.read_text().startswith("# "), file.name
        assert file.name in page, file.name
