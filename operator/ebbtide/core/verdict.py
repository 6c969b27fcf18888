"""The verdict over a gang: is this workload using the devices it holds? Pure; the rule is "Idle, exactly" of the API.

`judge` answers for every workload at every tick and leaves the numbers that cost time to `describe`, which is called
for what is written or shown.
"""

from typing import Final

from ebbtide.core.at_work import busy_now, span_if_used
from ebbtide.core.gang import Gang, tally_of
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Judgement, Verdict
from ebbtide.core.reason import Reason
from ebbtide.core.spotless import is_spotless
from ebbtide.core.stall import stuck_engine
from ebbtide.core.verdict_case import Case, Check, Hit, first
from ebbtide.core.verdict_checks import (
    active,
    active_beside,
    all_stalled,
    busy_sentence,
    failing,
    idle,
    no_running_pod,
    stalled,
    starting,
)
from ebbtide.core.verdict_describe import described
from ebbtide.core.verdict_unknown import (
    attribution_untrusted,
    bad_values,
    claims_devices,
    clock_too_young,
    frozen_metrics,
    insufficient_coverage,
    metrics_missing,
    metrics_unavailable,
    pod_identity,
    shared_device,
    signals_disagree,
    single_family,
    stale_metrics,
    use_in_doubt,
    wrong_owner,
)
from ebbtide.core.workload import Instant

__all__ = ["CHECKS", "Gang", "IdleRule", "describe", "judge", "judge_thoroughly"]

OPENING: Final[tuple[Check, ...]] = (
    no_running_pod,  # NotApplicable
    active,  # Active: any device of the gang protects all
    failing,  # Failing
    starting,  # Starting: not Ready, or in grace
    claims_devices,  # Unknown: devices that nobody judges, before what the others show
    all_stalled,  # Stalled, where no other device is left to be Unknown
    active_beside,  # Active: CPU, network, requests, a notebook's word
    metrics_unavailable,  # Unknown from here on
    attribution_untrusted,
)
DOUBTS: Final[tuple[Check, ...]] = (
    wrong_owner,
    pod_identity,
    metrics_missing,
    stale_metrics,
    bad_values,
    frozen_metrics,
    insufficient_coverage,
    single_family,
    signals_disagree,
    shared_device,
)
"""What a spotless gang needs no look at."""
CLOSING: Final[tuple[Check, ...]] = (
    use_in_doubt,  # Unknown: CPU or network counts, and is not known for the whole span
    clock_too_young,  # Unknown: HistoryTooShort or InsufficientCoverage
    stalled,  # Stalled: some device, the others are beyond doubt
)
CHECKS: Final = (*OPENING, *DOUBTS, *CLOSING)
"""The chain in order; what passes all of it is Idle or NeverUsed."""
OF_THE_GANG: Final = frozenset({active_beside, claims_devices, use_in_doubt, metrics_missing, pod_identity})
"""What says nothing about one device."""


def judge(gang: Gang) -> Judgement:
    """Verdict, reason and idle clock of a gang; devices, peak, coverage and families stay empty (see `describe`).

    So does the idle clock of a gang that plainly works, and its last busy sample is that of one of its devices.
    """
    busy_at = busy_now(gang)
    if busy_at is not None:
        return _at_work(gang, busy_at)
    tally = tally_of(gang)
    case = Case(tally)
    tally.beside_at = case.sign.at
    hit = first(OPENING, case)
    if hit is None and not is_spotless(tally):
        hit = first(DOUBTS, case)
    return _judgement(case, hit or first(CLOSING, case) or idle(case))


def judge_thoroughly(gang: Gang) -> Judgement:
    """The same without short cuts: every check looks at every device."""
    case = Case(tally_of(gang))
    case.tally.beside_at = case.sign.at
    return _judgement(case, first(CHECKS, case) or idle(case))


def describe(gang: Gang, judgement: Judgement) -> Judgement:
    """The judgement with the numbers that explain it, of the same gang at the same instant."""
    whole = judge_thoroughly(gang) if judgement.verdict is Verdict.Active else judgement
    return described(tally_of(gang), whole, _judge_one)


def _judge_one(case: Case) -> Hit:
    """What one device of a gang shows by itself: its pod may have others."""
    return first([check for check in CHECKS if check not in OF_THE_GANG], case) or idle(case)


def _at_work(gang: Gang, busy_at: Instant) -> Judgement:
    span = span_if_used(gang)
    return Judgement(
        verdict=Verdict.Active,
        reason=Reason.GPUActive,
        message=busy_sentence(busy_at, gang.now, span),
        span_seconds=span,
        after_seconds=float(gang.rule.after_seconds if gang.timeout is None else gang.timeout.floor_seconds),
    )


def _judgement(case: Case, hit: Hit) -> Judgement:
    tally, remark = case.tally, ""
    if hit.verdict is Verdict.Active and tally.worked_at <= tally.edge:
        remark = next(filter(None, (stuck_engine(window) for window in case.windows if window.busy)), "")
    return Judgement(
        verdict=hit.verdict,
        reason=hit.reason,
        message=hit.message,
        idle_since=tally.idle_since,
        span_seconds=tally.span,
        after_seconds=tally.after,
        newest_common_sample_at=tally.newest_common,
        remark=remark,
    )
