"""Two replicas on a real API server: one acts, the other takes over, and the audit log shows no write twice.

Lease times are short (4/2.5/0.5 s) so that a takeover takes seconds; with the chart's own they are measured by
`python -m tests.bench --only leader`.
"""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from e2e.binaries.cache import binaries_dir
from e2e.installation import NAMESPACE, Installation, cost_policy, namespace, training_job
from e2e.plane.waiting import wait_until
from e2e.replicas import LEASE_PATH, QUICK_TERMS, Replicas, identity, identity_of, leads, wait_ticks
from e2e.requirements_guard import require
from ebbtide.cluster.client import connect
from ebbtide.objects.executor import Executor
from ebbtide.ports import OutcomeKind, StatusWrite

pytestmark = pytest.mark.plane

WORK = "work"
KILLS = 5
JOBS = 2 * KILLS
IDLE = {"afterSeconds": 8, "warnSeconds": 3, "graceSeconds": 1, "neverUsedAfterSeconds": 9}
VALUES = {
    "replicas": 2,
    "leaderElection": QUICK_TERMS,
    "enforcement": {"enabled": True},
    "safety": {"idlePausesPerHour": 0, "pausedPercentPerHour": 0, "idleShareJumpPercent": 0},
    "metrics": {"lookBackSeconds": 600},
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """An installation of its own, because its replicas are killed; both run."""
    if binaries_dir() is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    found = Installation(tmp_path_factory.mktemp("leader"), values=VALUES, nodes=4)
    try:
        found.install()
        found.apply(namespace(WORK), cost_policy(WORK, IDLE))
        replicas = Replicas(found)
        replicas.start()
        yield replicas
    finally:
        found.stop()


class Always:
    """A replica that believes that it leads."""

    def may_write(self) -> bool:
        return True


def paused(pair: Replicas) -> Counter[str]:
    """Job to accepted PATCHes that suspended it, by whomever."""
    return Counter(
        one.name
        for one in pair.writes()
        if one.resource == "jobs" and ((one.body or {}).get("spec") or {}).get("suspend") is True
    )


def test_both_are_ready_and_serve_metrics_and_one_leads(pair: Replicas) -> None:
    pair.installation.apply(training_job("first", WORK, "busy:1 idle"))
    leader, standby = pair.pair()
    wait_until(lambda: 'name="first"' in standby.metrics(), "verdicts at the one that stands by", 60)
    assert [one.status("/readyz") for one in pair.both] == [200, 200]
    assert (leads(leader), leads(standby)) == (True, False)
    lease = pair.plane.api.get(LEASE_PATH)["spec"]
    assert lease["holderIdentity"] == identity(leader)
    assert lease["leaseDurationSeconds"] == QUICK_TERMS["leaseSeconds"]


def test_the_leader_is_killed_five_times_and_every_job_is_paused_once(pair: Replicas) -> None:
    """Work falls idle all the time, so that each kill finds warnings and pauses under way."""
    jobs = [f"job-{number:02}" for number in range(JOBS)]
    pair.installation.apply(*(training_job(name, WORK, f"busy:{5 + 3 * at} idle") for at, name in enumerate(jobs)))
    held = []
    for _ in range(KILLS):
        leader, standby = pair.pair()
        held.append(identity(leader))
        leader.kill()
        leader.start()
        pair.wait_leader([standby, leader])
        leader.wait_ready()  # warm before the other is killed: a cold one would have to wait for the Lease anew
    wait_until(lambda: paused(pair).keys() >= set(jobs), "a pause of every job", 120)
    wait_ticks(pair.pair()[0], 3)
    assert paused(pair) == dict.fromkeys(["first", *jobs], 1)
    assert len(set(held)) == KILLS
    assert len({who for _, who in pair.handovers()}) >= KILLS + 1
    assert pair.strays() == []
    events = (one for name in jobs for one in pair.installation.events(name, WORK) if one["action"] == "Pause")
    assert Counter(one["regarding"]["name"] for one in events) == dict.fromkeys(jobs, 1)


def test_a_leader_that_is_told_to_stop_hands_over_at_once_and_a_quiet_fleet_hears_nothing(pair: Replicas) -> None:
    leader, standby = pair.pair()
    wait_ticks(leader, 3)
    mark, old, new = pair.plane.audit().mark(), identity(leader), identity(standby)
    leader.stop()
    pair.wait_leader([standby])
    wait_ticks(standby, 5)
    assert leader.component.returncode == 0
    by = [(identity_of(one), one.at.timestamp()) for one in pair.sent(mark) if one.resource == "leases"]
    released = max(at for who, at in by if who == old)
    taken = min(at for who, at in by if who == new)
    assert 0 <= taken - released < QUICK_TERMS["leaseSeconds"], "nobody waited until the Lease had run out"
    # What is left are the policy's counts, which the old leader would have written within a minute, and Events of late
    # pauses, which are there already.
    written = [one for one in pair.writes(mark) if one.resource != "costpolicies"]
    assert [one for one in written if (one.resource, one.code) != ("events", 409)] == []
    leader.start().wait_ready()


def test_a_leader_that_was_stopped_past_its_lease_writes_nothing_when_it_goes_on(pair: Replicas) -> None:
    leader, standby = pair.pair()
    sleeper = identity(leader)
    leader.component.freeze()
    try:
        pair.wait_leader([standby])
        pair.installation.apply(training_job("meanwhile", WORK, "busy:1 idle"))
        wait_until(lambda: paused(pair)["meanwhile"] == 1, "a pause by the new leader", 60)
    finally:
        mark = pair.plane.audit().mark()
        leader.component.thaw()
    wait_ticks(leader, 5)
    assert [one for one in pair.sent(mark) if identity_of(one) == sleeper] == []
    assert (leads(leader), leads(standby)) == (False, True)
    assert paused(pair)["meanwhile"] == 1
    assert pair.strays() == []


async def test_a_status_decided_from_an_older_picture_is_refused(pair: Replicas) -> None:
    """Server-side apply takes `metadata.resourceVersion` too: what another replica told since is not undone."""
    stored = pair.installation.training_job("first", WORK)
    write = StatusWrite("TrainingJob", WORK, "first", stored["metadata"]["uid"], {"gpus": 99})
    async with await connect(kubeconfig=str(pair.plane.kubeconfig), user_agent="late") as client:
        executor = Executor(client, Always(), lease_namespace=NAMESPACE, lease_name="ebbtide-leader")
        assert (await executor.write_status(write, "1")).kind is OutcomeKind.Conflict
    assert pair.installation.training_job("first", WORK)["status"]["gpus"] != 99


def test_a_human_may_reset_the_breaker_while_the_lease_is_renewed(pair: Replicas) -> None:
    leader, _ = pair.pair()
    holder = identity(leader)
    for number in range(10):
        stamp = f"2026-11-22T14:00:{number:02}Z"
        pair.plane.api.merge_patch(LEASE_PATH, {"metadata": {"annotations": {"ebbtide.dev/breaker-reset": stamp}}})
        time.sleep(0.2)
    time.sleep(QUICK_TERMS["leaseSeconds"])
    lease = pair.plane.api.get(LEASE_PATH)
    assert lease["metadata"]["annotations"]["ebbtide.dev/breaker-reset"] == "2026-11-22T14:00:09Z"
    assert lease["spec"]["holderIdentity"] == holder
