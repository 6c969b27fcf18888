"""Signs beside the devices, whatever their samples are and in whatever order they come."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.core.series import NEVER
from ebbtide.core.signs import Line
from tests.unit.core.signed_world import Signed, at, values
from tests.unit.core.verdict_world import MINUTE

SAMPLES = st.dictionaries(st.integers(0, 40), st.sampled_from([0.0, 1.0, 5.0, 5.0, 90.0]), min_size=1)


@given(SAMPLES, st.randoms(use_true_random=False), st.integers(0, 40), st.sampled_from([0.0, 4.0, 5.0]))
def test_a_line_is_a_function_of_its_samples_in_any_order(samples, random, start, limit):
    line, order = Line(), [*samples, *list(samples)[:3]]
    random.shuffle(order)
    for minute in order:
        line.take(at(minute), samples[minute], MINUTE)
    above = [minute for minute, value in samples.items() if value > limit]
    assert line.last_above(limit) == (at(max(above)) if above else NEVER)
    later = [value for minute, value in samples.items() if minute > start]
    assert line.peak(at(start)) == (max(later) if later else None)
    times = sorted(samples)
    gaps = [(one, other) for one, other in pairwise(times) if other - one > 1]
    assert line.gaps == tuple(at(minute) for gap in gaps for minute in gap)


@given(
    st.dictionaries(st.integers(0, 60), st.sampled_from([0.0, 15.0, 25.0, None])),
    st.dictionaries(st.integers(0, 60), st.sampled_from([0.0, 0.9, 1.0, 1.1, None])),
    st.dictionaries(st.integers(0, 60), st.sampled_from([0.0, 1.0, None])),
    st.sampled_from([None, 20, 45]),
)
def test_signs_never_make_anything_idle_that_was_not(cpu, network, requests, active):
    world = Signed()
    before = world.says()
    world.cpu(*values(0.0, *cpu.items())).network(*values(0.0, *network.items())).requests(
        *values(0.0, *requests.items())
    )
    world.active_at = None if active is None else at(active)
    found = world.says()
    assert before == "Idle"
    if found == "Idle":
        assert not [minute for minute, value in cpu.items() if minute > 30 and (value or 0) > 20]
        assert not [minute for minute, value in network.items() if minute > 30 and (value or 0) > 1]
        assert not [minute for minute, value in requests.items() if minute > 30 and value]
        assert active is None or active <= 30
