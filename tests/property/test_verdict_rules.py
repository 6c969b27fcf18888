"""What must hold for every gang: the short cut agrees with the chain, and idleness is always vouched for."""

from itertools import pairwise
from math import inf

from hypothesis import assume, given
from hypothesis import strategies as st

from ebbtide.core.evidence import Signal
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.signal import ACTIVITY
from ebbtide.core.verdict import describe, judge, judge_thoroughly
from tests.unit.core.verdict_world import H100, MINUTE, START, World

MINUTES = 70
RULES = st.sampled_from(
    [
        IdleRule(after_seconds=2400, warn_seconds=600, grace_seconds=0, never_used_after_seconds=2400),
        IdleRule(after_seconds=2400, warn_seconds=600, grace_seconds=300, never_used_after_seconds=3600),
        IdleRule(after_seconds=1200, warn_seconds=0, grace_seconds=0, never_used_after_seconds=1200,
                 memory_held_after_seconds=1800, busy_above_percent=0, busy_above_engine_percent=0),
    ]
)  # fmt: skip
minute = st.integers(0, MINUTES)
blips = st.dictionaries(minute, st.sampled_from([0.0, 3.0, 90.0, -1.0, 2e9]), max_size=2)
missing = st.one_of(
    st.just([]),
    st.lists(minute, max_size=4),
    st.builds(lambda first, length: list(range(first, first + length)), minute, st.integers(1, 12)),
)


def track(base: float | None, changes: dict[int, float], scale: float = 1.0):
    """A signal that stays at a base, but for some minutes."""
    return None if base is None else lambda now: changes[now] * scale if now in changes else base


@st.composite
def device_tracks(draw):
    """Signals of one device: mostly idle and complete, sometimes with blips, holes or signals that are not there."""
    level = draw(st.sampled_from([0.0, 0.0, 0.0, 95.0]))
    changes = draw(blips)
    there = st.sampled_from([True, True, True, False])
    cold = draw(st.sampled_from([0.0, 70.0, 70.0]))
    return {
        "model": draw(st.sampled_from([H100, H100, "Custom X1"])),
        "util": track(level, changes) if draw(there) else None,
        "engine": track(level / 100, changes, 0.01) if draw(there) else None,
        "tensor": track(level / 200 if draw(there) else 0.0, {}) if draw(there) else None,
        "dram": 0.0 if draw(there) else None,
        "launches": track(level / 100, changes, 0.01) if not draw(there) else None,
        "watts": draw(st.sampled_from([70.0, 70.0, 500.0, None])),
        "energy": draw(st.sampled_from([cold, lambda now: 600.0 if changes.get(now, 0) > 50 else 70.0, None])),
        "memory": draw(st.sampled_from([0.0, 50.0, None])),
        "missing": draw(missing),
    }


@st.composite
def worlds(draw):
    world = World(MINUTES, draw(RULES))
    world.floor = draw(st.sampled_from([None, None, None, 10, 60]))
    for pod in range(draw(st.integers(1, 2))):
        count = draw(st.integers(1, 2))
        mig = draw(st.sampled_from(["", "", "", "/1"]))
        world.pod(f"w-{pod}", ready=draw(st.sampled_from([0, 0, 0, 30, 65])), devices=count)
        for number in range(count):
            world.device(
                f"GPU-{pod if draw(st.integers(0, 9)) else 0}-{number}{mig}", f"w-{pod}", **draw(device_tracks())
            )
    return world


ticks = st.one_of(st.just(float(MINUTES)), st.floats(MINUTES, MINUTES + 4), st.floats(30, MINUTES))


def upto_now(world: World, now: float):
    """(pod, samples by signal since Ready) of every device, by brute force."""
    ready = {pod.name: pod.ready_since or 0.0 for pod in world.pods}
    for (pod, id_), signals in world.raw.items():
        kept = {
            signal: {at: value for at, value in samples.items() if ready[pod] < at <= now}
            for signal, samples in signals.items()
            if signal is not Signal.Utilisation or "/" not in id_
        }
        yield pod, kept


def highest(signal: Signal) -> float:
    return 100.0 if signal is Signal.Utilisation else 1.0001


def limit_of(world: World, signal: Signal) -> float:
    rule = world.rule
    return rule.busy_above_percent if signal is Signal.Utilisation else rule.busy_above_engine_percent / 100


def good(signals, signal) -> dict[float, float]:
    return {at: value for at, value in signals.get(signal, {}).items() if 0 <= value <= highest(signal)}


def busy_times(world: World, signals) -> list[float]:
    return [at for signal in ACTIVITY for at, value in good(signals, signal).items() if value > limit_of(world, signal)]


def cut(world: World, now: float) -> World:
    """The same world as it was known at an instant: later samples had not been scraped."""
    known = World(world.minutes, world.rule)
    known.pods, known.floor, known.raw = world.pods, world.floor, world.raw
    models = {(d.pod, d.id): d.model for pod in world.pods for d in world.book.devices("ml", pod.name)}
    for (pod, id_), signals in world.raw.items():
        for signal, samples in signals.items():
            for at, value in samples.items():
                if at <= now:
                    known.book.fold("ml", pod, id_, models.get((pod, id_), ""), signal, at, value)
    return known


@given(worlds(), ticks)
def test_what_bears_the_label_of_a_share_is_never_idle(world, at):
    """And the short cut agrees with the chain about it, whatever else the devices show."""
    known = cut(world, START + at * MINUTE)
    known.book.shares = {id_: START + at * MINUTE for _, id_ in world.raw}
    assert known.rule.pauses_sharers or known.judge(at).reason not in {"GPUIdle", "GPUNeverUsed"}


@given(worlds(), ticks)
def test_the_short_cut_agrees_with_the_chain_and_idle_is_vouched_for(world, at):
    now = START + at * MINUTE
    known = cut(world, now)
    found = known.judge(at)
    if found.reason not in {"GPUIdle", "GPUNeverUsed"}:
        return
    edge = now - found.span_seconds
    devices = list(upto_now(known, now))
    for pod in known.pods:
        heard = [signals for name, signals in devices if name == pod.name and any(good(signals, s) for s in ACTIVITY)]
        assert len(heard) >= pod.accelerators
        assert now >= (pod.ready_since or inf) + known.rule.grace_seconds
    for _, signals in devices:
        assert all(at <= edge for at in busy_times(known, signals))
        assert_covered(signals, edge, now)
    assert found.idle_since == clock_start(known, devices)
    assert now - found.idle_since >= found.span_seconds


def assert_covered(signals, edge: float, now: float) -> None:
    """Two signals in the window at least, none of them with more missing than is tolerated."""
    present = [signal for signal in ACTIVITY if any(at > edge for at in good(signals, signal))]
    assert len(present) + (Signal.Power in signals) + (Signal.Energy in signals) >= 2
    for signal in present:
        times = sorted(good(signals, signal))
        holes = [min(after, now) - max(before, edge) for before, after in pairwise([-inf, *times, inf])]
        assert now - times[-1] <= 2 * MINUTE
        assert max(holes) <= 3.05 * MINUTE
        assert sum(hole - MINUTE for hole in holes if hole > 1.5 * MINUTE) <= 0.1 * (now - edge) + 1e-6


def clock_start(world: World, devices) -> float:
    starts = [pod.ready_since + world.rule.grace_seconds for pod in world.pods]
    starts += [at for _, signals in devices for at in busy_times(world, signals)]
    starts += [START + world.floor * MINUTE] if world.floor is not None else []
    ready = {pod.name: pod.ready_since for pod in world.pods}
    for pod, signals in devices:
        for signal in ACTIVITY:
            times = sorted(good(signals, signal))
            starts += [after for before, after in pairwise([ready[pod], *times]) if after - before > 3.05 * MINUTE]
    return max(starts)


@st.composite
def idle_worlds(draw):
    """Gangs that are cleanly idle after minute 20."""
    world = World(
        MINUTES, IdleRule(after_seconds=3000, warn_seconds=600, grace_seconds=0, never_used_after_seconds=3000)
    )
    first_busy = draw(st.sampled_from([0, 90]))
    for rank in range(draw(st.integers(1, 3))):
        world.pod(f"w-{rank}").device(
            f"GPU-{rank}", f"w-{rank}", util=lambda now: float(first_busy) if now < 20 else 0.0,
            engine=0.0, dram=draw(st.sampled_from([0.0, None])), watts=draw(st.sampled_from([70.0, None])),
            energy=lambda now: 600.0 if first_busy and now < 20 else 70.0,
        )  # fmt: skip
    return world


def rebuilt(world: World, drop) -> World:
    """The world without the samples that `drop(pod, signal, minute)` names."""
    left = World(world.minutes, world.rule)
    left.pods = world.pods
    for (pod, id_), signals in world.raw.items():
        for signal, samples in signals.items():
            for at, value in samples.items():
                if not drop(pod, signal, round((at - START) / MINUTE)):
                    left.book.fold("ml", pod, id_, H100, signal, at, value)
    return left


@given(idle_worlds(), st.integers(0, 2), st.integers(33, 66), st.integers(3, 40))
def test_a_hole_above_three_intervals_is_never_idle(world, rank, begin, length):
    assert world.says() == "Idle"
    lost = f"w-{rank % len(world.pods)}"
    assert "Unknown" in rebuilt(world, lambda pod, _, now: pod == lost and begin <= now < begin + length).says()


@given(idle_worlds(), st.integers(0, 2))
def test_losing_all_series_of_a_device_is_never_idle(world, rank):
    lost = f"w-{rank % len(world.pods)}"
    assert rebuilt(world, lambda pod, *_: pod == lost).says() == "Unknown MetricsMissing"


@given(idle_worlds(), st.integers(0, 2), st.sets(st.integers(31, 69), min_size=5))
def test_more_than_a_tenth_missing_is_never_idle(world, rank, gone):
    """The span holds the 40 samples of minutes 31 to 70; that of minute 70 is due only now, so not missing yet."""
    lost = f"w-{rank % len(world.pods)}"
    assert "Unknown" in rebuilt(world, lambda pod, _, now: pod == lost and now in gone).says()


@given(idle_worlds(), st.integers(0, 2), st.sampled_from(ACTIVITY), st.integers(31, 70))
def test_one_busy_sample_of_any_rank_in_the_span_is_active(world, rank, signal, when):
    name = rank % len(world.pods)
    value = 6.0 if signal is Signal.Utilisation else 0.03
    world.book.fold("ml", f"w-{name}", f"GPU-{name}", H100, signal, START + when * MINUTE, value)
    assert world.says().startswith("Active")


@given(worlds(), st.sets(minute, max_size=30), st.integers(0, 1))
def test_dropping_samples_of_an_active_gang_makes_it_idle_only_within_the_tolerance(world, gone, rank):
    """Active may turn Idle only if each dropped busy sample lay in a hole of at most three intervals, in at most a
    tenth of the span, of its signal (or the whole signal left the span), and energy, where counted, says idle there."""
    before = world.judge()
    assume(before.verdict == "Active")
    after = rebuilt(world, lambda pod, _, now: pod == f"w-{rank}" and now in gone)
    found = after.judge()
    if found.reason in {"GPUIdle", "GPUNeverUsed"}:
        now = START + MINUTES * MINUTE
        for pod, signals in upto_now(world, now):
            kept = {
                signal: {
                    at: v for at, v in samples.items() if not (pod == f"w-{rank}" and (at - START) / MINUTE in gone)
                }
                for signal, samples in signals.items()
            }
            assert all(at <= now - found.span_seconds for at in busy_times(world, kept))
            assert_covered(kept, now - found.span_seconds, now)


@given(
    idle_worlds(), st.sets(st.integers(32, 68), min_size=1, max_size=2), st.integers(0, 2), st.sets(st.integers(31, 69))
)
def test_with_an_energy_counter_dropping_busy_samples_never_makes_active_idle(world, busy, rank, gone):
    """The busy minutes drew 600 W: whatever is dropped, the counter shows it."""
    name = f"w-{rank % len(world.pods)}"
    for (pod, _), signals in world.raw.items():
        if pod == name:
            for extra in busy:
                signals[Signal.Utilisation][START + extra * MINUTE] = 90.0
                for at in signals[Signal.Energy]:
                    if at >= START + extra * MINUTE:
                        signals[Signal.Energy][at] += 530.0 * MINUTE * 1000
    assert rebuilt(world, lambda *_: False).says().startswith("Active")
    left = rebuilt(world, lambda pod, _, now: pod == name and now in gone)
    assert left.says() != "Idle"


@given(worlds(), ticks)
def test_a_description_agrees_with_the_judgement(world, at):
    gang = world.gang(at)
    plain = judge(gang)
    full = describe(gang, plain)
    assert (full.verdict, full.reason) == (plain.verdict, plain.reason)
    assert full.idle_since == judge_thoroughly(gang).idle_since
    assert plain.idle_since in {full.idle_since, None}
    assert 0 <= full.coverage_percent <= 100
    if plain.reason in {"GPUIdle", "GPUNeverUsed"}:
        assert {each.reason for each in full.devices} <= {"GPUIdle", "GPUNeverUsed"}
        assert len(full.families) >= 2
