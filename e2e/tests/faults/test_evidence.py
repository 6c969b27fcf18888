"""Devices whose samples cannot be trusted are never idle, and are once they can be, also after a killed API server."""

import time
from typing import Final

import pytest

from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

PROFILING: Final = ["DCGM_FI_PROF_*"]
POWER: Final = ["DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"]
ACTIVITY_FIELDS: Final = [
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
]
SPOILT: Final = {
    "unseen": ("Unknown", "MetricsMissing"),
    "single": ("Unknown", "SingleFamily"),
    "nan": ("Unknown", "BadValues"),
    "silent": ("Unknown", "StaleMetrics"),
    "gang": ("Active", "GPUActive"),
}
PATIENT: Final = {"afterSeconds": 22, "warnSeconds": 14, "graceSeconds": 2, "neverUsedAfterSeconds": 22}
"""Readings count as frozen after three seconds of the same energy: the warning must leave time for that."""


def test_no_workload_is_paused_on_spoilt_evidence_and_all_are_when_it_has_healed(world: World) -> None:
    stage, inside, exporter = world.stage, world.stage.namespace, world.stage.plane.exporter
    omitted = {f"{inside}/unseen-0-*": ["*"], f"{inside}/single-*": [*PROFILING, *POWER]}
    exporter.control(
        omit=omitted,
        values={f"{inside}/nan-*": dict.fromkeys(ACTIVITY_FIELDS, "NaN")},
        activity={f"{inside}/gang-0-*": "busy"},
    )
    stage.set_policy(PATIENT, "patient")
    stage.train("sound")
    for name in SPOILT:
        workers = 2 if name in {"unseen", "gang"} else 1
        stage.train(name, workers=workers, policyRef={"kind": "CostPolicy", "name": "patient"})
    stage.wait_warned("silent")
    exporter.control(omit={**omitted, f"{inside}/silent-*": ["*"]})
    # What is sound is paused: the others have been idle for as long.
    stage.wait_paused("sound", seconds=90)
    world.held_past_its_time(*SPOILT)
    assert {name: stage.verdicts()[name] for name in SPOILT} == SPOILT

    healed = time.time()
    exporter.heal()
    stage.plane.restart("kube-apiserver", kill=True)
    for name in SPOILT:
        stage.wait_warned(name, after=healed)
    exporter.control(freeze=True)
    stage.wait_verdict("silent", "Unknown", ["FrozenMetrics"])
    world.held_past_its_time(*SPOILT)
    exporter.control(freeze=None)
    stage.wait_paused(*SPOILT, seconds=120)
    assert {name: len(stage.suspensions(name, to=True)) for name in SPOILT} == dict.fromkeys(SPOILT, 1)
