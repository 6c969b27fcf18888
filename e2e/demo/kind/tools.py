"""The programs of a machine with Docker, found or asked for, and run so that they can be stopped."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.binaries.cache import binaries_dir
from e2e.plane.errors import PlaneError

WHERE: Final = {
    "docker": "https://docs.docker.com/get-docker",
    "kind": "https://kind.sigs.k8s.io",
    "kubectl": "https://kubernetes.io/docs/tasks/tools, or `make binaries`",
    "helm": "https://helm.sh, or `make binaries`",
}
_BUILT: Final = ("kubectl", "helm")
_OTHERWISE: Final = "or run `make demo`, which needs no Docker."
_TAIL_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Tools:
    """Paths of the four programs."""

    docker: str
    kind: str
    kubectl: str
    helm: str


def find_tools() -> Tools:
    """Looks in PATH, and for kubectl and helm also among the built programs. Raises PlaneError with the remedy."""
    found = {name: shutil.which(name) or _built(name) for name in WHERE}
    for name, path in found.items():
        if not path:
            raise PlaneError(
                f"`make demo CLUSTER=kind` needs {', '.join(WHERE)}, and {name} is not in PATH: "
                f"install it ({WHERE[name]}), {_OTHERWISE}"
            )
    tools = Tools(**{name: str(path) for name, path in found.items()})
    _require_engine(tools.docker)
    return tools


def _built(name: str) -> str:
    folder = binaries_dir() if name in _BUILT else None
    return "" if folder is None else str(folder / name)


def _require_engine(docker: str) -> None:
    try:
        asked = subprocess.run([docker, "info"], capture_output=True, text=True, check=False, timeout=30)
        answer, fine = (asked.stderr or asked.stdout).strip(), asked.returncode == 0
    except subprocess.TimeoutExpired:
        answer, fine = "no answer within 30 s", False
    if not fine:
        reason = answer.splitlines()[-1].strip() if answer else "it says nothing"
        raise PlaneError(f"Docker's engine does not answer (`docker info`: {reason}): start it, {_OTHERWISE}")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs programs one after another; `stopping` is asked all the while, and then the program is ended."""

    cwd: Path
    env: Mapping[str, str]
    stopping: Callable[[], bool] = lambda: False

    def run(self, *argv: str, text: str | None = None) -> str:
        """What it wrote to stdout. Raises PlaneError with its last lines, or when everything is to stop."""
        with (
            tempfile.TemporaryFile("w+", errors="replace") as out,
            tempfile.TemporaryFile("w+", errors="replace") as err,
        ):
            with subprocess.Popen(
                argv,
                cwd=self.cwd,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            ) as process:
                try:
                    self._feed(process, text)
                    self._wait(process, argv)
                except BaseException:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                    raise
            out.seek(0)
            err.seek(0)
            told = out.read()
            if process.returncode != 0:
                raise _failure(argv, process.returncode, f"{told}\n{err.read()}")
            return told

    def _feed(self, process: subprocess.Popen[str], text: str | None) -> None:
        if process.stdin is not None:
            # Whoever ends without reading says why by its status.
            with suppress(BrokenPipeError):
                process.stdin.write(text or "")
                process.stdin.close()

    def _wait(self, process: subprocess.Popen[str], argv: tuple[str, ...]) -> None:
        while process.returncode is None:
            if self.stopping():
                raise PlaneError(f"`{_shown(argv)}` was stopped")
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)


def _failure(argv: tuple[str, ...], status: int, output: str) -> PlaneError:
    lines = output.strip().splitlines()[-_TAIL_LINES:] or ["(it wrote nothing)"]
    shown = "\n".join(f"  {line}" for line in lines)
    return PlaneError(f"`{_shown(argv)}` ended with status {status}. Its last lines:\n{shown}")


def _shown(argv: tuple[str, ...]) -> str:
    return " ".join([Path(argv[0]).name, *argv[1:4]])
