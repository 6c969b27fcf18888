"""kill -9 at chosen writes of a warning, a pause and a resume, and what must be true afterwards.

The operator is stopped just before the step, so that the writes of a new process are those of the step alone; that
process is killed at one of them (EBBTIDE_CRASH_AT), and another one, which nobody kills, goes on. The audit log says
what was sent.
"""

import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from e2e.plane import AuditWrite, Plane
from e2e.soak.stage import RESTORE, Stage, moment, sleep_until

IDLE: Final = {"afterSeconds": 12, "warnSeconds": 4, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
_IDLE_FOR_A_WARNING: Final = IDLE["afterSeconds"] - IDLE["warnSeconds"] + 3.0
"""Seconds of zeros after which the first tick of a new process is sure to find it idle."""
_SECONDS: Final = 60.0
CRASHED: Final = -9
_BATCH: Final = 12
"""Jobs that run at a time: each holds a device until its turn is over."""


class Step(StrEnum):
    """What the operator is about to do when it is killed."""

    Warn = "Warn"
    Pause = "Pause"
    Resume = "Resume"


Kind = tuple[str, str, str]
"""Verb, resource, subresource."""
JOB: Final[Kind] = ("patch", "jobs", "")
STATUS: Final[Kind] = ("patch", "trainingjobs", "status")
EVENT: Final[Kind] = ("create", "events", "")
WRITES: Final[dict[Step, tuple[Kind, ...]]] = {
    Step.Warn: (STATUS, EVENT),
    Step.Pause: (JOB, STATUS, EVENT),
    Step.Resume: (JOB, STATUS, EVENT),
}


@dataclass(frozen=True, slots=True)
class Shot:
    """One kill: at which write of the new process, before sending it or after its answer, and what came before."""

    number: int
    moment: str
    writes: tuple[Kind, ...]
    """The writes that this process sends in order; the last one is aimed at."""

    def __str__(self) -> str:
        verb, resource, subresource = self.writes[-1]
        return f"{self.moment} {verb} {resource}{'/' if subresource else ''}{subresource}"

    @property
    def sent(self) -> tuple[Kind, ...]:
        """What the audit log must show of this process if the shot hit its aim."""
        return self.writes if self.moment == "after" else self.writes[:-1]


def shot(step: Step, number: int, moment_: str, done: int = 0) -> Shot:
    """A shot at write `number` of a process that finds the first `done` writes of the step done already."""
    return Shot(number, moment_, WRITES[step][done : done + number])


def shots_at_every_write(step: Step) -> list[list[Shot]]:
    """Before and after each write of a step, several shots at one job where what is left to do allows it.

    An Event that was not sent is not sent later: before and after it need a job each.
    """
    writes = len(WRITES[step])
    pairs = [[shot(step, number, "before"), shot(step, 1, "after", number - 1)] for number in range(1, writes)]
    return [*pairs, [shot(step, writes, "before")], [shot(step, writes, "after")]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job went through."""

    job: str
    step: Step
    shots: tuple[Shot, ...]
    missed: tuple[str, ...]
    """Shots that killed the process at another write than was aimed at, because a verdict changed meanwhile."""


class Range:
    """Runs jobs through kills. The next job is told to fall idle while the last one is still being looked at."""

    def __init__(self, stage: Stage, plan: Sequence[tuple[Step, Sequence[Shot]]], *, prefix: str = "kill") -> None:
        self._stage, self._plan, self._prefix = stage, list(plan), prefix
        self._idle_at: dict[str, float] = {}

    def run(self) -> list[Outcome]:
        """All of it. Raises AssertionError or PlaneError at the first job that was not treated as it must."""
        names = [self._stage.train(f"{self._prefix}-{number}", "busy") for number in range(len(self._plan))]
        self._stage.start()
        for name in names:
            self._stage.wait_verdict(name, "Active", seconds=_SECONDS)
        self._fall_idle(names[0])
        outcomes = []
        for number, (step, shots) in enumerate(self._plan):
            following = names[number + 1] if number + 1 < len(names) else ""
            outcomes.append(self._one(names[number], step, shots, following))
        self._stage.operator.stop()
        return outcomes

    def _fall_idle(self, name: str) -> None:
        self._stage.act(**{name.replace("-", "_"): "idle"})
        self._idle_at[name] = time.time()

    def _one(self, name: str, step: Step, shots: Sequence[Shot], following: str) -> Outcome:
        stage = self._stage
        self._prepare(name, step)
        missed = []
        for one in shots:
            sent = self._fire(one)
            if sent != one.sent:
                missed.append(f"{one}: sent {list(sent)} instead of {list(one.sent)}")
        stage.start()
        if following:
            self._fall_idle(following)
        stage.wait_paused(name, seconds=_SECONDS)
        check_pause(stage, name)
        if step is not Step.Resume:
            stage.annotate(name, override="Running")
        stage.wait_running(name, seconds=_SECONDS)
        check_resume(stage, name)
        stage.delete(name)
        return Outcome(name, step, tuple(shots), tuple(missed))

    def _prepare(self, name: str, step: Step) -> None:
        """Leave the step as the next thing to do, and nobody there to do it."""
        stage = self._stage
        if step is Step.Warn:
            stage.operator.kill()
            sleep_until(self._idle_at[name] + _IDLE_FOR_A_WARNING)
            return
        idle = stage.wait_warned(name, seconds=_SECONDS)
        stage.operator.kill()
        assert name not in stage.suspended(), "the operator was not stopped in time"
        sleep_until(moment(idle["eligibleAfter"]) + 1.0)

    def _fire(self, one: Shot) -> tuple[Kind, ...]:
        """Start a process that is killed at the shot; returns the writes that the API server got from it."""
        stage = self._stage
        mark = stage.plane.audit().mark()
        process = stage.start(ready=False, env={"EBBTIDE_CRASH_AT": f"{one.number}:{one.moment}"})
        status = process.wait_ended(_SECONDS)
        process.kill()
        assert status == CRASHED, f"the operator ended with {status}: {process.logs()}"
        # The API server writes its line after the answer, and the answer may have come after the kill.
        if one.sent:
            _wait_for_lines(stage, mark, len(one.sent))
        return tuple(kind(write) for write in stage.writes(mark))


def _wait_for_lines(stage: Stage, mark: int, count: int) -> None:
    """Give the audit log time for so many lines; fewer is for the caller to judge."""
    limit = time.monotonic() + 3
    while len(stage.writes(mark)) < count and time.monotonic() < limit:
        time.sleep(0.1)


def kind(write: AuditWrite) -> Kind:
    return write.verb, write.resource, write.subresource


def check_pause(stage: Stage, name: str) -> None:
    """One suspending PATCH, by the ServiceAccount; the original on the Job; the status tells it."""
    suspensions = stage.suspensions(name, to=True)
    assert len(suspensions) == 1, f"{name}: {len(suspensions)} suspending PATCHes"
    job = stage.job(name)
    restore = json.loads(job["metadata"]["annotations"][RESTORE])
    assert restore["fields"] == [{"path": "/spec/suspend", "was": False, "set": True}], restore
    assert (restore["by"], restore["policy"], restore["reason"]) == ("Policy", "CostPolicy/batch", "GPUIdle"), restore
    status = stage.status(name)
    pause = status["pause"]
    assert (pause["by"], pause["reason"], pause["countToday"]) == ("Policy", "GPUIdle", 1), pause
    assert "endTime" not in pause, pause
    assert abs(moment(pause["since"]) - moment(restore["at"])) <= 1.0, (pause, restore)
    paused = next(one for one in status["conditions"] if one["type"] == "Paused")
    assert paused["status"] == "True", paused
    _check_warned_before(stage, name, suspensions[0])


def _check_warned_before(stage: Stage, name: str, suspension: AuditWrite) -> None:
    """A warning that people could read came warnSeconds before the pause."""
    writes = stage.writes(verb="patch", resource="trainingjobs", subresource="status", name=name, succeeded=True)
    idle = [((write.body or {}).get("status") or {}).get("idle") or {} for write in writes if write.at <= suspension.at]
    warned = [moment(one["warnedAt"]) for one in idle if "warnedAt" in one]
    assert warned, f"{name} was paused without a warning in its status"
    early = suspension.at.timestamp() - warned[-1]
    assert early >= IDLE["warnSeconds"], f"{name} was warned only {early:.1f} s before"


def check_resume(stage: Stage, name: str) -> None:
    """One un-suspending PATCH after the one pause, nothing left on the Job."""
    suspensions, resumptions = stage.suspensions(name, to=True), stage.suspensions(name, to=False)
    counts = (len(suspensions), len(resumptions))
    assert counts == (1, 1), f"{name}: {counts[0]} pauses, {counts[1]} resumes"
    assert resumptions[0].at > suspensions[0].at


def random_plan(count: int, seed: int) -> list[tuple[Step, list[Shot]]]:
    """`count` kills at random writes, one job each."""
    source = random.Random(seed)
    plan: list[tuple[Step, list[Shot]]] = []
    for _ in range(count):
        step = source.choice([Step.Warn, Step.Pause])
        plan.append((step, [shot(step, source.randint(1, len(WRITES[step])), source.choice(["before", "after"]))]))
    return plan


def full_plan() -> list[tuple[Step, list[Shot]]]:
    """Before and after each write of a warning and of a pause: ten kills."""
    return [(step, shots) for step in (Step.Warn, Step.Pause) for shots in shots_at_every_write(step)]


def hits(outcomes: Sequence[Outcome]) -> int:
    """Kills that hit the write they were aimed at."""
    return sum(len(one.shots) - len(one.missed) for one in outcomes)


def kills(count: int, seed: int, tell: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
    """`count` random kills, or the ten at every write for 0, on a plane of their own. Raises as `Range.run`."""
    plan = random_plan(count, seed) if count else full_plan()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="ebbtide-soak-") as folder, Plane(Path(folder)) as plane:
        plane.add_gpu_nodes(2)
        stage = Stage(plane)
        stage.install()
        stage.set_policy(IDLE)
        for start in range(0, len(plan), _BATCH):
            done = Range(stage, plan[start : start + _BATCH], prefix=f"kill-{start}").run()
            outcomes += done
            for one in done:
                tell(one)
    return outcomes
