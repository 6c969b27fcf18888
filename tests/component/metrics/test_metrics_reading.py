"""From scraped samples to evidence: which value, of which device and pod, at which instant."""

import asyncio
import math

import pytest
from metrics_world import EXPORTER, NOW, exported, plain, pod, state

ALL = {
    "Utilisation": 7, "Engine": 0.07, "Tensor": 0.01, "Dram": 0.02, "Power": 90.5, "Energy": 1e9, "MemoryPercent": 40,
}  # fmt: skip


async def test_all_seven_signals_get_the_true_time_of_their_sample(scraped, world):
    here = world()
    scraped.add(exported(), NOW - 8.769, **ALL)
    health = await here.tick()
    assert health.up, health.message
    for signal, value in ALL.items():
        assert here.book.of(signal) == {NOW - 8.769: pytest.approx(value)}


async def test_a_tick_sends_four_queries_whatever_the_fleet(scraped, world, double):
    here = world(look_back_seconds=120.0)
    here.state = state(*(pod(f"train-{i}") for i in range(40)))
    for tick in range(3):
        for i in range(40):
            scraped.add(exported(f"train-{i}", f"GPU-{i}"), NOW + 30 * tick, **ALL)
        double.requests.clear()
        assert (await here.tick()).up
        assert len(double.queries) == here.adapter.fleet_queries_last_tick == 4
    assert len(here.book.samples) == 40 * 7


async def test_a_sample_on_the_edge_of_a_step_is_counted_once_and_not_lost(scraped, world):
    here = world()
    scraped.add(exported(), NOW, Engine=0.5)
    scraped.add(exported(), NOW + 0.001, Engine=0.25)
    for _ in range(3):
        await here.tick(15)
    assert here.book.of("Engine") == {NOW: 0.5, NOW + 0.001: 0.25}


async def test_samples_that_show_late_are_still_read(scraped, world):
    here = world()
    scraped.add(exported(), NOW - 29, Engine=0.1)
    await here.tick()
    scraped.add(exported(), NOW + 10, Engine=0.2)  # stamped before that tick, stored after it
    await here.tick()
    assert here.book.of("Engine") == {NOW - 29: 0.1, NOW + 10: 0.2}


async def test_a_value_without_a_sample_in_its_step_is_not_evidence(scraped, world):
    here = world()
    scraped.add(exported(), NOW, Utilisation=1)
    scraped.add(exported(uuid="GPU-2"), NOW, Power=60)  # neither utilisation nor engine says when it was sampled
    await here.tick()
    assert here.book.of("Utilisation") == {NOW: 1}
    assert here.book.of("Power", device="GPU-2") == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 9223372036854775794.0, 2147483632.0])
async def test_untrue_values_reach_the_book_as_they_are_or_as_nan(scraped, world, bad):
    here = world()
    scraped.add(exported(), NOW, Utilisation=bad, Engine=bad)
    await here.tick()
    for signal in ("Utilisation", "Engine"):
        (value,) = here.book.of(signal).values()
        assert not 0 <= value <= 100


async def test_an_untrue_twin_spoils_a_good_sample_of_the_same_step(scraped, world):
    here = world()
    scraped.add(exported(), NOW, Engine=0.0)
    scraped.add(exported(Hostname="twin"), NOW - 1, Engine=-1.0)
    await here.tick()
    assert math.isnan(here.book.of("Engine")[NOW])


async def test_instances_of_a_divided_device_are_devices_and_share_the_power_of_their_board(scraped, world):
    here = world()
    mig = "nvidia.com/mig-1g.10gb"
    here.state = state(pod("a", accelerator_resource=mig), pod("b", accelerator_resource=mig))
    scraped.add(exported("a", GPU_I_ID="7"), NOW, Engine=0.5, Utilisation=0, Power=250)
    scraped.add(exported("b", GPU_I_ID="8"), NOW, Engine=0.0, Utilisation=0)
    await here.tick()
    assert here.book.of("Engine", "a", "GPU-1/7") == {NOW: 0.5}
    assert here.book.of("Engine", "b", "GPU-1/8") == {NOW: 0.0}
    for name, device in (("a", "GPU-1/7"), ("b", "GPU-1/8")):
        assert here.book.of("Power", name, device) == {NOW: 250}
        assert here.book.of("Utilisation", name, device) == {}, "it says nothing about an instance"


async def test_the_row_of_a_board_says_nothing_about_a_pod_that_holds_an_instance(scraped, world):
    here = world()
    here.state = state(pod(accelerator_resource="nvidia.com/mig-1g.10gb"))
    scraped.add(exported(), NOW, Utilisation=0, Engine=0)
    await here.tick()
    assert not here.book.samples


async def test_devices_that_nobody_holds_are_counted_and_given_to_nobody(scraped, world):
    here = world()
    scraped.add(exported(), NOW, Engine=0.5)
    scraped.add({"UUID": "GPU-2", **EXPORTER}, NOW, Engine=0.0)
    await here.tick()
    assert {key[2] for key in here.book.samples} == {"GPU-1"}
    assert here.adapter.tally.unattributed_devices == 1


async def test_a_device_that_changes_hands_counts_for_each_pod_in_its_time(scraped, world):
    here = world()
    here.state = state(pod("old"), pod("new"))
    scraped.add(exported("old"), NOW - 20, Engine=0.9)
    scraped.add(exported("new"), NOW + 10, Engine=0.0)
    await here.tick()
    assert here.book.of("Engine", "old") == {NOW - 20: 0.9}
    assert here.book.of("Engine", "new") == {NOW + 10: 0.0}


async def test_sharers_of_a_device_get_its_value_and_its_own_row_is_kept_beside_theirs(scraped, world):
    """Newer exporters: utilisation per pod, a device row without pod, and copies of everything else."""
    here = world()
    here.state = state(pod("a"), pod("b"))
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW, Utilisation=60)
    for name in ("a", "b"):
        scraped.add(exported(name), NOW, Utilisation=0, Engine=0.6)
    await here.tick()
    for name in ("a", "b"):
        assert here.book.of("Utilisation", name) == {NOW: 0}
        assert here.book.of("Engine", name) == {NOW: 0.6}
    assert here.book.of("Utilisation", "") == {NOW: 60}


async def test_labels_that_are_missing_for_a_while_are_a_gap_and_no_second_row(scraped, world):
    here = world()
    scraped.add(exported(), NOW - 20, Utilisation=0)
    scraped.add({"UUID": "GPU-1", **EXPORTER}, NOW + 10, Utilisation=90)
    scraped.add(exported(uuid="GPU-2"), NOW + 10, Utilisation=0)
    await here.tick()
    assert here.book.of("Utilisation") == {NOW - 20: 0}
    assert here.book.of("Utilisation", "") == {}


async def test_samples_older_than_the_pod_belong_to_an_earlier_pod_of_its_name(scraped, world):
    here = world()
    here.state = state(pod(created_at=NOW))
    scraped.add(exported(), NOW - 20, Engine=0.9)
    scraped.add(exported(), NOW + 10, Engine=0.1)
    await here.tick()
    assert here.book.of("Engine") == {NOW + 10: 0.1}


async def test_a_series_of_another_pod_of_the_same_name_is_not_taken(scraped, world):
    here = world()
    scraped.add(exported(pod_uid="uid-of-train-0"), NOW, Engine=0.1)
    scraped.add(exported(uuid="GPU-2", pod_uid="uid-of-another"), NOW, Engine=0.9)
    scraped.add(exported(uuid="GPU-3", pod_uid=""), NOW, Engine=0.2)
    await here.tick()
    assert {key[2] for key in here.book.samples} == {"GPU-1", "GPU-3"}


async def test_evidence_of_pods_that_are_gone_or_were_replaced_is_dropped(scraped, world):
    here = world()
    here.state = state(pod("gone"), pod("replaced"), pod("stays"))
    await here.tick()
    here.state = state(pod("replaced", uid="another"), pod("stays"))
    await here.tick()
    assert sorted(here.book.dropped) == [("vision", "gone"), ("vision", "replaced")]


async def test_exporters_with_old_labels_are_read_too(scraped, world):
    here = world()
    labels = {"uuid": "GPU-1", "pod_name": "train-0", "pod_namespace": "vision", **EXPORTER}
    scraped.add(labels, NOW, Engine=0.5, Power=80)
    assert (await here.tick()).label_mode == "OldNamespace"
    assert here.book.of("Power") == {NOW: 80}


async def test_the_event_loop_runs_while_prometheus_thinks(scraped, world, double):
    here = world(query_seconds=5.0)
    scraped.add(plain(), NOW, Engine=0.5)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    answer = double.reply
    double.reply = lambda request: (asyncio.run(asyncio.sleep(0.05)), answer(request))[1]
    task = asyncio.create_task(beat())
    await here.tick()
    task.cancel()
    assert beats > 10
