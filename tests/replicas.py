"""Replicas of the operator that share one simulated Lease, in virtual time: real election, fence, gate and executor.

The API server serves each request at one instant, checks `metadata.resourceVersion` as the real one does, and remembers
every write that it accepted. Between it and the replicas lies a network that delays, loses and delivers late; replicas
are killed, stopped and told to go, and their clocks run apart.
"""

import asyncio
import json
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ebbtide.cluster.lease import LeaseLeadership
from ebbtide.core.action import Action, Verb
from ebbtide.core.election import Terms
from ebbtide.core.reason import Reason
from ebbtide.core.workload import Workload
from ebbtide.objects.errors import ApiError
from ebbtide.objects.executor import Executor
from ebbtide.objects.resources import JOBS, LEASES, TRAINING_JOBS, Resource
from ebbtide.objects.views_job import decode_job
from ebbtide.objects.views_training_job import decode_training_job
from ebbtide.objects.writing import CrashPoint
from ebbtide.ports import EventNote, OutcomeKind, StatusWrite
from tests.merge_patch import merged

LEASE = ("ops", "lease")
NAMESPACE = "vision"
JOB_EVERY, TICK, STALE = 4.0, 1.0, 1.5
"""Seconds from one Job that must be paused to the next, between ticks, and by which a cache may lag."""
TEMPLATE = {"spec": {"containers": [{"name": "train", "image": "registry.example/train:7"}]}}
Document = dict[str, Any]
Key = tuple[str, str]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only while everybody waits, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Skip(self))

    def time(self) -> float:
        return self.now


class _Skip(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for nothing"
        self._loop.now += max(timeout, 0.0)
        return super().select(0)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


@dataclass(frozen=True, slots=True)
class Network:
    """How requests travel. Chances are per request."""

    slow: float = 0.05
    """Arrives after up to `slow_seconds` instead of at once."""
    slow_seconds: float = 3.5
    late: float = 0.0
    """Arrives after up to a minute, whether or not its sender still waits."""
    lost: float = 0.02
    """Never arrives, or its answer does not."""
    stopped_while_sending: float = 0.0
    """The sender's machine stands still between asking whether it leads and sending."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A write that changed something."""

    at: float
    by: str
    what: str
    name: str
    others: tuple[str, ...]
    """Other replicas that could have written at the instant at which it was served."""


class ApiServer:
    """Objects with versions; every change remembered."""

    def __init__(self) -> None:
        self.objects: dict[Key, Document] = {}
        self.accepted: list[Accepted] = []
        self.holders: list[str] = []
        """Who held the Lease, one entry for each time it changed hands."""
        self.unguarded: list[str] = []
        """Accepted writes on what is there already that named no version."""
        self.refused: Counter[int] = Counter()
        self._running: dict[str, Workload] = {}
        """TrainingJobs whose Job runs, in the order in which they came; decoded once for all replicas."""
        self._version = 0
        self.leaders: Callable[[], list[str]] = list
        self.put(LEASES, LEASE[1], {"metadata": {"annotations": {}}})

    def put(self, resource: Resource, name: str, body: Document) -> None:
        meta = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", **body.get("metadata", {})}
        self._store(resource, name, {**body, "kind": resource.kind, "metadata": meta})

    def get(self, resource: Resource, name: str) -> Document:
        found = self.objects.get((resource.kind, name))
        if found is None:
            raise self._refusal(404, f"{resource.kind} {name} is not there")
        return _copied(found)

    def patch(self, by: str, resource: Resource, name: str, body: Document) -> Document:
        """A merge patch, or a status by apply: both only on the version that they name."""
        stored = self.get(resource, name)
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != stored["metadata"]["resourceVersion"]:
            raise self._refusal(409, f"{resource.kind} {name} was changed")
        patched = merged(stored, body)
        if patched != stored:
            if wanted is None:
                self.unguarded.append(f"{resource.kind} {name} by {by}")
            self._store(resource, name, patched)
            self._remember(by, resource, name, stored, patched)
        return _copied(patched)

    def create(self, by: str, resource: Resource, name: str, body: Document) -> Document:
        self.accepted.append(Accepted(_now(), by, resource.kind, name, self._others(by)))
        return body

    def annotate_lease(self, text: str) -> None:
        """A human, or the breaker."""
        lease = self.objects[LEASES.kind, LEASE[1]]
        lease["metadata"]["annotations"]["ebbtide.dev/breaker-reset"] = text
        self._changed(lease)

    def _remember(self, by: str, resource: Resource, name: str, before: Document, after: Document) -> None:
        if resource is LEASES:
            holder = after["spec"]["holderIdentity"]
            if holder and holder != next(reversed(self.holders), ""):
                self.holders.append(holder)
            return
        what = "pause" if resource is JOBS else "status"
        self.accepted.append(Accepted(_now(), by, what, name, self._others(by)))

    def _others(self, by: str) -> tuple[str, ...]:
        return tuple(one for one in self.leaders() if one != by)

    def picture(self) -> tuple[Workload, ...]:
        """TrainingJobs whose Job runs."""
        return tuple(self._running.values())

    def _store(self, resource: Resource, name: str, document: Document) -> None:
        self._changed(document)
        self.objects[resource.kind, name] = document
        lever, told = self.objects.get((JOBS.kind, name)), self.objects.get((TRAINING_JOBS.kind, name))
        if resource is LEASES or lever is None or told is None:
            return
        if lever["spec"]["suspend"]:
            self._running.pop(name, None)
        else:
            seen = decode_training_job(json.dumps(told).encode())[1]
            self._running[name] = replace(seen, target=decode_job(json.dumps(lever).encode())[1].target)

    def _changed(self, document: Document) -> None:
        self._version += 1
        document["metadata"]["resourceVersion"] = str(self._version)

    def _refusal(self, status: int, text: str) -> ApiError:
        self.refused[status] += 1
        return ApiError(status, "Conflict" if status == 409 else "NotFound", text)


def _copied(document: Document) -> Document:
    return msgspec.json.decode(msgspec.json.encode(document))


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Machine:
    """Where a replica runs: it may stand still, and its clock is its own."""

    rate: float
    offset: float
    stands_until: float = 0.0
    lost_seconds: float = 0.0
    """For which its clock stood still too, as when a hypervisor takes the machine away."""

    def clock(self) -> float:
        return (_now() - self.lost_seconds) * self.rate + self.offset

    def stand(self, seconds: float, *, clock_too: bool = False) -> None:
        self.stands_until = max(self.stands_until, _now() + seconds)
        if clock_too:
            self.lost_seconds += seconds

    async def breathe(self) -> None:
        """Go on once the machine runs."""
        while _now() < self.stands_until:  # noqa: ASYNC110 - it may be told to stand for longer meanwhile
            await asyncio.sleep(self.stands_until - _now())


class Client:
    """Implements ebbtide.objects.api_server.ApiServer for one replica."""

    def __init__(self, server: ApiServer, by: str, machine: Machine, network: Network, source: random.Random) -> None:
        self._server, self._by, self.machine = server, by, machine
        self.network, self._random = network, source
        self.cut_until = 0.0
        """The network lies until then."""
        self._travelling: set[asyncio.Task[Document]] = set()

    async def get(self, resource: Resource, namespace: str, name: str) -> Document:
        return await self._ask(lambda: self._server.get(resource, name))

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: Any, **_: Any) -> Document:
        return await self._ask(lambda: self._server.patch(self._by, resource, name, body))

    async def apply(self, resource: Resource, namespace: str, name: str, body: Any, **_: Any) -> Document:
        told = {"metadata": body["metadata"], "status": body["status"]}
        return await self._ask(lambda: self._server.patch(self._by, resource, name, told))

    async def create(self, resource: Resource, namespace: str, body: Any, **_: Any) -> Document:
        return await self._ask(lambda: self._server.create(self._by, resource, body["metadata"]["name"], body))

    async def delete(self, *_: Any, **__: Any) -> None:
        raise AssertionError("a fleet of TrainingJobs: nothing is deleted")

    async def _ask(self, serve: Callable[[], Document]) -> Document:
        """The request goes its way alone: whoever gives up waiting does not call it back."""
        if self._chance(self.network.stopped_while_sending):
            self.machine.stand(self._random.uniform(1, 40), clock_too=self._chance(0.5))
            await self.machine.breathe()
        journey = asyncio.create_task(self._journey(serve))
        self._travelling.add(journey)
        journey.add_done_callback(self._landed)
        try:
            return await asyncio.shield(journey)
        finally:
            await self.machine.breathe()

    def _landed(self, journey: "asyncio.Task[Document]") -> None:
        self._travelling.discard(journey)
        if not journey.cancelled():
            journey.exception()  # its sender may be gone

    async def _journey(self, serve: Callable[[], Document]) -> Document:
        network = self.network
        lost, answered = self._chance(network.lost), not self._chance(network.lost)
        if self._chance(network.late):
            await asyncio.sleep(self._random.uniform(5, 60))
        elif self._chance(network.slow):
            await asyncio.sleep(self._random.uniform(0, network.slow_seconds))
        else:
            await asyncio.sleep(0.005)
        if lost or _now() < self.cut_until:
            return await self._silence()
        answer = serve()
        await asyncio.sleep(0.005)
        return answer if answered and _now() >= self.cut_until else await self._silence()

    async def _silence(self) -> Document:
        await asyncio.sleep(60)
        raise ApiError(0, "Timeout", "no answer")

    def _chance(self, of: float) -> bool:
        return self._random.random() < of


class Replica:
    """One process: stands for election, keeps a lagging picture, pauses what is due and tells it."""

    def __init__(self, name: str, server: ApiServer, machine: Machine, network: Network, source: random.Random) -> None:
        self.name, self.machine, self._server, self._random = name, machine, server, source
        self.client = Client(server, name, machine, network, source)
        self.leadership = LeaseLeadership(
            self.client,
            namespace=LEASE[0],
            name=LEASE[1],
            identity=name,
            terms=Terms(),
            clock=machine.clock,
            wall=lambda: machine.clock() + source.uniform(-1e6, 1e6),
        )
        self._executor = Executor(
            self.leadership.fence,
            self.leadership,
            lease_namespace=LEASE[0],
            lease_name=LEASE[1],
            clock=lambda: 1_800_000_000.0 + _now(),
            writes_per_second=1e9,
            crash=CrashPoint(),
            instance=name,
        )
        self.outcomes: Counter[OutcomeKind] = Counter()
        self._tasks = [asyncio.create_task(self.leadership.run()), asyncio.create_task(self._work())]

    @property
    def leads(self) -> bool:
        return self.leadership.may_write()

    def kill(self) -> None:
        """SIGKILL. What it has sent is on its way all the same."""
        for task in self._tasks:
            task.cancel()

    async def leave(self) -> None:
        """SIGTERM."""
        self.leadership.resign()
        await asyncio.wait(self._tasks[:1])
        self._tasks[1].cancel()

    async def _work(self) -> None:
        while True:
            seen = self._server.picture()
            await asyncio.sleep(self._random.uniform(0, STALE))
            await self.machine.breathe()
            for each in seen:
                if not self.leads:  # the engine asks once a tick; each write is asked about again
                    break
                await self._pause(each)
            await asyncio.sleep(TICK)
            await self.machine.breathe()

    async def _pause(self, seen: Workload) -> None:
        action = Action(Verb.Pause, seen.key, Reason.GPUIdle, "idle", policy="CostPolicy/batch")
        done = await self._executor.execute(action, seen)
        self.outcomes[done.kind] += 1
        if done.kind is not OutcomeKind.Done:
            return
        status = {"pause": {"by": "Policy", "reason": str(Reason.GPUIdle), "since": "2027-01-15T08:00:00Z"}}
        write = StatusWrite("TrainingJob", NAMESPACE, seen.key.name, seen.uid, status)
        if (await self._executor.write_status(write, seen.resource_version)).kind is OutcomeKind.Done:
            await self._executor.publish(EventNote(seen.key, seen.uid, "Warning", "GPUIdle", "Pause", "paused"))


@dataclass
class Deployment:
    """Three places for replicas, work that comes in, and trouble."""

    source: random.Random
    network: Network
    clocks_stop: bool = False
    """Machines may stand still together with their clocks."""
    places: int = 3
    server: ApiServer = field(default_factory=ApiServer)
    replicas: list[Replica] = field(default_factory=list)
    born: int = 0
    jobs: int = 0
    overlaps: list[tuple[float, list[str]]] = field(default_factory=list)
    """Instants at which more than one replica could have written."""

    async def until(self, changes: int, seconds: float) -> None:
        """Trouble, until the Lease has changed hands so often; then quiet, so that what is due gets done."""
        self.server.leaders = self.leaders
        self.replicas = [self._replica() for _ in range(self.places)]
        employer, watcher = asyncio.create_task(self._employ()), asyncio.create_task(self._watch())
        while len(self.server.holders) < changes:
            assert _now() < seconds, f"{len(self.server.holders)} changes of leader in {seconds:.0f} s"
            await asyncio.sleep(self.source.uniform(2, 25))
            await self._trouble()
        employer.cancel()
        for replica in self.replicas:
            replica.client.network = Network(slow=0, lost=0)
        while len(self.pauses()) < self.jobs:
            assert _now() < seconds, f"{self.jobs - len(self.pauses())} Jobs were never paused"
            await asyncio.sleep(10)
        await asyncio.sleep(120)  # the longest stop and the longest journey: whoever comes late
        watcher.cancel()
        for replica in self.replicas:
            replica.kill()

    def leaders(self) -> list[str]:
        return [replica.name for replica in self.replicas if replica.leads]

    def _replica(self) -> Replica:
        self.born += 1
        machine = Machine(rate=self.source.uniform(0.98, 1.02), offset=self.source.uniform(0, 1e6))
        return Replica(f"replica-{self.born}", self.server, machine, self.network, self.source)

    async def _employ(self) -> None:
        """A Job that is to be paused, every few seconds."""
        while True:
            self.jobs += 1
            name = f"job-{self.jobs}"
            owner = {
                "apiVersion": "ebbtide.dev/v1alpha1",
                "kind": "TrainingJob",
                "uid": f"uid-{name}",
                "controller": True,
            }
            self.server.put(TRAINING_JOBS, name, {"spec": {"template": TEMPLATE}, "status": {}})
            self.server.put(JOBS, name, {"metadata": {"ownerReferences": [owner]}, "spec": {"suspend": False}})
            await asyncio.sleep(JOB_EVERY)

    async def _watch(self) -> None:
        while True:
            if len(leaders := self.leaders()) > 1:
                self.overlaps.append((_now(), leaders))
            await asyncio.sleep(0.25)

    async def _trouble(self) -> None:
        """Mostly for whoever leads."""
        place = next((number for number, one in enumerate(self.replicas) if one.leads), 0)
        if self.source.random() < 0.2:
            place = self.source.randrange(self.places)
        victim = self.replicas[place]
        match self.source.choice(["kill", "leave", "leave", "stop", "cut", "annotate"]):
            case "kill":
                victim.kill()
                self.replicas[place] = self._replica()
            case "leave":
                await victim.leave()
                self.replicas[place] = self._replica()
            case "stop":
                victim.machine.stand(
                    self.source.uniform(1, 45), clock_too=self.clocks_stop and self.source.random() < 0.5
                )
            case "cut":
                victim.client.cut_until = _now() + self.source.uniform(1, 40)
            case "annotate":
                self.server.annotate_lease(str(_now()))

    # -- what came of it ----------------------------------------------------------------------------------------

    def pauses(self) -> Counter[str]:
        """Job to accepted pauses."""
        return Counter(one.name for one in self.server.accepted if one.what == "pause")

    def statuses(self) -> Counter[str]:
        """TrainingJob to accepted statuses."""
        return Counter(one.name for one in self.server.accepted if one.what == "status")

    def overlapping_writes(self) -> list[Accepted]:
        """Writes, Events included, that were served while another replica could write."""
        return [one for one in self.server.accepted if one.others]
