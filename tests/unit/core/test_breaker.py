"""Limits of the fleet and of a policy, and the breaker."""

from typing import Any

import pytest

from ebbtide.core.breaker import Limits, Managed, Quota, fill, idle_share, jumped, open_until
from ebbtide.core.reason import Reason
from ebbtide.core.settings import Safety
from ebbtide.core.workload import Breaker, Memory
from tests.builders import HOUR, NOW, pause_record, paused_job, workload


def member(
    number: int = 0, *, running: bool = True, idle: bool = False, judged: bool = True, **changes: Any
) -> Managed:
    it = workload(f"job-{number:02}", **{"accelerators": 1, **changes})
    return Managed(it, "vision/CostPolicy/batch", running, idle, judged)


def paused(number: int, *, accelerators: int = 1, **told: Any) -> Managed:
    return member(number, running=False, accelerators=accelerators, memory=Memory(pause=pause_record(**told)))


def fleet(*members: Managed, per_hour: int = 0, percent: int = 0) -> Quota:
    return fill(Quota("fleet", per_hour, percent), members, NOW)


RUNNING_20 = [member(number) for number in range(20)]
QUOTAS: dict[str, tuple[Quota, int, bool]] = {
    # quota, devices of the next pause, whether it fits
    "no limits": (fleet(*RUNNING_20), 100, True),
    "the first of the hour": (fleet(per_hour=1), 1, True),
    "the second of the hour": (fleet(paused(0, since=NOW - 60), per_hour=1), 1, False),
    "the first was more than an hour ago": (fleet(paused(0, since=NOW - HOUR), per_hour=1), 1, True),
    "a pause that has ended counts": (fleet(paused(0, since=NOW - 60, ended_at=NOW - 30), per_hour=1), 1, False),
    "windows do not count": (fleet(paused(0, since=NOW - 60, reason="OutsideWindow"), per_hour=1), 1, True),
    "people do not count": (fleet(paused(0, since=NOW - 60, by="User"), per_hour=1), 1, True),
    "ten percent of twenty": (fleet(*RUNNING_20, percent=10), 2, True),
    "more than ten percent of twenty": (fleet(*RUNNING_20, percent=10), 3, False),
    "rounded up": (fleet(*RUNNING_20, member(20), percent=10), 3, True),
    "at least one": (fleet(*RUNNING_20, percent=1), 1, True),
    "percent needs twenty workloads": (fleet(*RUNNING_20[:19], percent=10), 19, True),
    "devices paused this hour count in both": (
        fleet(*RUNNING_20, paused(20, since=NOW - 60, accelerators=2), percent=10),
        1,
        True,
    ),
    "and use up the share": (fleet(*RUNNING_20, paused(20, since=NOW - 60, accelerators=3), percent=10), 1, False),
    "what is paused for long is no part of the total": (
        fleet(*RUNNING_20, paused(20, since=NOW - 2 * HOUR, accelerators=100), percent=10),
        3,
        False,
    ),
}


@pytest.mark.parametrize("case", QUOTAS.values(), ids=QUOTAS)
def test_whether_one_more_pause_fits(case: tuple[Quota, int, bool]) -> None:
    quota, devices, fits = case
    assert (quota.admit(devices) == "") is fits


def test_a_pause_that_no_status_tells_of_counts_by_its_restore() -> None:
    unrecorded = member(0, running=False, target=paused_job(at=NOW - 60))
    assert fleet(unrecorded, per_hour=1).admit(1)


def test_a_pause_is_counted_once_by_status_and_restore() -> None:
    both = member(0, running=False, target=paused_job(at=NOW - 60), memory=Memory(pause=pause_record(since=NOW - 61)))
    assert fleet(both, per_hour=2).count == 1


def test_admitted_pauses_use_up_the_fleets_and_the_policys_quota() -> None:
    limits = Limits(Quota("fleet", 3, 0), {"strict": Quota("strict", 1, 0)})
    it = workload()
    assert limits.admit(it, "strict", NOW) is None
    refused = limits.admit(it, "strict", NOW)
    assert refused is not None
    assert refused[0] is Reason.TooManyPauses
    assert "strict" in refused[1]
    assert limits.admit(it, "other", NOW) is None
    assert limits.admit(it, "other", NOW) is None
    assert limits.admit(it, "other", NOW) is not None


def test_an_open_breaker_refuses_everything_and_says_how_to_close_it() -> None:
    refused = Limits(Quota("fleet", 0, 0), open_until=NOW + 60).admit(workload(), "", NOW)
    assert refused is not None
    assert refused[0] is Reason.CircuitBreakerOpen
    assert "kubectl ebbtide resume --breaker" in refused[1]


@pytest.mark.parametrize(
    ("members", "share"),
    [
        ([], None),
        ([member(running=False, idle=True)], None),
        ([member(0, idle=True), member(1)], (50.0, 50.0)),
        ([member(0, idle=True, accelerators=3), member(1)], (75.0, 75.0)),
        ([member(0, idle=True), member(1, judged=False)], (50.0, 100.0)),
    ],
    ids=["nothing", "nothing runs", "half", "by devices", "what is not judged may be idle"],
)
def test_the_idle_share(members: list[Managed], share: tuple[float, float] | None) -> None:
    assert idle_share(members) == share


JUMPS: dict[str, tuple[float | None, list[tuple[float, float]], int, int, bool]] = {
    # share now, (seconds ago, share), managed workloads, threshold, opens
    "up by the threshold": (40.0, [(60, 10.0)], 20, 30, True),
    "up by less": (39.0, [(60, 10.0)], 20, 30, False),
    "down": (10.0, [(60, 90.0)], 20, 30, False),
    "up against the lowest of ten minutes": (60.0, [(600, 20.0), (60, 60.0)], 20, 30, True),
    "up, but slowly": (60.0, [(601, 20.0), (60, 60.0)], 20, 30, False),
    "a small fleet": (100.0, [(60, 0.0)], 19, 30, False),
    "disabled": (100.0, [(60, 0.0)], 20, 0, False),
    "nothing known before": (100.0, [], 20, 30, False),
    "nothing known now": (None, [(60, 0.0)], 20, 30, False),
}


@pytest.mark.parametrize("case", JUMPS.values(), ids=JUMPS)
def test_a_jump_opens_the_breaker(
    case: tuple[float | None, list[tuple[float, float]], int, int, bool],
) -> None:
    share, before, members, percent, opens = case
    earlier = [(NOW - ago, value) for ago, value in before]
    said = jumped(share, earlier, members, Safety(idle_share_jump_percent=percent), NOW)
    assert bool(said) is opens


@pytest.mark.parametrize(
    ("breaker", "until"),
    [
        (Breaker(), None),
        (Breaker(NOW + 60), NOW + 60),
        (Breaker(NOW), None),
        (Breaker(NOW + 60, reset_at=NOW - 2 * HOUR), NOW + 60),
        (Breaker(NOW + 60, reset_at=NOW - 60), None),
    ],
    ids=["never opened", "open", "over", "reset before it opened", "reset by a human"],
)
def test_whether_the_breaker_is_open(breaker: Breaker, until: float | None) -> None:
    assert open_until(breaker, NOW) == until
