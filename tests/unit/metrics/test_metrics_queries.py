"""The PromQL itself, as far as a text can be judged; e2e/tests/test_metrics_adapter.py runs it."""

from ebbtide.core.evidence import Signal
from ebbtide.metrics.queries import QueryWriter
from ebbtide.metrics.targets import seconds
from ebbtide.samples.settings import LabelMode, ReadingSettings
from ebbtide.samples.source import requests_of
from ebbtide.samples.span import Frontier
from ebbtide.samples.vendors import NVIDIA

NAMES = NVIDIA.names(LabelMode.Exported)
REQUESTS = requests_of([(NVIDIA, NAMES)])


def test_all_signals_are_asked_for_in_three_queries_beside_the_one_for_presence():
    assert len(REQUESTS) == 3
    assert sorted(name for request in REQUESTS for name in request.asked) == sorted(set(Signal) - {Signal.Launches})


def test_matchers_stand_in_every_selector_and_are_quoted():
    writer = QueryWriter(15.0, (("job", 'a"b\\c'),))
    for text in (writer.presence([NVIDIA]), *(writer.values(request) for request in REQUESTS)):
        selectors = text.count("DCGM_FI_")
        assert selectors == text.count(r'{job="a\"b\\c"') > 0


def test_steps_below_a_second_are_written_in_milliseconds():
    settings = ReadingSettings(sample_interval_seconds=1.0)
    assert settings.step_seconds == 0.5
    texts = [QueryWriter(settings.step_seconds).values(request) for request in REQUESTS]
    assert all("[500ms]" in text for text in texts)


def test_the_same_sample_falls_into_the_same_step_in_every_tick():
    frontier = Frontier(0.333, 0.666)
    frontier.reach_for(10.0)
    ends = set()
    for tick in range(40):
        now = 1_790_000_000.123 + tick * 0.7
        grid = frontier.next_grid(now, 1000)
        frontier.done(grid, now)
        ends |= {round((grid.start + k * grid.step) * 1000) % 333 for k in range(len(grid))}
        assert grid.end <= now
    assert ends <= {0, 1, 332}  # whole multiples of the step, to the millisecond


def test_durations_are_read_as_prometheus_writes_them():
    assert [seconds(text) for text in ("15s", "1m0s", "1h0m30s", "500ms", "")] == [15, 60, 3630, 0.5, 0]
