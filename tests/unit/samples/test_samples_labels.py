"""Every label mode and rename of dcgm-exporter, through the simulator's source."""

import pytest
from samples_world import Watch, cluster, scraped

from e2e.label_modes.cases import CASES, Case, Scrape
from ebbtide.core.evidence import Signal
from ebbtide.samples.settings import LabelMode


async def read(case: Case, **settings: object) -> Watch:
    """After six scrapes."""
    watch = Watch(cluster(*case.pods, resource=case.resource), **settings)
    for _ in range(6):
        await watch.scrape_and_tick(case.scrapes)
    return watch


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_pods_are_found_or_refused(case: Case):
    watch = await read(case)
    assert watch.health.up
    assert watch.health.label_mode == case.mode
    assert bool(watch.health.attribution_problem) == bool(case.problem)
    for part in case.problem:
        assert part in watch.health.attribution_problem
    assert watch.engine(case.pods) == case.engine
    assert watch.book.shares == dict.fromkeys(case.shares, watch.clock.at)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_device_that_is_scraped_twice_is_told(case: Case):
    told = (await read(case)).tally.scraped_twice
    assert bool(told) == case.twice
    if case.twice:
        assert "GPU-" in told
        assert "instance 10.0.0.1:9400" in told
        assert "instance 10.0.0.1:9401" in told
        assert "pin one job in metrics.matchLabels" in told


async def test_a_busy_sample_of_either_exporter_is_never_hidden():
    """One exporter is stuck at nothing, whichever of them it is."""
    good, stuck = Scrape("kubernetes"), Scrape("second_exporter_stuck", job="a", instance="10.0.0.1:9401")
    for scrapes, apart in (((good, stuck), 7), ((stuck, good), 7), ((good, stuck), 16), ((stuck, good), 16)):
        watch = Watch(cluster("train-0"))
        for _ in range(4):
            await watch.scrape_and_tick(scrapes, apart)
        (device,) = watch.book.devices("ml", "train-0")
        for signal, busy in ((Signal.Engine, 0.37), (Signal.Utilisation, 37)):
            assert device.peak(signal, watch.clock.at - 31) == busy
            assert device.last_above(signal, busy / 2) >= watch.clock.at - 31


async def test_when_one_of_two_exporters_dies_the_other_covers_the_device():
    good, other = Scrape("kubernetes"), Scrape("second_exporter", job="a", instance="10.0.0.1:9401")
    watch = Watch(cluster("train-0"))
    for scrapes in [(good, other)] * 4 + [(other,)] * 8:
        await watch.scrape_and_tick(scrapes)
    (device,) = watch.book.devices("ml", "train-0")
    assert device.absence(Signal.Engine, watch.start, watch.clock.at) == (0, 0)
    assert device.last(Signal.Engine)[1] == 0.36
    assert watch.tally.scraped_twice == ""


async def test_a_restarted_exporter_is_not_a_second_one():
    before, after = Scrape("kubernetes"), Scrape("kubernetes", instance="10.0.0.2:9400")
    watch = Watch(cluster("train-0"))
    told = set()
    for scrapes in [(before,)] * 4 + [(after,)] * 4:
        await watch.scrape_and_tick(scrapes)
        told.add(watch.tally.scraped_twice)
    assert told == {""}
    assert watch.engine(("train-0",)) == {"train-0": {"GPU-0": 0.37}}


async def test_a_host_label_that_changes_its_name_does_not_interrupt_the_device():
    """dcgm-exporter writes hostname instead of Hostname since 2026-05."""
    watch = Watch(cluster("train-0"))
    for page in ["kubernetes"] * 4 + ["hostname"] * 4:
        await watch.scrape_and_tick((Scrape(page),))
    (device,) = watch.book.devices("ml", "train-0")
    assert device.absence(Signal.Engine, watch.start, watch.clock.at) == (0, 0)


async def test_two_exporters_that_hold_different_pods_for_the_holder_make_it_a_shared_device():
    """Neither is believed: the core gives no verdict about a device under two pods."""
    watch = Watch(cluster("train-0", "serve-7"))
    other = Scrape("another_cluster", job="a", instance="10.0.0.1:9401")
    for _ in range(4):
        await watch.scrape_and_tick((Scrape("kubernetes"), other))
    (device,) = watch.book.devices("ml", "train-0")
    assert {peer.pod for peer in device.peers} == {"train-0", "serve-7"}


@pytest.mark.parametrize(
    ("wanted", "scrape", "refused"),
    [
        (LabelMode.Exported, Scrape("kubernetes"), ""),
        (LabelMode.Exported, Scrape("kubernetes", target={"namespace": "gpu-operator"}), ""),
        (LabelMode.Plain, Scrape("kubernetes", honor_labels=True), ""),
        (LabelMode.OldNamespace, Scrape("old_names"), ""),
        (LabelMode.Plain, Scrape("kubernetes"), "metrics.labelMode is Plain"),
        (LabelMode.OldNamespace, Scrape("kubernetes"), "metrics.labelMode is OldNamespace"),
        (LabelMode.Exported, Scrape("no_pods", target={}), "no pods"),
    ],
)
async def test_a_wanted_mode_is_taken_where_it_fits(wanted, scrape, refused):
    watch = Watch(cluster("train-0"), label_mode=wanted)
    for _ in range(6):
        await watch.scrape_and_tick((scrape,))
    assert refused in watch.health.attribution_problem
    assert bool(refused) == bool(watch.health.attribution_problem)
    assert bool(watch.engine(("train-0",))) != bool(refused)


async def test_nothing_is_refused_while_no_pod_waits_for_its_labels():
    watch = Watch(cluster())
    await watch.scrape_and_tick((Scrape("no_pods", target={}),))
    assert watch.health.attribution_problem == ""
    watch = Watch(cluster("train-0"))
    await watch.tick()
    assert watch.health.attribution_problem == "", "no series at all is another problem"


def test_scrapes_are_labelled_as_by_prometheus():
    (series,) = {frozenset(labels.items()) for _, labels, _ in scraped(Scrape("pod_uid_of_another"))}
    assert dict(series).items() >= {
        "namespace": "gpu-operator", "exported_namespace": "ml", "exported_pod": "train-0", "job": "dcgm",
    }.items()  # fmt: skip


async def test_answers_without_any_device_are_told_when_they_last():
    watch = Watch(cluster("train-0"))
    await watch.scrape_and_tick((Scrape("kubernetes"),))
    assert not watch.health.empty
    for want in (False, False, False, True, True):
        await watch.scrape_and_tick(())
        assert watch.health.empty is want
    await watch.scrape_and_tick((Scrape("kubernetes"),))
    assert not watch.health.empty
