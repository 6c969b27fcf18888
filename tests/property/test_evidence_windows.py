"""Evidence against a brute-force scan of all samples: order, batching, duplicates and forgetting cannot matter."""

from itertools import pairwise
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.core.energy import BIN_SECONDS, Reading, watts
from ebbtide.core.evidence import NEVER, DeviceEvidence, EvidenceBook, Pace, Signal
from ebbtide.core.signal import ACTIVITY, SLOTS, thresholds

PACE = Pace.of(30.0)
MODEL = "Tesla T4"
CEILING = 35.0
TIMES = st.integers(0, 240).map(lambda tick: 10.0 * tick)
PERCENT = st.sampled_from([0.0, 0.0, 0.0, 3.0, 5.0, 5.5, 40.0, 100.0])
RATIO = st.sampled_from([0.0, 0.0, 0.005, 0.02, 0.0201, 0.07, 0.0701, 0.5, 1.0])
BAD = st.sampled_from([nan, inf, -1.0, 9.3e18, 2147483632.0])
LIMITS = [thresholds(5, 2), thresholds(0, 0), thresholds(40, 7)]

activity_samples = st.lists(
    st.one_of(
        st.tuples(st.just(Signal.Utilisation), TIMES, st.one_of(PERCENT, PERCENT, BAD)),
        st.tuples(st.sampled_from(ACTIVITY[1:]), TIMES, st.one_of(RATIO, RATIO, BAD)),
        st.tuples(st.just(Signal.Power), TIMES, st.sampled_from([17.0, 35.0, 35.5, 70.0])),
    ),
    max_size=60,
)


def device(samples, *, forgotten=()) -> DeviceEvidence:
    """Fold in order; `forgotten` says after how many samples which horizon is set."""
    book = EvidenceBook(PACE.interval)
    found = DeviceEvidence("ml", "w-0", "GPU-0", MODEL, book.pace)
    for number, (signal, at, value) in enumerate(samples):
        found.fold(signal, at, value)
        for after, before in forgotten:
            if after == number:
                found.forget(before)
    return found


def is_true(signal, value) -> bool:
    return 0 <= value <= {Signal.Utilisation: 100, Signal.Power: 5000}.get(signal, 1.0001)


def valid(samples, signal) -> dict[float, float]:
    """Brute force: the highest value of each instant."""
    found: dict[float, float] = {}
    for each, at, value in sorted(samples, key=lambda sample: sample[1]):
        if each is signal and is_true(signal, value):
            found[at] = max(value, found.get(at, value))
    return found


def scan_absence(times, start, now):
    edges = [-inf, *sorted(times), inf]
    lengths = [min(after, now) - max(before, start) for before, after in pairwise(edges)]
    if not any(start < at for at in times):
        return now - start, now - start
    holes = [length for length in lengths if length > PACE.gap]
    return sum(length - PACE.interval for length in holes), max(holes, default=0.0)


def scan_hole_end(times, start):
    ends = [after for before, after in pairwise([-inf, *sorted(times)]) if after - max(before, start) > PACE.hole]
    return max(ends, default=NEVER)


def assert_answers(found: DeviceEvidence, samples, horizon: float, now: float) -> None:
    """Every question about a window after the horizon, by brute force."""
    for signal in ACTIVITY:
        seen = valid(samples, signal)
        assert found.last(signal) == (max(seen.items(), default=None))
        for start in (horizon, horizon + 45, horizon + 400, now - 300):
            if not horizon <= start < now:
                continue
            window = [value for at, value in seen.items() if at > start]
            assert found.peak(signal, start) == max(window, default=None)
            if max(seen, default=0) <= now:
                assert found.absence(signal, start, now) == pytest.approx(scan_absence(seen, start, now))
            if seen:
                assert found.hole_end_of(signal, start) == scan_hole_end(seen, start)
        for percent in (0, 2, 5, 7, 40, 99):
            limit = float(percent) if signal is Signal.Utilisation else percent / 100
            above = [at for at, value in seen.items() if value > limit]
            assert found.last_above(signal, limit) == max(above, default=NEVER)


def assert_sums(found: DeviceEvidence, samples, limits) -> None:
    by_signal = {signal: valid(samples, signal) for signal in ACTIVITY}
    found.bind(limits)
    busy = [
        (at, signal)
        for signal, seen in by_signal.items()
        for at, value in seen.items()
        if value > (limits.percent if signal is Signal.Utilisation else limits.ratio)
    ]
    work = [at for at, signal in busy if signal in {Signal.Tensor, Signal.Dram, Signal.Launches}]
    pairs = [pair for seen in by_signal.values() for pair in pairwise([-inf, *seen])]
    gaps = [after for before, after in pairs if after - before > PACE.gap]
    assert found.newest == max((at for seen in by_signal.values() for at in seen), default=NEVER)
    assert found.last_busy_at == max((at for at, _ in busy), default=NEVER)
    assert found.worked_at == max(work, default=NEVER)
    assert found.clean_since == max(gaps, default=NEVER)
    assert found.hole_end == max((scan_hole_end(seen, -inf) for seen in by_signal.values()), default=NEVER)
    hot = [at for at, value in valid(samples, Signal.Power).items() if value > CEILING]
    assert found.hot_at == max(hot, default=NEVER)
    bad = [at for signal, at, value in samples if not is_true(signal, value)]
    assert found.bad_at == max(bad, default=NEVER)


def state(found: DeviceEvidence):
    stairs = [list(found.section(slot)) for slot in range(len(ACTIVITY))]
    points = None if found.meter is None else (list(found.meter.points), found.meter.differs, found.meter.odd_from)
    sums = (found.newest, found.clean_since, found.hole_end, found.last_busy_at, found.worked_at, found.bad_at)
    return list(found.head), found.gaps or [()] * SLOTS, stairs, points, sums, found.bad or {}


@given(activity_samples, st.sampled_from(LIMITS))
def test_every_window_is_answered_as_by_a_scan(samples, limits):
    found = device(samples)
    assert_answers(found, samples, horizon=-10.0, now=2500.0)
    assert_sums(found, samples, limits)


@given(activity_samples, st.randoms(use_true_random=False))
def test_order_and_duplicates_do_not_matter(samples, chance):
    shuffled = samples + chance.choices(samples, k=len(samples) // 2) if samples else []
    chance.shuffle(shuffled)
    in_order = sorted(samples, key=lambda sample: sample[1])
    assert state(device(shuffled)) == state(device(in_order))


@given(activity_samples, st.lists(st.tuples(st.integers(0, 59), TIMES), max_size=4))
def test_forgetting_changes_no_window_after_the_horizon(samples, forgotten):
    horizon = max((before for after, before in forgotten if after < len(samples)), default=-10.0)
    found = device(samples, forgotten=forgotten)
    now = max(2500.0, horizon + 10)
    assert_answers(found, samples, horizon, now)


energy_times = st.lists(TIMES.map(lambda at: 3 * at), min_size=1, max_size=60, unique=True)
rises = st.lists(st.sampled_from([0.0, 10.0, 17.0, 60.0]), min_size=1, max_size=8)


def counter(at: float, powers: list[float]) -> float:
    """Millijoules at a time, with a mean power for every 900 s in turn."""
    whole, rest = divmod(at, 900)
    spent = sum(powers[int(n) % len(powers)] * 900 for n in range(int(whole)))
    return 1000 * (1e6 + spent + powers[int(whole) % len(powers)] * rest)


def points_of(times) -> list[float]:
    """Brute force: the first of every ten minutes, and both sides of every gap."""
    ordered = sorted(times)
    edges = {at for pair in pairwise(ordered) if pair[1] - pair[0] > PACE.gap for at in pair}
    firsts = {min(at for at in ordered if at // BIN_SECONDS == bin_) for bin_ in {at // BIN_SECONDS for at in ordered}}
    return sorted(edges | firsts)


@given(energy_times, rises)
def test_energy_points_depend_on_the_set_of_readings_alone(times, powers):
    readings = {at: counter(at, powers) for at in times}
    found = device([(Signal.Energy, at, value) for at, value in readings.items()])
    assert found.meter is not None
    points = [Reading(at, readings[at]) for at in points_of(times)]
    assert found.meter.points_since(-1.0) == points
    newest = max(times)
    assert found.readings(-1.0) == points + ([] if points[-1].at == newest else [Reading(newest, readings[newest])])
    differing = [at for at, value in readings.items() if value != readings[newest]]
    assert found.meter.differs == max(differing, default=NEVER)
    odd = [a.at for a, b in pairwise(points) if (mean := watts(a, b)) is not None and (mean > CEILING or mean == 0)]
    assert found.meter.odd_from == max(odd, default=NEVER)


@given(energy_times, rises, TIMES)
def test_energy_points_after_the_horizon_survive_forgetting(times, powers, before):
    samples = [(Signal.Energy, at, counter(at, powers)) for at in times]
    found = device(samples, forgotten=[(len(times) // 2, before)])
    assert found.meter is not None
    kept = [reading.at for reading in found.meter.points_since(before)]
    assert kept == [at for at in points_of(times) if at >= before]
