"""Signs beside the devices on a real control plane: CPU, network and requests keep work alive, known silence does not.

A page of our own stands for cAdvisor, the inference engines and a gateway: Prometheus scrapes it every second.
Notebooks have a minimal CRD of ours; their pods, and what Kubeflow's controller writes, are made by hand.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import pytest

from e2e import foreign_crds
from e2e.installation import ALONE, Document, Installation, cost_policy, namespace, training_job
from e2e.page import Page
from e2e.tests.test_adoption import deployment
from tests.kinds import BY_KIND, container

pytestmark = pytest.mark.plane

WHERE: Final = "signs"
IDLE: Final = {"afterSeconds": 20, "warnSeconds": 6, "graceSeconds": 2, "neverUsedAfterSeconds": 20}
SERVERS: Final = ("chat", "silent", "dark", "named")
JOBS: Final = ("prepares", "sleeps", "downloads", "on-the-host")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as served:
        yield served


@pytest.fixture(scope="module")
def it(install: Callable[..., Installation], page: Page) -> Installation:
    allowed = {"metrics": {"allowed": [{"name": "gateway_requests_total", "namespaceLabel": "destination_namespace"}]}}
    found = install(nodes=2, values={"enforcement": {"enabled": True}, **ALONE, **allowed})
    found.prometheus.stop()
    found.prometheus.configure(found.plane.exporter.address, others=[page.address])
    found.prometheus.start(fresh=True)
    foreign_crds.install(found.plane, "Notebook")
    return found


@pytest.fixture(scope="module")
def pods(it: Installation, page: Page) -> dict[str, str]:
    """Names of the pods of all work, which runs and shows what it does."""
    it.apply(namespace(WHERE))
    it.plane.wait_default_service_account(WHERE)
    named = {"ebbtide.dev/request-series": 'gateway_requests_total{model="named"}'}
    servers = [deployment(name, WHERE, "busy:3 idle", annotations=named if name == "named" else {}) for name in SERVERS]
    resources = {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": "2"}}
    asks = {"containers": [{"name": "train", "image": "registry.example/train:7", "resources": resources}]}
    jobs = [
        training_job(name, WHERE, "busy:3 idle", pod=asks | ({"hostNetwork": True} if name == "on-the-host" else {}))
        for name in JOBS
    ]
    it.apply(cost_policy(WHERE, IDLE), *servers, *jobs)
    names = it.wait("all pods", lambda: running(it))
    show(page, names)
    return names


def running(it: Installation) -> dict[str, str] | None:
    found = {}
    for pod in it.plane.api.items(f"/api/v1/namespaces/{WHERE}/pods"):
        labels = pod["metadata"].get("labels", {})
        found[labels.get("app") or labels.get("batch.kubernetes.io/job-name", "")] = pod["metadata"]["name"]
    return found if found.keys() >= {*SERVERS, *JOBS} else None


def show(page: Page, pods: dict[str, str]) -> None:
    """chat answers a request every four seconds, silent has answered its last; prepares uses a core of its two.

    downloads receives 30 MB/s and sleeps a heartbeat; what the node of on-the-host moves is not the work's.
    """
    engine = 'vllm:request_success_total{{namespace="signs",pod="{}",finished_reason="stop"}}'
    page.show(engine.format(pods["chat"]), lambda seconds: seconds // 4)
    page.show(engine.format(pods["silent"]), lambda _: 7)
    page.show(f'vllm:num_requests_running{{namespace="{WHERE}",pod="{pods["chat"]}"}}', lambda _: 0)
    page.show('gateway_requests_total{destination_namespace="signs",model="named"}', lambda _: 40)
    page.show('gateway_requests_total{destination_namespace="others",model="named"}', lambda seconds: seconds)
    cpu = 'container_cpu_usage_seconds_total{{namespace="signs",pod="{}",container="train"}}'
    page.show(cpu.format(pods["prepares"]), lambda seconds: seconds)
    page.show(cpu.format(pods["sleeps"]), lambda seconds: seconds / 50)
    received = 'container_network_receive_bytes_total{{namespace="signs",pod="{}",interface="{}"}}'
    sent = received.replace("receive", "transmit")
    page.show(received.format(pods["downloads"], "eth0"), lambda seconds: 30_000_000 * seconds)
    page.show(sent.format(pods["downloads"], "eth0"), lambda seconds: 1_000 * seconds)
    page.show(received.format(pods["sleeps"], "eth0"), lambda seconds: 20_000 * seconds)
    page.show(sent.format(pods["sleeps"], "eth0"), lambda seconds: 20_000 * seconds)
    page.show(received.format(pods["sleeps"], "lo"), lambda seconds: 90_000_000 * seconds)
    page.show(received.format(pods["on-the-host"], "eth0"), lambda seconds: 90_000_000 * seconds)


@pytest.fixture(scope="module")
def notebooks(it: Installation, pods: dict[str, str]) -> None:
    """Two of them whose devices are idle. Somebody is at work in lab, and nobody has been in left for a day."""
    assert pods, "their namespace and its policy are there"
    sample = BY_KIND["Notebook"]
    for name, used in (("lab", timedelta(hours=1)), ("left", timedelta(days=-1))):
        # A time to come counts as now: that spares a controller that writes it anew every minute.
        at = (datetime.now(UTC) + used).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = {"notebooks.kubeflow.org/last-activity": at, "ebbtide.dev/checkpoint": "Stateless"}
        it.apply(sample.manifest(name, namespace=WHERE, annotations=words))
        owner = {"apiVersion": sample.api_version, "kind": "Notebook", "name": name, "controller": True}
        meta = {
            "name": f"{name}-0",
            "namespace": WHERE,
            "annotations": {"e2e.ebbtide.dev/activity": "idle"},
            "ownerReferences": [{**owner, "uid": notebook(it, name)["metadata"]["uid"]}],
        }
        spec = {"containers": [container(1)], "nodeName": "gpu-1"}
        it.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def notebook(it: Installation, name: str) -> Document:
    found: Document = it.plane.api.send("GET", f"/apis/kubeflow.org/v1/namespaces/{WHERE}/notebooks/{name}")
    return found


def is_at_rest(it: Installation, name: str) -> bool:
    return "kubeflow-resource-stopped" in notebook(it, name)["metadata"]["annotations"]


def adopted(it: Installation, name: str, kind: str = "deployment") -> Document:
    path = f"/apis/ebbtide.dev/v1alpha1/namespaces/{WHERE}/adoptedworkloads/{kind}-{name}"
    found: Document = it.plane.api.send("GET", path, check=False)
    return found.get("status") or {}


def replicas(it: Installation, name: str) -> int:
    path = f"/apis/apps/v1/namespaces/{WHERE}/deployments/{name}"
    return int(it.plane.api.send("GET", path)["spec"]["replicas"])


def is_stopped(it: Installation, name: str) -> bool:
    return replicas(it, name) == 0


def is_suspended(it: Installation, name: str) -> bool:
    return bool(it.job(name, WHERE)["spec"].get("suspend"))


def verdict(status: Document) -> tuple[str, str]:
    found = status.get("verdict") or {}
    return found.get("value", ""), found.get("reason", "")


@pytest.mark.usefixtures("pods")
def test_servers_that_are_known_to_be_silent_are_paused(it: Installation) -> None:
    for name in ("silent", "named"):
        it.wait(f"{name} being paused", partial(is_stopped, it, name), 120)


@pytest.mark.usefixtures("pods")
def test_work_whose_cpu_and_network_are_quiet_is_paused(it: Installation) -> None:
    for name in ("sleeps", "on-the-host"):
        it.wait(f"{name} being suspended", partial(is_suspended, it, name), 60)


@pytest.mark.usefixtures("pods")
def test_requests_cpu_and_network_keep_the_others_alive(it: Installation) -> None:
    """All began together, so what is here now has outlived the patience that the others had."""
    it.wait("chat being in use", lambda: verdict(adopted(it, "chat")) == ("Active", "RequestsServed"), 60)
    it.wait("prepares being at work", lambda: verdict(it.status("prepares", WHERE)) == ("Active", "CPUActive"), 60)
    network = ("Active", "NetworkActive")
    it.wait("downloads being at work", lambda: verdict(it.status("downloads", WHERE)) == network, 60)
    assert replicas(it, "chat") == 1
    for name in ("prepares", "downloads"):
        assert not is_suspended(it, name)
        assert {event["action"] for event in it.events(name, WHERE)} <= {"Create", "Warn", "Notify"}
    told = " ".join(it.ebbtide("explain", "trainingjob/downloads", "-n", WHERE).split())
    assert "network at most " in told
    assert "no CPU series of its pods" in told, "told of active work too"


@pytest.mark.usefixtures("notebooks")
def test_a_notebook_that_says_it_is_used_is_let_be(it: Installation) -> None:
    """The kind is looked for once a minute."""
    it.wait("left being stopped", partial(is_at_rest, it, "left"), 150)
    said = partial(adopted, it, "lab", "notebook.kubeflow.org")
    it.wait("lab being in use", lambda: verdict(said()) == ("Active", "RecentlyActive"), 60)
    assert not is_at_rest(it, "lab")


@pytest.mark.usefixtures("pods")
def test_a_server_whose_requests_nobody_knows_is_warned_about_only(it: Installation) -> None:
    status = it.wait("dark being warned", lambda: warned(adopted(it, "dark")), 60)
    assert replicas(it, "dark") == 1
    refusals = next(check for check in status["checks"] if check["name"] == "refusals")
    assert refusals["reason"] == "NoRequestSignal"
    assert "no series of its requests that is known" in refusals["message"]
    told = it.ebbtide("explain", "deployment/dark", "-n", WHERE)
    assert "ebbtide.dev/request-series" in told
    assert "CPU is not looked at" in " ".join(told.split())
    assert "network is not looked at" in " ".join(told.split())


def warned(status: Document) -> Document | None:
    return status if (status.get("idle") or {}).get("warnedAt") else None
