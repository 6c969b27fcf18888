"""kill -9 at each write of a pause, right before it is sent and right after its answer: one pause, its original intact.

Acceptance test 13. A pause by policy is three writes: the PATCH of the Job, which bears the original, the status that
tells it, and the Event. Each workload here stands for one of these writes and one of the two moments. The proxy in
front of the API server knows the write by its object and body, and kills the process that sent it: before the request
is passed on, or when the API server has answered and the answer has reached nobody. The operator is started anew then.
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import pytest

from e2e.faults.fault import Document, Fault, Struck
from e2e.soak.kill import CRASHED, IDLE
from e2e.soak.proof import check_pause, check_resume
from e2e.soak.stage import Stage
from e2e.tests.faults.conftest import World

pytestmark = pytest.mark.plane

Says: TypeAlias = Callable[[Document], bool]
MOMENTS: Final = ("before", "after")
WRITES: Final = ("patch", "status", "event")
POINTS: Final = tuple(f"{moment}-the-{write}" for write in WRITES for moment in MOMENTS)
ARRIVED: Final = dict(zip(POINTS, (0, 1, 1, 2, 2, 3), strict=True))
"""How many of the three writes the API server has when the process is dead."""
FIRST_BUSY_SECONDS: Final = 4
EVERY_SECONDS: Final = 7
"""From one workload that falls idle to the next: longer than a start takes, so that each has a process of its own."""
LONGEST_SECONDS: Final = 90.0


def suspends(body: Document) -> bool:
    return (body.get("spec") or {}).get("suspend") is True


def tells_a_pause(body: Document) -> bool:
    pause = (body.get("status") or {}).get("pause") or {}
    return "since" in pause and "endTime" not in pause


def says_a_pause(name: str, body: Document) -> bool:
    return body.get("action") == "Pause" and (body.get("regarding") or {}).get("name") == name


@dataclass(slots=True)
class Aim:
    """One kill at one write of the pause of the workload that bears its name."""

    world: World
    point: str
    killed: list[int] = field(default_factory=list)
    """Processes that it struck; it strikes once."""

    def fault(self) -> Fault:
        moment, write = self.point.split("-the-")
        effect = Struck(self.strike, after=moment == "after")
        if write == "event":
            return Fault(effect, verbs={"create"}, resources={"events"}, says=self._once(self._says))
        resource, subresource, says = {
            "patch": ("jobs", "", suspends),
            "status": ("trainingjobs", "status", tells_a_pause),
        }[write]
        return Fault(effect, {"patch"}, {resource}, subresource, self.point, self._once(says))

    def _says(self, body: Document) -> bool:
        return says_a_pause(self.point, body)

    def _once(self, says: Says) -> Says:
        return lambda body: not self.killed and says(body)

    def strike(self) -> None:
        pid = self.world.operator.component.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)


@dataclass(slots=True)
class Story:
    """What was seen of one workload."""

    began: Document
    """Its Job before anything was done to it."""
    arrived: tuple[bool, bool, bool] = (False, False, False)
    """PATCH, status and Event, as the API server had them when the process was dead and none other ran."""
    killed: list[int] = field(default_factory=list)
    told: Document = field(default_factory=dict)
    """The status, paused."""
    ended: Document = field(default_factory=dict)
    """The Job when it runs again."""


@pytest.fixture(scope="module")
def stories(world: World) -> Iterator[dict[str, Story]]:
    """Six workloads fall idle one after the other, and the operator is killed at the write that each stands for."""
    stage, aims = world.stage, [Aim(world, point) for point in POINTS]
    for number, point in enumerate(POINTS):
        stage.train(point, f"busy:{FIRST_BUSY_SECONDS + EVERY_SECONDS * number} idle")
    stage.wait_all("Active", POINTS[1:])
    stories = {point: Story(stage.job(point)) for point in POINTS}
    with world.api.failing(*(aim.fault() for aim in aims)):
        while not all(aim.killed for aim in aims):
            _die_and_start_anew(world, aims, stories)
        world.operator.wait_ready()
        stage.wait_paused(*POINTS)
    for point, story in stories.items():
        check_pause(stage, point, IDLE["warnSeconds"])
        story.told = stage.status(point)
    # Whoever tells a pause late does so when it begins to act: by now it has.
    stage.wait_ticks(2)
    for point in POINTS:
        stage.annotate(point, override="Running")
    for point, story in stories.items():
        stage.wait_running(point)
        check_resume(stage, point)
        story.ended = stage.job(point)
    yield stories
    print({point: (story.arrived, story.killed) for point, story in stories.items()})


def _die_and_start_anew(world: World, aims: list[Aim], stories: dict[str, Story]) -> None:
    """One process after the other, each without a fault of its own."""
    assert world.operator.component.wait_ended(LONGEST_SECONDS) == CRASHED, world.operator.logs()
    for aim in aims:
        story = stories[aim.point]
        if aim.killed and not story.killed:
            story.killed, story.arrived = list(aim.killed), arrived(world, aim.point)
    world.start(ready=False)


def arrived(world: World, name: str) -> tuple[bool, bool, bool]:
    """What the API server has of a pause."""
    stage = world.stage
    said = any(action == "Pause" for action, _ in world.events(name))
    return name in stage.suspended(), tells_a_pause({"status": stage.status(name)}), said


@pytest.mark.parametrize("point", POINTS)
def test_it_was_killed_where_it_was_aimed_at(stories: dict[str, Story], point: str) -> None:
    assert len(stories[point].killed) == 1
    assert stories[point].arrived == tuple(ARRIVED[point] > number for number in range(3))


@pytest.mark.parametrize("point", POINTS)
def test_there_was_one_pause_with_its_original_and_it_was_told_once(
    stories: dict[str, Story], stage: Stage, world: World, point: str
) -> None:
    """`check_pause` has looked at the annotation while it was there."""
    (patch,) = stage.suspensions(point, to=True)
    assert tells_a_pause({"status": stories[point].told})
    assert (patch.response["spec"] | {"suspend": False}) == stories[point].began["spec"]
    said = [action for action, _ in world.events(point) if action in {"Warn", "Pause"}]
    assert said.count("Pause") == 1
    assert said in (["Warn", "Pause"], ["Pause"]), "a kill at another's write may swallow the Event of its warning"


@pytest.mark.parametrize("point", POINTS)
def test_its_user_gets_it_back_as_it_was(stories: dict[str, Story], stage: Stage, point: str) -> None:
    assert len(stage.suspensions(point, to=False)) == 1
    began, ended = stories[point].began, stories[point].ended
    assert ended["spec"] == began["spec"]
    assert ended["metadata"].get("annotations") == began["metadata"].get("annotations")


def test_every_kill_had_a_process_of_its_own(stories: dict[str, Story]) -> None:
    killed = [pid for story in stories.values() for pid in story.killed]
    assert len(set(killed)) == len(POINTS)
