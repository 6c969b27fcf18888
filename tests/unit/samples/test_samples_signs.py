"""Reading of signs beside the devices: who is asked for, how often, and what becomes of the answers."""

from collections.abc import Sequence

import pytest

from ebbtide.core.series_name import parse_series
from ebbtide.core.snapshot import ClusterState
from ebbtide.core.workload import KindClass, SeriesName, Workload
from ebbtide.samples.answer import Answer, Listed, MetricsError
from ebbtide.samples.settings import ReadingSettings
from ebbtide.samples.sign_questions import CPU, CPU_METRIC, NETWORK, NETWORK_METRICS, Named, wants_of
from ebbtide.samples.signs import SignReader
from ebbtide.samples.span import Grid
from ebbtide.samples.ticket import Ticket
from ebbtide.sim.series_store import SeriesStore
from ebbtide.sim.stored_signs import StoredSigns
from tests.builders import MINUTE, NOW, pod, policy, state, workload

T0 = NOW - 30 * MINUTE
POD = {"namespace": "vision", "pod": "resnet-0"}


class Asked:
    """A source that remembers what it was asked."""

    def __init__(self, store: SeriesStore) -> None:
        self._signs = StoredSigns(store)
        self.use_grids: list[Grid] = []
        self.request_grids: list[Grid] = []
        self.marks: tuple[str, ...] = ()
        self.warnings: Sequence[str] = ()
        self.down = False

    def use(self, marks: Sequence[str], namespaces: Sequence[str], grid: Grid) -> Answer:
        if self.down:
            raise MetricsError("the connection was refused.")
        self.use_grids.append(grid)
        self.marks = tuple(marks)
        return Listed(self._signs.use(marks, namespaces, grid).series(), self.warnings)

    def requests(self, named: Sequence[Named], grid: Grid) -> Answer:
        self.request_grids.append(grid)
        return self._signs.requests(named, grid)


class Reading:
    """A reader, its store and its clock."""

    def __init__(self, seen: ClusterState, allowed: dict[str, str] | None = None, **settings: int) -> None:
        self.store, self.now, self.state = SeriesStore(), T0, seen
        self.source = Asked(self.store)
        self.reader = SignReader(ReadingSettings(**settings), self.source, allowed)

    def scrape(self, metric: str, labels: dict[str, str], *values: float, first: float = T0 - 10 * MINUTE) -> None:
        for number, value in enumerate(values):
            self.store.track(metric, labels).append(first + number * 30.0, value)

    def tick(self, seconds: float = 30.0) -> None:
        self.now += seconds
        self.reader.read(Ticket(), self.state, self.now)


def serving(name: str = "resnet", series: SeriesName | None = None) -> Workload:
    return workload(name, kind_class=KindClass.Serving, request_series=series)


def quiet_policy(**idle: object):
    return policy(idle={"cpuBusyAbovePercent": 0, "networkBusyAboveMegabytesPerSecond": 0, **idle})


def test_nothing_is_asked_without_a_policy_that_needs_it() -> None:
    for seen in (
        state(workload(), policies=[]),
        state(workload(), policies=[policy(idle=None)]),
        state(workload(), policies=[quiet_policy()]),
    ):
        reading = Reading(seen)
        reading.tick()
        assert reading.reader.queries_last_tick == 0
        assert reading.reader.book.cpu_read is reading.reader.book.requests_read is None
        assert reading.reader.book.network_read is None


def test_use_is_asked_for_once_a_minute_and_its_history_at_the_start() -> None:
    reading = Reading(state(workload()))
    for _ in range(8):
        reading.tick()
    first, *rest = reading.source.use_grids
    assert first.after <= T0 - 7200 + 60
    assert len(rest) == 4
    assert all(len(grid) <= 3 for grid in rest)
    assert reading.source.request_grids == []
    assert reading.reader.behind == ""


@pytest.mark.parametrize("devices", [2, 0], ids=["a worker", "acceptance 6: a launcher without a device"])
def test_cpu_is_the_busiest_pods_share_of_its_request(devices: int) -> None:
    lazy, working = pod("resnet-0", cpu=8.0), pod("resnet-1", cpu=2.0, accelerators=devices)
    it = workload()
    reading = Reading(state(it, pods={it.key: (lazy, working)}))
    for name, cores in (("resnet-0", 1.0), ("resnet-1", 0.5)):
        labels = {**POD, "pod": name, "container": "c"}
        reading.scrape(CPU_METRIC, labels, *(cores * 30.0 * number for number in range(22)))
    reading.tick(60)
    line = reading.reader.book.cpu[it.key]
    assert line.peak(T0 - 5 * MINUTE) in {25.0, 26.0}, "rounded upwards, half a core of two"


def test_a_pod_that_requests_no_cpu_is_measured_against_one_core() -> None:
    it = workload()
    reading = Reading(state(it, pods={it.key: (pod("resnet-0", cpu=0.0),)}))
    reading.scrape(CPU_METRIC, {**POD, "container": "c"}, *(0.3 * 30.0 * number for number in range(22)))
    reading.tick(60)
    assert reading.reader.book.cpu[it.key].peak(T0 - 5 * MINUTE) in {30.0, 31.0}


RECEIVED, SENT = NETWORK_METRICS
MB = 1_000_000.0


def network(reading: Reading, metric: str, megabytes: float, *, turn: int = 99, **labels: str) -> None:
    """A counter of eleven minutes that rises so many megabytes a second and is reset at sample `turn`."""
    values = (megabytes * MB * 30.0 * (number if number < turn else number - turn) for number in range(22))
    reading.scrape(metric, {**POD, "interface": "eth0", **labels}, *values)


def moved(reading: Reading) -> float | None:
    """Megabytes a second of the one workload, two minutes before the end of its samples."""
    reading.tick(60)
    line = reading.reader.book.network.get(next(iter(reading.state.workloads)).key)
    return None if line is None else line.peak(T0 - 6 * MINUTE)


def test_network_is_what_all_interfaces_receive_and_send_but_not_the_loopback() -> None:
    reading = Reading(state(workload()))
    network(reading, RECEIVED, 1.0)
    network(reading, SENT, 0.5)
    network(reading, RECEIVED, 0.25, interface="net1")
    network(reading, RECEIVED, 70.0, interface="lo")
    assert moved(reading) in {1.7, 1.8, 1.9}, "1.75, in tenths upwards"


def test_an_interface_that_several_containers_or_jobs_tell_of_counts_once() -> None:
    reading = Reading(state(workload()))
    for labels in ({"id": "/a"}, {"id": "/b", "container": "POD"}, {"job": "kubelet"}, {"job": "cadvisor"}):
        network(reading, RECEIVED, 3.0, **labels)
    assert moved(reading) in {3.0, 3.1}


def test_a_network_counter_that_was_reset_is_no_burst_and_no_silence() -> None:
    reading = Reading(state(workload()))
    network(reading, SENT, 3.0, turn=14)
    assert 2.0 < (moved(reading) or 0) < 3.2


@pytest.mark.parametrize("devices", [2, 0], ids=["a worker", "a launcher without a device"])
def test_the_busiest_pod_s_network_counts_unless_it_is_that_of_its_node(devices: int) -> None:
    it = workload()
    for host in (False, True):
        pods = pod("resnet-0"), pod("resnet-1", accelerators=devices, host_network=host)
        reading = Reading(state(it, pods={it.key: pods}))
        network(reading, RECEIVED, 0.3)
        network(reading, RECEIVED, 40.0, pod="resnet-1")
        assert moved(reading) in ({0.3, 0.4} if host else {40.0, 40.1})


def test_without_network_series_nothing_is_known_of_it() -> None:
    reading = Reading(state(workload()))
    reading.scrape(CPU_METRIC, {**POD, "container": "c"}, *map(float, range(22)))
    assert moved(reading) is None
    assert reading.reader.book.cpu
    assert reading.reader.queries_last_tick == 1


def test_only_what_some_policy_counts_is_asked_for_and_begins_anew_when_that_changes() -> None:
    cpu_only, network_only = quiet_policy(cpuBusyAbovePercent=20), quiet_policy(networkBusyAboveMegabytesPerSecond=5)
    reading = Reading(state(workload(), policies=[cpu_only]))
    reading.tick(60)
    assert reading.source.marks == (CPU,)
    book = reading.reader.book
    assert book.cpu_read is not None
    assert book.network_read is None
    reading.state = state(workload(), policies=[cpu_only, network_only])
    reading.tick(60)
    assert reading.source.marks == (CPU, NETWORK)
    assert book.network_read == book.cpu_read
    assert book.network_read is not None
    assert book.network_read.begin <= T0 - 7200 + 120


def test_a_large_fleet_s_history_comes_in_slices_and_it_says_so() -> None:
    reading = Reading(state(workload()), max_points_per_query=10)
    reading.tick()
    assert "still being read" in reading.reader.behind
    for _ in range(40):
        reading.tick()
    assert reading.reader.behind == ""


@pytest.mark.parametrize("broken", ["down", "warnings"])
def test_an_answer_that_is_not_whole_is_an_error_that_names_the_question(broken: str) -> None:
    reading = Reading(state(workload()))
    setattr(reading.source, broken, True if broken == "down" else ["a store is away"])
    with pytest.raises(MetricsError, match=r"CPU and network use \(idle.cpuBusyAbovePercent and idle.network"):
        reading.tick()


def test_requests_of_known_engines_are_told_by_pod() -> None:
    reading = Reading(state(serving(), policies=[quiet_policy()]))
    reading.scrape("vllm:num_requests_running", POD, *[0.0] * 24)
    reading.scrape("vllm:request_success_total", {**POD, "finished_reason": "stop"}, *[7.0] * 12, *[8.0] * 12)
    reading.tick(60)
    line = reading.reader.book.of_pods["vision", "resnet-0"]
    assert T0 - 5 * MINUTE < line.last_above(0.0) <= T0 - 2 * MINUTE
    assert line.last == T0 + 60
    assert reading.source.use_grids == []


def test_a_counter_that_begins_while_we_look_is_a_request() -> None:
    reading = Reading(state(serving(), policies=[quiet_policy()]))
    reading.scrape("vllm:num_requests_running", POD, *[0.0] * 60)
    reading.tick(60)
    assert reading.reader.book.of_pods["vision", "resnet-0"].last_above(0.0) == float("-inf")
    reading.scrape("tgi_request_success", POD, 1.0, 1.0, first=T0 + 90)
    reading.tick(60)
    assert reading.reader.book.of_pods["vision", "resnet-0"].last_above(0.0) == T0 + 120


def test_a_named_series_is_read_in_its_own_namespace_only() -> None:
    it = serving(series=parse_series('gateway_requests_total{model="chat"}'))
    reading = Reading(state(it, policies=[quiet_policy()]), {"gateway_requests_total": "destination_namespace"})
    for space, model, values in (
        ("vision", "chat", [5.0] * 22),
        ("other", "chat", list(range(22))),
        ("vision", "another", list(range(22))),
    ):
        labels = {"destination_namespace": space, "model": model}
        reading.scrape("gateway_requests_total", labels, *map(float, values))
    reading.tick(60)
    line = reading.reader.book.of_workloads[it.key]
    assert line.last == T0 + 60
    assert line.last_above(0.0) == float("-inf")
    assert reading.reader.book.problems == {}


def test_a_series_that_the_chart_does_not_allow_is_refused_with_its_name() -> None:
    it = serving(series=SeriesName("secret_total"))
    wants = wants_of(state(it, policies=[policy()]), {"gateway_requests_total": "namespace"})
    assert wants.named == ()
    assert wants.problems == {it.key: "the series secret_total that it names is not in the chart value metrics.allowed"}


def test_what_a_jupyter_server_tells_is_kept_by_pod() -> None:
    reading = Reading(state(serving(), policies=[quiet_policy()]))
    reading.scrape("jupyter_server_last_activity_timestamp_seconds", POD, *[T0 - 7 * MINUTE] * 22)
    reading.tick(60)
    assert reading.reader.book.told == {("vision", "resnet-0"): T0 - 7 * MINUTE}
    assert reading.reader.book.of_pods == {}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("up", SeriesName("up")),
        ("a:b_total{}", SeriesName("a:b_total")),
        ('x{b="2", a="1",}', SeriesName("x", (("a", "1"), ("b", "2")))),
        (r'x{a="say \"hi\" \\"}', SeriesName("x", (("a", 'say "hi" \\'),))),
    ],
)
def test_series_are_named_as_in_promql(text: str, want: SeriesName) -> None:
    assert parse_series(text) == want


@pytest.mark.parametrize(
    "text",
    ["", "1x", 'x{a=~".*"}', 'x{a!="1"}', 'x{a="1"', 'x{a="1" b="2"}', 'x{a="1",a="2"}', 'x{__name__="y"}', "x y",
     "x[5m]", "sum(x)", 'x{a="1"} or y', "x" * 600],
)  # fmt: skip
def test_anything_but_a_name_with_equal_labels_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write NAME or NAME"):
        parse_series(text)
