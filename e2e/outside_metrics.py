"""A stand-in for the server of external metrics that an HPA asks: every metric has the one value that a test gives it.

A real one (KEDA's, prometheus-adapter) does not run here. The API server's own aggregation layer stands before it, and
the controller manager's own HPA asks.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from e2e.plane import Plane
from e2e.plane.ports import HOST

GROUP: Final = "external.metrics.k8s.io"
API_VERSION: Final = f"{GROUP}/v1beta1"
_ROOT: Final = f"/apis/{API_VERSION}"
_NAME: Final = "outside-metrics"


class OutsideMetrics:
    """The value of every metric now, and how often it was asked for."""

    def __init__(self) -> None:
        self.value = 0
        self.asked = 0

    def answer(self, path: str) -> dict[str, Any] | None:
        """None: there is no such path."""
        if path == _ROOT:
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION, "resources": []}
        if not path.startswith(f"{_ROOT}/namespaces/"):
            return None
        self.asked += 1
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        one = {"metricName": path.rpartition("/")[2], "metricLabels": {}, "timestamp": now, "value": str(self.value)}
        return {"kind": "ExternalMetricValueList", "apiVersion": API_VERSION, "metadata": {}, "items": [one]}


@contextmanager
def outside_metrics(plane: Plane) -> Iterator[OutsideMetrics]:
    """One that the API server of the plane asks until the end of the block."""
    state = OutsideMetrics()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = state.answer(self.path.partition("?")[0])
            body = json.dumps(found or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer((HOST, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plane.layout.server_certificate, plane.layout.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        _register(plane, int(server.server_address[1]))
        yield state
    finally:
        server.shutdown()
        server.server_close()


def _register(plane: Plane, port: int) -> None:
    """An ExternalName is asked where it is: nothing routes to cluster IPs here."""
    service = {"type": "ExternalName", "externalName": "localhost"}
    plane.api.post("/api/v1/namespaces/default/services", {"metadata": {"name": _NAME}, "spec": service})
    spec = {
        "group": GROUP,
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": _NAME, "namespace": "default", "port": port},
    }
    plane.api.post(
        "/apis/apiregistration.k8s.io/v1/apiservices", {"metadata": {"name": f"v1beta1.{GROUP}"}, "spec": spec}
    )
    plane.kubectl("wait", "--for=condition=Available", f"apiservice/v1beta1.{GROUP}", "--timeout=30s")
