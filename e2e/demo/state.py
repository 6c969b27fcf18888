"""Where a running demo lies, so that the next one, `make demo-down` and a person find it."""

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.binaries.cache import cache_root

STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class World:
    """Addresses of a running demo. `phase` is what is being started, or `ready`, or `failed: …`."""

    pid: int
    phase: str
    admin_kubeconfig: str = ""
    user_kubeconfig: str = ""
    prometheus_url: str = ""
    operator_url: str = ""
    audit_log: str = ""
    kubernetes: str = ""
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


def is_alive(pid: int) -> bool:
    """Whether the process exists and is one of ours."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"e2e.demo" in command and b"serve" in command


def stop() -> bool:
    """Stop the running demo and wait; False when none was running."""
    world = read()
    if world is None or not is_alive(world.pid):
        state_file().unlink(missing_ok=True)
        return False
    os.kill(world.pid, signal.SIGTERM)
    limit = time.monotonic() + STOP_SECONDS
    while is_alive(world.pid) and time.monotonic() < limit:
        time.sleep(0.1)
    if is_alive(world.pid):
        os.killpg(world.pid, signal.SIGKILL)
    state_file().unlink(missing_ok=True)
    return True
