"""Running what a Deployment says, tried with a small program in the operator's place."""

import json
from pathlib import Path

import pytest

from e2e.operator_process import OperatorProcess
from e2e.plane import Plane, PlaneError

pytestmark = pytest.mark.plane

SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"args": sys.argv[1:], "env": dict(os.environ)}).encode())

print("serving", flush=True)
listen = next(word for word in sys.argv if word.startswith("--listen=")).removeprefix("--listen=")
host, _, port = listen.partition(":")
HTTPServer((host, int(port)), Handler).serve_forever()
"""


def deploy(plane: Plane, namespace: str, program: str = SERVER) -> None:
    """A Deployment of the chart's shape, with its ServiceAccount."""
    container = {
        "name": "operator",
        "image": "example.invalid/ebbtide",
        "command": ["/app/bin/python", "-c", program],
        "args": ["operator", "--listen=0.0.0.0:8080", "--tick-seconds=30", "--token-file=/etc/token/key"],
        "env": [
            {"name": "PLAIN", "value": "x"},
            {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "volumeMounts": [{"name": "token", "mountPath": "/etc/token"}],
    }
    labels = {"app": "operator"}
    plane.apply(
        json.dumps(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": namespace}}
        ),
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "prometheus", "namespace": namespace},
                "stringData": {"key": "secret"},
            }
        ),
        json.dumps(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "operator", "namespace": namespace},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {
                            "serviceAccountName": "robot",
                            "containers": [container],
                            "volumes": [{"name": "token", "secret": {"secretName": "prometheus"}}],
                        },
                    },
                },
            }
        ),
    )


def test_it_runs_the_command_arguments_and_environment_of_the_deployment(plane: Plane, namespace: str) -> None:
    deploy(plane, namespace)
    operator = OperatorProcess.from_deployment(
        plane, namespace, "operator", overrides={"--tick-seconds": "1"}, env={"MORE": "y"}
    )
    try:
        operator.start().wait_ready()
        told = json.loads(operator.metrics())
        assert told["args"][0] == "operator"
        assert f"--listen=127.0.0.1:{operator.port}" in told["args"]
        assert "--listen=0.0.0.0:8080" not in told["args"]
        assert "--tick-seconds=1" in told["args"]
        (token,) = [word for word in told["args"] if word.startswith("--token-file=")]
        assert Path(token.removeprefix("--token-file=")).read_text(encoding="utf-8") == "secret"
        env = told["env"]
        assert (env["PLAIN"], env["WHERE"], env["MORE"]) == ("x", namespace, "y")
        assert "PYTEST_CURRENT_TEST" not in env
        who = plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=Path(env["KUBECONFIG"])).stdout
        assert json.loads(who)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
    finally:
        operator.stop()
    assert not operator.alive


def test_it_can_be_killed_and_started_again_at_the_same_address(plane: Plane, namespace: str) -> None:
    deploy(plane, namespace)
    operator = OperatorProcess.from_deployment(plane, namespace, "operator")
    try:
        operator.start().wait_ready()
        operator.kill()
        assert operator.status("/readyz") == 0
        with pytest.raises(PlaneError, match=r"(?s)operator ended with status -9.*serving"):
            operator.require_alive()
        operator.start().wait_ready()
        operator.require_alive()
    finally:
        operator.stop()


def test_an_operator_that_ends_while_starting_shows_its_last_lines(plane: Plane, namespace: str) -> None:
    deploy(plane, namespace, "raise SystemExit('no permission to list pods')")
    operator = OperatorProcess.from_deployment(plane, namespace, "operator").start()
    with pytest.raises(PlaneError, match=r"(?s)operator ended with status 1 while starting.*no permission to list"):
        operator.wait_ready()
    assert operator.component.wait_ended() == 1
