"""An API server that refuses, hangs up and forgets: nothing wrong is paused, nothing twice, no restart is needed.

Acceptance test 14: of several objects some are refused (409, 403, 429, 5xx). What admission denies is in
`test_admission.py`.
"""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from e2e.faults.fault import Answer, Cut, Effect, Expired, Fault, Late
from e2e.plane.waiting import wait_until
from e2e.soak.kill import IDLE
from e2e.soak.proof import warnings
from e2e.soak.stage import RESTORE, Stage
from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

REFUSED: Final[dict[str, tuple[Effect, str]]] = {
    "conflict": (Answer(409, "Conflict"), "Conflict"),
    "forbidden": (Answer(403, "Forbidden"), "Denied"),
    "gone": (Answer(410, "Gone"), "Failed"),
    "throttled": (Answer(429, "TooManyRequests", retry_after=1), "RateLimited"),
    "broken": (Answer(500, "InternalError"), "Failed"),
    "unavailable": (Answer(503, "ServiceUnavailable"), "Failed"),
    "cut": (Cut(), "Failed"),
}
"""Effect and what the operator's log calls it."""
DONE: Final[dict[str, Effect]] = {"lost": Cut(after=True), "slow": Late(1.5)}
"""The API server does these, only the operator does not hear of it, or late."""
UNTOLD: Final = ("untold-forbidden", "untold-broken", "untold-cut")
"""Work whose status cannot be written."""
STORY: Final = ("Create", "Warn", "Pause")
READ_KINDS: Final = 8
MOST_PER_SECOND: Final = 5
"""Requests for one and the same thing, be it a kind that is read or an object that each tick would write, while all of
it fails: waits that double from half a second on make about one. A loop that does not wait makes hundreds."""


def on_levers() -> list[Fault]:
    """Each Job's PATCH fails in its own way."""
    effects: dict[str, Effect] = {name: effect for name, (effect, _) in REFUSED.items()} | DONE
    return [Fault(effect, verbs={"patch"}, resources={"jobs"}, names=name) for name, effect in effects.items()]


def on_status() -> list[Fault]:
    effects: tuple[Effect, ...] = (Answer(403, "Forbidden"), Answer(500), Cut())
    return [
        Fault(effect, verbs={"patch"}, resources={"trainingjobs"}, subresource="status", names=name)
        for name, effect in zip(UNTOLD, effects, strict=True)
    ]


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def paused_once(stage: Stage, name: str) -> None:
    """One suspending PATCH that the API server accepted, with the original beside it."""
    assert len(stage.suspensions(name, to=True)) == 1, name
    restore = json.loads(stage.job(name)["metadata"]["annotations"][RESTORE])
    assert restore["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}], name


def told_once(world: World, name: str) -> None:
    """No storm of Events. What a lost answer or a refused status kept from being told may be missing."""
    said = [action for action, _ in world.events(name)]
    assert said == [action for action in STORY if action in said], (name, said)


def test_a_refused_or_lost_write_leaves_nothing_wrong_and_is_made_once_when_it_can_be(world: World) -> None:
    stage, api, pid = world.stage, world.api, world.operator.component.pid
    names = [*REFUSED, *DONE]
    for name in (*names, *UNTOLD):
        stage.train(name, "busy:1 idle")
    api.fail(*on_levers(), *on_status())
    for name in names:
        stage.wait_warned(name)
    world.held_past_its_time(*REFUSED)
    stage.wait_paused(*DONE)
    assert stage.suspended() == set(DONE)
    for name, (_, result) in REFUSED.items():
        assert world.lines('"verb": "Pause"', f"/{name}", f'"result": "{result}"'), name
    assert "PermissionDenied" in str(stage.status("forbidden")["conditions"])
    assert world.lines("status not written", "untold-forbidden")

    api.heal()
    stage.wait_paused(*names, *UNTOLD)
    for name in (*names, *UNTOLD):
        paused_once(stage, name)
        told_once(world, name)
    for name in UNTOLD:
        (pause,) = stage.suspensions(name, to=True)
        assert pause.at.timestamp() - warnings(stage, name, pause)[-1] >= IDLE["warnSeconds"], name

    api.fail(*on_levers(), Fault(Answer(500), verbs={"create"}, resources={"events"}))
    for name in names:
        stage.annotate(name, override="Running")
    for name in DONE:
        stage.wait_running(name)
    stage.wait_ticks(2)
    assert stage.suspended() >= set(REFUSED)
    api.heal()
    for name in names:
        stage.wait_running(name)
        assert len(stage.suspensions(name, to=False)) == 1, name
    world.require_working(pid)


def test_a_veto_is_heard_though_its_watch_is_mute_and_an_outage_leaves_nothing_unknown(world: World) -> None:
    stage, api, pid = world.stage, world.api, world.operator.component.pid
    for name in ("kept", "moved", "plain"):
        stage.train(name, "busy:1 idle")
    stage.train("due", "busy:10 idle")
    stage.train("leaving", "busy")
    for name in ("kept", "moved", "plain"):
        stage.wait_warned(name)
    with api.failing(Fault(Late(0), verbs={"watch"}, resources={"trainingjobs"})):
        stage.annotate("kept", keep_until=in_an_hour())
        api_path, nobody = stage.path("moved"), {"kind": "CostPolicy", "name": "nobody"}
        stage.plane.api.merge_patch(api_path, {"spec": {"policyRef": nobody}})
        # Nothing can be read back of what is told of it, so only the Job shows that there was a tick that paused.
        wait_until(lambda: "plain" in stage.suspended(), "a pause of plain", 30)
        stage.wait_ticks(2)
        assert stage.suspended() == {"plain"}

    stage.wait_warned("due")
    began = time.time()
    api.fail(
        Fault(Expired(), verbs={"watch"}, resources={"trainingjobs"}),
        Fault(Answer(410, "Expired"), verbs={"watch"}, resources={"jobs"}),
        Fault(Answer(503, "ServiceUnavailable"), verbs={"watch", "list"}),
    )
    assert api.cut_watches() >= READ_KINDS
    stage.delete("leaving")
    stage.train("coming", "busy")
    time.sleep(1.0)
    # And now not even a write: the pause that falls due meanwhile must wait.
    api.fail(Fault(Answer(503, "ServiceUnavailable")))
    time.sleep(1.0)
    api.fail(Fault(Cut()))
    world.held_past_its_time("due")
    world.require_working(pid)
    asked = Counter(str(one.call) for one in api.requests(began))
    assert max(asked.values()) < MOST_PER_SECOND * (time.time() - began), asked.most_common(3)
    api.heal()
    stage.wait_verdict("coming", "Active")
    stage.wait_paused("due")
    for name in ("plain", "due"):
        paused_once(stage, name)
        told_once(world, name)
    assert not stage.job("leaving")
    assert stage.suspended() == {"plain", "due"}
    world.require_working(pid)
