"""Idle runs, counted while samples are read: only of workloads under a policy that says `afterSeconds: Auto`.

Time goes in whole minutes up to where reading is settled, so history that is read again after a start counts as it
would have counted live, whatever slices it comes in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ebbtide.core.breaker import IDLE_REASONS
from ebbtide.core.evidence import DeviceEvidence, EvidenceBook, Signal
from ebbtide.core.gang import heard
from ebbtide.core.governing import Governing, PolicyIndex
from ebbtide.core.idle_hazard import Seen
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.lineup import Lineup
from ebbtide.core.settings import Settings
from ebbtide.core.signal import ACTIVITY, HIGHEST, POWER, SLOT, UTILISATION
from ebbtide.core.snapshot import ClusterState, Policy
from ebbtide.core.traces import FIRST
from ebbtide.core.workload import Instant, Namespace, Pod, Workload
from ebbtide.samples.holders import Holding


@dataclass(slots=True)
class Watched:
    """One workload whose timeout is learnt."""

    uid: str
    group: str
    """Its siblings': one namespace, one policy."""
    rule: IdleRule
    lineup: Lineup
    paused_since: Instant | None
    """While we keep it paused for idleness, until somebody wants it."""
    resumed: bool
    """That has just ended: somebody wanted it."""
    busy: list[Instant] = field(default_factory=list)
    """When a device of it was busy, as far as that is not counted yet."""


class IdleWatch:
    """Follows the idle runs of a fleet. Costs nothing where no policy says Auto."""

    def __init__(self) -> None:
        self._gangs: list[Watched] = []
        self._pods: dict[tuple[str, str], Watched] = {}
        self._policies: tuple[Policy, ...] = ()
        self._index = PolicyIndex((), Settings())
        self._governing: dict[str, tuple[Workload, Namespace, Governing]] = {}
        self._at: Instant | None = None

    def __bool__(self) -> bool:
        return bool(self._gangs)

    def restart(self) -> None:
        """Reading begins anew."""
        self._at, self._gangs, self._pods = None, [], {}

    def follow(self, state: ClusterState, book: EvidenceBook) -> None:
        """Who is watched now; whoever is not is forgotten."""
        if not self._gangs and not any(map(says_auto, state.policies)):
            return
        known = {gang.uid: gang for gang in self._gangs}
        self.watch(self._watched(state, known) if any(map(says_auto, state.policies)) else ())
        book.history.keep({gang.uid: gang.group for gang in self._gangs})
        if not self._gangs:
            self._at = None

    def watch(self, gangs: Iterable[Watched]) -> None:
        """These and no others."""
        self._gangs = list(gangs)
        self._pods = {(pod.namespace, pod.name): gang for gang in self._gangs for pod in gang.lineup.pods}

    def take(self, holding: Holding, signal: Signal, samples: Iterable[tuple[Instant, float]]) -> None:
        """Samples of one signal of a device: the busy ones are remembered until their time is counted."""
        slot = SLOT[signal]
        gang = self._pods.get((holding.namespace, holding.pod)) if slot < POWER else None
        if gang is None or (slot == UTILISATION and "/" in holding.device):
            return
        limits = gang.rule.thresholds
        limit = limits.percent if slot == UTILISATION else limits.ratio
        gang.busy += [at for at, value in samples if limit < value <= HIGHEST[slot]]

    def count(self, book: EvidenceBook, after: Instant, settled: Instant) -> None:
        """Counts whole minutes up to `settled`; reading began after `after`."""
        if not self._gangs:
            return
        step = book.history.step_seconds
        at = after // step * step if self._at is None else self._at
        while at + step <= settled:
            seen: dict[str, list[tuple[str, Seen]]] = {}
            for gang in self._gangs:
                seen.setdefault(gang.group, []).append((gang.uid, _seen(gang, book, at, at + step)))
            book.history.step(seen)
            at += step
        self._at = at
        for gang in self._gangs:
            gang.busy = [when for when in gang.busy if when > at]

    def _watched(self, state: ClusterState, known: dict[str, Watched]) -> Iterable[Watched]:
        policies = tuple(state.policies)
        if policies != self._policies:
            self._policies, self._index = policies, PolicyIndex(policies, Settings())
            self._governing = {}
        for workload in state.workloads:
            policy = self._governed(workload, state).policy
            if policy is None or not says_auto(policy) or workload.deleting:
                continue
            group = f"{workload.key.namespace} {policy.namespace}/{policy.reference}"
            yield _watched(workload, policy, group, state.pods.get(workload.key, ()), known.get(workload.uid))

    def _governed(self, workload: Workload, state: ClusterState) -> Governing:
        """As the plan finds it; kept while workload, namespace and policies stay what they are."""
        namespace = state.namespaces.get(workload.key.namespace) or Namespace(workload.key.namespace)
        found = self._governing.get(workload.uid)
        if found is None or found[0] is not workload or found[1] != namespace:
            found = (workload, namespace, self._index.governing(workload, namespace))
            self._governing[workload.uid] = found
        return found[2]


def says_auto(policy: Policy) -> bool:
    """It lets timeouts be learnt."""
    idle = policy.spec.idle if policy.spec is not None else None
    return idle is not None and not isinstance(idle.after_seconds, int)


def _watched(workload: Workload, policy: Policy, group: str, pods: Sequence[Pod], before: Watched | None) -> Watched:
    assert policy.spec is not None
    assert policy.spec.idle is not None
    since = None if policy.spec.idle.resume_after_seconds else _paused_since(workload)
    same = before is not None and before.group == group
    return Watched(
        uid=workload.uid,
        group=group,
        rule=IdleRule.of(policy.spec.idle),
        lineup=Lineup.of(pod for pod in pods if pod.ended_at is None),
        paused_since=since,
        resumed=before is not None and same and since is None and (before.resumed or before.paused_since is not None),
        busy=before.busy if before is not None and same else [],
    )


def _paused_since(workload: Workload) -> Instant | None:
    target = workload.target
    if target is None or not target.suspended or target.restore is None or target.finished is not None:
        return None
    ours = target.restore.by == "Policy" and target.restore.reason in IDLE_REASONS
    return target.restore.at if ours else None


def _seen(gang: Watched, book: EvidenceBook, begin: Instant, end: Instant) -> Seen:
    """What a workload did in (begin, end]."""
    if gang.paused_since is not None:
        return Seen.Idle if end > gang.paused_since else Seen.Away
    if gang.resumed:
        gang.resumed = False
        return Seen.Broken
    lineup = gang.lineup
    in_grace = begin < lineup.last_ready + gang.rule.grace_seconds and not lineup.waiting
    if not lineup.pods or lineup.claims or in_grace:
        return Seen.Away
    if any(begin < at <= end for at in gang.busy):
        return Seen.Busy
    if lineup.waiting or lineup.failing:
        return Seen.Broken
    return _covered(lineup, book, begin, end)


def _covered(lineup: Lineup, book: EvidenceBook, begin: Instant, end: Instant) -> Seen:
    """Idle if every device was sampled all the time."""
    worst = Seen.Idle
    for pod in lineup.running:
        devices = heard(book.devices(pod.namespace, pod.name), pod.ready_since or 0.0)
        if len(devices) < pod.accelerators:
            return Seen.Broken
        for device in devices:
            found = _sampled(device, begin, end)
            if found is Seen.Broken:
                return found
            worst = found if found is Seen.Missing else worst
    return worst


def _sampled(device: DeviceEvidence, begin: Instant, end: Instant) -> Seen:
    """Idle, Missing or Broken: by the longest gap of any of its signals that meets this time."""
    longest, pace = 0.0, device.pace
    for slot, signal in enumerate(ACTIVITY):
        if not device.mask >> slot & 1:
            continue
        if device.head[slot + FIRST] > end:
            return Seen.Broken
        longest = max(longest, end - device.last_at(signal))
        gaps = device.gaps_of(slot)
        for place in range(0, len(gaps), 2):
            if gaps[place] < end and gaps[place + 1] > begin:
                longest = max(longest, gaps[place + 1] - gaps[place])
    if not device.mask or longest > pace.hole:
        return Seen.Broken
    return Seen.Missing if longest > pace.gap else Seen.Idle
