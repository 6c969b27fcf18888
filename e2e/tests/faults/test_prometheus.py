"""A Prometheus that fails, hangs, knows half or forgets: Unknown and why, no pause, and then the one that is due.

Acceptance test 19; `ebbtide_metrics_up` is what it calls PrometheusReady.

The pause is due all the time, but its PATCH is refused on the way: so each answer in good order shows an attempt, and
each spoilt one must show none.
"""

import time
from dataclasses import dataclass
from typing import Final

import pytest

from e2e.faults.fault import Answer, Changed, Cut, Effect, Fault, Late, Truncated
from e2e.faults.prometheus_proxy import empty, warned
from e2e.plane.waiting import wait_until
from e2e.soak.kill import IDLE
from e2e.soak.stage import moment
from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

NAME: Final = "watched"
REFUSED: Final = Fault(Answer(503, "ServiceUnavailable"), verbs={"patch"}, resources={"jobs"}, names=NAME)
SLOW_SECONDS: Final = 30.0
SPAN: Final = IDLE["afterSeconds"] - IDLE["warnSeconds"]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What is done to the queries that contain `text`, and what the verdict must say of it."""

    effect: Effect
    words: str
    reason: str = "MetricsUnavailable"
    text: str = ""


SPOILT: Final = (
    Spoilt(Answer(500), "Prometheus refused (500): internal: a fault test refuses"),
    Spoilt(Answer(429), "Prometheus refused (429)", text="POWER_USAGE"),
    Spoilt(Changed(warned), "its answer may be partial: a fault test says: store 2 of 3 is not reachable"),
    Spoilt(Changed(empty), "newest sample", "StaleMetrics", "PIPE_TENSOR"),
    Spoilt(Truncated(), "cannot be asked"),
    Spoilt(Cut(), "cannot be asked"),
)


def attempts(world: World, since: float) -> int:
    """Pauses that the operator has tried since then."""
    return len(world.api.requests(since, verb="patch", resource="jobs", name=NAME))


def wait_attempt(world: World) -> None:
    """The verdict is idle, and the pause is tried."""
    began = time.time()
    idle = {"Idle", "NeverUsed"}
    wait_until(lambda: world.stage.verdict(NAME)[0] in idle, f"{NAME} being idle", 60)
    wait_until(lambda: attempts(world, began), f"a try to pause {NAME}", 30)
    wait_up(world, up=True)


def wait_up(world: World, *, up: bool) -> None:
    """What a tick found is shown when it is over, after what it did."""
    line = f"ebbtide_metrics_up {up:.1f}"
    wait_until(lambda: line in world.operator.metrics(), line, 10)


def wait_told(world: World, spoilt: Spoilt) -> None:
    """The status says what is wrong; from then on nothing is tried for two ticks."""
    world.stage.wait_verdict(NAME, "Unknown", [spoilt.reason])
    began = time.time()
    assert spoilt.words in world.stage.status(NAME)["verdict"]["message"]
    if spoilt.reason == "MetricsUnavailable":
        wait_up(world, up=False)
    world.stage.wait_ticks(2)
    assert attempts(world, began) == 0, spoilt


def test_no_spoilt_answer_leads_to_a_pause_and_each_good_one_to_the_pause_that_is_due(world: World) -> None:
    stage, prometheus, pid = world.stage, world.prometheus, world.operator.component.pid
    stage.train(NAME, "busy:1 idle")
    stage.train("spare", "busy")
    world.api.fail(REFUSED)
    wait_attempt(world)
    for spoilt in SPOILT:
        with prometheus.failing(spoilt.effect, spoilt.text):
            wait_told(world, spoilt)
        wait_attempt(world)

    prometheus.fail(Late(SLOW_SECONDS))
    stage.annotate("spare", override="Paused")
    stage.wait_verdict(NAME, "Unknown", ["MetricsUnavailable"])
    assert "did not finish its answer in time" in stage.status(NAME)["verdict"]["message"]
    world.require_working(pid)
    told = time.time()
    # A human needs no metrics, and waits for no more than the question that is being asked and the next one.
    wait_until(lambda: "spare" in stage.suspended(), "the human's pause", 2 * SLOW_SECONDS)
    assert attempts(world, told) == 0

    # It comes back with nothing in its storage: what was idle must be seen to be idle once more.
    prometheus.fail(Changed(empty))
    stage.plane.prometheus.stop()
    stage.plane.prometheus.start(fresh=True)
    stage.wait_ticks(2)
    world.api.heal()
    emptied = time.time()
    prometheus.heal()
    idle = stage.wait_warned(NAME, after=emptied)
    assert moment(idle["warnedAt"]) - emptied >= SPAN - 1.5
    stage.wait_paused(NAME)
    assert len(stage.suspensions(NAME, to=True)) == 1
    wait_until(lambda: "Pause" in [action for action, _ in world.events(NAME)], "the Event of its pause", 10)
    said = [action for action, _ in world.events(NAME)]
    # The second warning is an Event of its own only where the first is two minutes old.
    assert said in (["Create", "Warn", "Pause"], ["Create", "Warn", "Warn", "Pause"])
    world.require_working(pid)
