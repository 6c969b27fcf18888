"""Plays scenarios on an installation, all of a batch at once, each in a namespace of its own."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from e2e.exporter.cluster import running_since
from e2e.installation import Installation
from e2e.operator_process import OperatorProcess
from e2e.page import Page
from e2e.parity.comparison import differences
from e2e.parity.record import Course, logged
from e2e.parity.transposed import Document, Happening, Transposed, again, begun
from e2e.plane.waiting import wait_until

Switch = Callable[[str, str], None]
"""Sets a fault to this state, for the scenario in this namespace."""
_API: Final = "/apis/ebbtide.dev/v1alpha1"
_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "TrainingJob": (_API, "trainingjobs"),
    "CostPolicy": (_API, "costpolicies"),
    "ClusterCostPolicy": (_API, "clustercostpolicies"),
    "AdoptedWorkload": (_API, "adoptedworkloads"),
    "Job": ("/apis/batch/v1", "jobs"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Namespace": ("/api/v1", "namespaces"),
}
_SETTLE_SECONDS: Final = 2.0
"""Namespaces and policies are there this long before the work is."""
_LATE_SECONDS: Final = 6.0
"""The plane is a few seconds behind the simulator, which needs no time for anything."""
_TAKES: Final = 3
_STARTING_SECONDS: Final = 8.0
"""So long a story waits for its first pod."""
_LOOK_SECONDS: Final = 0.2
_BEHIND_SECONDS: Final = 2.0
"""What happens in a story later than this after its time is not that story any more."""
_HOLE_SECONDS: Final = 3.0
"""Without a scrape for this long the operator sees a hole, and idle clocks begin anew."""
_CLEAR_SECONDS: Final = 60.0
_FAULTS_OF_ALL: Final = frozenset({"prometheus", "operator"})


@dataclass(slots=True)
class _Run:
    """One scenario on its way."""

    scenario: Transposed
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    lag: float = 0.0
    """Seconds until its first pod ran: its story begins there, as in the simulator, which needs no time for that."""
    straggled: float = 0.0
    """Seconds from there until the last of the pods that it begins with ran."""
    verdicts: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        return self.created + timedelta(seconds=self.lag)

    @property
    def starts_by_itself(self) -> bool:
        """Nothing that happens in it makes its first pods."""
        return all(it.at > _STARTING_SECONDS for it in self.scenario.happenings)


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """Something to do at its time: seconds from the start of the story."""

    run: _Run
    at: float
    act: Callable[[], None]

    @property
    def due(self) -> float:
        """Unix time."""
        return self.run.start.timestamp() + self.at


class Player:
    """Plays batches. `switches` maps `prometheus` and `api` to what sets that fault on the plane.

    `page`: shows the series that users name, and is scraped every second.
    """

    def __init__(self, it: Installation, operator: OperatorProcess, switches: Mapping[str, Switch], page: Page) -> None:
        self._it, self._api, self._operator, self._page = it, it.plane.api, operator, page
        self._switches = {**switches, "operator": self._switch_operator}
        self.stalls: list[str] = []
        """Takes that do not count, unless they were the last, and why."""

    def play(self, batch: Sequence[Transposed], told: Sequence[Course]) -> list[Course]:
        """The course of each scenario, in order; takes as long as the longest of them.

        `told`: what the simulator says of each. A second of the plane is a minute of the files, so a machine that falls
        seconds behind may play another story than theirs. A take that did and differs is played again, in other
        namespaces; the last of three counts however it went.
        """
        for take in range(1, _TAKES + 1):
            cast = [again(it, take) for it in batch]
            courses, stalled = self._play(cast)
            if not stalled or not any(map(differences, told, courses)):
                break
            self.stalls.append(f"take {take} of {len(batch)} scenarios: {stalled}")
            self._clear(cast)
        return courses

    def _play(self, batch: Sequence[Transposed]) -> tuple[list[Course], str]:
        """The courses, and how the machine fell behind the story; empty: it did not."""
        log, began = self._operator.component.log, time.time()
        begin = log.stat().st_size
        runs = self._begin(batch)
        late = self._drive(runs)
        time.sleep(_LATE_SECONDS)
        courses = [self._course(run, log, begin) for run in runs]
        late = max(late, *(run.straggled for run in runs))
        return courses, _stalled(late, self._it.prometheus.longest_silence(began))

    def _drive(self, runs: Sequence[_Run]) -> float:
        """Do everything in its turn; gives by how many seconds the latest came too late."""
        turns = [turn for run in runs for turn in self._turns(run)]
        starting = {run.scenario.name: run for run in runs if run.starts_by_itself}
        late, patience = 0.0, time.time() + _STARTING_SECONDS
        while turns:
            if starting and time.time() < patience:
                self._note_starts(starting)
            else:
                starting.clear()
            turn = min(turns, key=lambda it: it.due)
            wait = turn.due - time.time()
            if wait > 0:
                time.sleep(min(wait, _LOOK_SECONDS) if starting else wait)
                continue
            turns.remove(turn)
            late = max(late, -wait)
            turn.act()
        return late

    def _note_starts(self, starting: dict[str, _Run]) -> None:
        """Whose first pod runs by now; they are no longer among those that start.

        The story begins where the pod's activity does, however late it is looked at.
        """
        for pod in self._api.items("/api/v1/pods"):
            name, began = pod["metadata"]["namespace"], running_since(pod)
            if name in starting and began is not None:
                run = starting.pop(name)
                run.lag = max(0.0, began - run.created.timestamp())
                self._play_series(run)

    def _note_stragglers(self, run: _Run) -> None:
        """Work that begins seconds after the story did is idle seconds later than in the simulator."""
        pods = self._api.items(f"/api/v1/namespaces/{run.scenario.name}/pods")
        starts = [began for pod in pods if (began := running_since(pod)) is not None]
        run.straggled = max(starts) - run.start.timestamp() if starts else 0.0

    def _clear(self, cast: Sequence[Transposed]) -> None:
        """Give their devices back."""
        names = {scenario.name for scenario in cast}
        for name in names:
            self._api.delete(f"/api/v1/namespaces/{name}")
        wait_until(
            lambda: not any(pod["metadata"]["namespace"] in names for pod in self._api.items("/api/v1/pods")),
            "an end of the pods of the last take",
            _CLEAR_SECONDS,
        )

    def _course(self, run: _Run, log: Path, begin: int) -> Course:
        name, seconds = run.scenario.name, run.scenario.seconds
        deeds = [deed for deed in logged(log, begin, name, run.start) if deed.at < seconds + _LATE_SECONDS]
        return Course(deeds, run.verdicts, seconds)

    def _begin(self, batch: Sequence[Transposed]) -> list[_Run]:
        """Everything but the work first, so that all of it is known when the work comes."""
        for scenario in batch:
            self._create(scenario.namespace)
            for manifest in scenario.manifests:
                if not _is_work(manifest, scenario):
                    self._create(manifest)
        self._it.plane.exporter.control(omit={glob: series for it in batch for glob, series in it.omit.items()})
        time.sleep(_SETTLE_SECONDS)
        return [self._begin_one(scenario) for scenario in batch]

    def _begin_one(self, scenario: Transposed) -> _Run:
        run = _Run(scenario)
        self._play_series(run)
        for manifest in scenario.manifests:
            if _is_work(manifest, scenario):
                self._create(begun(manifest, run.start))
        return run

    def _play_series(self, run: _Run) -> None:
        for series, values in run.scenario.series:
            self._page.play(series, values, run.start.timestamp())

    def _turns(self, run: _Run) -> list[_Turn]:
        """Every event, a look at who has started, and a last one at the verdicts."""
        turns = [_Turn(run, it.at, _bound(self._happen, run, it)) for it in run.scenario.happenings]
        if run.starts_by_itself:
            turns.append(_Turn(run, _STARTING_SECONDS, _bound(self._note_stragglers, run)))
        return [*turns, _Turn(run, run.scenario.seconds, _bound(self._look, run))]

    def _happen(self, run: _Run, happening: Happening) -> None:
        for verb, what in happening.what.items():
            if verb == "apply":
                self._apply(begun(what, run.start))
            elif verb == "delete":
                self._api.delete(_path(what["kind"], what.get("namespace", ""), what["name"]))
            else:
                self._switches[verb](what, run.scenario.name)

    def _switch_operator(self, state: str, _namespace: str) -> None:
        if state in {"Down", "Restart"}:
            self._operator.kill()
        if state in {"Up", "Restart"}:
            self._operator.start()

    def _look(self, run: _Run) -> None:
        for kind, name in run.scenario.workloads:
            run.verdicts[f"{kind}/{name}"] = {self._verdict(kind, run.scenario.name, name)}

    def _verdict(self, kind: str, namespace: str, name: str) -> tuple[str, str]:
        own = kind == "TrainingJob"
        path = _path(kind if own else "AdoptedWorkload", namespace, name if own else f"{kind.lower()}-{name}")
        status: Document = self._api.send("GET", path, check=False).get("status") or {}
        verdict = status.get("verdict") if isinstance(status, dict) else None
        return (verdict["value"], verdict["reason"]) if verdict else ("", "")

    def _create(self, manifest: Document) -> None:
        meta = manifest["metadata"]
        self._api.post(_path(manifest["kind"], meta.get("namespace", "")), manifest)

    def _apply(self, manifest: Document) -> None:
        meta = manifest["metadata"]
        path = _path(manifest["kind"], meta.get("namespace", ""), meta["name"])
        answer: Any = self._api.send("GET", path, check=False)
        if answer.get("kind") == "Status" and answer.get("code") == 404:
            self._create(manifest)
        else:
            body = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
            self._api.merge_patch(path, body)


def _stalled(late: float, silent: float) -> str:
    if late > _BEHIND_SECONDS:
        return f"the machine was {late:.1f} s late"
    return f"nothing was scraped for {silent:.1f} s" if silent > _HOLE_SECONDS else ""


def disturbs(scenario: Transposed) -> bool:
    """It has faults that every other scenario on the plane would feel."""
    return any(_FAULTS_OF_ALL & it.what.keys() for it in scenario.happenings)


def _is_work(manifest: Document, scenario: Transposed) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) in scenario.workloads


def _bound(call: Callable[..., None], *words: Any) -> Callable[[], None]:
    return lambda: call(*words)


def _path(kind: str, namespace: str, name: str = "") -> str:
    root, plural = _PATHS[kind]
    parts = [root, *(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    return "/".join(parts)
