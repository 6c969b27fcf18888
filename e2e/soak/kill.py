"""kill -9 again and again while work is warned, paused and resumed, and what must be true afterwards.

One workload after another falls idle, is paused, and is brought back by its user as soon as its pause is told; the
operator is killed meanwhile, every other time at a chosen write (EBBTIDE_CRASH_AT), and started anew at once. Writes
are passed on late, so that a pause takes about a second and a kill at any instant may fall into it; what was sent when
the process died arrives all the same. The audit log says what was done.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.faults.api_proxy import ApiProxy
from e2e.faults.call import WRITES
from e2e.faults.fault import Fault, Late
from e2e.operator_process import OperatorProcess
from e2e.plane import AuditWrite, Plane
from e2e.soak.proof import check_pause, check_resume
from e2e.soak.shot import Shot, shots
from e2e.soak.stage import NAMESPACE, RELEASE, Document, Stage, moment
from e2e.soak.trail import Trail, process_of

IDLE: Final = {"afterSeconds": 12, "warnSeconds": 4, "graceSeconds": 2, "neverUsedAfterSeconds": 14}
SLOW_SECONDS: Final = 0.3
SLOW: Final = Fault(Late(SLOW_SECONDS), verbs=WRITES)
CRASHED: Final = -9
_SECONDS: Final = 60.0
_MISSED_SECONDS: Final = 20.0
"""A process that has not sent so many writes until then is killed where it stands."""
_DOING_SECONDS: Final = 1.5
"""What a process needs after it was ready for a pause and what is told of it."""
_EVERY_SECONDS: Final = 2.0
"""From one workload that falls idle to the next before the first kill; then it is one for each kill."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One that was fired. `hit`: the process died at what was aimed at, or the kill was not aimed."""

    shot: Shot
    process: int
    hit: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run: every workload in it was paused once, with its original, and resumed once."""

    kills: tuple[Kill, ...]
    pauses: tuple[Trail, ...]

    def open_after(self, kill: Kill) -> list[Trail]:
        """Pauses that were begun and not finished when it struck."""
        return [pause for pause in self.pauses if pause.is_open_after(kill.process)]

    @property
    def inside(self) -> int:
        """Kills that fell between the first write of a pause and its last."""
        return sum(bool(self.open_after(kill)) for kill in self.kills)

    @property
    def unsaid(self) -> int:
        """Pauses whose Event nobody sent."""
        return sum(pause.said is None for pause in self.pauses)


class Campaign:
    """Kills on a stage whose operator does not run; workloads are made as they are needed."""

    def __init__(self, stage: Stage, kubeconfig: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self._stage, self._tell = stage, tell
        self._env = {"KUBECONFIG": str(kubeconfig)}
        self._starts: list[float] = []
        self._start_seconds = 0.0
        self._waiting: list[str] = []
        self._idle: list[str] = []
        self._resumed: list[str] = []

    def run(self, fired: Sequence[Shot]) -> Outcome:
        """All of it. Raises AssertionError or PlaneError at the first workload that was not treated as it must."""
        names = self._prepare(len(fired))
        kills = []
        for one in fired:
            kill = self._fire(one)
            kills.append(kill)
            self._tell(f"kill {len(kills)}: {one}{'' if kill.hit else ' (missed)'}")
        self._start().wait_ready()
        limit = time.monotonic() + len(names) * _EVERY_SECONDS + _SECONDS
        while self._waiting or self._idle or self._resumed:
            self._fall_idle()
            assert time.monotonic() < limit, f"not done: {self._waiting} {self._idle} {self._resumed}"
            self._tend()
        self._stage.operator.stop()
        return Outcome(tuple(kills), tuple(self._trail(name) for name in names))

    def _prepare(self, count: int) -> list[str]:
        """Busy work, one for each kill, until the first is about to be paused; a start is timed on the way."""
        names = [self._stage.train(f"kill-{number}", "busy") for number in range(count)]
        began = time.monotonic()
        self._start().wait_ready()
        self._start_seconds = time.monotonic() - began
        self._stage.wait_all("Active", names, seconds=_SECONDS)
        self._waiting = list(names)
        until = time.monotonic() + IDLE["afterSeconds"] - 1
        while time.monotonic() < until:
            self._fall_idle()
            self._tend(_EVERY_SECONDS)
        self._stage.operator.kill()
        return names

    # -- kills --------------------------------------------------------------------------------------------------

    def _start(self, **environment: str) -> OperatorProcess:
        self._starts.append(time.time())
        return self._stage.start(ready=False, env={**self._env, **environment})

    def _fire(self, one: Shot) -> Kill:
        number = len(self._starts)
        self._fall_idle()
        hit = True
        if one.aimed:
            process = self._start(EBBTIDE_CRASH_AT=f"{one.number}:{one.moment}")
            self._live(process, time.monotonic() + _MISSED_SECONDS)
            hit = process.component.returncode == CRASHED
        elif one.at_sight:
            process = self._start()
            hit = self._sees_a_pause_begin(process, time.monotonic() + _MISSED_SECONDS)
        else:
            process = self._start()
            self._live(process, time.monotonic() + self._seconds(one.share))
        died = process.component.returncode
        assert died in {None, CRASHED}, f"the operator ended with {died}: {process.logs()}"
        process.kill()
        return Kill(one, number, hit)

    def _seconds(self, share: float) -> float:
        """A process that has just begun to start can do no harm, so the first half of a start is left out."""
        half = self._start_seconds / 2
        return half + share * (half + _DOING_SECONDS)

    def _live(self, process: OperatorProcess, until: float) -> None:
        while process.alive and time.monotonic() < until:
            self._tend()

    def _sees_a_pause_begin(self, process: OperatorProcess, until: float) -> bool:
        """Lives until a Job is suspended and its status does not tell so: that is looked at last."""
        while process.alive and time.monotonic() < until:
            suspended = self._stage.suspended()
            statuses = self._stage.statuses()
            if any(it in suspended and "since" not in (statuses[it].get("pause") or {}) for it in self._idle):
                return True
            self._tend(0.0)
        return False

    # -- workloads ----------------------------------------------------------------------------------------------

    def _fall_idle(self) -> None:
        """The next workload, if there is one."""
        if self._waiting:
            name = self._waiting.pop(0)
            self._stage.act(**{name.replace("-", "_"): "idle"})
            self._idle.append(name)

    def _tend(self, seconds: float = 0.1) -> None:
        """What goes on besides: who is paused is looked at and resumed, who runs again leaves."""
        statuses, suspended = self._stage.statuses(), self._stage.suspended()
        for name in [it for it in self._idle if it in suspended and "since" in (statuses[it].get("pause") or {})]:
            check_pause(self._stage, name, IDLE["warnSeconds"])
            self._stage.annotate(name, override="Running")
            self._idle.remove(name)
            self._resumed.append(name)
        for name in [it for it in self._resumed if it not in suspended and "endTime" in statuses[it]["pause"]]:
            check_resume(self._stage, name)
            self._resumed.remove(name)
        time.sleep(seconds)

    def _trail(self, name: str) -> Trail:
        (patch,) = self._stage.suspensions(name, to=True)
        told = next(
            (write for write in self._statuses(name) if "since" in (write.body["status"].get("pause") or {})), None
        )
        events = self._stage.installation.events(name, self._stage.namespace)
        said = [_said_at(one) for one in events if one["action"] == "Pause"]
        assert len(said) <= 1, f"{name}: its pause was told by {len(said)} Events"
        return Trail(
            patched=self._process(patch.at.timestamp()),
            told=None if told is None else self._process(told.at.timestamp()),
            said=self._process(said[0]) if said else None,
        )

    def _statuses(self, name: str) -> list[AuditWrite]:
        return self._stage.writes(
            verb="patch", resource="trainingjobs", subresource="status", name=name, succeeded=True
        )

    def _process(self, at: float) -> int:
        return process_of(at, self._starts)


def _said_at(event: Document) -> float:
    """When it was sent: one that another process sends later bears the time of the pause."""
    return max(moment(event["eventTime"]), moment(event["metadata"]["creationTimestamp"]))


@contextmanager
def slowed(api: ApiProxy) -> Iterator[Path]:
    """Writes take their time; gives the operator's kubeconfig."""
    with api.failing(SLOW):
        yield api.kubeconfig(NAMESPACE, RELEASE)


def kills(count: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """`count` kills on a plane of their own. Raises as `Campaign.run`."""
    with tempfile.TemporaryDirectory(prefix="ebbtide-soak-") as folder, Plane(Path(folder)) as plane:
        stage = Stage(plane, nodes=count // 8 + 1)
        stage.install()
        stage.set_policy(IDLE)
        with ApiProxy(plane) as api, slowed(api) as kubeconfig:
            return Campaign(stage, kubeconfig, tell).run(shots(count, seed))
