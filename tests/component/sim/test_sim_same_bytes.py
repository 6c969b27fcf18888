"""The command as a process: the same file gives the same bytes, however the interpreter orders its sets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parents[3] / "examples" / "scenarios"
PROGRAM = "from ebbtide.cli.main import run; run()"


def simulate(path: Path, seed: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": "120"}
    command = [sys.executable, "-c", PROGRAM, "simulate", "-f", str(path), "-o", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    "name",
    ["17-a-gang-is-judged-as-one.yaml", "22-an-adopted-deployment.yaml", "25-limits-pause-the-longest-idle-first.yaml"],
)
def test_the_same_file_gives_the_same_bytes_whatever_the_order_of_sets(name: str) -> None:
    one, other = (simulate(SCENARIOS / name, seed) for seed in ("1", "4242"))
    assert one.returncode in {0, 1}
    assert one.stdout == other.stdout
    assert one.stdout.startswith("[")


def test_the_program_prints_what_is_recorded() -> None:
    folder = Path(__file__).parents[2] / "golden" / "sim"
    found = simulate(folder / "idle-trainer-is-paused.yaml", "0")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == (folder / "idle-trainer-is-paused.json").read_text(encoding="utf-8")
