"""What each workload is doing over time, and what was said of it: spans for the result and its page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ebbtide.core.decision import Decision
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.workload import WorkloadKey
from ebbtide.sim.crew import Top
from ebbtide.sim.prices import PriceTimeline
from ebbtide.sim.result import Lane, LaneSpan, LaneState, VerdictSpan, WorkloadName
from ebbtide.sim.sim_pod import HOLDING, SimPod, Stage

T = TypeVar("T")


@dataclass(slots=True)
class Changes(Generic[T]):
    """A value over time."""

    since: list[int] = field(default_factory=list)
    values: list[T] = field(default_factory=list)

    def set(self, second: int, value: T) -> None:
        """From this second on; the last word of a second counts."""
        if self.values and self.values[-1] == value:
            return
        if self.since and self.since[-1] == second:
            self.since.pop()
            self.values.pop()
            self.set(second, value)
            return
        self.since.append(second)
        self.values.append(value)

    def spans(self, end: int) -> Iterable[tuple[int, int, T]]:
        """[start, end) with the value."""
        ends = [*self.since[1:], end]
        return [it for it in zip(self.since, ends, self.values, strict=True) if it[0] < it[1]]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a lane shows; the message only as of the beginning."""

    state: LaneState
    capacity_class: str
    gpus: int
    verdict: str
    reason: str
    message: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class _Said:
    """The part of a decision that a lane shows."""

    verdict: str
    reason: str
    deciding: str
    message: str


class LaneBook:
    """Told after every instant at which something changed."""

    def __init__(self, prices: PriceTimeline) -> None:
        self._prices = prices
        self._verdicts: dict[WorkloadKey, Changes[tuple[str, str]]] = {}
        self._said: dict[tuple[str, str, str], _Said] = {}
        self._looks: dict[WorkloadName, Changes[_Look]] = {}
        self._classes: dict[WorkloadName, str] = {}
        self._last: dict[WorkloadKey, tuple[object, ...]] = {}

    def hear(self, second: int, decisions: Iterable[Decision]) -> set[tuple[str, str, str]]:
        """A tick decided. Returns (namespace, kind, name) of those of whom it says something else than before."""
        changed = set()
        last = self._last
        for decision in decisions:
            key, judgement = decision.workload, decision.judgement
            words = (judgement.verdict, judgement.reason, decision.deciding)
            if last.get(key) == words:
                continue
            last[key] = words
            said = _Said(str(judgement.verdict), str(judgement.reason), str(decision.deciding), decision.message)
            name = (key.namespace, key.kind, key.name)
            self._said[name] = said
            self._verdicts.setdefault(key, Changes()).set(second, (said.verdict, said.reason))
            changed.add(name)
        return changed

    def verdict(self, name: tuple[str, str, str]) -> tuple[str, str] | None:
        """(verdict, reason) of the last tick."""
        said = self._said.get(name)
        return (said.verdict, said.reason) if said else None

    def look(self, second: int, top: Top) -> None:
        """Note how a workload stands after this second."""
        pods = [pod for crew in top.crews for pod in crew.everyone]
        on_nodes = [pod for pod in pods if pod.stage in HOLDING]
        said = self._said.get((top.name.namespace, top.name.kind, top.name.name), _NOTHING_SAID)
        state = _state(top, pods, said)
        held_back = state in {LaneState.Paused, LaneState.Held}
        capacity = self._class(on_nodes)
        if capacity:
            self._classes[top.name] = capacity
        seen = _Look(
            state=state,
            capacity_class=capacity,
            gpus=sum(pod.needs.asked.accelerators for pod in on_nodes),
            verdict=said.verdict,
            reason=(said.deciding if held_back else said.reason),
            message=said.message,
        )
        self._looks.setdefault(top.name, Changes()).set(second, seen)

    def capacity_class(self, name: WorkloadName) -> str:
        """Of its nodes, or the last one where it is on none; empty: it was never on any."""
        return self._classes.get(name, "")

    def _class(self, pods: Iterable[SimPod]) -> str:
        book = self._prices.now()
        classes = {str(book.rate(pod.node).capacity_class) for pod in pods}
        return (classes.pop() if len(classes) == 1 else "Unknown") if classes else ""

    def lanes(self, end: int) -> tuple[Lane, ...]:
        """All lanes, by name."""
        return tuple(
            Lane(
                name,
                tuple(
                    LaneSpan(start, until, it.state, it.capacity_class, it.gpus, it.verdict, it.reason, it.message)
                    for start, until, it in self._looks[name].spans(end)
                ),
            )
            for name in sorted(self._looks)
        )

    def verdicts(self, end: int, name_of: Callable[[WorkloadKey], WorkloadName]) -> tuple[VerdictSpan, ...]:
        """All verdicts, by name and time."""
        found: list[VerdictSpan] = []
        for key in sorted(self._verdicts):
            name = name_of(key)
            found += [VerdictSpan(start, until, name, *it) for start, until, it in self._verdicts[key].spans(end)]
        return tuple(found)


_NOTHING_SAID = _Said("", "", "", "")


def _state(top: Top, pods: list[SimPod], said: _Said) -> LaneState:
    if top.removed_at is not None and not pods:
        return LaneState.Gone
    if top.runs_now:
        return LaneState.Idle if said.verdict in IDLE_VERDICTS else LaneState.Running
    stages = {pod.stage for pod in pods}
    if stages & HOLDING:
        return LaneState.Stopping if Stage.Stopping in stages else LaneState.Starting
    if top.finished_at is not None:
        return LaneState.Finished
    return _waiting_state(top)


def _waiting_state(top: Top) -> LaneState:
    """Nothing of it is on a node."""
    if top.crews and all(crew.orders.stopped for crew in top.crews):
        return LaneState.Held if top.started_at is None else LaneState.Paused
    return LaneState.Waiting
