"""The GPU metrics exporter as a part of a plane, and its fault switches."""

import sys
from pathlib import Path
from typing import Any

import requests

from e2e.plane.errors import PlaneError
from e2e.plane.parts import Parts
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component

NAME = "exporter"
_ROOT = Path(__file__).resolve().parents[2]


class Exporter:
    """A running `python -m e2e.exporter`. `control` takes the keys of e2e/exporter/faults.py."""

    def __init__(self, parts: Parts, *, speedup: float = 60.0) -> None:
        self._parts = parts
        self._session = requests.Session()
        self._session.trust_env = False
        (self.port,) = free_ports(1)
        self._argv = [
            *(sys.executable, "-m", "e2e.exporter"),
            *("--kubeconfig", str(parts.layout.kubeconfig("exporter", ("system:masters",)))),
            *("--port", str(self.port), "--speedup", str(speedup)),
        ]

    @property
    def address(self) -> str:
        """Host and port, as a scrape target."""
        return f"{HOST}:{self.port}"

    @property
    def component(self) -> Component:
        return self._parts[NAME]

    def start(self) -> "Exporter":
        """Starts it and waits until it has read the cluster. Raises PlaneError with its last log lines."""
        self._parts.run(NAME, self._argv, {"PYTHONPATH": str(_ROOT)}).wait_ready(self._ready, 30)
        return self

    def stop(self) -> None:
        self.component.stop()

    def text(self) -> str:
        """What `/metrics` says now."""
        return self._request("GET", "/metrics").text

    def control(self, **faults: Any) -> None:
        """Switches faults on, such as `status=503` or `omit={"ml/*": ["DCGM_FI_PROF_*"]}`; None switches one off."""
        self._request("POST", "/control", faults)

    def heal(self) -> None:
        """Switches every fault off."""
        self._request("DELETE", "/control")

    def _ready(self) -> bool:
        try:
            return self._session.get(f"http://{self.address}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    def _request(self, method: str, path: str, body: object = None) -> requests.Response:
        answer = self._session.request(method, f"http://{self.address}{path}", json=body, timeout=30)
        if not answer.ok:
            raise PlaneError(f"exporter: {method} {path}: {answer.status_code} {answer.text.strip()}")
        return answer
