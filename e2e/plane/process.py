"""Child processes: a log file each, readable failures, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.plane.errors import PlaneError

_GUARD_PROGRAM = Path(__file__).with_name("guard.py")


class Guard:
    """Kills registered process groups when this process dies (see guard.py)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, pid: int) -> None:
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Ends the guard; whatever is still registered is killed."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
                self._process.wait()
            self._process = None

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_GUARD_PROGRAM)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
            if self._process.stdin is not None:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


class Component:
    """One program: started in its own process group, its output appended to one log file.

    `env` comes on top of this process's environment, or stands alone without `inherit`.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        guard: Guard,
        *,
        env: Mapping[str, str] | None = None,
        inherit: bool = True,
        cwd: Path | None = None,
        stop_seconds: float = 10.0,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.env = {**(os.environ if inherit else {}), **(env or {})}
        self.cwd = cwd
        self.stop_seconds = stop_seconds
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status of the last run; None while it runs or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the program. Raises PlaneError if it cannot be run or already runs."""
        if self.alive:
            raise PlaneError(f"{self.name} already runs")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise PlaneError(f"{self.name} cannot be started: {error}") from error
        self._guard.add(self._process.pid)

    def stop(self) -> None:
        """SIGTERM, up to `stop_seconds` of patience, SIGKILL to what is left. Safe when it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._guard.remove(self._process.pid)

    def freeze(self) -> None:
        """SIGSTOP: the program keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def tail(self, lines: int = 20) -> str:
        """The last lines of the log, with no more than 64 KiB read."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 65536))
            text = log.read().decode(errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    def failure(self, what: str) -> PlaneError:
        """An error that names the part and shows its last log lines."""
        shown = "\n".join(f"  {line}" for line in self.tail().splitlines()) or "  (it wrote nothing)"
        return PlaneError(f"{self.name} {what}. Its last log lines ({self.log}):\n{shown}")

    def wait_ready(self, probe: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
        """Waits until `probe` is true. Raises PlaneError as soon as the program has ended, or after the timeout."""
        limit = time.monotonic() + timeout_seconds
        while not probe():
            if not self.alive:
                raise self.failure(f"ended with status {self.returncode} while starting")
            if time.monotonic() >= limit:
                raise self.failure(f"was not ready within {timeout_seconds:g} s")
            time.sleep(0.1)

    def wait_ended(self, timeout_seconds: float = 60.0) -> int:
        """Waits until it ends by itself; its exit status. Raises PlaneError with its last lines when that is late."""
        limit = time.monotonic() + timeout_seconds
        while (status := self.returncode) is None:
            if time.monotonic() > limit:
                raise self.failure(f"did not end within {timeout_seconds:g} s")
            time.sleep(0.1)
        return status
