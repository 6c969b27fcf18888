"""When the source may be trusted, how far back it answers, and what happens after it could not be."""

import asyncio

import pytest
from metrics_world import NOW, exported, plain, pod, state
from prometheus_double import Reply, Scraped, error, matrix

from ebbtide.api.cost_policy import CostPolicySpec
from ebbtide.core.snapshot import Policy

HOUR = 3600.0


def fill(scraped: Scraped, start: float, end: float, value: float = 0.5) -> set[float]:
    """One sample each 30 s in (start, end]."""
    times = {start + 30.0 * k for k in range(1, int((end - start) / 30) + 1)}
    for at in sorted(times):
        scraped.add(exported(), at, Engine=value)
    return times


async def test_an_error_is_down_with_its_sentence_and_the_next_tick_reads_what_was_missed(scraped, world, double):
    here = world()
    times = fill(scraped, NOW - 60, NOW)
    await here.tick(0)
    double.reply = lambda _: error(422, "execution", "query processing would load too many samples")
    for _ in range(4):
        health = await here.tick()
        assert not health.up
        assert "too many samples" in health.message
    times |= fill(scraped, NOW, NOW + 150)
    double.reply = scraped
    assert (await here.tick()).up
    assert set(here.book.of("Engine")) == times
    assert here.adapter.tally.errors_total == 4


async def test_a_warned_answer_is_not_folded_and_the_source_is_down(scraped, world, double):
    here = world()
    fill(scraped, NOW - 60, NOW)

    def warned(request):
        return matrix(scraped._rows(request), warnings=["1 of 2 stores did not answer"])

    double.reply = warned
    health = await here.tick(0)
    assert (health.up, "1 of 2 stores" in health.message) == (False, True)
    assert not here.book.samples
    double.reply = scraped
    assert (await here.tick(0)).up
    assert here.book.samples


async def test_a_warning_in_a_later_answer_is_down_too(scraped, world, double):
    here = world()
    fill(scraped, NOW - 60, NOW)
    double.reply = lambda request: (
        matrix(scraped._rows(request), warnings=["partial"]) if "Power" in request.query else scraped(request)
    )
    assert not (await here.tick(0)).up


async def test_a_hanging_query_is_down_until_it_returns_and_nothing_is_asked_meanwhile(scraped, world, double):
    here = world(observe_seconds=0.3, query_seconds=5.0, look_back_seconds=120.0)
    fill(scraped, NOW - 60, NOW)
    double.reply = lambda request: Reply(scraped(request).body, silent=True)
    first = await here.tick(0)
    assert "within 0.3 s" in first.message
    second = await here.tick(0)
    assert "still hangs" in second.message
    assert (first.up, second.up) == (False, False)
    assert (len(double.requests), double.answered) == (1, 0)
    double.reply = scraped
    double.speak()
    await here.returned()
    assert not here.book.samples, "what came after nobody waited was not folded"
    assert (await here.tick(0)).up


async def test_a_cancelled_observe_leaves_the_adapter_usable(scraped, world, double):
    here = world()
    double.reply = lambda request: Reply(scraped(request).body, silent=True)
    task = asyncio.create_task(here.tick(0))
    while not double.requests:  # noqa: ASYNC110  # a thread, which sets no event of this loop
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    double.reply = scraped
    double.speak()
    await here.returned()
    assert (await here.tick(0)).up


async def test_a_start_reads_the_whole_look_back(scraped, world):
    here = world(look_back_seconds=HOUR)
    fill(scraped, NOW - 2 * HOUR, NOW)
    health = await here.tick(0)
    assert health.up
    assert NOW - HOUR - 15 <= health.reaches_back_to <= NOW - HOUR + 15
    assert len(here.book.of("Engine")) == 120
    assert here.book.since == health.reaches_back_to


async def test_much_history_is_read_in_slices_of_four_queries_and_is_down_until_the_present(scraped, world, double):
    here = world(look_back_seconds=HOUR, max_points_per_query=300)
    times = fill(scraped, NOW - HOUR, NOW)
    messages = []
    while not (health := await here.tick(0)).up:
        messages.append(health.message)
        assert here.adapter.fleet_queries_last_tick == 4
    assert len(messages) == 2  # 240 steps of 15 s, 100 a slice of three signals at most
    assert all("History is still being read" in message for message in messages)
    assert set(here.book.of("Engine")) == times


async def test_a_slice_that_is_too_large_is_halved(scraped, world, double):
    here = world(look_back_seconds=HOUR, max_answer_bytes=4000)
    fill(scraped, NOW - HOUR, NOW)
    told = [(await here.tick(0)) for _ in range(30)]
    assert "more than 4000 bytes" in told[0].message
    assert told[-1].up
    assert len(here.book.of("Engine")) == 120


async def test_a_policy_with_more_patience_makes_the_history_longer(scraped, world):
    here = world(look_back_seconds=HOUR)
    fill(scraped, NOW - 3 * HOUR, NOW)
    await here.tick(0)
    idle = {"afterSeconds": 9000, "neverUsedAfterSeconds": 9000}
    spec = CostPolicySpec.model_validate({"selector": {}, "idle": idle})
    policy = Policy("CostPolicy", "vision", "patient", "uid", 0.0, 1, spec)
    here.state = state(pod(), policies=[policy, Policy("CostPolicy", "vision", "broken", "uid", 0.0, 1, None)])
    health = await here.tick(0)
    assert health.up
    assert len(here.book.of("Engine")) == (9000 + 600) / 30


async def test_a_young_source_does_not_reach_back(scraped, world):
    here = world()
    fill(scraped, NOW - 600, NOW)
    health = await here.tick(0)
    assert health.up
    assert health.reaches_back_to == NOW - 570


async def test_an_empty_source_reaches_nowhere(scraped, world):
    health = await world().tick(0)
    assert (health.up, health.reaches_back_to) == (True, None)


async def test_a_source_that_lost_its_storage_between_two_ticks_no_longer_reaches_back(scraped, world):
    here = world()
    fill(scraped, NOW - 2 * HOUR, NOW)
    old = (await here.tick(0)).reaches_back_to
    assert (await here.tick(15)).reaches_back_to == old
    scraped.samples.clear()
    assert (await here.tick(15)).reaches_back_to is None
    fill(scraped, NOW + 30, NOW + 90)
    assert (await here.tick(60)).reaches_back_to >= NOW + 30


async def test_a_source_that_kept_its_storage_over_an_outage_still_reaches_back(scraped, world, double):
    here = world()
    fill(scraped, NOW - 2 * HOUR, NOW)
    old = (await here.tick(0)).reaches_back_to
    double.reply = lambda _: error(503, "unavailable", "starting")
    await here.tick(120)
    fill(scraped, NOW + 120, NOW + 150)
    double.reply = scraped
    assert (await here.tick(30)).reaches_back_to == old


async def test_an_exporter_that_stopped_long_ago_leaves_its_history(scraped, world):
    here = world()
    times = fill(scraped, NOW - HOUR, NOW - HOUR / 2)
    health = await here.tick(0)
    assert (health.up, health.label_mode) == (True, "Exported")
    assert set(here.book.of("Engine")) == times


async def test_exporters_that_stop_do_not_look_like_lost_storage(scraped, world):
    here = world()
    fill(scraped, NOW - 2 * HOUR, NOW)
    old = (await here.tick(0)).reaches_back_to
    for _ in range(10):
        health = await here.tick()
    assert (health.up, health.reaches_back_to) == (True, old)


async def test_an_outage_longer_than_the_look_back_starts_anew(scraped, world, double):
    here = world(look_back_seconds=HOUR)
    fill(scraped, NOW - HOUR, NOW)
    await here.tick(0)
    double.reply = lambda _: error(503, "unavailable", "gone")
    await here.tick(0)
    double.reply = scraped
    fill(scraped, NOW + 2 * HOUR, NOW + 3 * HOUR)
    health = await here.tick(3 * HOUR)
    assert health.reaches_back_to >= NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("scrape", "problem"), [("30s", ""), ("15s", ""), ("1m0s", "every 1m0s"), ("1m30s", "Set it to 90")]
)
async def test_the_interval_is_compared_with_the_scrape_targets(scraped, world, scrape, problem):
    scraped.scrape_interval = scrape
    health = await world().tick(0)
    assert problem in health.interval_problem
    assert bool(problem) == bool(health.interval_problem)


async def test_a_source_without_targets_is_remarked_and_read(scraped, world, double):
    here = world()
    double.reply = lambda request: scraped(request) if request.query else error(404, "not_found", "no such path")
    health = await here.tick(0)
    assert (health.up, health.interval_problem) == (True, "")
    assert "could not be checked" in here.adapter.tally.remark


async def test_the_targets_are_asked_seldom(scraped, world, double):
    here = world()
    for _ in range(25):
        await here.tick()
    asked = [request for request in double.requests if request.path == "/api/v1/targets"]
    assert len(asked) == 2


async def test_targets_that_could_not_be_checked_are_looked_at_again_soon(scraped, world, double):
    here = world()
    double.reply = lambda request: scraped(request) if request.query else error(404, "not_found", "starting")
    await here.tick(0)
    scraped.scrape_interval, double.reply = "1m0s", scraped
    assert not (await here.tick(30)).interval_problem
    assert (await here.tick(30)).interval_problem


async def test_no_query_asks_for_more_points_than_prometheus_gives(scraped, world, double):
    here = world(sample_interval_seconds=1.0)
    scraped.add(exported(), NOW, Engine=0.5)
    scraped._rows = lambda request: []  # two hours in half seconds are too many for the double
    while not (await here.tick(0)).up:
        pass
    for request in double.queries:
        asked = (float(request.form["end"]) - float(request.form["start"])) / float(request.form["step"])
        assert asked < 11_000


async def test_answers_for_steps_that_were_not_asked_for_are_refused(scraped, world, double):
    here = world()
    double.reply = lambda _: matrix([(plain(), [(NOW - 9e6, str(NOW))])])
    health = await here.tick(0)
    assert (health.up, "not asked for" in health.message) == (False, True)
