"""The pods of one controller, and whose work they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ebbtide.api import labels as keys
from ebbtide.core.reason import Reason
from ebbtide.objects import restore
from ebbtide.objects.document import Document
from ebbtide.objects.restore import Unusable
from ebbtide.sim.identity import Identity
from ebbtide.sim.ledger import Account, Share
from ebbtide.sim.manifest import WORK_SECONDS
from ebbtide.sim.progress import NO_SAVING, Mode, Progress, Saving
from ebbtide.sim.result import WorkloadName
from ebbtide.sim.sim_pod import PLACED, SimPod

RUNS_TO_COMPLETION: Final = frozenset({"TrainingJob", "CronJob", "JobSet", "TrainJob", "Workflow"})
"""And every kind whose name ends in Job."""
GANGLESS: Final = frozenset({"Deployment", "StatefulSet"})
"""Each pod stands for itself."""
_IDLE_PAUSES: Final = frozenset({str(Reason.GPUIdle), str(Reason.GPUNeverUsed), str(Reason.GPUStalled)})
_DONE: Final = frozenset({"Complete", "Succeeded"})


@dataclass(slots=True, eq=False)
class Top:
    """The topmost owner of some pods: what people call the workload. Mutable."""

    name: WorkloadName
    identity: Identity
    uid: str
    created_at: int
    account: Account
    crews: "list[Crew]" = field(default_factory=list)
    removed_at: int | None = None
    finished_at: int | None = None
    started_at: int | None = None
    """When all pods of its gang ran for the first time."""
    succeeded_at: int | None = None
    """When its condition Succeeded, or that of its Job, Complete, became True."""

    @property
    def pods(self) -> list[SimPod]:
        """All that have not ended, in the order of their crews."""
        return [pod for crew in self.crews for pod in crew.pods.values()]

    @property
    def runs_now(self) -> bool:
        """All pods of its gang run; of a Deployment or StatefulSet any pod."""
        crews = self.crews
        if len(crews) == 1:
            return crews[0].runs
        return any(crew.pods for crew in crews) and all(crew.runs for crew in crews if crew.pods)

    def note_success(self, document: Document, now: int) -> None:
        """Complete, or Succeeded of a kind of ours, as somebody wrote it."""
        conditions = (document.get("status") or {}).get("conditions") or ()
        done = any(one.get("type") in _DONE and one.get("status") == "True" for one in conditions)
        if done and self.succeeded_at is None:
            self.succeeded_at = now

    def note_whole(self, now: int) -> None:
        """Whether all pods are on nodes that its user wants now."""
        if all(crew.placed == crew.orders.wanted for crew in self.crews):
            shares = [Share(pod.node, pod.needs.asked) for pod in self.pods if pod.stage in PLACED]
            if shares or not self.account.completes:
                self.account.whole(shares, now)


def runs_to_completion(kind: str) -> bool:
    """Kinds that end by themselves."""
    return kind in RUNS_TO_COMPLETION or kind.endswith("Job")


@dataclass(frozen=True, slots=True)
class Orders:
    """What a controller's object asks for at this moment."""

    count: int
    """Pods that its user wants."""
    stopped: bool = False
    """None of them may run now."""
    over: bool = False
    """It has finished or failed."""
    by_us: bool = False
    """Ebbtide's restore annotation is on it."""
    reason: str = ""
    """Of the restore annotation."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """Pod template; empty where pods are listed one by one."""

    @property
    def live(self) -> int:
        """Pods that should be there."""
        return 0 if self.stopped or self.over else self.count

    @property
    def wanted(self) -> int:
        """Pods that its user wants: what Ebbtide stopped is wanted all the same."""
        return 0 if self.over or (self.stopped and not self.by_us) else self.count


@dataclass(slots=True, eq=False)
class Crew:
    """Mutable. Ordinals count from 0."""

    carrier: Identity
    """The object with the lever: a Job, a Deployment, or whatever owns listed pods."""
    top: Top
    gang: bool
    listed: list[dict[str, Any]] = field(default_factory=list)
    """Manifests of pods that the file lists; empty where the world makes them."""
    pods: dict[int, SimPod] = field(default_factory=dict)
    """By ordinal, what has not ended. A gangless crew may have a stopping pod besides the one that replaces it."""
    leaving: list[SimPod] = field(default_factory=list)
    """Stopping pods whose ordinal has a new pod."""
    finished: list[SimPod] = field(default_factory=list)
    """Succeeded pods; they stay."""
    starts: dict[int, int] = field(default_factory=dict)
    """How often each ordinal was started."""
    progress: Progress = field(default_factory=Progress)
    orders: Orders = field(default_factory=lambda: Orders(0))
    template: Mapping[str, Any] = field(default_factory=dict)
    """Of the pods that are there."""
    made: int = 0
    """Pods of a gang at its last start."""
    removed: bool = False
    running: bool = False
    """A gang: all its pods run."""
    idle_paused: bool = False

    @property
    def runs(self) -> bool:
        """All pods of the gang run; without gang any pod."""
        if self.gang:
            return self.running
        return any(pod.stage == "Running" for pod in self.pods.values())

    @property
    def everyone(self) -> list[SimPod]:
        """All that have not ended."""
        return [*self.pods.values(), *self.leaving]

    @property
    def placed(self) -> int:
        """Pods that start or run on a node."""
        return sum(pod.stage in PLACED for pod in self.pods.values())

    def note_pause(self, now: int) -> None:
        """Idle pauses count as time that it would have run."""
        orders, account = self.orders, self.top.account
        paused = orders.stopped and orders.by_us and orders.reason in _IDLE_PAUSES
        if paused and not self.idle_paused:
            account.pause(now)
        elif self.idle_paused and not paused:
            account.resume(now)
        self.idle_paused = paused


def orders_of(document: Document, listed: int = 0) -> Orders:
    """What an object asks for."""
    kind, meta = document["kind"], document["metadata"]
    spec = said if isinstance(said := document.get("spec"), Mapping) else {}
    note = restore.read(meta.get("annotations"), kind, meta["name"])
    known = None if note is None or isinstance(note, Unusable) else note
    reason, by_us = (known.reason if known else ""), known is not None
    if listed:
        stopped = spec.get("suspend") is True or spec.get("replicas") == 0
        return Orders(listed, stopped or by_us, by_us=by_us, reason=reason)
    if kind == "Job":
        wanted = _or(spec.get("parallelism"), 1)
        wanted = min(wanted, _or(spec.get("completions"), wanted))
        return Orders(wanted, spec.get("suspend") is True, _is_over(document), by_us, reason, spec["template"])
    replicas = _or(spec.get("replicas"), 1)
    was = next((one.was for one in known.fields if one.path == "/spec/replicas"), None) if known else None
    count = was if replicas == 0 and isinstance(was, int) else replicas
    return Orders(count, replicas == 0, by_us=by_us, reason=reason, template=spec["template"])


def _or(value: Any, default: int) -> int:
    return default if value is None else int(value)


def _is_over(document: Document) -> bool:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions)


def work_of(top: Document) -> int | None:
    """Seconds of work that a TrainingJob or Job is made of; None: it never ends."""
    annotations = top["metadata"].get("annotations") or {}
    said = annotations.get(WORK_SECONDS)
    if said is None and top["kind"] == "TrainingJob":
        expected = (top.get("spec") or {}).get("expectedSeconds")
        return expected if isinstance(expected, int) else None
    said = annotations.get(keys.EXPECTED_SECONDS) if said is None else said
    return int(said) if said is not None and said.isdecimal() and len(said) < 10 else None


def saving_of(top: Document) -> Saving:
    """How the work of a topmost owner survives a stop: its spec, or its annotation; kinds that serve lose nothing."""
    if top["kind"] == "TrainingJob":
        said = (top.get("spec") or {}).get("checkpoint") or {}
        mode = Mode(said.get("mode", "None"))
        return Saving(mode, said.get("intervalSeconds" if mode is Mode.Periodic else "graceSeconds") or 0)
    text = (top["metadata"].get("annotations") or {}).get(keys.CHECKPOINT, "")
    name, _, seconds = text.partition(":")
    if name in set(Mode):
        return Saving(Mode(name), int(seconds) if seconds.isdecimal() and len(seconds) < 10 else 0)
    return NO_SAVING if runs_to_completion(top["kind"]) else Saving(Mode.Stateless)
