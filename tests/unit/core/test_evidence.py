"""The book of evidence: what is taken in, what is refused, what is forgotten, and how little it holds."""

import gc
import tracemalloc
from math import inf, nan

import pytest

from ebbtide.core.evidence import NEVER, EvidenceBook, Signal
from ebbtide.core.idle_watts import TABLE, idle_watts
from ebbtide.core.series import thinned
from ebbtide.core.signal import ENGINE, SLOT
from ebbtide.core.wording import clock, count, duration, joined, percent

MODEL = "NVIDIA H100 80GB HBM3"


def book() -> EvidenceBook:
    return EvidenceBook(30.0)


def fold(into: EvidenceBook, signal: Signal, *samples, pod: str = "w-0", device: str = "GPU-0"):
    into.fold_series("ml" if pod else "", pod, device, MODEL, signal, samples)
    found = into.devices("ml", pod) if pod else into.devices("", device)
    return next(each for each in found if each.id == device)


@pytest.mark.parametrize(
    ("signal", "value", "taken"),
    [
        (Signal.Utilisation, 0.0, True),
        (Signal.Utilisation, 100.0, True),
        (Signal.Utilisation, 100.1, False),
        (Signal.Utilisation, -0.1, False),
        (Signal.Utilisation, nan, False),
        (Signal.Utilisation, inf, False),
        (Signal.Utilisation, 2147483632.0, False),
        (Signal.Engine, 1.0001, True),
        (Signal.Engine, 1.0002, False),
        (Signal.Engine, 9223372036854775794.0, False),
        (Signal.Tensor, 140737488355328.0, False),
        (Signal.Power, 700.0, True),
        (Signal.Power, 2147483632.0, False),
        (Signal.Energy, 2147483632.0, True),
        (Signal.Energy, 140737488355328.0, False),
        (Signal.Energy, 9223372036854775792.0, False),
        (Signal.MemoryPercent, 100.0, True),
        (Signal.MemoryPercent, 101.0, False),
    ],
)
def test_what_cannot_be_true_is_remembered_and_is_no_sample(signal, value, taken):
    device = fold(book(), signal, (10.0, value))
    assert (device.last(signal) is not None) == taken
    assert device.bad_at_of(signal) == (NEVER if taken else 10.0)


def test_utilisation_of_a_mig_instance_does_not_exist():
    device = fold(book(), Signal.Utilisation, (0.0, 99.0), (30.0, nan), device="GPU-0/3")
    assert (device.last(Signal.Utilisation), device.mask, device.heard_at()) == (None, 0, NEVER)


def test_a_double_scrape_cannot_raise_coverage():
    plain, doubled = book(), book()
    samples = [(at, 0.0) for at in (0.0, 30.0, 60.0, 300.0, 330.0)]
    fold(plain, Signal.Engine, *samples)
    device = fold(doubled, Signal.Engine, *samples, *((at + 1.0, 0.0) for at, _ in samples))
    assert device.absence(Signal.Engine, 0.0, 330.0)[1] == 239.0
    assert plain.devices("ml", "w-0")[0].absence(Signal.Engine, 0.0, 330.0) == (210.0, 240.0)


def test_a_late_sample_splits_a_gap():
    device = fold(book(), Signal.Engine, (0.0, 0.0), (240.0, 0.0), (120.0, 0.0))
    assert device.absence(Signal.Engine, 0.0, 240.0) == (180.0, 120.0)
    assert device.hole_end == 240.0
    assert device.gaps_of(ENGINE) == (0.0, 120.0, 120.0, 240.0)


def test_a_hole_that_is_filled_no_longer_restarts_the_clock():
    device = fold(book(), Signal.Engine, (0.0, 0.0), (120.0, 0.0))
    assert device.hole_end == 120.0
    fold_to = [(at, 0.0) for at in (60.0, 90.0, 30.0)]
    for at, value in fold_to:
        device.fold(Signal.Engine, at, value)
    assert (device.hole_end, device.clean_since, device.gaps and device.gaps[1]) == (0.0, 0.0, ())


def test_signals_of_one_scrape_share_their_gaps():
    evidence = book()
    for signal in (Signal.Utilisation, Signal.Engine, Signal.Power):
        device = fold(evidence, signal, (0.0, 0.0), (300.0, 0.0))
    assert device.gaps is not None
    assert device.gaps[0] is device.gaps[1] is device.gaps[SLOT[Signal.Power]]


def test_devices_are_found_by_the_name_of_their_pod():
    evidence = book()
    for n in range(3):
        evidence.fold("ml", f"w-{n}", f"GPU-{n}", MODEL, Signal.Engine, 30.0, 0.5)
    assert len(evidence) == 3
    assert [device.id for device in evidence.devices("ml", "w-2")] == ["GPU-2"]
    assert evidence.devices("ml", "w-9") == ()


def test_devices_seen_under_two_pods_know_each_other():
    evidence = book()
    first, second = (fold(evidence, Signal.Engine, (0.0, 0.0), pod=pod) for pod in ("a", "b"))
    row = fold(evidence, Signal.Engine, (0.0, 0.0), pod="")
    assert first.peers == [first, second, row]
    evidence.drop_pod("ml", "b")
    assert first.peers == [first, row]
    evidence.forget(10.0)
    assert len(evidence) == 0


def test_the_last_one_left_is_alone_again():
    evidence = book()
    first, _ = (fold(evidence, Signal.Engine, (0.0, 0.0), pod=pod) for pod in ("a", "b"))
    evidence.drop_pod("ml", "b")
    assert first.peers is None
    assert fold(evidence, Signal.Engine, (0.0, 0.0), pod="c").peers == [first, evidence.devices("ml", "c")[0]]


def test_forgetting_drops_silent_devices_and_keeps_the_others():
    evidence = book()
    fold(evidence, Signal.Engine, (0.0, 0.0), pod="old")
    fold(evidence, Signal.Engine, (0.0, 0.0), (1000.0, 0.0), pod="new")
    evidence.forget(500.0)
    assert (len(evidence), evidence.devices("ml", "old")) == (1, ())


def test_the_hole_that_restarted_the_clock_survives_forgetting():
    device = fold(book(), Signal.Engine, *((at, 0.0) for at in (0.0, 300.0, 350.0, *range(380, 3000, 30))))
    device.forget(2000.0)
    assert device.hole_end_of(Signal.Engine, NEVER) == 300.0
    assert device.gaps is not None
    assert device.gaps[1] == (0.0, 300.0)


def test_old_stairs_are_thinned_to_one_per_threshold():
    samples = [(30.0 * step, (1000 - step) / 1000) for step in range(900)]
    device = fold(book(), Signal.Engine, *samples)
    device.forget(30.0 * 900)
    assert len(device.section(ENGINE)) / 2 <= 101
    assert device.last_above(Signal.Engine, 0.5) == 30.0 * 499


def test_thinning_nothing_changes_nothing():
    assert list(thinned(fold(book(), Signal.Engine, (0.0, 0.5), (30.0, 0.1)).section(ENGINE), NEVER, 100)) == [0.0, 0.5]


def test_a_counter_reset_is_not_power():
    device = fold(book(), Signal.Energy, (0.0, 9e9), (600.0, 9.04e9), (1200.0, 1e6), (1800.0, 4.3e7))
    assert device.meter is not None
    assert device.meter.odd_from == NEVER


def test_an_idle_device_fits_in_1150_bytes():
    """Two hours of the seven signals of dcgm-exporter at 30 s, with the noise of an idle board and its own identity."""
    signals = [signal for signal in Signal if signal is not Signal.Launches]
    tracemalloc.start()
    evidence = EvidenceBook(30.0, 0.0)
    for scrape in range(240):
        for n in range(10):
            watts = 70 + (scrape * 7 + n) % 5 / 2
            values = (0.0, 0.0, 0.0, 0.0, watts, 1e6 + scrape * 2.1e6, 40.0)
            for signal, value in zip(signals, values, strict=True):
                evidence.fold("ml", f"w-{n}", f"GPU-{n:036d}", MODEL, signal, 1.78e9 + 30.0 * scrape, value)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / len(evidence)
    tracemalloc.stop()
    assert held < 1150


@pytest.mark.parametrize(
    ("model", "ceiling"),
    [
        ("NVIDIA H100 80GB HBM3", 150), ("Tesla T4", 35), ("NVIDIA A100-SXM4-80GB", 125), ("NVIDIA L4", 40),
        ("NVIDIA L40S", 130), ("NVIDIA A10G", 75), ("Tesla V100-SXM2-16GB", 90), ("NVIDIA H200", 165),
        ("NVIDIA B200", 250),
    ],
)  # fmt: skip
def test_idle_watts_of_a_known_model(model, ceiling):
    assert idle_watts(model) == (ceiling, True)


@pytest.mark.parametrize("model", ["", "NVIDIA Tesla T400", "AMD Instinct MI300X"])
def test_an_unknown_model_never_vouches(model):
    watts = idle_watts(model)
    assert not watts.known
    assert watts.ceiling > max(ceiling for _, ceiling in TABLE)


def test_numbers_read_as_people_write_them():
    now = 1_780_012_800.0
    assert clock(now + 3723, now) == "01:02:03Z"
    assert clock(now - 1, now) == "2026-05-28T23:59:59Z"
    assert [duration(seconds) for seconds in (45, 90, 95, 3000, 7200, 6600)] == [
        "45 s", "90 s", "95 s", "50 min", "2 h", "1 h 50 min"]  # fmt: skip
    assert [percent(value) for value in (0, 0.44, 97.2)] == ["0 %", "0.4 %", "97 %"]
    assert (count(1, "device"), count(2, "device")) == ("1 device", "2 devices")
    assert [joined(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == ["", "a", "a and b", "a, b and c"]
