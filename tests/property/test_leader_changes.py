"""A thousand changes of leader: at no instant do two replicas write, and nothing is done twice."""

import random

import pytest

from tests.replicas import Deployment, Network, run

CHANGES, SEEDS = 100, range(10)


def deployment(seed: int, network: Network, *, clocks_stop: bool = False) -> Deployment:
    async def live() -> Deployment:
        found = Deployment(random.Random(seed), network, clocks_stop)
        await found.until(CHANGES, seconds=60 * CHANGES)
        return found

    return run(live())


def every_job_was_paused_once(found: Deployment) -> None:
    assert found.jobs > CHANGES
    assert found.server.unguarded == []
    assert set(found.pauses().values()) == {1}
    assert len(found.pauses()) == found.jobs
    assert set(found.statuses().values()) == {1}
    assert len(found.server.holders) >= CHANGES


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_replicas_may_write_at_one_instant_and_no_write_is_served_under_another_leader(seed: int) -> None:
    """Replicas are killed, stopped for longer than the lease, told to go and cut off; requests and answers are lost,
    or take up to 3.5 s; clocks differ by up to 4 % and wall clocks jump. What is sent is served within those 3.5 s or
    never: then leadership alone keeps writes apart."""
    found = deployment(seed, Network())
    assert found.overlaps == []
    assert found.overlapping_writes() == []
    every_job_was_paused_once(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_done_twice_even_where_leadership_cannot_help(seed: int) -> None:
    """As above, and requests arrive up to a minute after their sender gave up, machines stand still between asking and
    sending, and some of them together with their clock, so that they wake up believing that they still lead. Then two
    do write at times, and the version that every write names keeps the later one from being accepted."""
    found = deployment(seed, Network(late=0.02, stopped_while_sending=0.01), clocks_stop=True)
    assert found.server.refused[409] > 0
    every_job_was_paused_once(found)
