"""Stories over a whole engine: requests at the series of what is paused, who is told, and what comes after."""

from itertools import pairwise
from typing import Any

from ebbtide.core.series_name import parse_series
from ebbtide.core.signs import Reading, Signs
from ebbtide.core.workload import Instant, Intent
from tests.builders import HOUR, MINUTE, SHORT_IDLE, policy
from tests.component.test_engine_people import LONG, NOTIFY, Story

SERIES = parse_series('gateway_requests_total{model="chat"}')


class Gateway(Story):
    """A world in which one workload names a series, which is read."""

    def __init__(self, **spec: Any) -> None:
        idle = {**SHORT_IDLE, "neverUsedAfterSeconds": 1200, **spec.pop("idle", {})}
        super().__init__(policy(idle=idle, spec={**NOTIFY, **spec}), request_series=SERIES)
        self.signs = self.metrics.book.signs = Signs()
        self.signs.requests_read = Reading(self.clock.time - 2 * HOUR, self.clock.time)

    def call(self, at: Instant | None = None) -> None:
        """A request in the step that ends now, as the reader would note it."""
        key = self.cluster.jobs["resnet"].workload.key
        self.signs.calls.setdefault(key, {})[self.clock.time if at is None else at] = 1.0

    async def paused(self, within: float = LONG) -> Instant:
        return await self.run_until(self.is_paused, within=within)


async def test_it_is_told_once_with_the_numbers_and_runs() -> None:
    story = Gateway()
    await story.paused()
    await story.run_for(10 * MINUTE)
    assert story.is_paused()
    story.call()
    await story.tick()
    assert not story.is_paused()
    assert story.told("Resume") == ["Woken"]
    assert story.inbox.told == [("Warn", "GPUNeverUsed"), ("Pause", "GPUNeverUsed"), ("Resume", "Woken")]
    assert "gateway_requests_total" in story.inbox.notices[-1].message
    assert story.status()["pause"]["endTime"]
    await story.run_for(5 * MINUTE)
    assert story.condition("Paused") == ("False", "Running")
    assert story.told("Resume") == ["Woken"]


async def test_the_ticks_in_which_it_sleeps_write_nothing() -> None:
    story = Gateway()
    await story.paused()
    await story.run_for(5 * MINUTE)
    before = story.cluster.writes
    for _ in range(30):
        story.signs.requests_read = Reading(story.clock.time - 2 * HOUR, story.clock.time)
        await story.tick()
    assert story.cluster.writes == before


async def test_an_operator_killed_before_it_looked_wakes_it_after() -> None:
    story = Gateway()
    await story.paused()
    await story.run_for(5 * MINUTE)
    story.call()
    story.restart()
    await story.tick()
    assert story.told("Resume") == ["Woken"]


async def test_the_request_that_woke_it_does_not_wake_it_again() -> None:
    story = Gateway()
    await story.paused()
    await story.run_for(5 * MINUTE)
    story.call()
    await story.tick()
    await story.paused()
    await story.run_for(HOUR)
    assert story.is_paused()
    assert story.told("Resume") == ["Woken"]


async def test_who_is_woken_again_and_again_runs_longer_each_time() -> None:
    story = Gateway(limits={"minimumRunSeconds": 1800, "pausesPerWorkloadPerDay": 0})
    starts = []
    for _ in range(4):
        starts.append(await story.paused(within=6 * HOUR))
        await story.run_for(5 * MINUTE)
        story.call()
        await story.tick()
        assert not story.is_paused()
    runs = [b - a - 330 for a, b in pairwise(starts)]
    assert [round(run / 1800) for run in runs] == [1, 2, 4]


async def test_a_learnt_timeout_that_was_wanted_back_at_once_pauses_no_more_that_day() -> None:
    story = Gateway()
    await story.paused()
    await story.run_for(5 * MINUTE)
    story.call()
    await story.tick()
    story.rule(idle={"afterSeconds": "Auto", "neverUsedAfterSeconds": 1200})
    await story.run_for(12 * HOUR, step=5 * MINUTE)
    assert not story.is_paused()
    refusals = next(it for it in story.status()["checks"] if it["name"] == "refusals")
    assert refusals["reason"] == "TooManyPauses"


async def test_a_human_who_stopped_it_meanwhile_wins_and_refuses_what_came_then() -> None:
    story = Gateway()
    await story.paused()
    story.cluster.jobs["resnet"].intent = Intent(override="Paused")
    await story.run_for(5 * MINUTE)
    story.call()
    await story.run_for(5 * MINUTE)
    assert story.is_paused()
    story.cluster.jobs["resnet"].intent = Intent()
    await story.run_for(5 * MINUTE)
    assert story.is_paused()
    story.call()
    await story.tick()
    assert story.told("Resume") == ["Woken"]
