"""docs/idle.md tells what the program does: the worked example is its own words, and what it names is there."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.decision import Decision
from ebbtide.core.explanation import checks, described, with_numbers
from ebbtide.core.status import workload_status
from ebbtide.core.workload import Memory
from ebbtide.objects.views_status import memory
from ebbtide.simulation import simulate
from tests.builders import MINUTE, NOW, SHORT_IDLE, accepted, catalog, decide, paused_job, workload
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.fixture_objects import POLICY
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


WARNED = Memory(warned_at=NOW - 600, idle_since=NOW - 3000, conditions=(accepted(),))
PRICES = [catalog({"match": {"instanceType": "p5.48xlarge"}, "nodeHourly": "80"}, nodeSplit={"mode": "GPUOnly"})]
GOVERNED = {**POLICY, "spec": {**POLICY["spec"], "idle": {**POLICY["spec"]["idle"], **SHORT_IDLE}}}


def told(decision: Decision, *done: Verb) -> dict[str, Any]:
    """The TrainingJob with what the operator would write of that decision."""
    spec = {"workers": 1, "checkpoint": {"mode": "Periodic", "intervalSeconds": 900}}
    named = {"kind": "TrainingJob", "metadata": {"name": "resnet", "namespace": "vision"}, "spec": spec}
    return {**named, "status": workload_status(decision, done=frozenset(done))}


def after_the_pause() -> dict[str, Any]:
    """What stands there ten minutes later: no pod, no device, and what was kept of those that were."""
    first = told(with_numbers(decide(workload(memory=WARNED), idle_for=3000, catalogs=PRICES)), Verb.Pause)
    later = workload(target=paused_job(at=NOW), memory=memory(first["status"]))
    return told(decide(later, pods={}, catalogs=PRICES, now=NOW + 10 * MINUTE))


def explained(job: dict[str, Any], *words: str) -> str:
    now = datetime.fromtimestamp(NOW + 10 * MINUTE + 5, UTC)
    result = ebbtide(FakeCluster([job, GOVERNED]), "explain", "tjob/resnet", *words, now=now)
    assert (result.code, result.err) == (0, "")
    return result.out


ON_THE_PAGE = {
    "devices": "GPU-resnet-0-0 resnet-0 10:20:00Z 0 % 100 % - 70 W",
    "all of them": "GPU-resnet-0-1 resnet-0 10:20:00Z 0 % 100 % - 70 W",
    "when these numbers were taken": "Numbers of the pause, 11:10:00Z; judged last at 11:20:00Z, 5 s ago",
    "span": "Judged over the last 15 min",
    "coverage": "coverage 100 %, peak",
    "peak": "peak 0 %, busy",
    "threshold": "busy above 5 % (engines 2 %), utilisation",
    "agreeing signal": "utilisation, profiling and power agree",
    "cost rate": "Cost nothing now, it holds no GPU; the pause gave back 20.00 USD an hour",
    "policy": "Policy CostPolicy/batch: mode Enforce; pause after 20 min idle",
    "who and since when": "Paused since 11:10:00Z by Policy (GPUIdle).",
    "next judgement": "Next judged again within 30 s",
    "what would change it": "it stays paused until somebody resumes it or its policy lets go",
    "how": "kubectl ebbtide resume trainingjob/resnet -n vision --for 4h",
}


@pytest.mark.parametrize("part", ON_THE_PAGE.values(), ids=ON_THE_PAGE)
def test_acceptance_28_explain_of_a_pause_shows(part: str) -> None:
    assert part in " ".join(explained(after_the_pause()).split())


def test_acceptance_28_the_same_numbers_are_had_by_programs() -> None:
    pause = json.loads(explained(after_the_pause(), "-o", "json"))["status"]["pause"]
    assert pause["cost"] == {"hourly": "20.00", "currency": "USD"}
    numbers = ("spanSeconds", "coveragePercent", "peakPercent", "busyAbovePercent", "busyAboveEnginePercent")
    assert [pause["evidence"][name] for name in numbers] == [900, 100, 0, 5, 2]
    assert pause["evidence"]["families"] == ["utilisation", "profiling", "power"]
    assert [it["id"] for it in pause["evidence"]["devices"]] == ["GPU-resnet-0-0", "GPU-resnet-0-1"]
    assert "hourly: '20.00'" in explained(after_the_pause(), "-o", "yaml")


def test_acceptance_28_every_number_behind_a_pause_is_told() -> None:
    found = with_numbers(decide(workload(memory=WARNED), idle_for=3000, catalogs=PRICES))
    (pause,) = found.actions
    assert pause.verb == "Pause"
    for part in (
        "2 devices idle since",
        "peak 0 %",
        "busy above 5 %",
        "engine 2 %",
        "coverage 100 %",
        "agree",
        "20.00 USD",
    ):
        assert part in pause.message, part
    told = " ".join(f"{check.name}: {check.message}" for check in checks(found))
    for part in ("idle since", "CostPolicy/batch", "CPU is not looked at", "checkpoint", "veto", "mode Enforce"):
        assert part in told, part
    device = described(found).devices[0]
    assert (device.peak_percent, device.coverage_percent, device.power_watts) == (0, 100, 70)
