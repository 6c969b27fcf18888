"""Processes of a bench: started, asked over HTTP, and stopped whatever happens."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from e2e.plane.process import Component, Guard

ROOT = Path(__file__).resolve().parents[2]


class BenchError(Exception):
    """A bench could not be done; one sentence."""


@contextmanager
def running(argv: Sequence[str], log: Path) -> Iterator[int]:
    """A program with its output in a file, ended with the block or with this process; gives its process ID."""
    guard = Guard()
    component = Component(log.stem, argv, log, guard, cwd=ROOT)
    component.start()
    try:
        assert component.pid is not None
        yield component.pid
    finally:
        component.stop()
        guard.close()


def module(name: str, *words: str) -> list[str]:
    """The command line of a module of this repository."""
    return [sys.executable, "-m", name, *words]


def until(what: str, probe: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """The first truthy answer. Raises BenchError when it does not come."""
    limit = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > limit:
            raise BenchError(f"{what}: not within {seconds:g} s")
        time.sleep(every)
    return answer


class Http:
    """GET without the machine's proxies."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def json(self, url: str) -> Any:
        return self._session.get(url, timeout=60).json()

    def text(self, url: str) -> str:
        return self._session.get(url, timeout=60).text

    def status(self, url: str) -> int:
        """0 while nobody answers."""
        try:
            return self._session.get(url, timeout=60).status_code
        except requests.RequestException:
            return 0


def peak_mib(pid: int) -> float:
    """VmHWM: the most memory that the process alone has held."""
    return _status(pid, "VmHWM") / 1024


def now_mib(pid: int) -> float:
    """VmRSS: what it holds now."""
    return _status(pid, "VmRSS") / 1024


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise BenchError(f"the process has no {name}")
