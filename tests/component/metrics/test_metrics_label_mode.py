"""Which labels name the pod, and when that must not be guessed."""

import pytest
from metrics_world import EXPORTER, NOW, exported, plain, pod, state

from ebbtide.samples.settings import LabelMode


@pytest.mark.parametrize(("labels", "mode"), [(exported(), "Exported"), (plain(), "Plain")])
async def test_the_mode_is_told_from_a_live_series(scraped, world, labels, mode):
    here = world()
    scraped.add(labels, NOW, Engine=0.5)
    scraped.add({"UUID": "GPU-9", **EXPORTER}, NOW, Engine=0.0)  # nobody holds this one
    health = await here.tick()
    assert (health.label_mode, health.attribution_problem) == (mode, "")
    assert here.book.of("Engine") == {NOW: 0.5}


async def test_a_plain_pod_that_is_the_exporter_itself_is_refused(scraped, world, double):
    here = world()
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW, Engine=0.0)
    health = await here.tick()
    assert health.up
    assert "gpu-operator/nvidia-dcgm-exporter-x7k2p" in health.attribution_problem
    assert not here.book.samples
    assert len(double.queries) == 1, "nothing is asked that could not be attributed"


async def test_series_that_name_pods_in_two_ways_are_refused(scraped, world):
    here = world()
    here.state = state(pod("a"), pod("b"))
    scraped.add(exported("a", "GPU-1"), NOW, Engine=0.5)
    scraped.add(plain("b", "GPU-2"), NOW, Engine=0.5)
    health = await here.tick()
    assert "1 by exported_namespace and exported_pod and 1 by namespace and pod" in health.attribution_problem
    assert not here.book.samples


async def test_the_mode_follows_a_change_of_the_scrape(scraped, world):
    here = world()
    scraped.add(exported(), NOW, Engine=0.1)
    assert (await here.tick()).label_mode == "Exported"
    scraped.add(plain(), NOW + 120, Engine=0.2)
    health = await here.tick(120)
    assert (health.label_mode, health.attribution_problem) == ("Plain", "")
    assert here.book.of("Engine") == {NOW: 0.1, NOW + 120: 0.2}


async def test_reading_goes_on_when_the_problem_ends(scraped, world):
    here = world()
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW, Engine=0.0)
    assert (await here.tick()).attribution_problem
    scraped.add(exported(), NOW + 60, Engine=0.2)
    assert not (await here.tick(60)).attribution_problem
    assert here.book.of("Engine") == {NOW + 60: 0.2}


@pytest.mark.parametrize("young", [{"ready_since": None}, {"ready_since": NOW - 10.0}, {"ended_at": NOW}])
async def test_no_problem_is_told_before_the_exporter_can_know_the_pod(scraped, world, young):
    here = world()
    here.state = state(pod(**young))
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW, Engine=0.0)
    assert (await here.tick()).attribution_problem == ""


async def test_pods_of_another_vendor_do_not_wait_for_these_labels(scraped, world):
    here = world()
    here.state = state(pod(accelerator_resource="amd.com/gpu"))
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW, Engine=0.0)
    assert (await here.tick()).attribution_problem == ""


async def test_no_series_at_all_is_no_label_problem(scraped, world):
    health = await world().tick()
    assert (health.up, health.attribution_problem, health.label_mode) == (True, "", "")


async def test_a_forced_mode_is_taken_where_auto_would_refuse(scraped, world):
    here = world(label_mode=LabelMode.Exported)
    here.state = state(pod("a"), pod("b"))
    scraped.add(exported("a", "GPU-1"), NOW, Engine=0.5)
    scraped.add(plain("b", "GPU-2"), NOW, Engine=0.5)
    assert (await here.tick()).attribution_problem == ""
    assert here.book.of("Engine", "a", "GPU-1") == {NOW: 0.5}
    assert here.book.of("Engine", "b", "GPU-2") == {}


async def test_a_forced_mode_that_fits_no_series_is_a_problem(scraped, world):
    here = world(label_mode=LabelMode.Plain)
    scraped.add(exported(), NOW, Engine=0.5)
    health = await here.tick()
    assert "metrics.labelMode is Plain" in health.attribution_problem
    assert not here.book.samples
