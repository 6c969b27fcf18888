import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ebbtide.cli.checks import metrics
from ebbtide.cli.checks.line import Mark
from ebbtide.cli.checks.metrics import Source, of_source
from tests.unit.cli import fake_cluster
from tests.unit.cli.fake_cluster import FakeCluster, ebbtide
from tests.unit.cli.fake_server import FakeServer, catalog, deployment, node

NOW = fake_cluster.NOW.timestamp()
EXPORTED = {"UUID": "GPU-1", "exported_namespace": "vision", "exported_pod": "train-0", "pod": "exporter-x"}
PLAIN = {"UUID": "GPU-2", "namespace": "gpu", "pod": "exporter-x"}


@pytest.fixture
def prometheus() -> Iterator["Prometheus"]:
    server = Prometheus()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Prometheus(ThreadingHTTPServer):
    """Answers every query with `series`, each sampled `age` seconds ago."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.series: list[dict[str, str]] = [EXPORTED, PLAIN]
        self.age = 4.0
        self.warnings: list[str] = []
        self.code = 200
        self.asked = ""
        """Body of the last query."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lines(self, **more):
        return [(line.mark, line.message) for line in of_source(Source(self.url, told=True, **more), NOW)]


class _Handler(BaseHTTPRequestHandler):
    server: Prometheus

    def do_POST(self):
        self.server.asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        result = [{"metric": one, "value": [NOW, str(NOW - self.server.age)]} for one in self.server.series]
        data = {"resultType": "vector", "result": result}
        body = json.dumps({"status": "success", "data": data, "warnings": self.server.warnings}).encode()
        self.send_response(self.server.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_devices_are_counted_with_the_label_that_names_their_pods(prometheus):
    found = "2 devices, newest sample 4 s ago; 1 held by a pod (label exported_pod)"
    assert prometheus.lines() == [(Mark.Ok, f"{prometheus.url} answers"), (Mark.Ok, found)]


def test_a_plain_pod_label_is_not_taken_for_the_holder(prometheus):
    prometheus.series = [PLAIN]
    assert prometheus.lines()[1][1].endswith("label pod names a pod on 1: the holder, or the exporter itself")


def test_no_series_means_no_exporter(prometheus):
    prometheus.series = []
    ((_, _), (mark, message)) = prometheus.lines(match_labels=(("job", "dcgm"),))
    assert mark is Mark.Failed
    assert (
        "install dcgm-exporter on the GPU nodes and have it scraped, or correct metrics.matchLabels (job=dcgm)"
        in message
    )


def test_old_samples_and_incomplete_answers_are_failures(prometheus):
    prometheus.age = 61
    assert "newest sample 1 min 1 s ago, older than two intervals" in prometheus.lines()[1][1]
    prometheus.warnings = ["a store is down"]
    assert prometheus.lines()[1] == (Mark.Failed, "Prometheus warns that answers are incomplete: a store is down")


def test_a_prometheus_that_refuses_is_told_with_the_value_to_change(prometheus):
    prometheus.code = 403
    ((mark, message),) = prometheus.lines()
    assert mark is Mark.Failed
    assert message.endswith("Set metrics.prometheusUrl of the chart, or give --prometheus-url.")


def test_an_address_inside_the_cluster_is_no_failure_from_outside(monkeypatch):
    monkeypatch.setattr(metrics, "_resolves", lambda _: False)
    (line,) = of_source(Source("http://prometheus.monitoring:9090", told=False), NOW)
    assert line.mark is Mark.Skipped
    assert "kubectl port-forward" in line.message


MACHINE = {"capex": "320000", "gpus": 8, "lifeYears": 4}


def checked(server: FakeServer, *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    result = ebbtide(FakeCluster(server=server), "check", "-o", "json", *arguments)
    return result.code, {one["check"]: (one["result"], one["message"]) for one in json.loads(result.out)}


def test_a_fit_cluster_passes(prometheus):
    server = FakeServer(deployments=[deployment(prometheus.url)], nodes=[node("gpu-0")], catalogs=[catalog()])
    code, found = checked(server)
    assert code == 0
    assert {mark for mark, _ in found.values()} == {"ok"}
    operator = "Deployment ebbtide-system/ebbtide: 1 of 1 ready; it acts on policies that say Enforce"
    assert found["operator"][1] == operator
    assert found["permissions"][1].startswith("ServiceAccount ebbtide-system/tide holds all ")
    assert found["prices"] == ("ok", "1 of 1 accelerator nodes have a price in USD")


def test_a_right_that_is_missing_is_named_with_what_it_is_for():
    server = FakeServer(deployments=[deployment("")], denied={("jobs", "create")})
    code, found = checked(server)
    assert code == 1
    message = "ServiceAccount ebbtide-system/tide may not create jobs.batch, needed for: "
    assert found["permissions"][1].startswith(message)


def test_a_kind_that_the_chart_does_not_grant_is_said_and_no_failure(prometheus):
    server = FakeServer(deployments=[deployment(prometheus.url)], denied={("deployments", "patch")})
    server.nodes, server.catalogs = [node("gpu-0")], [catalog()]
    code, found = checked(server)
    assert code == 0
    assert found["permissions"][0] == "ok"
    message = "only reported, never paused: the chart's kinds.deployment=true grants patch"
    assert found["kind deployment"] == ("skip", message)


def test_an_operator_that_is_not_ready_is_a_failure_with_its_logs():
    code, found = checked(FakeServer(deployments=[deployment("", ready=0)]))
    assert code == 1
    assert found["operator"][1].endswith("0 of 1 ready; see kubectl logs -n ebbtide-system deployment/ebbtide")


def test_a_node_without_price_is_a_failure_with_its_name():
    nodes = [node(f"gpu-{number}", "g6.xlarge") for number in range(4)]
    _, found = checked(FakeServer(deployments=[deployment("")], nodes=nodes, catalogs=[catalog()]))
    assert found["prices"][0] == "FAIL"
    assert "4 of 4 accelerator nodes have no price in USD (gpu-0, gpu-1, gpu-2, …): add one" in found["prices"][1]


def priced(*rows: dict[str, Any], **spec: Any) -> str:
    own = catalog()
    own["spec"] = {**own["spec"], **spec}
    own["spec"]["nodes"] += [{**own["spec"]["nodes"][0], **row} for row in rows]
    nodes = [node("gpu-0"), node("own-0", "own")]
    return checked(FakeServer(deployments=[deployment("")], nodes=nodes, catalogs=[own]))[1]["prices"][1]


def test_a_node_whose_row_has_no_effect_yet_is_not_told_to_get_a_second_one():
    on_prem = {"id": "dc1", "match": {"instanceType": "own"}, "nodeHourly": None, "onPrem": {**MACHINE}}
    said = priced(on_prem)
    assert "(own-0): row dc1 matches own-0, but onPrem, and nodeSplit Residual" in said
    assert "add one matching" not in said
    assert "end the onPrem row with effectiveTo and add one with nodeHourly" in said


def test_a_split_without_effect_is_told_beside_a_node_that_nothing_matches():
    said = priced(nodeSplit={"mode": "Residual", "cpuHourly": "0.03", "memoryGiBHourly": "0.004"})
    assert "2 of 2 accelerator nodes have no price in USD (gpu-0, own-0): row p5 matches gpu-0, but" in said
    assert said.endswith("add one matching row for own-0 to a PriceCatalog in USD; `kubectl get node --show-labels`")


def test_two_rows_that_overlap_are_told_to_part():
    said = priced({"id": "twice"}, {"id": "own", "match": {"instanceType": "own"}})
    assert said.endswith("(gpu-0): two equally specific rows match gpu-0: end one with effectiveTo, or match it closer")


def test_a_catalog_in_another_currency_is_named():
    own = catalog()
    own["spec"]["currency"] = "EUR"
    server = FakeServer(deployments=[deployment("")], nodes=[node("gpu-0")], catalogs=[own])
    result = ebbtide(FakeCluster(server=server), "check")
    assert result.code == 1
    assert "PriceCatalog main is in EUR, not in USD. The catalog is not in the ledger's currency" in " ".join(
        result.out.split()
    )


def test_the_text_is_one_line_a_check_and_a_sum():
    result = ebbtide(FakeCluster(server=FakeServer(deployments=[deployment("")])), "check")
    assert result.out.splitlines()[0].startswith("ok    API server")
    assert result.out.splitlines()[-1].endswith("checks failed.") or "is fit." in result.out
    assert max(map(len, result.out.splitlines())) <= 120


PROFILES = """
- name: MyNPU
  exporter: npu-exporter
  resources: [example.com/npu]
  labels: {device: [uuid]}
  model: NPU-1
  idleWatts: {NPU-1: 25}
  signals:
    Utilisation: {metrics: [npu_busy_ratio], unit: Ratio, vetted: true}
    Power: {metrics: [npu_power_milliwatts], unit: Milliwatts}
"""
NPU = {"ebbtide_profile": "MyNPU", "uuid": "NPU-7", "namespace": "ml", "pod": "t-0"}
NPU_NODE = {**node("npu-0"), "status": {"capacity": {"example.com/npu": "4", "cpu": "64"}}}


def with_profiles(url: str, text: str = PROFILES, **more: Any) -> FakeServer:
    maps = {"tide-profiles": {"profiles.yaml": text}}
    return FakeServer([deployment(url, profiles="tide-profiles")], [NPU_NODE], [catalog()], config_maps=maps, **more)


def test_the_operators_own_profiles_are_used_as_it_uses_them(prometheus):
    prometheus.series = [NPU]
    code, found = checked(with_profiles(prometheus.url))
    assert code == 0
    where = "ConfigMap ebbtide-system/tide-profiles"
    assert found["profiles"] == ("ok", f"{where}: MyNPU (npu-exporter, for example.com/npu)")
    assert "npu_busy_ratio" in prometheus.asked
    assert found["metrics"][1].startswith("1 device, newest sample 4 s ago")
    assert found["prices"] == ("ok", "1 of 1 accelerator nodes have a price in USD")


def test_a_mistake_in_a_profile_is_one_sentence_and_the_rest_is_looked_at(prometheus):
    wrong = PROFILES.replace("Milliwatts", "Percent")
    code, found = checked(with_profiles(prometheus.url, wrong))
    assert code == 1
    message = (
        "ConfigMap ebbtide-system/tide-profiles: profiles[0].signals.Power.unit: Percent is not a unit of Power; write "
        "Watts or Milliwatts; the operator does not start with it: correct metrics.profiles in the chart's values"
    )
    assert found["profiles"] == ("FAIL", message)
    assert found["metrics"][0] == "ok"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- [", "ConfigMap ebbtide-system/tide-profiles: it is not YAML: "),
        ("{name: MyNPU}", "profiles: write a list of profiles, each with name, resources, labels and signals; "),
        (PROFILES * 2, "profiles[1].name: MyNPU is there already; give each profile its own name; "),
    ],
)
def test_every_mistake_is_told_with_its_place(prometheus, text, told):
    mark, message = checked(with_profiles(prometheus.url, text))[1]["profiles"]
    assert mark == "FAIL"
    assert told in message


def test_a_profile_without_series_is_named(prometheus):
    result = ebbtide(FakeCluster(server=with_profiles(prometheus.url)), "check")
    assert result.code == 1
    said = " ".join(result.out.split())
    assert "no series npu_busy_ratio of profile MyNPU in the last 5 min: see whether npu-exporter is scraped" in said, (
        said
    )


def test_profiles_that_cannot_be_read_from_here_are_no_failure(prometheus):
    code, found = checked(with_profiles(prometheus.url, denied={("configmaps", "get")}))
    where = "ConfigMap ebbtide-system/tide-profiles"
    message = f"{where} may not be read with your rights; give the list with --profiles-file to look with it"
    assert found["profiles"] == ("skip", message)
    assert code == 0
    server = with_profiles(prometheus.url)
    server.deployments[0]["spec"]["template"]["spec"]["volumes"][1] = {"name": "profiles", "secret": {}}
    assert checked(server)[1]["profiles"][0] == "skip"


def test_a_config_map_that_is_gone_or_lacks_its_key_is_a_failure(prometheus):
    server = with_profiles(prometheus.url)
    server.config_maps = {"tide-profiles": {"other.yaml": PROFILES}}
    message = (
        "ConfigMap ebbtide-system/tide-profiles has no key profiles.yaml, from which the operator reads its profiles"
    )
    assert checked(server)[1]["profiles"] == ("FAIL", message)
    server.config_maps = {}
    assert checked(server)[1]["profiles"] == (
        "FAIL", 'ConfigMap ebbtide-system/tide-profiles: configmaps "tide-profiles" not found'
    )  # fmt: skip


def test_a_list_at_hand_is_tried_before_it_is_installed(prometheus, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(PROFILES)
    prometheus.series = [NPU]
    server = FakeServer(deployments=[deployment(prometheus.url)], nodes=[NPU_NODE], catalogs=[catalog()])
    code, found = checked(server, "--profiles-file", str(file))
    assert (code, found["profiles"][1]) == (0, f"{file}: MyNPU (npu-exporter, for example.com/npu)")
    file.write_text(PROFILES.replace("uuid", "u u i d"))
    code, found = checked(server, "--profiles-file", str(file))
    assert (code, found["profiles"][0]) == (1, "FAIL")
    assert "mine.yaml: profiles[0].labels.device[0]" in found["profiles"][1]
