"""The scenarios of all vendors: each has an Active, an Idle and an Unknown one, and what they expect holds."""

from pathlib import Path

import pytest

from ebbtide.samples.vendors import VENDORS
from ebbtide.sim.refusal import Refusal
from ebbtide.sim.scenario_file import load
from ebbtide.simulation import run, simulate

FOLDER = Path(__file__).parents[3] / "examples" / "scenarios" / "vendors"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_every_vendor_has_all_three() -> None:
    names = [profile.name.lower() for profile in VENDORS] + ["custom"]
    assert {file.stem for file in FILES} == {
        f"{name}-{state}" for name in names for state in ("active", "idle", "unknown")
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_scenario_expects_holds(file: Path) -> None:
    result = simulate(file)
    assert result.findings
    for finding in result.findings:
        assert finding.passed, finding


def test_a_scenario_without_the_profile_knows_nothing_of_the_device() -> None:
    file = FOLDER / "custom-idle.yaml"
    text = file.read_text(encoding="utf-8")
    begin, end = text.index("  settings:"), text.index("  objects:")
    run(load(file))  # what one scenario declares is not there for the next
    result = simulate(file, text[:begin] + text[end:])
    assert {verdict.reason for verdict in result.verdicts} <= {"NoAccelerator", "NoPolicy", "JobCompleted"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("unit: Watts", "spec.settings.metrics.profiles[0].signals.Power.unit: 'Watt'"),
        ("of: [npu_total]", "spec.settings.metrics.profiles[0].signals.Power: beside and of are for MemoryPercent"),
    ],
)
def test_a_mistake_in_a_profile_is_said_with_its_place(wrong: str, told: str) -> None:
    file = FOLDER / "custom-idle.yaml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace("unit: Milliwatts", "unit: Watt" if wrong == "unit: Watts" else wrong)
    with pytest.raises(Refusal) as refused:
        load(file, changed)
    assert told in str(refused.value)
