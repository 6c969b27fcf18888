"""A real Prometheus that scrapes pages made here, for tests of how an exporter's pages are read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests
import yaml

from e2e.binaries.cache import binaries_dir
from e2e.plane.ports import HOST, free_ports
from e2e.plane.process import Component, Guard
from e2e.requirements_guard import require
from ebbtide.core.workload import Instant

INTERVAL = 1.0
"""Seconds between two scrapes."""


class WallClock:
    """Implements ports.Clock."""

    def now(self) -> Instant:
        """The present."""
        return time.time()


@contextmanager
def scraped(home: Path, text: Callable[[str], str], jobs: Callable[[int], list[dict[str, Any]]]) -> Iterator[str]:
    """The address of a Prometheus that has just begun to scrape.

    `text` is the page of a path. `jobs` gives the scrape configurations for the port that the pages are served on.
    """
    folder = binaries_dir()
    if folder is None:
        require("plane", "the control plane's programs are not built; run `make binaries`")
    server = ThreadingHTTPServer((HOST, 0), partial(_Pages, text))
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    (port,), guard = free_ports(1), Guard()
    component = Component("prometheus", _argv(folder / "prometheus", home, port), home / "prometheus.log", guard)
    every = {"scrape_interval": f"{INTERVAL:g}s", "scrape_timeout": f"{INTERVAL:g}s"}
    configuration = {"global": every, "scrape_configs": jobs(server.server_address[1])}
    (home / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    try:
        component.start()
        component.wait_ready(lambda: _answers(f"http://{HOST}:{port}/-/ready"))
        yield f"http://{HOST}:{port}"
    finally:
        component.stop()
        guard.close()
        server.shutdown()
        server.server_close()


class _Pages(BaseHTTPRequestHandler):
    """The exposition that the path names."""

    def __init__(self, text: Callable[[str], str], *more: Any) -> None:
        self._text = text
        super().__init__(*more)

    def do_GET(self) -> None:
        body = self._text(self.path.strip("/")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a page a second is no news."""


def _argv(program: Path, home: Path, port: int) -> list[str]:
    paths = [f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'data'}"]
    return [str(program), *paths, f"--web.listen-address={HOST}:{port}", "--scrape.discovery-reload-interval=1s"]


def _answers(url: str) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=1).ok
        except requests.RequestException:
            return False
