"""Where a running demo lies, so that the next one, `make demo-down` and a person find it."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.binaries.cache import cache_root

STOP_SECONDS = 60.0
READY, STOPPING = "ready", "stopping"
LOCAL, KIND = "local", "kind"


@dataclass(frozen=True, slots=True)
class World:
    """A running demo. `phase` is what is being started, `ready` or `stopping`; `failure` says what ended it."""

    pid: int
    phase: str
    cluster: str = LOCAL
    failure: str = ""
    workdir: str = ""
    admin_kubeconfig: str = ""
    user_kubeconfig: str = ""
    prometheus_url: str = ""
    operator_url: str = ""
    audit_log: str = ""
    operator_log: str = ""
    programs: str = ""


def folder() -> Path:
    """The demo's folder, outside the work tree."""
    return cache_root() / "demo"


def state_file() -> Path:
    return folder() / "state.json"


def write(world: World) -> None:
    """Replace the state in one step: a reader never sees half of it."""
    state_file().parent.mkdir(parents=True, exist_ok=True)
    draft = state_file().with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(world)), encoding="utf-8")
    draft.replace(state_file())


def read() -> World | None:
    """The present state; None when no demo was started."""
    try:
        found: Mapping[str, object] = json.loads(state_file().read_text(encoding="utf-8"))
        return World(**found)  # type: ignore[arg-type]  # written by `write`
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


@contextmanager
def claimed() -> Iterator[bool]:
    """The folder for this process alone, until it ends; False when another one has it."""
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_alive(pid: int) -> bool:
    """Whether the process exists and is one of ours."""
    command = _command_line(pid)
    return b"e2e.demo" in command and b"serve" in command


def _command_line(pid: int) -> bytes:
    """Empty where there is no such process."""
    # Docker runs also on machines without /proc.
    if not Path("/proc/self").exists():
        return subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def stop(pid: int | None = None) -> bool:
    """Stop the running demo, or only the one of that process, and wait; False when it was not running."""
    world = read()
    if world is None or (pid is not None and world.pid != pid):
        return False
    running = is_alive(world.pid)
    if running:
        end(world.pid)
    now = read()
    if now is not None and now.pid == world.pid:
        state_file().unlink(missing_ok=True)
    return running


def problem(pid: int) -> str:
    """Why the demo of that process no longer runs as it should; empty while it does."""
    world = read()
    if world is None or world.pid != pid or world.phase == STOPPING:
        return "it was stopped by another `make demo` or by `make demo-down`."
    return world.failure


def end(pid: int) -> None:
    """SIGTERM to the process that holds a world, and SIGKILL to its group when it does not go."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + STOP_SECONDS
        while is_alive(pid) and time.monotonic() < limit:
            time.sleep(0.1)
        if is_alive(pid):
            os.killpg(pid, signal.SIGKILL)
