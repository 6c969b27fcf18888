"""plan(snapshot): one verdict and one decision for every workload, under the limits of the fleet. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from zlib import crc32

from msgspec.structs import replace as changed

from ebbtide.core import breaker as limits
from ebbtide.core.action import Action, Verb
from ebbtide.core.adoption import housekeeping, is_shown, rationed
from ebbtide.core.breaker import Limits, Managed
from ebbtide.core.concerns import has_passed, rule
from ebbtide.core.decision import Decision, Failure, FleetFinding, Plan
from ebbtide.core.facts import Facts, Memo
from ebbtide.core.idle import IDLE_VERDICTS
from ebbtide.core.idle_concern import observe_reason
from ebbtide.core.intent import remembered
from ebbtide.core.judgement import Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.ruled import Ruled
from ebbtide.core.ruling import Ruling
from ebbtide.core.situation import Gatherer, Situation
from ebbtide.core.snapshot import Snapshot
from ebbtide.core.workload import HourlyCost, Instant, Workload, WorkloadKey

TURN_SECONDS = 300.0
"""How long a refused pause has its turn: no gap between two attempts is longer."""
LEAVING_PER_MINUTE = 20
"""Resumes of what no policy governs any more are spread (design: "Leaving")."""
LEAVING_SECONDS = 60.0
_UNJUDGED = frozenset({Verdict.Unknown, Verdict.NotApplicable, Verdict.Starting, Verdict.Failing})


def plan(snapshot: Snapshot, before: Memo | None = None) -> Plan:
    """Decide about the whole fleet. Same snapshot, same plan, in key order. `before`: the memo of an earlier plan."""
    gatherer = Gatherer(snapshot, before)
    workloads = sorted((it for it in snapshot.cluster.workloads if not it.deleting), key=_place)
    ruled, failures = _rule_all(gatherer, workloads, {} if before is None else before.passed)
    finding, allowed = _fleet(snapshot, ruled)
    ruled = _spread_leaving(_limited(ruled, allowed, snapshot.now))
    decisions = rationed(_decision(each) for each in ruled)
    passed = {it.situation.workload.uid: it.situation.facts for it in ruled if has_passed(it.situation, it.ruling)}
    return Plan(snapshot.now, tuple(decisions), finding, failures, gatherer.memo(passed))


def _place(workload: Workload) -> tuple[str, str, str]:
    """The order of keys: tuples are compared five times as fast."""
    return workload.key.namespace, workload.key.kind, workload.key.name


def _rule_all(
    gatherer: Gatherer, workloads: Iterable[Workload], passed: Mapping[str, Facts]
) -> tuple[list[Ruled], tuple[Failure, ...]]:
    """A workload that cannot be decided about is left alone and told of; the others do not wait for it."""
    ruled, failures = [], []
    for workload in workloads:
        try:
            situation = gatherer.situation(workload)
            if is_shown(situation):
                ruled.append(Ruled(situation, rule(situation, passed.get(workload.uid))))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not stop the decisions about everyone else
            failures.append(Failure(workload.key, error))
    return ruled, tuple(failures)


def _fleet(snapshot: Snapshot, ruled: list[Ruled]) -> tuple[FleetFinding, Limits]:
    """Counts of the rolling hour and the breaker."""
    members = [_managed(each) for each in ruled if each.situation.governing.enforce and not _is_over(each)]
    safety, now = snapshot.settings.safety, snapshot.now
    quotas = Limits(limits.fill(limits.fleet_quota(safety), members, now), _policy_quotas(ruled, members, now))
    quotas.open_until = limits.open_until(snapshot.cluster.breaker, now)
    surely, possibly = (limits.idle_share(members) if snapshot.metrics.up else None) or (None, None)
    jump = limits.jumped(surely, _since_reset(snapshot), len(members), safety, now)
    if jump and quotas.open_until is None:
        quotas.open_until = now + limits.HOUR
        return FleetFinding(quotas.open_until, breaker_open=True, message=jump, idle_share=possibly), quotas
    return FleetFinding(None, breaker_open=quotas.open_until is not None, idle_share=possibly), quotas


def _since_reset(snapshot: Snapshot) -> list[tuple[Instant, float]]:
    """Earlier shares after the last human reset: what a human has seen and accepted is no jump any more."""
    reset = snapshot.cluster.breaker.reset_at
    return [(at, share) for at, share in snapshot.idle_share_before if reset is None or at > reset]


def _managed(each: Ruled) -> Managed:
    verdict = each.situation.judgement.verdict
    return Managed(
        workload=each.situation.workload,
        policy=each.situation.facts.rules.scope,
        running=bool(each.situation.pods),
        idle=verdict in IDLE_VERDICTS,
        judged=verdict not in _UNJUDGED,
    )


def _is_over(each: Ruled) -> bool:
    return each.situation.target is not None and each.situation.target.finished is not None


def _policy_quotas(ruled: list[Ruled], members: list[Managed], now: Instant) -> dict[str, limits.Quota]:
    """A quota per policy that has a limits section."""
    sections = {}
    for each in ruled:
        policy = each.situation.governing.policy
        if policy is not None and policy.spec is not None and policy.spec.limits is not None:
            sections[each.situation.governing.reference_in_namespace] = policy.spec.limits
    return {
        name: limits.fill(
            limits.Quota(name, section.pauses_per_hour, section.paused_percent_per_hour),
            (member for member in members if member.policy == name),
            now,
        )
        for name, section in sections.items()
    }


def _limited(ruled: list[Ruled], allowed: Limits, now: Instant) -> list[Ruled]:
    """Idle pauses admitted longest idle first until a limit is reached; the others are refused with its numbers.

    Those that the API server has refused come last: they are tried again, but keep nobody else from being paused. Who
    of them is tried is drawn anew every few minutes, so that those it goes on refusing do not keep the others waiting.
    """
    acting = (each for each in ruled if each.ruling.actions)
    due = [each for each in acting if any(_is_idle_pause(action) for action in each.ruling.actions)]
    refused: dict[int, Ruling] = {}

    def turn(it: Ruled) -> tuple[bool, float, WorkloadKey]:
        situation, denied = it.situation, _was_denied(it.situation)
        first = _lot(situation.workload, now) if denied else situation.judgement.idle_since or now
        return denied, first, situation.workload.key

    for each in sorted(due, key=turn):
        name = each.situation.governing.reference_in_namespace
        no = allowed.admit(each.situation.workload, name, now)
        if no is not None:
            reason, message = _as_denied(*no) if _was_denied(each.situation) else no
            refused[id(each)] = changed(each.ruling, reason=reason, message=message, refused=reason, actions=())
    if not refused:
        return ruled
    return [changed(each, ruling=refused[id(each)]) if id(each) in refused else each for each in ruled]


def _lot(workload: Workload, now: Instant) -> float:
    """The same for a while, and for everybody who looks: a plan is a function of its snapshot."""
    return crc32(f"{now // TURN_SECONDS:.0f}/{workload.uid}".encode())


def _was_denied(situation: Situation) -> bool:
    """Status tells that the API server refused it. What is due to be paused now was due then."""
    stored = situation.workload.memory.condition("Succeeded")
    return stored is not None and stored.reason == Reason.PermissionDenied


def _as_denied(reason: Reason, message: str) -> tuple[Reason, str]:
    """It stays known as refused while it waits for its turn: else it would be first again with the next tick."""
    if reason is not Reason.TooManyPauses:
        return reason, message
    return Reason.PermissionDenied, f"the API server refused its pause; it is tried again after the others: {message}"


def _is_idle_pause(action: Action) -> bool:
    return action.verb is Verb.Pause and not action.observed and action.reason in limits.IDLE_REASONS


def _spread_leaving(ruled: list[Ruled]) -> list[Ruled]:
    """At most twenty PolicyRemoved resumes a minute; the rest come with the next ticks."""
    leaving = {id(each) for each in ruled if each.ruling.actions and _leaves(each)}
    if not leaving:
        return ruled
    left = LEAVING_PER_MINUTE - sum(_resumed_lately(each.situation) for each in ruled)
    spread = []
    for each in ruled:
        if id(each) in leaving:
            left -= 1
            if left < 0:
                spread.append(changed(each, ruling=changed(each.ruling, actions=())))
                continue
        spread.append(each)
    return spread


def _leaves(each: Ruled) -> bool:
    return any(action.reason is Reason.PolicyRemoved for action in each.ruling.actions)


def _resumed_lately(situation: Situation) -> bool:
    """Its pause ended within a minute, or has ended and status does not say so yet: counted from what is stored."""
    pause = situation.workload.memory.pause
    if pause is None or situation.paused_by_us:
        return False
    return pause.ended_at is None or situation.now - pause.ended_at < LEAVING_SECONDS


def _decision(each: Ruled) -> Decision:
    situation, ruling = each.situation, each.ruling
    steps, upkeep, rules = ruling.countdown, situation.facts.upkeep, situation.facts.rules
    return Decision(
        workload=situation.workload.key,
        judgement=situation.judgement,
        deciding=ruling.reason,
        message=ruling.message,
        actions=(*_with_costs(ruling.actions, upkeep.hourly), *housekeeping(situation)),
        policy=rules.reference,
        mode="Enforce" if rules.governing.enforce else "Observe",
        hourly=upkeep.hourly,
        capacity_class=upkeep.capacity_class,
        gpus=upkeep.devices,
        attribution=rules.attribution,
        warned_at=steps.warned_at if steps and rules.governing.enforce else None,
        idle_since=situation.judgement.idle_since,
        eligible_after=steps.eligible_after if steps else None,
        override=_override(situation, ruling),
        refused=ruling.refused or (_observed_refusal(situation, ruling) if ruling.actions else None),
        ruled=each,
    )


def _with_costs(actions: tuple[Action, ...], hourly: HourlyCost | None) -> tuple[Action, ...]:
    return tuple([_with_cost(action, hourly) for action in actions]) if actions else ()


def _with_cost(action: Action, hourly: HourlyCost | None) -> Action:
    """People who are warned or paused are told what is at stake."""
    if action.verb not in {Verb.Warn, Verb.Pause} or hourly is None or hourly.amount is None:
        return action
    return replace(action, message=f"{action.message}; it costs {hourly.amount:.2f} {hourly.currency} an hour")


def _observed_refusal(situation: Situation, ruling: Ruling) -> Reason | None:
    return observe_reason(situation) if any(action.observed for action in ruling.actions) else None


def _override(situation: Situation, ruling: Ruling) -> tuple[Instant | None, str]:
    """(until, request) for status.override."""
    if ruling.override is not None:
        return ruling.override
    if situation.facts.silent:
        return None, ""
    workload = situation.workload
    return remembered(workload.intent, workload.memory, situation.word, situation.clock_floor)
