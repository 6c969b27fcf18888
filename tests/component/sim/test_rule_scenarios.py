"""The scenarios that show each rule: every file holds, and says what it shows."""

from pathlib import Path

import pytest

from ebbtide.simulation import simulate
from tests.unit.sim.sim_world import hold, quiet

FILES = sorted((Path(__file__).parents[3] / "examples" / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_what_the_file_expects_comes_of_it(file: Path) -> None:
    quiet()
    hold(simulate(file.name, file.read_text()))
    assert file.read_text().startswith("# ")
