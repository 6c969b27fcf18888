"""The same scenario files in the simulator and on the real control plane: the same actions, reasons and order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from e2e.installation import ALONE, Installation
from e2e.page import Page
from e2e.parity.comparison import differences
from e2e.parity.player import Player, disturbs
from e2e.parity.record import Course, simulated
from e2e.parity.switches import behind_proxies
from e2e.parity.transposed import NotTransposableError, Transposed, transposed

pytestmark = pytest.mark.plane

SCENARIOS: Final = Path(__file__).resolve().parents[2] / "examples" / "scenarios"
LEAST: Final = 20
"""As many scenarios as both worlds must agree on."""
UNLIMITED: Final = {"idlePausesPerHour": 0, "pausedPercentPerHour": 0, "idleShareJumpPercent": 0}
"""Every scenario has a fleet of its own; on the plane they share one, so its limits are off."""

MANY: Final = 100
"""Writes a second: all stories begin at once, and the usual twenty would hold the last ones up."""


def played() -> dict[str, Transposed]:
    """Every file that the plane can play, by the name of its namespace there."""
    found = {}
    for file in sorted(SCENARIOS.glob("*.yaml")):
        name = f"s{file.name[:2]}"
        try:
            found[name] = transposed(file, name)
        except NotTransposableError:
            continue
    return found


PLAYED: Final = played()


def allowed() -> list[dict[str, str]]:
    """What users may name in any of them, as the chart's value."""
    found = {name: label for one in PLAYED.values() for name, label in one.allowed.items()}
    return [{"name": name, "namespaceLabel": label} for name, label in found.items()]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as served:
        yield served


@pytest.fixture(scope="module")
def courses(install: Callable[..., Installation], page: Page) -> dict[str, tuple[Course, Course]]:
    """By scenario: what the simulator says, and what happened on the plane."""
    values = {
        "enforcement": {"enabled": True},
        "safety": UNLIMITED,
        **ALONE,
        "metrics": {"allowed": allowed()},
        "writesPerSecond": MANY,
    }
    it = install(values=values, nodes=8)
    it.prometheus.stop()
    it.prometheus.configure(it.plane.exporter.address, others=[page.address])
    it.prometheus.start(fresh=True)
    calm = [one for one in PLAYED.values() if not disturbs(one)]
    batches = [calm, *([one] for one in PLAYED.values() if disturbs(one))]
    told = dict(zip(PLAYED, simulated([one.file for one in PLAYED.values()]), strict=True))
    found: dict[str, tuple[Course, Course]] = {}
    with behind_proxies(it) as (operator, switches):
        player = Player(it, operator, switches, page)
        for batch in batches:
            here = [told[one.name] for one in batch]
            there = player.play(batch, here)
            found.update(zip((one.name for one in batch), zip(here, there, strict=True), strict=True))
    print(*player.stalls, sep="\n")
    return found


def test_there_are_enough_scenarios_for_both_worlds() -> None:
    assert len(PLAYED) >= LEAST


@pytest.mark.parametrize("name", PLAYED, ids=[one.file.stem for one in PLAYED.values()])
def test_simulator_and_cluster_agree(name: str, courses: dict[str, tuple[Course, Course]]) -> None:
    assert differences(*courses[name]) == []
