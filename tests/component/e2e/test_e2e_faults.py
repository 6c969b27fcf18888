"""Which request is hit by a fault, and what a client meets behind a proxy."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from e2e.faults.call import Call, call_of
from e2e.faults.fault import Answer, Changed, Cut, Fault, Late, Truncated
from e2e.faults.prometheus_proxy import PrometheusProxy, empty, warned
from e2e.faults.relay import Relay, cut

JOBS = "/apis/batch/v1/namespaces/ml/jobs"
ANSWER = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": []}]}}


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", JOBS, {}, Call("list", "jobs", namespace="ml")),
        ("GET", JOBS, {"watch": "1"}, Call("watch", "jobs", namespace="ml")),
        ("GET", "/api/v1/pods", {"watch": "true"}, Call("watch", "pods")),
        ("GET", f"{JOBS}/train", {}, Call("get", "jobs", namespace="ml", name="train")),
        ("POST", JOBS, {}, Call("create", "jobs", namespace="ml")),
        ("PATCH", f"{JOBS}/train/status", {}, Call("patch", "jobs", "status", "ml", "train")),
        ("PUT", f"{JOBS}/train", {}, Call("update", "jobs", namespace="ml", name="train")),
        ("DELETE", f"{JOBS}/train", {}, Call("delete", "jobs", namespace="ml", name="train")),
        ("DELETE", JOBS, {}, Call("deletecollection", "jobs", namespace="ml")),
        ("GET", "/api/v1/namespaces", {}, Call("list", "namespaces")),
        ("GET", "/api/v1/namespaces/ml", {}, Call("get", "namespaces", name="ml")),
        ("PATCH", "/api/v1/namespaces/ml/status", {}, Call("patch", "namespaces", "status", name="ml")),
        ("GET", "/version", {}, Call("get")),
        ("GET", "/apis", {}, Call("get")),
    ],
)
def test_a_request_line_is_a_verb_on_an_object(method, path, query, expected):
    assert call_of(method, path, query) == expected


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        (Fault(Cut()), True),
        (Fault(Cut(), verbs={"patch"}, resources={"trainingjobs"}, subresource="status", names="train-*"), True),
        (Fault(Cut(), verbs={"create"}), False),
        (Fault(Cut(), resources={"jobs"}), False),
        (Fault(Cut(), subresource=""), False),
        (Fault(Cut(), names="other"), False),
    ],
)
def test_a_fault_hits_what_it_names_and_nothing_else(fault, hit):
    assert fault.hits(Call("patch", "trainingjobs", "status", "ml", "train-1")) is hit


@pytest.mark.parametrize(
    ("body", "hit"),
    [(b'{"action": "Pause"}', True), (b'{"action": "Warn"}', False), (b"[]", False), (b"\xff", False), (b"", False)],
)
def test_a_fault_can_look_at_what_a_request_carries(body, hit):
    fault = Fault(Cut(), says=lambda document: document.get("action") == "Pause")
    assert fault.hits(Call("create", "events", namespace="ml"), body) is hit


class Upstream(BaseHTTPRequestHandler):
    """A Prometheus that always gives the same answer."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class At:
    """What the proxy needs to know of a Prometheus."""

    def __init__(self, url):
        self.url = url


def ask(url, query="up"):
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{url}/api/v1/query_range", data={"query": query}, timeout=5)


def test_a_prometheus_behind_the_proxy_fails_as_it_is_told_and_else_is_itself():
    with serving() as upstream, PrometheusProxy(At(upstream)) as proxy:
        assert ask(proxy.url).json() == ANSWER
        with proxy.failing(Answer(503)):
            assert ask(proxy.url).status_code == 503
        with proxy.failing(Changed(warned)):
            assert ask(proxy.url).json()["warnings"]
        with proxy.failing(Changed(empty), "up"):
            assert ask(proxy.url).json()["data"] == {"resultType": "matrix", "result": []}
            assert ask(proxy.url, "down").json() == ANSWER
        for torn in (Cut(), Cut(after=True), Truncated()):
            with proxy.failing(torn), pytest.raises(requests.RequestException):
                ask(proxy.url)
        with proxy.failing(Late(0.2)):
            answer = ask(proxy.url)
            assert answer.json() == ANSWER
            assert answer.elapsed.total_seconds() >= 0.2
        assert ask(proxy.url).json() == ANSWER


def test_a_relay_can_be_stopped_while_an_answer_is_late():
    async def never(request):
        await asyncio.sleep(60)
        return cut(request)

    def torn():
        with pytest.raises(requests.ConnectionError):
            ask(relay.url)

    with Relay(never, "http://127.0.0.1:9") as relay:
        asking = threading.Thread(target=torn)
        asking.start()
        asking.join(0.2)
    asking.join(5)
    assert not asking.is_alive()
