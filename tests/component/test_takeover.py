"""Two replicas over one cluster: the one that waits writes nothing, and taking over tells nobody anything twice."""

import pytest

from ebbtide.core.action import Verb
from ebbtide.core.settings import Safety
from ebbtide.engine import Engine
from tests.builders import HOUR, MINUTE, policy
from tests.fakes import FakeLeadership, FakeMetrics, FakeTelemetry, World

LONG = 1.25 * HOUR


class Standby:
    """A second replica: an engine, samples and leadership of its own over the cluster of a World."""

    def __init__(self, world: World) -> None:
        self.world, self.leadership, self.telemetry = world, FakeLeadership(), FakeTelemetry()
        self.leadership.leads = False
        self.metrics = FakeMetrics(world.clock, world.cluster)
        self.engine = Engine(
            cluster=world.cluster,
            metrics=self.metrics,
            telemetry=self.telemetry,
            leadership=self.leadership,
            clock=world.clock,
            settings=world.settings,
        )

    async def run_for(self, seconds: float) -> None:
        """Both tick; what the second one writes while it waits fails here."""
        self.metrics.busy, end = self.world.metrics.busy, self.world.clock.time + seconds
        while self.world.clock.time < end:
            await self.world.tick(MINUTE)
            writes = self.world.cluster.writes
            await self.engine.tick()
            assert self.leadership.leads or self.world.cluster.writes == writes

    def take_over(self) -> None:
        self.world.leadership.leads, self.leadership.leads = self.leadership.leads, self.world.leadership.leads


def fleet(**options: object) -> World:
    """One that works, one idle that is paused, one idle that may only be warned about, one whose user said no."""
    world = World(**options)
    for name in ("works", "idles", "kept"):
        world.cluster.add(name)
    world.cluster.jobs["kept"].annotate(never_pause=True)
    world.metrics.busy = lambda name, at: name == "works"
    return world


@pytest.mark.parametrize("mode", ["Enforce", "Observe"])
async def test_a_quiet_fleet_hears_nothing_of_a_takeover(mode: str) -> None:
    world = fleet()
    world.cluster.policies = [policy(spec={"mode": mode})]
    pair = Standby(world)
    await pair.run_for(LONG)
    assert world.is_paused("idles") == (mode == "Enforce")
    await pair.run_for(10 * MINUTE)
    writes = world.cluster.writes
    for _ in range(4):
        pair.take_over()
        await pair.run_for(3 * MINUTE)
    assert world.cluster.writes == writes


async def test_who_waits_measures_all_the_same() -> None:
    world = fleet()
    pair = Standby(world)
    await pair.run_for(LONG)
    report = pair.telemetry.reports[-1]
    assert list(report.outcomes) == []
    assert report.status_writes == 0
    verdicts = {str(it.workload.name): str(it.judgement.verdict) for it in report.plan.decisions}
    assert verdicts["works"] == "Active"


async def test_a_takeover_between_warning_and_pause_repeats_neither() -> None:
    world = fleet()
    pair = Standby(world)
    while "Warn" not in {note.action for note in world.cluster.events}:
        await pair.run_for(MINUTE)
    pair.take_over()
    await pair.run_for(HOUR)
    assert len(world.cluster.done(Verb.Pause)) == 1
    assert world.told("Warn") == ["GPUNeverUsed"]
    assert world.told("Pause") == ["GPUNeverUsed"]


async def test_a_jump_that_nobody_was_there_to_tell_opens_the_breaker_after_the_takeover() -> None:
    world = World(safety=Safety(0, 0, idle_share_jump_percent=30))
    for number in range(30):
        world.cluster.add(f"job-{number:02}", accelerators=1)
    fell_silent = world.clock.time + 20 * MINUTE
    world.metrics.busy = lambda name, at: at <= fell_silent
    pair = Standby(world)
    await pair.run_for(20 * MINUTE)
    world.leadership.leads = False
    while pair.telemetry.reports[-1].plan.fleet.open_breaker_until is None:
        assert world.clock.time < fell_silent + LONG
        await pair.run_for(MINUTE)
    assert world.cluster.breaker.open_until is None
    pair.leadership.leads = True
    await pair.run_for(10 * MINUTE)
    assert world.cluster.breaker.open_until is not None
    assert world.cluster.done(Verb.Pause) == []
