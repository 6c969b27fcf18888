"""`python -m e2e.demo [kind]` tells the story; `down` stops what it left running; `serve` holds it (for the first)."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from e2e.demo import state
from e2e.demo.kind.cluster import remove_leftover
from e2e.demo.kind.tools import find_tools
from e2e.demo.screen import Progress, console, heading, say, show
from e2e.demo.servers import StoryError
from e2e.demo.state import World
from e2e.demo.story import Story
from e2e.demo.world import WORK, serve
from e2e.exporter.activity import ActivityError
from e2e.plane import PlaneError

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = {state.LOCAL: 180.0, state.KIND: 1200.0}
"""The longest start; kind pulls and builds images the first time."""
HEADINGS = {
    state.LOCAL: "Starting a control plane on this machine",
    state.KIND: "Starting a kind cluster in Docker (nobody has tested this yet; tell us how it went)",
}
LOG_LINES = 15
FAILURES = (StoryError, PlaneError, ActivityError, requests.RequestException, KeyboardInterrupt)


def main(words: list[str]) -> int:
    match words:
        case []:
            return _demo(state.LOCAL)
        case [state.LOCAL | state.KIND as cluster]:
            return _demo(cluster)
        case ["down"]:
            return _down()
        case ["serve", *rest] if rest in ([], [state.LOCAL], [state.KIND]):
            return serve(*rest)
        case _:
            wrong = f"There is no demo {' '.join(words)!r}"
            print(f"{wrong}: say make demo, make demo CLUSTER=kind or make demo-down.", file=sys.stderr)
            return 2


def _down() -> int:
    world = state.read()
    running = state.stop()
    try:
        # The process that would have deleted it was killed.
        left = world is not None and world.cluster == state.KIND and not running and remove_leftover(find_tools())
    except PlaneError as error:
        print(f"The kind cluster of a demo that was killed may still be there: {error}", file=sys.stderr)
        return 1
    print("The demo is stopped." if running or left else "No demo is running.")
    return 0


def _demo(cluster: str) -> int:
    # Whoever ends this process early must not leave a control plane behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    log, world = state.folder() / "demo.log", None
    try:
        if state.stop():
            say("The demo that was still running is stopped.")
        if cluster == state.KIND:
            find_tools()
        world = _start(log, cluster)
        Story(world).tell()
    except FAILURES as error:
        _tell_failure(error, world, log)
        return 1
    except BaseException:
        # A closed pipe, or an error of the demo itself.
        if world is not None:
            state.stop(world.pid)
        raise
    _farewell(world)
    return 0


def _start(log: Path, cluster: str) -> World:
    """Start the world in a process of its own, so that it outlives the story. Raises StoryError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "e2e.demo", "serve", cluster],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    heading(HEADINGS[cluster])
    try:
        return _started(process, START_SECONDS[cluster])
    except BaseException:
        if process.poll() is None:
            state.end(process.pid)
        raise


def _started(process: subprocess.Popen[bytes], seconds: float) -> World:
    limit, phase = time.monotonic() + seconds, ""
    with Progress("starting") as progress:
        while time.monotonic() < limit:
            ended = process.poll() is not None
            world = state.read()
            if world is not None and world.pid == process.pid:
                if world.failure:
                    raise StoryError(world.failure)
                if world.phase == state.READY:
                    return world
                if world.phase != phase:
                    phase = world.phase
                    say(f"starting {phase}")
            if ended:
                raise StoryError(f"the process that holds the demo ended while starting {phase or 'itself'}")
            progress.beat()
            time.sleep(0.1)
    raise StoryError(f"not ready after {seconds:.0f} s, while starting {phase}")


def _tell_failure(error: BaseException, world: World | None, log: Path) -> None:
    """What failed with its last log lines, after nothing of it runs any more."""
    message, interrupted = str(error) or "interrupted", isinstance(error, KeyboardInterrupt)
    cause = "" if world is None or interrupted else _cause(world)
    if world is not None:
        state.stop(world.pid)
    console.print(f"\nThe demo failed: {cause or message}", style="bold red", markup=False)
    if world is None:
        _show_log("the demo's own process", log)
    elif not cause and not interrupted:
        _show_log("operator", Path(world.operator_log))
    console.print("Nothing of it is left running.")


def _cause(world: World) -> str:
    """The part that ended, or whoever stopped it, when that is why a server did not answer; told within a moment."""
    limit = time.monotonic() + 2
    while time.monotonic() < limit:
        if found := state.problem(world.pid):
            return found
        time.sleep(0.2)
    return ""


def _show_log(part: str, log: Path) -> None:
    if log.exists() and (lines := log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]):
        console.print(f"\nThe last log lines of {part} ({log}):")
        for line in lines:
            show(_readable(line), "dim")


def _readable(line: str) -> str:
    """A JSON log line as a sentence."""
    try:
        entry: dict[str, object] = json.loads(line)
        at, level, event = (str(entry.pop(key, "")) for key in ("timestamp", "level", "event"))
    except (ValueError, AttributeError):
        return line
    return " ".join([at[11:19], level, event, *(f"{key}={value}" for key, value in entry.items())])


def _farewell(world: World) -> None:
    heading("It is still running. Try:")
    show(f"export KUBECONFIG={world.admin_kubeconfig}")
    show(f"export PATH={world.programs}:{Path(sys.executable).parent}:$PATH")
    for line, comment in (
        (f"kubectl ebbtide explain tjob/ablation -n {WORK}", "idle, and why it is not paused"),
        (f"kubectl ebbtide pause tjob/resnet -n {WORK}", "a human always wins"),
        (f"kubectl describe tjob resnet -n {WORK}", "conditions, cost and Events"),
        (f"curl -s {world.operator_url}/metrics | grep ^ebbtide", "what the operator tells about itself"),
        ("make demo-down", "stops all of it"),
    ):
        show(f"{line:<62}  # {comment}")
    show(f"Prometheus: {world.prometheus_url}   log of the operator: {world.operator_log}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
