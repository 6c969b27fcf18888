"""Whatever stands in a scenario file: a result, or a sentence that says what is wrong and where. Never a traceback."""

import copy
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import yaml

from ebbtide.sim.refusal import Refusal
from ebbtide.simulation import simulate
from tests.unit.sim.sim_world import (
    busy,
    catalog,
    deployment,
    job,
    node,
    policy,
    ref,
    row,
    scenario,
    training_job,
)

CHUNKS, MUTATIONS = 25, 120
"""3,000 in all."""
SPOT = {"karpenter.sh/capacity-type": "spot"}
JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    7,
    59,
    61,
    2**31,
    2**70,
    0.5,
    -0.0,
    1e300,
    "",
    "0",
    "x",
    "80x9 _x5 stale NaN",
    "1x3 _ 0",
    "2026-03-02T08:10:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "a/b",
    "t",
    "ml",
    "Pod",
    "Job",
    "None",
    "Idle",
    "Pause",
    [],
    {},
    [None],
    [[]],
    {"x": 1},
    {"name": "t"},
    "é\u2028\x00",
    "1e400",
    "nvidia.com/gpu",
    "-5",
)


def base() -> dict[str, Any]:
    """A bit of everything, ten ticks long."""
    t, d = ref(), ref("d", "Deployment")
    ray = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "r", "namespace": "ml"}, "spec": {}}
    owner = [{"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "r"}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "head", "namespace": "ml", "ownerReferences": owner}}
    pod |= {"spec": {"containers": [{"name": "c", "image": "x"}], "nodeSelector": {"a": "b"}}}
    return scenario(
        node("a", labels=SPOT),
        node("b", spec={"taints": [{"key": "k", "effect": "NoSchedule"}]}),
        catalog(row("x", listNodeHourly="60"), row("y", "20", match={"capacityClass": "Spot"}), mode="Weights"),
        policy(limits={}, overrides={}),
        training_job(workers=2, expectedSeconds=300, metadata={"annotations": {"ebbtide.dev/keep-until": "x"}}),
        job(parallelism=2, metadata={"annotations": {"ebbtide.dev/checkpoint": "Periodic:60"}}),
        deployment(replicas=2),
        ray,
        pod,
        seconds=600,
        settings={
            "safety": {"idlePausesPerHour": 1},
            "enforcement": {"enabled": True},
            "currency": "USD",
            "cluster": "c",
        },
        activity=[
            busy(values="80x3 _x2 0 NaN", memoryMiB="40x2"),
            busy("d", kind="Deployment", clock="Wall", omit=["X"]),
        ],
        series=[{"series": 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a-0", exported_pod="t-0"}', "values": "1x3 _ stale"}],
        capacity=[
            {"nodeSelector": SPOT, "stepSeconds": 120, "available": "1 0 1", "noticeSeconds": 60, "billed": "WhileUsed"}
        ],
        startupSeconds=7,
        terminationSeconds=11,
        events=[
            {"at": 60, "apply": training_job(suspend=True, workers=2)},
            {"at": 90, "delete": {"kind": "Deployment", "namespace": "ml", "name": "d"}},
            {"at": 100, "prometheus": "Down"},
            {"at": 200, "operator": "Restart"},
            {"at": 210, "api": "Forbidden"},
            {"at": 240, "apply": node("c")},
            {"at": 300, "api": "Ok"},
            {"at": 301, "prometheus": "Partial"},
        ],
        expect=[
            {
                "at": 120,
                "workload": t,
                "verdict": "Active",
                "paused": True,
                "condition": {"type": "Idle", "status": "True"},
            },
            {"action": "Pause", "count": 1, "after": 3, "before": 500, "mode": "Observe"},
            {"finished": True, "workload": d, "before": 100},
            {"total": "cost", "workload": t, "equals": "8", "within": "1"},
            {"total": "unallocated", "equals": None},
        ],
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, it in inner:
        yield from places(it, (*path, key))


def mutated(raw: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """One to three changes somewhere in the tree."""
    changed = copy.deepcopy(raw)
    for _ in range(dice.randint(1, 3)):
        *parents, last = dice.choice(list(places(changed)))
        inside = changed
        for part in parents:
            inside = inside[part]
        kind = dice.randrange(5)
        if kind == 0:
            del inside[last]
        elif kind == 1 and isinstance(inside, dict):
            inside[dice.choice(["x", "apiVersion", "name", "spec", "at"])] = inside.pop(last)
        elif kind == 2 and isinstance(inside, list):
            inside.append(copy.deepcopy(inside[last]))
        elif kind == 3:
            *others, other = dice.choice(list(places(changed)))
            inside[last] = copy.deepcopy(_at(changed, [*others, other]))
        else:
            inside[last] = dice.choice(JUNK)
    return changed


def _at(value: Any, path: list[Any]) -> Any:
    for part in path:
        value = value[part]
    return value


def attempt(text: str) -> str:
    """How it ended; anything but a result or a Refusal is let through."""
    try:
        result = simulate("test.yaml", text)
    except Refusal as error:
        refusal = error
    else:
        return "held" if result.passed else "failed"
    assert refusal.message
    assert str(refusal).startswith("test.yaml")
    return "refused"


@pytest.fixture(autouse=True)
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    """What the engine catches and logs is a mistake too."""
    with structlog.testing.capture_logs() as entries:
        yield entries
    bad = [entry for entry in entries if entry["log_level"] in {"error", "critical"}]
    assert not bad, bad[:3]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_the_scenario_that_is_mutated_is_valid() -> None:
    assert attempt(json.dumps(base())) in {"held", "failed"}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_mutated_scenario_ends_with_a_result_or_a_sentence(chunk: int) -> None:
    dice, raw, ends = random.Random(chunk), base(), []
    for _ in range(MUTATIONS):
        text = json.dumps(mutated(raw, dice))
        try:
            ends.append(attempt(text))
        except Exception as error:
            raise AssertionError(f"{error!r} for:\n{text}") from error
    assert {"refused", "failed"} <= set(ends)


@pytest.mark.parametrize("chunk", range(5))
def test_a_mutilated_text_ends_with_a_result_or_a_sentence(chunk: int) -> None:
    dice = random.Random(chunk)
    text = yaml.safe_dump(base(), sort_keys=False)
    for _ in range(MUTATIONS):
        broken = list(text)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randrange(3)] = dice.choice(
                ["", " ", "\t", "\n", ":", "- ", "&a ", "*a", "{", "!", "\x07", "0"]
            )
        try:
            attempt("".join(broken))
        except Exception as error:
            raise AssertionError(f"{error!r} for:\n{''.join(broken)}") from error
